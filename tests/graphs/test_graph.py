"""RelationalGraph: what it accepts, what it refuses and how, and that it never changes."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import graphs

from graph2nn import RelationalGraph, UserError

TRIANGLE = np.ones((3, 3), dtype=int) - np.eye(3, dtype=int)
ONE_WAY = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize("dtype", [bool, int, float, np.uint8])
def test_any_dtype_of_zeros_and_ones_will_do(dtype):
    graph = RelationalGraph.from_adjacency(TRIANGLE.astype(dtype), name="triangle")
    assert graph.adjacency.dtype == bool
    assert (graph.n, graph.edges, graph.degree, graph.directed) == (3, 3, 2.0, False)
    assert graph.sparsity == 2 / 3
    assert graph.density == 1.0
    assert repr(graph) == "RelationalGraph('triangle', n=3, edges=3, undirected)"


def test_direction_is_seen_in_the_matrix_or_said():
    assert RelationalGraph(ONE_WAY).directed is True
    assert RelationalGraph(ONE_WAY).edges == 3
    assert RelationalGraph(TRIANGLE, directed=True).edges == 6


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.zeros((2, 3)), "shape (2, 3) is not square"),
        (np.zeros(4), "shape (4,) is not square"),
        (np.zeros((3, 3, 3)), "is not square"),
        (np.zeros((1, 1)), "n = 1, expected at least 2"),
        (np.zeros((0, 0)), "n = 0, expected at least 2"),
        (TRIANGLE * 0.5, "0.5 is neither 0 nor 1; threshold"),
        (TRIANGLE * -1, "-1 is neither 0 nor 1"),
        (TRIANGLE * np.nan, "nan is neither 0 nor 1"),
        (np.eye(3), "node 0 has a self-loop"),
    ],
)
def test_a_bad_matrix_is_one_clear_line(matrix, words):
    with pytest.raises(UserError) as caught:
        RelationalGraph.from_adjacency(matrix)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_asymmetric_matrix_is_not_undirected():
    with pytest.raises(UserError, match="not symmetric, yet directed=False"):
        RelationalGraph(ONE_WAY, directed=False)


def test_self_loops_are_dropped_on_request_only():
    matrix = TRIANGLE + np.eye(3, dtype=int)
    assert RelationalGraph.from_adjacency(matrix, drop_self_loops=True) == RelationalGraph(TRIANGLE)
    assert matrix.trace() == 3, "the caller's matrix must not change"
    looped = nx.Graph([(0, 0), (0, 1)])
    assert RelationalGraph.from_networkx(looped, drop_self_loops=True).edges == 1
    with pytest.raises(UserError, match="self-loop"):
        RelationalGraph.from_networkx(looped)


def test_edges_name_reader_then_read():
    one_way = RelationalGraph.from_edges([(0, 2)], 3, directed=True)
    assert one_way.adjacency[0, 2]
    assert not one_way.adjacency[2, 0]
    assert RelationalGraph.from_edges([(0, 2)], 3).adjacency[2, 0]


@pytest.mark.parametrize(
    ("edges", "n", "words"),
    [
        ([(0, 3)], 3, "outside 0…2"), ([(-1, 0)], 3, "outside"), ([(1, 1)], 3, "self-loop"), ([], 1, "n = 1"),
        ([], None, "n = 0"), ([(0, 1), (2,)], None, "is not a pair"), ([7], None, "expected a list"),
    ],
)  # fmt: skip
def test_bad_edges(edges, n, words):
    with pytest.raises(UserError, match=words):
        RelationalGraph.from_edges(edges, n)


def test_from_edges_counts_the_nodes_where_no_number_is_given():
    graph = RelationalGraph.from_edges(iter([(0, 1), (1, 4)]))
    assert graph == RelationalGraph.from_edges([(0, 1), (1, 4)], 5)


def test_networkx_nodes_keep_their_order():
    named = nx.DiGraph(name="who")
    named.add_nodes_from(["c", "a", "b"])
    named.add_edge("c", "b")
    graph = RelationalGraph.from_networkx(named)
    assert graph.name == "who"
    assert np.argwhere(graph.adjacency).tolist() == [[0, 2]]
    assert RelationalGraph.from_networkx(named, name="other").name == "other"


def test_weights_and_parallel_edges_of_networkx_are_ignored():
    multi = nx.MultiGraph([(0, 1), (0, 1), (1, 2)])
    assert RelationalGraph.from_networkx(multi).edges == 2
    assert RelationalGraph.from_networkx(nx.karate_club_graph()).edges == 78


@given(graphs(directed=None))
def test_networkx_and_back(graph):
    there = graph.to_networkx()
    assert there.number_of_edges() == graph.edges
    assert list(there.nodes) == list(range(graph.n))
    back = RelationalGraph.from_networkx(there)
    assert back == graph
    assert back.name == graph.name


@given(graphs(directed=None))
def test_edge_list_and_back(graph):
    pairs = [(int(i), int(j)) for i, j in np.argwhere(graph.adjacency)]
    assert RelationalGraph.from_edges(pairs, graph.n, directed=graph.directed) == graph


@given(graphs(directed=None), st.randoms())
def test_renumbering_is_undone_by_the_inverse(graph, rng):
    order = list(range(graph.n))
    rng.shuffle(order)
    permuted = graph.permuted(order)
    assert permuted.edges == graph.edges
    assert permuted.permuted(np.argsort(order)) == graph


def test_a_renumbering_that_is_none():
    with pytest.raises(UserError, match="not a permutation"):
        RelationalGraph(TRIANGLE).permuted([0, 0, 1])


@given(graphs(directed=True))
def test_symmetrised_holds_every_edge_both_ways(graph):
    both = graph.symmetrised()
    assert both.directed is False
    assert (both.adjacency == (graph.adjacency | graph.adjacency.T)).all()


@given(graphs(directed=None), graphs(directed=None))
def test_equal_means_same_matrix_and_direction(left, right):
    same = left.directed == right.directed and np.array_equal(left.adjacency, right.adjacency)
    assert (left == right) == same
    if same:
        assert hash(left) == hash(right)


def test_the_name_does_not_matter_for_equality_and_other_types_are_unequal():
    assert RelationalGraph(TRIANGLE, name="a") == RelationalGraph(TRIANGLE, name="b")
    assert len({RelationalGraph(TRIANGLE, name="a"), RelationalGraph(TRIANGLE, name="b")}) == 1
    assert RelationalGraph(TRIANGLE) != RelationalGraph(TRIANGLE, directed=True)
    assert RelationalGraph(TRIANGLE) != "triangle"


def test_nothing_about_a_graph_can_be_changed():
    source = TRIANGLE.astype(bool)
    graph = RelationalGraph(source)
    source[0, 1] = False
    assert graph.adjacency[0, 1], "the graph holds its own copy"
    with pytest.raises(ValueError, match="read-only"):
        graph.adjacency[0, 1] = False
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.name = "new"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_and_pickles_are_equal(again):
    graph = RelationalGraph(ONE_WAY, name="ring")
    assert again(graph) == graph
    assert again(graph).name == "ring"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_and_pickles_cannot_be_changed_either(again):
    assert not again(RelationalGraph(ONE_WAY)).adjacency.flags.writeable


def test_parts_and_wholes():
    assert not RelationalGraph.from_edges([(0, 1), (2, 3)], 4).connected
    assert RelationalGraph.from_edges([(0, 1), (2, 1)], 3, directed=True).connected, "direction is forgotten"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RelationalGraph.from_adjacency([[0, 1], [1]]), "rows differ in length"),
        (lambda: RelationalGraph.from_edges([(0, "b")], 3), r"edge \(0, 'b'\) is not a pair of node numbers"),
        (lambda: RelationalGraph.from_edges([(0, 1, 0.5)], 3), "is not a pair of node numbers"),
        (lambda: RelationalGraph.from_edges([3], 3), r"edges: expected a list \(each a list"),
        (lambda: RelationalGraph.from_edges([(0, 1)], 2.5), "n = 2.5 is not a whole number"),
    ],
)
def test_what_is_no_graph_is_said_in_one_line(make, message):
    with pytest.raises(UserError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_numpy_matrix_is_measured_like_an_array():
    plain = RelationalGraph(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]))
    odd = RelationalGraph(np.matrix([[0, 1, 1], [1, 0, 1], [1, 1, 0]]))
    assert type(odd.adjacency) is np.ndarray
    assert odd.clustering == plain.clustering == 1

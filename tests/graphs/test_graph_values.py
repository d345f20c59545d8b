"""What a graph carries besides its wiring: names, weights, signs, a table of nodes, given self-connections."""

from __future__ import annotations

import hashlib
import pickle

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import graphs

from graph2nn import RelationalGraph, UserError

NODES = pd.DataFrame({"kind": ["in", "in", "mid", "out"]}, index=[2**60 + 1, 2**60 + 2, 2**60 + 3, 2**60 + 4])


def small(**changes) -> RelationalGraph:
    """Node 0 reads itself and 3; 1 reads 0; 2 reads 0 and 1; 3 reads 2."""
    values = {
        "weights": [9, 3, 1, 4, 7, 5],
        "signs": [0, 1, -1, 1, -1, 1],
        "nodes": NODES,
        "node_names": ["a", "b", "c", "d"],
    }
    return RelationalGraph.from_edge_index([[3, 0, 0, 2, 0, 1], [0, 0, 1, 3, 2, 2]], 4, **(values | changes))


def test_arcs_are_sorted_by_reader_then_by_node_read_and_values_follow():
    graph = small()
    assert graph.edge_index.tolist() == [[0, 3, 0, 0, 1, 2], [0, 0, 1, 2, 2, 3]]
    assert graph.edge_index.dtype == np.int64
    assert graph.weights.tolist() == [3, 9, 1, 7, 5, 4]
    assert graph.signs.tolist() == [1, 0, -1, -1, 1, 1]
    assert (graph.weights.dtype, graph.signs.dtype) == (np.float64, np.int8)
    assert graph.adjacency[graph.edge_index[1], graph.edge_index[0]].all()
    assert (graph.edges, graph.degree, graph.density) == (6, 5 / 4, 6 / 16)
    assert graph.csr.nnz == 6


def test_given_self_connections_play_no_part_in_measures():
    looped, plain = small(), small(weights=None, signs=None)
    bare = RelationalGraph.from_adjacency(looped.adjacency, drop_self_loops=True)
    assert looped.clustering == bare.clustering
    assert looped.paths == bare.paths
    assert (looped.loops, bare.loops) == (1, 0)
    assert looped != plain
    assert plain != bare
    assert bare.density == (5 + 4) / 16, "every node of the paper's graphs reads itself"


def test_what_changes_the_network_changes_equality_and_labels_do_not():
    assert small() == small(node_names=None, nodes=None)
    assert small() != small(weights=[9, 3, 1, 4, 7, 6])
    assert small() != small(signs=None)
    matrix = np.array([[0, 1], [1, 0]])
    assert RelationalGraph(matrix) != RelationalGraph(matrix, self_loops="given")
    named = RelationalGraph(matrix, name="x", node_names=("a", "b"))
    assert named.digest == hashlib.sha256(bytes([0, 1, 1, 0])).hexdigest()


@pytest.mark.parametrize("again", [lambda g: pickle.loads(pickle.dumps(g)), lambda g: g.permuted([0, 1, 2, 3])])
def test_copies_keep_everything(again):
    graph, copy = small(), again(small())
    assert copy == graph
    assert copy.node_names == graph.node_names
    assert copy.self_loops == "given"
    pd.testing.assert_frame_equal(copy.nodes, NODES)
    assert not copy.weights.flags.writeable


def test_permuted_carries_values_to_the_new_numbers():
    graph, order = small(), [2, 0, 3, 1]
    turned = graph.permuted(order)
    assert turned.node_names == ("c", "a", "d", "b")
    assert turned.nodes.index.tolist() == [NODES.index[i] for i in order]
    weight = dict(zip(map(tuple, graph.edge_index.T.tolist()), graph.weights, strict=True))
    for (read, reader), value in zip(turned.edge_index.T.tolist(), turned.weights, strict=True):
        assert weight[order[read], order[reader]] == value
    assert turned.permuted(np.argsort(order)) == graph


def test_symmetrised_takes_the_larger_weight_and_the_common_sign():
    arcs = [[0, 1, 1, 2, 2, 0], [1, 0, 2, 1, 0, 2]]
    graph = RelationalGraph.from_edge_index(arcs, 3, weights=[1, 5, 2, 2, 4, 3], signs=[1, 1, 1, -1, 0, 0])
    both = graph.symmetrised()
    assert (both.directed, both.edges, both.self_loops) == (False, 3, "given")
    assert dict(zip(map(tuple, both.edge_index.T.tolist()), both.weights, strict=True))[0, 1] == 5
    assert dict(zip(map(tuple, both.edge_index.T.tolist()), both.signs, strict=True)) == {
        (1, 0): 1, (2, 0): 0, (0, 1): 1, (2, 1): 0, (0, 2): 0, (1, 2): 0,
    }  # fmt: skip
    assert both.symmetrised() == both
    one_way = RelationalGraph.from_edge_index([[0, 1], [1, 2]], 3, weights=[2, 3], signs=[-1, 1]).symmetrised()
    assert one_way.weights.tolist() == [2, 2, 3, 3]
    assert one_way.signs.tolist() == [-1, -1, 1, 1]


def test_select_takes_the_induced_subgraph_and_keeps_ids():
    part = small().select("kind == 'in' or kind == 'mid'")
    assert part.nodes.index.tolist() == NODES.index[:3].tolist()
    assert part.node_names == ("a", "b", "c")
    assert part.edge_index.tolist() == [[0, 0, 0, 1], [0, 1, 2, 2]]
    assert part.weights.tolist() == [3, 1, 7, 5]
    assert small().select("kind.str.startswith('i')").n == 2


@pytest.mark.parametrize(
    "expression",
    [
        "class == 'motor'",
        "`class` == 'motor'",
        "class != 'class' and not class.isin(['sensory'])",
        "`in` == 3 and class>''",
    ],
)
def test_a_column_may_be_called_like_a_keyword(expression):
    nodes = pd.DataFrame({"class": ["sensory", "motor", "class", "motor"], "in": [1, 3, 2, 3]})
    graph = RelationalGraph.from_edge_index([[0, 1, 2, 3], [1, 2, 3, 0]], 4, nodes=nodes)
    assert graph.select(expression).nodes["class"].tolist() == ["motor", "motor"]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("size > 3", "Columns: kind"),
        ("kind ==", "cannot be evaluated"),
        ("kind", "not a condition"),
        ("1 + 1", "not a condition"),
        ("kind == 'nobody'", "holds for 0 nodes"),
        ("@__import__('os').getcwd() == ''", "cannot be evaluated"),
    ],
)
def test_a_wrong_expression_is_one_clear_line(expression, words):
    with pytest.raises(UserError, match=words) as caught:
        small().select(expression)
    assert "\n" not in str(caught.value)


def test_select_without_a_table_says_where_one_comes_from():
    with pytest.raises(UserError, match=r"has no table of nodes.*read_connectome"):
        small(nodes=None).select("kind == 'in'")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": [1, 2]}, r"weights of shape \(2,\); expected \(6,\)"),
        ({"weights": [1, 2, 3, 4, 5, 0]}, "a weight is 0; expected finite magnitudes above 0"),
        ({"weights": [1, 2, 3, 4, 5, -6]}, "a weight is -6"),
        ({"weights": [1, 2, 3, 4, 5, np.nan]}, "a weight is nan"),
        ({"weights": list("abcdef")}, "not numbers"),
        ({"signs": [1, 1, 1, 1, 1, 2]}, "not all −1, 0 or"),
        ({"node_names": ["a", "b"]}, "2 node names for 4 nodes"),
        ({"node_names": ["a", "b", "c", "a"]}, "two nodes are named 'a'"),
        ({"node_names": ["a", "b", "c", 4]}, "node_names: expected a list"),
        ({"nodes": NODES[:2]}, "2 rows for 4 nodes"),
        ({"nodes": [1, 2, 3, 4]}, "nodes: expected DataFrame or None"),
        ({"self_loops": "some"}, "expected 'all' or 'given'"),
        ({"self_loops": "all"}, "has a self-loop"),
        ({"directed": False}, "not symmetric"),
    ],
)
def test_values_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(UserError, match=words) as caught:
        small(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arcs", "words"),
    [
        ([[0, 0], [1, 1]], "from 0 to 1 is given twice"),
        ([[0], [5]], "outside 0…2"),
        ([[0.0], [1.0]], "expected whole numbers"),
        ([0, 1], "expected whole numbers"),
    ],
)
def test_an_edge_index_that_is_none(arcs, words):
    with pytest.raises(UserError, match=words):
        RelationalGraph.from_edge_index(arcs, 3)


def test_asymmetric_weights_make_a_directed_graph():
    arcs = [[1, 0], [0, 1]]
    assert RelationalGraph.from_edge_index(arcs, 2, weights=[1, 1], directed=None).directed is False
    assert RelationalGraph.from_edge_index(arcs, 2, weights=[1, 2], directed=None).directed is True
    with pytest.raises(UserError, match="differ between its directions"):
        RelationalGraph.from_edge_index(arcs, 2, weights=[1, 2], directed=False)


@given(graphs(directed=None))
def test_edge_index_and_back(graph):
    back = RelationalGraph.from_edge_index(
        graph.edge_index[:, ::-1], graph.n, directed=graph.directed, self_loops="all"
    )
    assert back == graph
    assert back.csr.toarray().tolist() == graph.adjacency.tolist()


@given(graphs(min_n=3, directed=None), st.data())
def test_networkx_keeps_names_weights_and_signs(graph, data):
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    pair = {}
    for read, reader in graph.edge_index.T.tolist():
        key = (read, reader) if graph.directed else tuple(sorted((read, reader)))
        pair.setdefault(key, (float(rng.integers(1, 9)), int(rng.integers(-1, 2))))
    values = [pair[(a, b) if graph.directed else tuple(sorted((a, b)))] for a, b in graph.edge_index.T.tolist()]
    named = RelationalGraph(
        graph.adjacency,
        directed=graph.directed,
        node_names=tuple(f"region {i}" for i in range(graph.n)),
        weights=[w for w, _ in values] or None,
        signs=[s for _, s in values] or None,
    )
    back = RelationalGraph.from_networkx(named.to_networkx())
    assert back == named
    assert back.node_names == named.node_names


def test_networkx_weights_are_read_by_one_rule():
    edges = nx.Graph()
    edges.add_edge("a", "b", weight=-2.5)
    edges.add_edge("b", "c", weight=4)
    edges.add_edge("c", "d")
    graph = RelationalGraph.from_networkx(edges)
    assert graph.weights.tolist() == [2.5, 2.5, 4, 4, 1, 1]
    assert graph.signs.tolist() == [-1, -1, 1, 1, 1, 1]
    assert RelationalGraph.from_networkx(edges, threshold=2).edges == 1
    edges.add_edge("a", "d", weight=0)
    with pytest.raises(UserError, match="'a', 'd' has weight 0; remove it, or pass threshold=0"):
        RelationalGraph.from_networkx(edges)
    edges.add_edge("a", "d", weight=float("nan"))
    with pytest.raises(UserError, match="not a finite number"):
        RelationalGraph.from_networkx(edges)
    multi = nx.MultiDiGraph()
    multi.add_edge(0, 1, weight=2)
    multi.add_edge(0, 1, weight=3)
    with pytest.raises(UserError, match="stands 2 times with different weights"):
        RelationalGraph.from_networkx(multi)
    assert RelationalGraph.from_networkx(multi, combine="sum").weights.tolist() == [5]
    assert RelationalGraph.from_networkx(multi, combine="max").weights.tolist() == [3]

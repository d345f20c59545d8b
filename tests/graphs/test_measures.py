"""C and L: to the last bit what networkx's parts give, and the published digits."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import graphs

from graph2nn import RelationalGraph, ws_flex
from graph2nn.errors import Graph2nnWarning
from graph2nn.graphs import measures


def plain_mean(values) -> float:
    """Left to right over ascending values; nx.average_clustering uses sum(), compensated from Python 3.12."""
    total = 0.0
    for value in sorted(values):
        total += value
    return total / len(values)


@settings(max_examples=80, deadline=None)
@given(graphs(max_n=70, directed=None))
def test_clustering_equals_networkx(graph):
    expected = nx.clustering(graph.to_networkx())
    assert measures.local_clustering(graph.adjacency, directed=graph.directed).tolist() == list(
        expected.values()
    )
    assert graph.clustering == plain_mean(list(expected.values()))


@settings(max_examples=60, deadline=None)
@given(graphs(max_n=70, directed=None))
def test_distances_equal_networkx(graph):
    expected = np.full((graph.n, graph.n), -1)
    for source, row in nx.all_pairs_shortest_path_length(graph.to_networkx()):
        for target, steps in row.items():
            expected[source, target] = steps
    assert (measures.distances(graph.adjacency) == expected).all()


@settings(max_examples=60, deadline=None)
@given(graphs(max_n=70, connected=True))
def test_path_length_equals_networkx(graph):
    assert graph.path_length == nx.average_shortest_path_length(graph.to_networkx())


def test_every_small_graph():
    for atlas in nx.graph_atlas_g()[2:208]:
        if len(atlas) < 2:
            continue
        graph = RelationalGraph.from_networkx(atlas)
        assert graph.clustering == plain_mean(list(nx.clustering(atlas).values()))
        assert graph.connected == nx.is_connected(atlas)
        if graph.connected:
            assert graph.path_length == nx.average_shortest_path_length(atlas)


def test_the_path_length_of_parts_is_over_the_pairs_with_a_path():
    parts = RelationalGraph.from_edges([(0, 1), (1, 2), (3, 4)], 6, name="three parts")
    assert parts.clustering == 0.0
    with pytest.warns(Graph2nnWarning, match=r"'three parts': 26.67 % of the ordered pairs .* L = 1.25 is"):
        assert parts.path_length == 10 / 8
    assert parts.reachable == 8 / 30
    empty = RelationalGraph(np.zeros((3, 3)))
    with pytest.warns(Graph2nnWarning, match="no pair of nodes has a path"):
        assert math.isnan(empty.path_length)
    assert empty.reachable == 0


def test_a_directed_pair_without_a_path_does_not_count():
    # 0 reads 1 reads 2, nothing back: distances 1 + 1 + 2 over three of six ordered pairs.
    chain = RelationalGraph.from_edges([(0, 1), (1, 2)], 3, directed=True)
    with pytest.warns(Graph2nnWarning, match="50 % of the ordered pairs"):
        assert chain.path_length == 4 / 3
    assert chain.reachable == 0.5
    assert not measures.is_connected(chain.adjacency)


@pytest.mark.parametrize("n", [2, 3, 64])
def test_the_complete_graph(n):
    graph = RelationalGraph(~np.eye(n, dtype=bool))
    assert graph.path_length == 1.0
    assert graph.clustering == (1.0 if n > 2 else 0.0)


def test_published_digits(golden_graphs):
    assert golden_graphs["ws_flex"]
    for row in golden_graphs["ws_flex"]:
        graph = ws_flex(row["n"], row["n"] * row["sparsity"], row["p"], row["seed"])
        assert graph.clustering == row["C"]
        assert graph.path_length == row["L"]
        assert graph.edges == row["n_edges"]


def test_a_plain_sum_is_what_the_published_digits_need():
    values = [0.1] * 10
    assert plain_mean(values) != math.fsum(values) / 10, "else this test module proves less than it says"

"""Weighted clustering and path length, against networkx."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import graphs

from graph2nn import RelationalGraph, measure_all
from graph2nn.graphs.measures.registry import MEASURES, WEIGHTED_MEASURES


@given(graph=graphs(min_n=3, max_n=14, directed=None), seed=st.integers(0, 99))
def test_weighted_measures_are_those_of_networkx(graph, seed):
    matrix = np.random.default_rng(seed).uniform(0.1, 5, (graph.n, graph.n))
    matrix = matrix if graph.directed else matrix + matrix.T
    read, readers = graph.edge_index
    weighted = RelationalGraph.from_edge_index(
        graph.edge_index, graph.n, weights=matrix[readers, read], directed=graph.directed, self_loops="all"
    )
    values = measure_all(weighted, WEIGHTED_MEASURES)
    if not graph.edges:
        assert all(math.isnan(value) for value in values.values())
        return
    network = weighted.to_networkx()
    expected = nx.average_clustering(network, weight="weight")
    assert values["weighted_clustering"] == pytest.approx(expected, abs=1e-12)
    for *_, data in network.edges(data=True):
        data["length"] = 1 / data["weight"]
    lengths = [
        d
        for u, row in nx.all_pairs_dijkstra_path_length(network, weight="length")
        for v, d in row.items()
        if u != v
    ]
    assert values["weighted_path_length"] == pytest.approx(np.mean(lengths))


def test_weights_are_measured_where_there_are_any():
    karate = RelationalGraph.from_networkx(nx.karate_club_graph())
    assert list(measure_all(karate, slow=False))[-2:] == list(WEIGHTED_MEASURES)
    plain = RelationalGraph(karate.adjacency)
    assert set(measure_all(plain, slow=False)) <= set(MEASURES)
    assert math.isnan(measure_all(plain, ["weighted_clustering"])["weighted_clustering"])


def test_equal_weights_give_the_measures_without_weights():
    plain = nx.karate_club_graph()
    for *_, data in plain.edges(data=True):
        data["weight"] = 2.0
    values = measure_all(
        RelationalGraph.from_networkx(plain), ["clustering", "path_length", *WEIGHTED_MEASURES]
    )
    assert values["weighted_clustering"] == pytest.approx(values["clustering"])
    assert values["weighted_path_length"] == pytest.approx(values["path_length"] / 2)

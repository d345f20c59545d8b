"""Every measure against networkx, on directed graphs and on those that lack it."""

from __future__ import annotations

import math
import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import graphs

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.graphs import degrees, distances, generators
from graph2nn.graphs.connectomes import connectome
from graph2nn.graphs.registry import MEASURES, measure_all

FAST = [name for name, measure in MEASURES.items() if measure.cost == "fast"]
ZERO_OR_MORE = [name for name in MEASURES if name not in {"assortativity", "modularity", "small_world_omega"}]


def by_networkx(graph: RelationalGraph) -> dict[str, float]:
    """The same numbers from networkx, where it has them; undirected and connected graphs."""
    a = graph.to_networkx()
    degree = [d for _, d in a.degree()]
    shares = np.bincount(degree)[np.bincount(degree) > 0] / graph.n
    closeness = list(nx.closeness_centrality(a).values())
    betweenness = list(nx.betweenness_centrality(a).values())
    return {
        "clustering": nx.average_clustering(a),
        "path_length": nx.average_shortest_path_length(a),
        "transitivity": nx.transitivity(a),
        "global_efficiency": nx.global_efficiency(a),
        "local_efficiency": nx.local_efficiency(a),
        "diameter": nx.diameter(a),
        "density": nx.density(a),
        "degree_mean": np.mean(degree),
        "degree_variance": np.var(degree),
        "degree_entropy": -(shares * np.log2(shares)).sum(),
        "modularity": nx.community.modularity(a, nx.community.louvain_communities(a, seed=0)),
        "spectral_gap": np.diff(np.sort(nx.adjacency_spectrum(a).real)[-2:])[0],
        "algebraic_connectivity": np.sort(nx.laplacian_spectrum(a))[1],
        "betweenness_mean": np.mean(betweenness),
        "betweenness_spread": np.std(betweenness),
        "closeness_mean": np.mean(closeness),
        "closeness_spread": np.std(closeness),
        "core_number": max(nx.core_number(a).values()),
        "reciprocity": 1.0,
    }


@settings(max_examples=60, deadline=None)
@given(graphs(min_n=3, max_n=24, connected=True))
def test_undirected_equals_networkx(graph):
    expected = by_networkx(graph)
    assert measure_all(graph, expected) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(graphs(min_n=3, max_n=24, directed=True))
def test_directed_equals_networkx(graph):
    a = graph.to_networkx()
    closeness = list(nx.closeness_centrality(a.reverse()).values())
    assert distances.closeness(graph).tolist() == pytest.approx(closeness)
    assert distances.betweenness(graph).tolist() == pytest.approx(list(nx.betweenness_centrality(a).values()))
    expected = {"density": nx.density(a), "transitivity": nx.transitivity(a.to_undirected())}
    if graph.edges:
        expected["reciprocity"] = nx.overall_reciprocity(a)
        parts = nx.community.louvain_communities(a, seed=0)
        expected["modularity"] = nx.community.modularity(a, parts)
    assert measure_all(graph, expected) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(graphs(min_n=3, max_n=24, directed=None))
def test_assortativity_equals_networkx(graph):
    got = degrees.assortativity(graph)
    if not math.isnan(got):
        assert got == pytest.approx(nx.degree_assortativity_coefficient(graph.to_networkx()), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(graphs(min_n=4, max_n=24))
def test_rich_club_is_phi_at_the_mean_degree(graph):
    got = degrees.rich_club(graph)
    if not math.isnan(got):
        phi = nx.rich_club_coefficient(graph.to_networkx(), normalized=False)
        assert got == pytest.approx(phi.get(2 * graph.edges // graph.n, 0.0))


@settings(max_examples=60, deadline=None)
@given(graphs(max_n=16, directed=None))
def test_no_measure_raises_or_is_infinite(graph):
    for name, value in measure_all(graph, FAST).items():
        assert isinstance(value, float)
        assert not math.isinf(value)
        if name in ZERO_OR_MORE and not math.isnan(value):
            assert value >= -1e-9, name


@settings(max_examples=40, deadline=None)
@given(graphs(min_n=3, max_n=14))
def test_an_undirected_graph_taken_as_directed_measures_the_same(graph):
    as_directed = RelationalGraph(graph.adjacency, directed=True)
    same = sorted(set(FAST) - {"modularity"})
    assert measure_all(as_directed, same) == pytest.approx(measure_all(graph, same), nan_ok=True)


def nan_measures(graph: RelationalGraph) -> set[str]:
    return {name for name, value in measure_all(graph).items() if math.isnan(value)}


def test_what_a_graph_does_not_have_is_nan():
    references = {"small_world_sigma", "small_world_omega", "small_world_propensity", "clustering_ratio"}
    in_parts = {"diameter", "effective_resistance", "path_length_ratio"} | references
    equal_degrees = {"assortativity", "rich_club", "rich_club_normalised"}
    no_triples = {"feed_forward_share", "cycle_share"}
    empty = RelationalGraph(np.zeros((4, 4), dtype=bool))
    pairs = RelationalGraph.from_edges([(0, 1), (2, 3)], 4)
    nothing = {"path_length", "modularity", "reciprocity", "rich_club_p"}
    assert nan_measures(empty) == in_parts | equal_degrees | no_triples | nothing
    assert nan_measures(pairs) == in_parts | equal_degrees | no_triples
    assert nan_measures(generators.cycle(8)) == equal_degrees | references
    assert nan_measures(generators.complete(5)) == equal_degrees
    assert nan_measures(generators.star(5)) == references | {"rich_club", "rich_club_normalised"}
    assert nan_measures(ws_flex(20, 5, 0.2, seed=1)) == set()
    assert nan_measures(generators.path(2)) == equal_degrees | references | no_triples


def test_values_known_by_heart():
    petersen = measure_all(RelationalGraph.from_networkx(nx.petersen_graph()), slow=False)
    assert petersen["spectral_gap"] == pytest.approx(2)
    assert petersen["algebraic_connectivity"] == pytest.approx(2)
    assert (petersen["diameter"], petersen["core_number"], petersen["degree_entropy"]) == (2, 3, 0)
    star = measure_all(generators.star(9), slow=False)
    assert (star["core_number"], star["transitivity"], star["diameter"]) == (1, 0, 2)
    assert star["assortativity"] == pytest.approx(-1)
    half = RelationalGraph.from_edges([(0, 1), (1, 0), (1, 2)], 3, directed=True)
    assert measure_all(half, ["reciprocity", "diameter"]) == {"reciprocity": 2 / 3, "diameter": 2}


def test_connectomes_have_every_measure(shared_file):
    graph = connectome("mcwhole", data=shared_file("data/connectomes"))
    values = measure_all(graph)
    assert list(values) == list(MEASURES)
    assert not any(map(math.isnan, values.values()))
    assert values["clustering"] == graph.clustering
    assert values["path_length"] == graph.paths.mean
    assert values["small_world_sigma"] > 1


def test_choosing_measures():
    graph = ws_flex(16, 4, 0.2, seed=1)
    assert list(measure_all(graph, ["path_length", "clustering"])) == ["path_length", "clustering"]
    assert list(measure_all(graph, slow=False)) == FAST
    assert measure_all(graph) == measure_all(graph), "those that use chance have a fixed seed"
    with pytest.raises(UserError, match="measure 'clusterin' is not known; did you mean 'clustering'"):
        measure_all(graph, ["clusterin"])


def test_every_measure_says_what_it_is():
    symbols = [measure.symbol for measure in MEASURES.values()]
    assert len(set(symbols)) == len(symbols)
    assert all(measure.meaning and measure.directed for measure in MEASURES.values())


def test_fast_is_fast():
    graph = ws_flex(64, 16, 0.2, seed=1)
    measure_all(graph, FAST)
    start = time.perf_counter()
    measure_all(graph, FAST)
    assert time.perf_counter() - start < 3

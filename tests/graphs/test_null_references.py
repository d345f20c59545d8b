"""Measures against references: σ, ω, propensity, rich club, motifs; and whether nulls tell two arms apart."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import graphs

from graph2nn import RelationalGraph, UserError, ensemble, null, small_world, small_world_sigma, ws_flex
from graph2nn.graphs import generators
from graph2nn.graphs.measures.registry import measure_all
from graph2nn.graphs.motifs import MOTIFS, TRIADS, motif_counts, motif_table, triad_census
from graph2nn.graphs.nulls import NULLS, lattice_null, null_differences, rich_club_curve
from graph2nn.graphs.nulls.chain import degree_chain
from graph2nn.graphs.spectrum import effective_resistance, normalised_laplacian_gap

# --- small worlds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [6, 20])
def test_sigma_and_omega_are_their_definitions(k):
    """From any set of references, within their standard errors."""
    graph = ws_flex(40, k, 0.2, seed=1)
    value = small_world(graph, count=200, seed=3)
    nulls = ensemble(graph, "degree", 60, seed=9, connected=True)
    c, length = np.mean([g.clustering for g in nulls]), np.mean([g.path_length for g in nulls])
    assert value.clustering_ratio == pytest.approx(graph.clustering / c, rel=0.03)
    assert value.path_length_ratio == pytest.approx(graph.path_length / length, rel=0.01)
    assert value.sigma == pytest.approx(value.clustering_ratio / value.path_length_ratio)
    lattice = lattice_null(graph)
    random_l = graph.path_length / value.path_length_ratio
    assert value.omega == pytest.approx(random_l / graph.path_length - graph.clustering / lattice.clustering)
    random_c = graph.clustering / value.clustering_ratio
    short = (lattice.clustering - graph.clustering) / (lattice.clustering - random_c)
    way = lattice.path_length - random_l
    long = (graph.path_length - random_l) / way if way > 1e-9 else 0.0
    assert value.propensity == pytest.approx(
        1 - math.sqrt((np.clip(short, 0, 1) ** 2 + np.clip(long, 0, 1) ** 2) / 2)
    )


def test_the_standard_error_is_that_of_other_references():
    graph = ws_flex(30, 5, 0.2, seed=1)
    values = [small_world(graph, count=20, seed=seed) for seed in range(40)]
    for name in ("sigma", "omega", "propensity", "clustering_ratio", "path_length_ratio"):
        seen = np.std([getattr(value, name) for value in values], ddof=1)
        told = np.mean([getattr(value, f"{name}_error") for value in values])
        assert 0.7 < told / seen < 1.4, name


def test_a_lattice_a_small_world_and_a_random_graph():
    lattice, small, chance = (small_world(ws_flex(64, 8, p, seed=2)) for p in (0.0, 0.1, 1.0))
    assert small.propensity > max(lattice.propensity, 0.6)
    assert chance.clustering_ratio == pytest.approx(1, abs=0.2)
    assert small.clustering_ratio > 2
    assert lattice.path_length_ratio > 1.5
    assert small.references == 50


def test_references_of_weighted_graphs_keep_self_connections_aside():
    graph = ws_flex(24, 6, 0.2, seed=1)
    looped = RelationalGraph(
        graph.adjacency | (np.eye(24) > 0) * (np.arange(24) < 3)[:, None], directed=False, self_loops="given"
    )
    assert small_world_sigma(looped, count=10) == pytest.approx(small_world_sigma(graph, count=10), rel=0.1)
    with pytest.raises(UserError, match="count = 1, expected at least 2"):
        small_world(graph, count=1)


@settings(max_examples=30, deadline=None)
@given(graph=graphs(min_n=4, max_n=12, directed=None))
def test_the_chain_keeps_degrees_on_edges_and_on_gaps(graph):
    for (source, target), gaps in degree_chain(graph, 3, seed=1):
        matrix = np.full((graph.n, graph.n), gaps)
        matrix[target, source] = not gaps
        np.fill_diagonal(matrix, False)
        assert (matrix.sum(axis=0) == graph.adjacency.sum(axis=0)).all()
        assert (matrix.sum(axis=1) == graph.adjacency.sum(axis=1)).all()


# --- rich club ---------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(graph=graphs(min_n=5, max_n=20, connected=True))
def test_phi_is_networkx_s(graph):
    expected = nx.rich_club_coefficient(graph.to_networkx(), normalized=False)
    curve = rich_club_curve(graph, count=3).set_index("k")
    for k, phi in expected.items():
        if k in curve.index:
            assert curve.loc[k, "phi"] == pytest.approx(phi)


def test_a_planted_club_is_rich():
    rng = np.random.default_rng(2)
    matrix = np.triu(rng.random((80, 80)) < 0.06, 1)
    hubs = np.arange(12)
    matrix[np.ix_(hubs, np.arange(12, 80))] |= rng.random((12, 68)) < 0.15
    matrix[np.ix_(hubs, hubs)] = np.triu(np.ones((12, 12), dtype=bool), 1)
    club = RelationalGraph(matrix | matrix.T)
    values = measure_all(club, ["rich_club_normalised", "rich_club_p"])
    assert values["rich_club_normalised"] > 1.1
    assert values["rich_club_p"] < 0.05


@pytest.mark.slow
def test_the_corrected_p_of_a_rich_club_is_uniform_without_one():
    """Calibration: of degree nulls themselves, about 5 % have a corrected p-value below 5 %."""
    base = generators.barabasi_albert(40, 3, seed=1)
    small = [
        rich_club_curve(one, count=39, seed=i)["p_all"].min() <= 0.05
        for i, one in enumerate(ensemble(base, "degree", 300, seed=5))
    ]
    assert np.mean(small) < 0.085


# --- motifs ------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(graph=graphs(min_n=3, max_n=16, directed=None))
def test_motifs_are_networkx_s_triads(graph):
    directed = nx.DiGraph(graph.to_networkx())
    expected = nx.triadic_census(directed)
    assert motif_counts(graph) == {name: expected[name] for name in MOTIFS}
    assert triad_census(graph) == expected
    assert list(triad_census(graph)) == list(TRIADS)


def test_the_census_of_two_nodes_is_empty():
    assert not any(triad_census(RelationalGraph.from_edges([(0, 1)], 2, directed=True)).values())


def test_motifs_against_nulls():
    rng = np.random.default_rng(0)
    order = np.triu(rng.random((60, 60)) < 0.12, 1)  # no cycles: all closed triads are feed-forward loops
    graph = RelationalGraph(order, directed=True)
    table = motif_table(graph, count=30).set_index("motif")
    assert table.loc["030C", "count"] == 0
    assert table.loc["030C", "null_mean"] > 0
    assert table.loc["030C", "p"] < 0.1
    values = measure_all(graph, ["feed_forward_share", "cycle_share"])
    assert values["cycle_share"] == 0 < values["feed_forward_share"]
    with pytest.raises(UserError, match="count = 1"):
        motif_table(graph, count=1)


# --- spectrum ----------------------------------------------------------------------------------------------


def resistance(graph, i, j):
    """Between two nodes, by the voltage at i that a current of 1 from i to j needs.

    networkx takes a pseudo-inverse whose cut-off is so low that on some processors zero is not cut: a complete
    graph of 12 nodes gets 1.008 times its resistance.
    """
    laplacian = np.diag(graph.adjacency.sum(0)) - graph.adjacency.astype(float)
    kept = np.arange(graph.n) != j
    current = np.arange(graph.n) == i
    return np.linalg.solve(laplacian[np.ix_(kept, kept)], current[kept].astype(float)) @ current[kept]


@settings(max_examples=40, deadline=None)
@example(graph=RelationalGraph(~np.eye(12, dtype=bool)))
@given(graph=graphs(min_n=3, max_n=16, connected=True))
def test_laplacian_measures_equal_plain_ones(graph):
    network = graph.to_networkx()
    gap = np.sort(nx.normalized_laplacian_spectrum(network))[1]
    assert normalised_laplacian_gap(graph) == pytest.approx(gap, abs=1e-9)
    pairs = graph.n * (graph.n - 1) / 2
    total = sum(resistance(graph, i, j) for i in range(graph.n) for j in range(i))
    assert effective_resistance(graph) == pytest.approx(total / pairs)


def test_large_graphs_have_a_laplacian_gap_and_refuse_a_dense_inverse():
    ring = RelationalGraph.from_edge_index(
        np.stack([np.arange(12_000), (np.arange(12_000) + 1) % 12_000]), 12_000, directed=True
    )
    assert normalised_laplacian_gap(ws_flex(1200, 6, 0.1, seed=1)) > 0.02
    with pytest.raises(UserError, match="the spectrum of the Laplacian needs a dense matrix"):
        effective_resistance(ring)


# --- differences and calibration ---------------------------------------------------------------------------


def test_differences_stand_next_to_an_effect():
    directed = RelationalGraph(np.triu(np.ones((12, 12), dtype=bool), 1), directed=True)
    table = null_differences(directed, [null(directed, "density", seed) for seed in range(3)])
    assert table.loc["reciprocity", "graph"] == 0 < table.loc["reciprocity", "change"]
    complete = generators.complete(8)
    assert table.index.name == "measure (directed C of Fagiolo 2007, L along the edges)"
    undirected = null_differences(complete, ensemble(complete, "degree", 2))
    assert undirected.index.name == "measure"
    assert not undirected["changes"].any(), "uninformative"
    with pytest.raises(UserError, match="symmetrise both arms, or neither"):
        null_differences(directed, [directed.symmetrised()])
    with pytest.raises(UserError, match="there is no null"):
        null_differences(directed, [])


def test_reciprocal_nulls_of_a_connectome_keep_what_degree_nulls_lose():
    rng = np.random.default_rng(1)
    matrix = rng.random((50, 50)) < 0.12
    matrix |= matrix.T & (rng.random((50, 50)) < 0.7)
    np.fill_diagonal(matrix, False)
    graph = RelationalGraph(matrix, directed=True)
    kept = null_differences(graph, ensemble(graph, "reciprocal", 3))
    lost = null_differences(graph, ensemble(graph, "degree", 3))
    assert kept.loc["reciprocity", "change"] == pytest.approx(0)
    assert kept.loc["edges", "change"] == 0
    assert lost.loc["reciprocity", "change"] < -0.2
    symmetric = [one.symmetrised().edges for one in ensemble(graph, "reciprocal", 3)]
    assert set(symmetric) == {graph.symmetrised().edges}, "both arms symmetrised have as many edges"


@pytest.mark.parametrize("kind", ["degree", "reciprocal", "block", "density"])
@pytest.mark.slow
def test_two_arms_of_one_ensemble_differ_in_one_of_twenty_comparisons(kind):
    """Arm a: nulls of the graph. Arm b: nulls of a null of it, so that a chain that is too short would show."""
    rng = np.random.default_rng(4)
    groups = np.repeat([0, 1, 2], 20)
    share = np.where(groups[:, None] == groups[None, :], 0.3, 0.05)
    graph = RelationalGraph(rng.random((60, 60)) < share, directed=True, self_loops="given")
    given = {"groups": groups} if kind == "block" else {}
    rejected, seed = [], 0
    for _ in range(300):
        start = null(graph, kind, (seed := seed + 1), **given)
        arms = [
            [null(of, kind, (seed := seed + 1), **given).clustering for _ in range(6)] for of in (graph, start)
        ]
        rejected.append(stats.ttest_ind(*arms).pvalue < 0.05)
    assert np.mean(rejected) <= 0.07


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), directed=st.booleans())
def test_degree_lattices_keep_degrees(seed, directed):
    graph = generators.gnp_random(20, 0.3, seed=seed, directed=directed)
    lattice = NULLS["degree_lattice"](graph, seed, False)
    assert (lattice.adjacency.sum(axis=0) == graph.adjacency.sum(axis=0)).all()
    assert (lattice.adjacency.sum(axis=1) == graph.adjacency.sum(axis=1)).all()
    assert lattice == NULLS["degree_lattice"](graph, seed, False)

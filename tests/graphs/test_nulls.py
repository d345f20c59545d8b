"""Nulls keep what they promise, are drawn evenly, and give σ and ω their meaning."""

from __future__ import annotations

import math
from collections import Counter

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import graphs

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.graphs import generators
from graph2nn.graphs.nulls import (
    NULLS,
    degree_null,
    density_null,
    ensemble,
    lattice_null,
    small_world_omega,
    small_world_sigma,
)
from graph2nn.graphs.rewiring import rewire


@settings(max_examples=80, deadline=None)
@given(graph=graphs(max_n=20, directed=None), seed=st.integers(0, 99))
def test_rewiring_keeps_every_degree(graph, seed):
    null = rewire(graph, seed)
    assert (null.adjacency.sum(axis=0) == graph.adjacency.sum(axis=0)).all()
    assert (null.adjacency.sum(axis=1) == graph.adjacency.sum(axis=1)).all()
    assert null.directed == graph.directed
    assert null == rewire(graph, seed)


@settings(max_examples=80, deadline=None)
@given(graph=graphs(max_n=20, directed=None, connected=True), seed=st.integers(0, 99))
def test_rewiring_can_stay_connected(graph, seed):
    null = rewire(graph, seed, connected=True)
    assert null.connected
    assert (null.adjacency.sum(axis=1) == graph.adjacency.sum(axis=1)).all()


@pytest.mark.parametrize("connected", [False, True])
def test_rewiring_draws_evenly(connected):
    # Six nodes of degree 2: 60 hexagons and 10 pairs of triangles, all equally likely.
    hexagon = generators.cycle(6)
    draws = 3500
    seen = Counter(rewire(hexagon, seed, connected=connected).digest for seed in range(draws))
    assert len(seen) == (60 if connected else 70)
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


def test_directed_rewiring_draws_evenly():
    ring = RelationalGraph.from_edges([(i, (i + 1) % 4) for i in range(4)], 4, directed=True)
    seen = Counter(rewire(ring, seed).digest for seed in range(2000))
    assert len(seen) == 9, "the derangements of four nodes"
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_rewiring_moves_most_of_what_can_move(share, directed):
    graph = generators.gnp_random(40, share, seed=1, directed=directed)
    null = rewire(graph, seed=2)
    rare = min(graph.adjacency.mean(), 1 - graph.adjacency.mean())
    assert (graph.adjacency ^ null.adjacency).mean() > rare / 2


def test_complete_graphs_and_stars_have_one_rewiring():
    for graph in (generators.complete(7), generators.star(7)):
        assert rewire(graph, seed=3) == graph


@settings(max_examples=60, deadline=None)
@given(
    graph=graphs(max_n=20, directed=None),
    null=st.sampled_from(sorted(NULLS.keys() - {"ws_flex"})),
    seed=st.integers(0, 99),
)
def test_every_null_has_as_many_nodes_and_edges(graph, null, seed):
    drawn = NULLS[null](graph, seed, False)
    assert (drawn.n, drawn.edges, drawn.directed) == (graph.n, graph.edges, graph.directed)
    assert null in drawn.name


def test_density_null_is_networkx_s_random_graph():
    graph = ws_flex(30, 6, 0.1, seed=1)
    expected = nx.gnm_random_graph(30, graph.edges, seed=5)
    assert density_null(graph, seed=5) == RelationalGraph.from_networkx(expected)


@pytest.mark.parametrize("k", [2, 3.3, 8, 30])
def test_lattice_null_is_ws_flex_without_rewiring(k):
    graph = ws_flex(30, k, 0.5, seed=1)
    assert lattice_null(graph) == ws_flex(30, min(graph.degree, 30), 0.0, seed=0)


def test_directed_lattice_is_clustered():
    graph = generators.random_directed(40, 320, seed=1)
    assert lattice_null(graph).clustering > 2 * graph.clustering


@pytest.mark.parametrize("null", sorted(NULLS))
def test_ensembles(null):
    graph = ws_flex(24, 5, 0.2, seed=1)
    short, long = (ensemble(graph, null, count, seed=3) for count in (3, 5))
    assert long[:3] == short
    assert ensemble(graph, null, 3, seed=3) == short
    if null != "lattice":
        assert len(set(long)) == 5
        assert ensemble(graph, null, 3, seed=4) != short
    assert all(g.connected for g in ensemble(graph, null, 5, seed=3, connected=True))


def test_clear_errors():
    graph = ws_flex(8, 3, 0.2, seed=1)
    tree = generators.balanced_tree(2, 4)
    parts = RelationalGraph.from_edges([(0, 1), (2, 3)], 4)
    with pytest.raises(UserError, match="null 'degrees' is not known; did you mean 'degree'"):
        ensemble(graph, "degrees")
    with pytest.raises(UserError, match="count = 0"):
        ensemble(graph, count=0)
    with pytest.raises(UserError, match="swaps = -1"):
        rewire(graph, swaps=-1)
    with pytest.raises(UserError, match="not connected, so it has no connected rewiring"):
        degree_null(parts, connected=True)
    with pytest.raises(UserError, match="no connected graph in 100 draws"):
        density_null(tree, connected=True)
    with pytest.raises(UserError, match="do not join n = 4"):
        lattice_null(parts, connected=True)


def test_sigma_and_omega_tell_lattice_small_world_and_random_apart():
    lattice, small, chance = (ws_flex(64, 8, p, seed=2) for p in (0.0, 0.1, 1.0))
    assert small_world_sigma(small) > 2
    assert small_world_sigma(chance) == pytest.approx(1, abs=0.2)
    assert small_world_omega(lattice) < -0.4
    assert abs(small_world_omega(small)) < 0.4
    assert small_world_omega(chance) > 0.7
    assert small_world_sigma(small, null="density") > 2


def test_sigma_and_omega_where_they_are_not_defined():
    parts = RelationalGraph.from_edges([(0, 1), (2, 3)], 4)
    tree = generators.balanced_tree(2, 3)
    for graph in (parts, tree):
        assert math.isnan(small_world_sigma(graph))
        assert math.isnan(small_world_omega(graph))
    complete = generators.complete(6)
    assert (small_world_sigma(complete), small_world_omega(complete)) == (1.0, 0.0)


def test_directed_graphs_have_them_too():
    graph = lattice_null(generators.random_directed(40, 240, seed=1))
    assert small_world_sigma(graph) > 1.5
    assert small_world_omega(graph) < 0


def test_a_ws_flex_null_has_the_weights_of_its_graph():
    graph = ws_flex(24, 5, 0.3, seed=2)
    drawn = ensemble(graph, "ws_flex", 8, seed=3, connected=True)
    assert {one.n for one in drawn} == {24}
    assert {int(one.adjacency.sum()) for one in drawn} <= {int(graph.adjacency.sum()) + i for i in (-1, 0, 1)}
    assert all(one.connected and not one.directed for one in drawn)
    assert len({one.adjacency.tobytes() for one in drawn}) == 8
    assert drawn[0].name.startswith(f"ws_flex null({graph.name},")
    assert drawn[:3] == ensemble(graph, "ws_flex", 3, seed=3)
    with pytest.raises(UserError, match=r"reads 1\.5 others on average"):
        NULLS["ws_flex"](RelationalGraph.from_edges([(0, 1), (1, 2), (2, 3)], 4), 0, True)


def test_a_directed_graph_has_no_ws_flex_null_but_its_symmetrised_form_has():
    directed = generators.random_directed(24, 120, seed=1)
    with pytest.raises(UserError, match=r"is directed, as no WS-flex graph is.*symmetrised"):
        ensemble(directed, "ws_flex", 2)
    both = directed.symmetrised()
    assert all(abs(one.edges - both.edges) <= 1 for one in ensemble(both, "ws_flex", 2))

"""Families: what networkx gives for the same seed, their laws, and clear errors outside their range."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.graphs import generators as g
from graph2nn.graphs.generators.families import second_eigenvalue


def same(graph: RelationalGraph, reference: nx.Graph) -> bool:
    return graph == RelationalGraph.from_networkx(reference, drop_self_loops=True)


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_seeded_families_equal_networkx(seed):
    assert same(g.watts_strogatz(30, 6, 0.3, seed), nx.watts_strogatz_graph(30, 6, 0.3, seed=seed))
    assert same(g.gnm_random(30, 50, seed), nx.gnm_random_graph(30, 50, seed=seed))
    assert same(g.gnm_random(30, 50, seed, directed=True), nx.gnm_random_graph(30, 50, seed, directed=True))
    assert same(g.gnp_random(30, 0.2, seed), nx.gnp_random_graph(30, 0.2, seed=seed))
    assert same(g.GENERATORS["erdos_renyi"](30, 0.2, seed), nx.erdos_renyi_graph(30, 0.2, seed=seed))
    assert same(g.random_directed(30, 90, seed), nx.gnm_random_graph(30, 90, seed, directed=True))
    assert same(g.barabasi_albert(64, 4, seed), nx.barabasi_albert_graph(64, 4, seed=seed))
    assert same(g.random_regular(4, 30, seed), nx.random_regular_graph(4, 30, seed=seed))
    degrees = [5, 4, 3, 3, 2, 2, 2, 1]
    assert same(g.configuration(degrees, seed), nx.configuration_model(degrees, seed=seed))
    p = [[0.8, 0.1], [0.1, 0.7]]
    assert same(g.stochastic_block([8, 12], p, seed), nx.stochastic_block_model([8, 12], p, seed=seed))
    planted = nx.planted_partition_graph(3, 8, 0.7, 0.1, seed=seed)
    assert same(g.planted_partition(3, 8, 0.7, 0.1, seed), planted)


def test_shapes_equal_networkx():
    assert same(g.ring(20, 4), nx.watts_strogatz_graph(20, 4, 0.0))
    assert same(g.cycle(9), nx.cycle_graph(9))
    assert same(g.path(9), nx.path_graph(9))
    assert same(g.star(9), nx.star_graph(9))
    assert same(g.complete(9), nx.complete_graph(9))
    assert same(g.grid(3, 5), nx.grid_2d_graph(3, 5))
    assert same(g.grid(4, 5, periodic=True), nx.grid_2d_graph(4, 5, periodic=True))
    assert same(g.hypercube(5), nx.hypercube_graph(5))
    assert same(g.balanced_tree(3, 3), nx.balanced_tree(3, 3))


def test_grid_nodes_run_row_after_row():
    edges = np.argwhere(np.triu(g.grid(2, 3).adjacency)).tolist()
    assert edges == [[0, 1], [0, 3], [1, 2], [1, 4], [2, 5], [3, 4], [4, 5]]


@pytest.mark.parametrize("n", range(3, 12))
def test_ring_is_regular_and_complete_at_its_end(n):
    for k in range(2, n, 2):
        assert (g.ring(n, k).adjacency.sum(axis=1) == k).all()
        assert g.ring(n, k) == ws_flex(n, k, 0.0, seed=0)
    assert g.ring(n, n - 1) == g.complete(n)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 80), gamma=st.floats(1.1, 6), m=st.integers(1, 2), seed=st.integers(0, 999))
def test_scale_free(n, gamma, m, seed):
    graph = g.scale_free(n, gamma, m, seed)
    assert graph.n == n
    assert graph == g.scale_free(n, gamma, m, seed)


def test_scale_free_has_hubs():
    degrees = g.scale_free(500, 2.2, 2, seed=1).adjacency.sum(axis=1)
    assert degrees.max() > 10 * np.median(degrees)


@settings(max_examples=40, deadline=None)
@given(degrees=st.lists(st.integers(0, 7), min_size=8, max_size=20), seed=st.integers(0, 99))
def test_erasing_loops_and_twins_only_lowers_degrees(degrees, seed):
    degrees[0] += sum(degrees) % 2 if degrees[0] < 7 else -(sum(degrees) % 2)
    got = g.configuration(degrees, seed).adjacency.sum(axis=1)
    assert (got <= degrees).all()


@pytest.mark.parametrize(("d", "n"), [(2, 9), (3, 16), (4, 64), (8, 64), (15, 16)])
def test_ramanujan_expands(d, n):
    graph = g.ramanujan(d, n, seed=3)
    assert (graph.adjacency.sum(axis=1) == d).all()
    assert graph.connected
    values = np.sort(np.abs(np.linalg.eigvalsh(graph.adjacency.astype(float))))
    assert values[-2] <= 2 * np.sqrt(d - 1) + 1e-9
    assert second_eigenvalue(graph) == pytest.approx(values[-2])
    assert graph == g.ramanujan(d, n, seed=3)


def test_ramanujan_gives_up(monkeypatch):
    monkeypatch.setattr("graph2nn.graphs.generators.families.TRIES", 0)
    with pytest.raises(UserError, match="none in 0 draws"):
        g.ramanujan(3, 10)


def test_names_tell_family_and_arguments():
    assert g.barabasi_albert(64, 4, seed=1).name == "barabasi_albert(64,4,1)"
    assert g.gnp_random(10, 1 / 3, seed=2).name == "gnp(10,0.3333,2)"
    assert g.grid(3, 3, periodic=True).name == "torus(3,3)"
    assert set(g.__all__) - {"GENERATORS"} == set(g.GENERATORS) - {"erdos_renyi"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: g.ring(10, 3), "k = 3 is odd"),
        (lambda: g.ring(10, 10), "k = 10 is not a whole number of at least 2 and at most 9"),
        (lambda: g.cycle(2), "cycle: n = 2 is not a whole number of at least 3"),
        (lambda: g.cycle(4.5), "n = 4.5 is not a whole number"),
        (lambda: g.cycle(True), "cycle: n: expected a whole number, got True"),
        (lambda: g.path(1), "path: n = 1"),
        (lambda: g.star(0), "star: n = 0"),
        (lambda: g.complete("many"), "complete: n: expected a whole number, got 'many'"),
        (lambda: g.grid(1, 1), "single node"),
        (lambda: g.hypercube(64), "would make 2^64 nodes. For 64 nodes say n=6"),
        (lambda: g.hypercube(0), "n = 0"),
        (lambda: g.balanced_tree(10, 10), "more than 10^10 nodes"),
        (lambda: g.watts_strogatz(10, 11, 0.1), "k = 11"),
        (lambda: g.watts_strogatz(10, 4, 2), "p = 2 lies outside"),
        (lambda: g.gnm_random(10, 46), "m = 46 is not a whole number of at least 0 and at most 45"),
        (lambda: g.random_directed(10, 91), "at most 90"),
        (lambda: g.gnp_random(10, -0.1), "p = -0.1 lies outside [0, 1]"),
        (lambda: g.barabasi_albert(10, 10), "m = 10"),
        (lambda: g.configuration([1, 1, 1]), "add up to 3; expected an even sum"),
        (lambda: g.configuration([3, 1, 1]), "degrees = 3 is not"),
        (lambda: g.configuration([0]), "1 degrees given"),
        (lambda: g.scale_free(10, 1.0), "gamma = 1 is not above 1"),
        (lambda: g.stochastic_block([4, 0], [[1, 0], [0, 1]]), "sizes = 0"),
        (lambda: g.stochastic_block([4, 4], [[1, 0]]), "p has 2 numbers; expected 2²"),
        (lambda: g.stochastic_block([4, 4], [[1, 0.2], [0, 1]]), "p is not symmetric"),
        (lambda: g.stochastic_block([4, 4], [[1, 2], [2, 1]]), "p = 2 lies outside"),
        (lambda: g.planted_partition(2, 4, 0.5, 1.5), "p_out = 1.5"),
        (lambda: g.random_regular(3, 5), "both odd"),
        (lambda: g.random_regular(5, 5), "d = 5"),
        (lambda: g.ramanujan(1, 4), "d = 1"),
    ],
)
def test_arguments_outside_their_range(call, words):
    with pytest.raises(UserError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)

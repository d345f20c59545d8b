"""WS-flex: bit for bit the published graphs, clear errors outside its range."""

from __future__ import annotations

import hashlib
import random
import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.graphs.ws_flex import ring_targets


def test_published_adjacency_hashes(golden_graphs):
    for row in golden_graphs["ws_flex"]:
        graph = ws_flex(row["n"], row["n"] * row["sparsity"], row["p"], row["seed"])
        looped = (graph.adjacency | np.eye(graph.n, dtype=bool)).astype(np.uint8)
        assert looped.sum() == row["adjacency_sum"]
        assert hashlib.sha256(looped.tobytes()).hexdigest() == row["adjacency_sha256_uint8_with_selfloops"]


def test_published_catalogue_rows(shared_file):
    rows = np.load(shared_file("data/published/graphs_n64_52.npy"), allow_pickle=False)
    assert rows.shape == (52, 6)
    for n, sparsity, p, seed, clustering, path_length in rows.tolist():
        graph = ws_flex(int(n), n * sparsity, p, int(seed))
        assert (graph.clustering, graph.path_length) == (clustering, path_length)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 40), share=st.floats(0, 1), p=st.floats(0, 1), seed=st.integers(0, 99))
def test_laws(n, share, p, seed):
    k = 2 + share * (n - 2)
    try:
        graph = ws_flex(n, k, p, seed)
    except UserError:  # no connected one in 100 tries; rare above n = 10, and right
        assume(False)
    assert graph.connected
    assert graph.directed is False
    assert graph.edges <= min(round(k * n / 2), n * (n - 1) // 2)
    assert not graph.adjacency.flags.writeable
    assert graph == ws_flex(n, k, p, seed)


def test_without_rewiring_it_is_the_ring_lattice():
    ring = RelationalGraph.from_networkx(nx.watts_strogatz_graph(20, 6, 0.0))
    assert ws_flex(20, 6, 0.0, seed=3) == ring
    assert sum(map(len, ring_targets(7, 3.3))) == round(3.3 * 7 / 2)


@pytest.mark.parametrize("n", range(2, 13))
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_k_equal_to_n_is_complete(n, p):
    assert ws_flex(n, n, p, seed=1).edges == n * (n - 1) // 2


def test_the_global_random_stream_is_left_alone():
    random.seed(5)
    before = random.getstate()
    ws_flex(16, 4, 0.5, seed=1)
    assert random.getstate() == before


@pytest.mark.parametrize(
    ("n", "k", "p", "words"),
    [
        (64, 70, 0.1, "k = 70 lies outside [2, 64] (n = 64)"),
        (64, 1.9, 0.1, "k = 1.9 lies outside"),
        (64, float("nan"), 0.1, "k = nan lies outside"),
        (64, 8, 1.1, "p = 1.1 lies outside [0, 1]"),
        (64, 8, -0.1, "p = -0.1 lies outside"),
        (64, 8, float("nan"), "p = nan lies outside"),
        (1, 2, 0.1, "n = 1 is not a whole number of at least 2"),
        (6.5, 2, 0.1, "n = 6.5 is not a whole number"),
        (True, 2, 0.1, "n: expected a whole number, got True"),
    ],
)
def test_arguments_outside_their_range(n, k, p, words):
    with pytest.raises(UserError) as caught:
        ws_flex(n, k, p, seed=0)
    assert words in str(caught.value)


def test_not_connectable(monkeypatch):
    # Seldom in nature: at k = 2 and p = 1 about one draw in ten is connected, and there are a hundred.
    monkeypatch.setattr(sys.modules["graph2nn.graphs.ws_flex"], "TRIES", 1)
    with pytest.raises(UserError, match=r"no connected graph in 1 tries for n = 150.*another seed"):
        ws_flex(150, 2, 1.0, seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((64, "8", 0.1, 1), "k: expected a number, got '8'"),
        ((64, 8, 0.1, None), "seed: expected a whole number, got None"),
    ],
)
def test_arguments_of_another_kind_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        ws_flex(*arguments)

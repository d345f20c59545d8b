"""Kernels equal CPython's stream, the plain Python oracle and networkx, all to the last bit."""

from __future__ import annotations

import importlib
import math
import random
from concurrent.futures import ThreadPoolExecutor

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph2nn.errors import UserError
from graph2nn.graphs import kernels, measures, ws_flex
from graph2nn.graphs.kernels import bits, jit, mt19937, random_words
from graph2nn.graphs.paths import measure_paths


def examples(count):
    """As many examples, the same ones each time; no deadline, as the first of them waits for the compiler."""
    return settings(max_examples=count, deadline=None, derandomize=True)


@pytest.mark.parametrize("seed", [0, 1, 29, 2**32, 2**63, 2**64 - 1, 10**40, -7])
def test_the_stream_is_cpythons(seed):
    state, words = mt19937.state_of(seed), np.empty(1248, np.uint32)
    mt19937.refill(state, words[:624])
    mt19937.refill(state, words[624:])
    theirs = random.Random(seed)
    assert words.tolist() == [theirs.getrandbits(32) for _ in range(1248)]
    theirs = random.Random(seed)
    ours = [mt19937.uniform53(*words[i : i + 2]) / 2**53 for i in range(0, 1248, 2)]
    assert ours == [theirs.random() for _ in range(624)]


@pytest.mark.parametrize("n", [1, 2, 3, 16, 63, 64])
def test_the_shared_stream_chooses_as_cpython_does(n):
    shared = random_words.make_streams(n, mt19937.state_of(9)[None], 624 * 3)
    start, total = 41, 624 * 3
    theirs = random.Random(9)
    for _ in range(start):
        theirs.getrandbits(32)
    first, last = shared.rank[0, start], int(shared.rank[0, -1])
    for r in range(first, last):
        assert shared.value[0, r] == theirs.choice(range(n))
    # Where the last of them ends, the words go on as CPython's do.
    assert shared.words[0, shared.after[0, last - 1]] == theirs.getrandbits(32)
    assert shared.words.shape == (1, total)


@given(p=st.floats(0, 1), near=st.integers(-2, 2))
@examples(200)
def test_threshold_compares_as_floats_do(p, near):
    drawn = min(max(int(p * 2**53) + near, 0), 2**53 - 1)
    assert (drawn < mt19937.threshold_of(p)) == (drawn / 2**53 < p)


def adjacency_of(n, density, directed, seed):
    matrix = np.random.default_rng(seed).random((n, n)) < density
    if not directed:
        matrix = np.triu(matrix, 1)
        matrix = matrix | matrix.T
    np.fill_diagonal(matrix, False)
    return matrix


def networkx_measures(adjacency, directed):
    """C and L of networkx, summed in the published order; L is over the pairs that have a path, or NaN."""
    graph = nx.from_numpy_array(adjacency, create_using=nx.DiGraph if directed else nx.Graph)
    n = len(adjacency)
    total = 0.0
    for value in sorted(nx.clustering(graph).values()):
        total += value
    steps = [step for _, d in nx.all_pairs_shortest_path_length(graph) for step in d.values() if step]
    return total / n, sum(steps) / len(steps) if steps else math.nan


def oracle_measures(adjacency, directed):
    return measures.clustering(adjacency, directed=directed), measure_paths(adjacency).mean


def same(ours, theirs):
    """Equal to the last bit; NaN equals NaN."""
    return np.array(ours).tobytes() == np.array(theirs).tobytes()


@given(n=st.integers(2, 24), density=st.floats(0, 1), directed=st.booleans(), seed=st.integers(0, 2**32))
@examples(1000)
def test_measures_equal_networkx_on_small_graphs(n, density, directed, seed):
    adjacency = adjacency_of(n, density, directed, seed)
    ours = kernels.clustering_and_path_length(adjacency, directed=directed)
    assert same(ours, networkx_measures(adjacency, directed))


@given(n=st.integers(25, 200), degree=st.floats(0, 12), directed=st.booleans(), seed=st.integers(0, 2**32))
@examples(60)
def test_measures_equal_networkx_on_large_graphs(n, degree, directed, seed):
    adjacency = adjacency_of(n, degree / n, directed, seed)
    ours = kernels.clustering_and_path_length(adjacency, directed=directed)
    assert same(ours, networkx_measures(adjacency, directed))


@given(n=st.integers(2, 200), density=st.floats(0, 1), directed=st.booleans(), seed=st.integers(0, 2**32))
@examples(150)
def test_measures_equal_the_oracle(n, density, directed, seed):
    # Squared, so that sparse graphs, disconnected ones among them, come up as often as dense ones.
    adjacency = adjacency_of(n, density**2, directed, seed)
    ours = kernels.clustering_and_path_length(adjacency, directed=directed)
    assert same(ours, oracle_measures(adjacency, directed))


@pytest.mark.slow
@given(n=st.integers(2, 200), density=st.floats(0, 1), directed=st.booleans(), seed=st.integers(0, 2**32))
@examples(1500)
def test_measures_equal_networkx_everywhere(n, density, directed, seed):
    adjacency = adjacency_of(n, density**4, directed, seed)
    ours = kernels.clustering_and_path_length(adjacency, directed=directed)
    assert same(ours, networkx_measures(adjacency, directed))


@pytest.mark.parametrize("n", [2, 3, 16, 63, 64, 65, 128, 200])
def test_known_graphs(n):
    complete = ~np.eye(n, dtype=bool)
    assert kernels.clustering_and_path_length(complete) == (1.0 if n > 2 else 0.0, 1.0)
    assert kernels.clustering_and_path_length(complete, directed=True) == (1.0 if n > 2 else 0.0, 1.0)
    line = np.eye(n, k=1, dtype=bool)
    assert kernels.clustering_and_path_length(line | line.T) == (0.0, (n + 1) / 3)
    # One way only, half of the pairs have no path and do not count.
    one_way = kernels.clustering_and_path_length(line, directed=True)
    assert one_way == (0.0, sum(d * (n - d) for d in range(n)) / (n * (n - 1) / 2))


def test_the_path_length_of_parts_is_that_of_the_pairs_with_a_path():
    for n in (4, 100):
        adjacency = np.zeros((n, n), dtype=bool)
        for directed in (False, True):
            c, length = kernels.clustering_and_path_length(adjacency, directed=directed)
            assert c == 0
            assert math.isnan(length)
        adjacency[0, 1] = adjacency[1, 0] = True
        for directed in (False, True):
            assert kernels.clustering_and_path_length(adjacency, directed=directed) == (0, 1)


@given(n=st.integers(1, 200), seed=st.integers(0, 1000))
@examples(50)
def test_rows_unpack_to_what_was_packed(n, seed):
    matrix = np.random.default_rng(seed).random((n, n)) < 0.5
    assert (bits.unpack(bits.pack(matrix), n) == matrix).all()


@st.composite
def flex_arguments(draw, max_n):
    n = draw(st.integers(2, max_n))
    # The oracle draws in plain Python: a large graph that is dense, or falls into parts a hundred times, would
    # take it seconds.
    k = draw(st.floats(2, n) if n <= 40 else st.floats(4, 14))
    return n, k, draw(st.floats(0, 1)), draw(st.integers(0, 2**64 - 1))


def oracle_flex(n, k, p, seed):
    try:
        return ws_flex(n, k, p, seed)
    except UserError:
        return None


@given(arguments=flex_arguments(200))
@examples(50)
def test_ws_flex_equals_the_oracle(arguments):
    ours, theirs = kernels.ws_flex_adjacency(*arguments), oracle_flex(*arguments)
    assert (ours is None) == (theirs is None)
    assert theirs is None or (ours == theirs.adjacency).all()


@given(arguments=flex_arguments(64))
@examples(120)
def test_grid_equals_the_oracle(arguments):
    n, k, p, seed = arguments
    edges = round(k * n / 2)
    c, length = kernels.Grid(n, [0.0, p], [seed, 3], edges)(edges)
    for i, s in np.ndindex(2, 2):
        graph = oracle_flex(n, k, [0.0, p][i], [seed, 3][s])
        expected = (math.nan, math.nan) if graph is None else (graph.clustering, graph.path_length)
        assert same((c[i, s], length[i, s]), expected)


@pytest.mark.parametrize("n", [2, 3, 7, 16, 33, 64, 65, 90])
def test_full_degree_gives_the_complete_graph(n):
    for k in (n, n - 0.5, n - 1):
        if k >= 2:
            adjacency = kernels.ws_flex_adjacency(n, k, 0.7, 5)
            assert adjacency is not None
            assert adjacency.sum() == n * (n - 1)


@pytest.mark.parametrize("n", [5, 16, 40, 64, 70])
def test_full_nodes_give_up_as_the_oracle_does(n):
    # Nearly complete: nodes that are full draw twice and keep their edge, and the stream goes on from there.
    for seed in range(3):
        k = n - 1 - 4 / n
        graph = ws_flex(n, k, 0.5, seed)
        assert (kernels.ws_flex_adjacency(n, k, 0.5, seed) == graph.adjacency).all()
        edges = round(k * n / 2)
        c, length = kernels.Grid(n, [0.5], [seed], edges)(edges)
        assert (c[0, 0], length[0, 0]) == (graph.clustering, graph.path_length)


def test_large_graphs_equal_the_oracle_in_the_grid():
    c, length = kernels.Grid(70, [0.3], [4], 420)(420)
    graph = ws_flex(70, 12, 0.3, 4)
    assert (c[0, 0], length[0, 0]) == (graph.clustering, graph.path_length)


def test_graphs_that_outrun_the_shared_stream_are_the_same(monkeypatch):
    p, seeds, edges = np.linspace(0, 1, 12), range(5), 700
    plenty = kernels.Grid(64, p, seeds, 2016)(edges)
    monkeypatch.setattr(random_words, "BUDGET", 1)  # one block of 624 words a seed, too few for 700 edges
    scarce = kernels.Grid(64, p, seeds, 2016)
    assert scarce._streams.words.shape == (5, 624)
    assert same(scarce(edges), plenty)


def test_graphs_that_never_connect_are_missing(monkeypatch):
    # Every node keeps an edge of its own, so a hundred tries hardly ever fail: allow one.
    for module in ("graph2nn.graphs.ws_flex", "graph2nn.graphs.kernels.grid"):
        monkeypatch.setattr(importlib.import_module(module), "TRIES", 1)
    for n in (40, 70):
        c, length = kernels.Grid(n, [1.0], range(8), n)(n)
        graphs = [oracle_flex(n, 2, 1.0, seed) for seed in range(8)]
        assert None in graphs
        assert same(c[0], [math.nan if graph is None else graph.clustering for graph in graphs])
        assert same(length[0], [math.nan if graph is None else graph.path_length for graph in graphs])
        for seed, graph in enumerate(graphs):
            assert (kernels.ws_flex_adjacency(n, 2, 1.0, seed, tries=1) is None) == (graph is None)


def test_threads_change_nothing():
    grid = kernels.Grid(64, np.linspace(0, 1, 15), range(4), 1000)
    edges = list(range(260, 1000, 37))
    with ThreadPoolExecutor(4) as pool:
        shuffled = dict(zip(edges[::-1], pool.map(grid, edges[::-1]), strict=True))
    assert all(same(grid(m), shuffled[m]) for m in edges)


def test_kernels_compile_where_nothing_can_be_cached():
    namespace = {}
    exec("def double(x): return 2 * x", namespace)  # from no file, so numba has no place for a cache
    assert jit.compiled(namespace["double"])(21) == 42


def test_published_graphs(golden_graphs):
    for row in golden_graphs["ws_flex"]:
        adjacency = kernels.ws_flex_adjacency(row["n"], row["n"] * row["sparsity"], row["p"], row["seed"])
        assert kernels.clustering_and_path_length(adjacency) == (row["C"], row["L"])

"""Graphs above DENSE_LIMIT nodes: stored sparsely, measured like small ones, and never laid out densely."""

from __future__ import annotations

import math
import pickle

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import graph2nn.graphs.graph as graph_module
from graph2nn import RelationalGraph, UserError, mask, read_graph, write_graph
from graph2nn.errors import Graph2nnWarning
from graph2nn.graphs import draw, measures, paths, spectrum
from graph2nn.graphs.communities import communities
from graph2nn.graphs.components import component_sizes
from graph2nn.graphs.graph import DENSE_LIMIT
from graph2nn.graphs.measures import degrees, distance, structure
from graph2nn.graphs.measures.registry import measure_all

N = DENSE_LIMIT + 500


def made(directed: bool, n: int = N, arcs: int = 9000, seed: int = 0, **values) -> RelationalGraph:
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.integers(0, n, (arcs, 2)), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    if not directed:
        pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    return RelationalGraph.from_edge_index(pairs.T, n, directed=directed, self_loops="all", **values)


@pytest.fixture(scope="module", params=[True, False], ids=["directed", "undirected"])
def graph(request):
    return made(request.param)


def test_storage_is_sparse_above_the_limit_and_dense_up_to_it(graph):
    assert sparse.issparse(graph.adjacency)
    assert graph.adjacency.dtype == bool
    assert graph.csr is graph.adjacency
    assert graph.adjacency.has_sorted_indices
    assert not graph.adjacency.data.flags.writeable
    at_the_limit = RelationalGraph(sparse.diags_array(np.ones(DENSE_LIMIT - 1), offsets=1, format="csr"))
    assert isinstance(at_the_limit.adjacency, np.ndarray)
    assert sparse.issparse(RelationalGraph(np.eye(DENSE_LIMIT + 1, k=1, dtype=bool)).adjacency)
    assert RelationalGraph.from_adjacency(graph.csr, directed=graph.directed) == graph
    assert (
        RelationalGraph.from_edge_index(graph.edge_index, graph.n, directed=graph.directed, self_loops="all")
        == graph
    )


def test_measures_equal_networkx(graph):
    network = graph.to_networkx()
    steps = [d for _, row in nx.all_pairs_shortest_path_length(network) for d in row.values() if d]
    assert graph.edges == network.number_of_edges()
    assert graph.paths.mean == sum(steps) / len(steps)
    assert graph.reachable == len(steps) / (graph.n * (graph.n - 1))
    assert graph.paths.longest == max(steps)
    local = nx.clustering(network)
    assert measures.local_clustering(graph.adjacency, directed=graph.directed).tolist() == list(local.values())
    assert degrees.reciprocity(graph) == (nx.overall_reciprocity(network) if graph.directed else 1)
    assert degrees.density(graph) == pytest.approx(nx.density(network))
    assert degrees.assortativity(graph) == pytest.approx(nx.degree_assortativity_coefficient(network))
    plain = network.to_undirected()
    assert degrees.core_number(graph) == max(nx.core_number(plain).values())
    assert structure.transitivity(graph) == pytest.approx(nx.transitivity(plain))
    assert component_sizes(graph.csr) == sorted(map(len, nx.connected_components(plain)), reverse=True)
    strong = nx.strongly_connected_components(network) if graph.directed else nx.connected_components(network)
    assert component_sizes(graph.csr, "strong") == sorted(map(len, strong), reverse=True)
    assert graph.connected == nx.is_connected(plain)
    found = communities(graph)
    parts = [set(np.flatnonzero(found.labels == k).tolist()) for k in range(len(found.sizes))]
    assert found.modularity == pytest.approx(nx.community.modularity(network, parts))
    assert found.modularity > 0.3


def test_closeness_equals_networkx():
    graph = made(True, n=400, arcs=900)
    expected = list(nx.closeness_centrality(graph.to_networkx().reverse()).values())
    assert distance.closeness(graph).tolist() == pytest.approx(expected)


def test_a_sample_of_nodes_estimates_the_path_length_within_its_error(graph, monkeypatch):
    monkeypatch.setattr(paths, "EXACT_WORK", 2 * 10**6)
    inside = []
    monkeypatch.setattr(paths, "SAMPLE", 200)
    for seed in range(40):
        estimate = paths.measure_paths(graph.adjacency, seed=seed)
        assert (estimate.sampled, estimate.n) == (200, graph.n)
        inside.append(abs(estimate.mean - graph.paths.mean) < 1.96 * estimate.standard_error)
    assert sum(inside) >= 33, "a 95 % interval that holds in fewer than 33 of 40 samples is not one"
    copy = graph.renamed("copy")
    with pytest.warns(Graph2nnWarning, match=r"estimated from the paths to 200 of 4,596 nodes drawn at random"):
        assert math.isfinite(copy.path_length)


def test_the_sample_shrinks_until_it_takes_half_a_minute(graph, monkeypatch):
    exact = paths.measure_paths(graph.adjacency)
    assert exact.sampled is None
    monkeypatch.setattr(paths, "EXACT_WORK", 0)
    few = paths.measure_paths(graph.adjacency)
    assert few.sampled == 32, "at least some, whatever they take"
    assert abs(few.mean - exact.mean) < 4 * few.standard_error
    monkeypatch.setattr(paths, "EXACT_WORK", 10**9)
    assert paths.measure_paths(graph.adjacency) == exact


def test_long_chains_take_few_steps_per_level():
    chain = RelationalGraph.from_edge_index([np.arange(N - 1), np.arange(1, N)], N, self_loops="all")
    total = sum(d * (N - d) for d in range(1, N))
    assert chain.paths.mean == total / (N * (N - 1) / 2)
    assert chain.paths.longest == N - 1


def test_everything_carried_survives_pickling_selection_and_saving(tmp_path):
    plain = made(True)
    rng = np.random.default_rng(1)
    graph = made(
        True,
        weights=rng.integers(1, 99, plain.edges),
        signs=rng.integers(-1, 2, plain.edges),
        nodes=pd.DataFrame({"kind": rng.choice(["a", "b"], N)}, index=np.arange(N) + 2**60),
        node_names=[f"cell {i}" for i in range(N)],
    )
    for copy in (pickle.loads(pickle.dumps(graph)), graph.permuted(np.arange(N))):
        assert copy == graph
        assert copy.node_names == graph.node_names
    path = write_graph(graph, tmp_path / "whole.graph")
    loaded = read_graph(path)
    assert loaded == graph
    assert loaded.node_names == graph.node_names
    pd.testing.assert_frame_equal(loaded.nodes, graph.nodes)
    assert path.stat().st_size < 500_000
    with pytest.raises(UserError, match=r"a .graph file holds a whole graph"):
        read_graph(path, threshold=1)
    part = graph.select("kind == 'a'")
    keep = np.flatnonzero(graph.nodes["kind"] == "a")
    matrix = sparse.csr_array((graph.weights * graph.signs, graph.edge_index[::-1]), shape=(N, N)).toarray()
    inside = sparse.csr_array((part.weights * part.signs, part.edge_index[::-1]), shape=(part.n, part.n))
    assert (inside.toarray() == matrix[np.ix_(keep, keep)]).all()
    assert part.largest_component().connected
    assert graph.symmetrised().directed is False


def test_a_thousand_nodes_and_more_are_measured_the_fast_way():
    graph = made(True, n=1200, arcs=9000)
    matrix = graph.adjacency | graph.adjacency.T
    eigenvalues = np.linalg.eigvalsh(matrix.astype(float))
    assert spectrum.spectral_gap(graph) == pytest.approx(eigenvalues[-1] - eigenvalues[-2], rel=1e-9)
    assert structure.modularity(graph) == communities(graph).modularity
    network = graph.to_networkx()
    parts = nx.community.louvain_communities(network, weight=None, seed=0)
    assert structure.modularity(graph) > nx.community.modularity(network, parts, weight=None) - 0.02


def test_what_needs_all_pairs_is_refused_before_it_allocates():
    n = 166_700
    ring = RelationalGraph.from_edge_index(
        [np.arange(n), np.roll(np.arange(n), -1)], n, self_loops="all", name="fly"
    )
    for attempt in (
        lambda: ring.dense_adjacency("a test"),
        lambda: mask(ring, n, n),
        lambda: distance.local_efficiency(ring),
        lambda: distance.betweenness(ring),
        lambda: spectrum.algebraic_connectivity(ring),
        lambda: measure_all(ring, ["small_world_sigma"]),
    ):
        with pytest.raises(
            UserError, match=r"'fly': .* needs a dense matrix of 166,700 × 166,700 .* GB"
        ) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert draw.graph(ring, "matrix") is not None, "drawn as densities"


def test_measures_of_a_large_graph_are_nan_where_they_need_all_pairs(monkeypatch):
    graph = made(False, n=12_000, arcs=30_000)
    with pytest.warns(Graph2nnWarning, match="local_efficiency, algebraic_connectivity, .* need all pairs"):
        values = measure_all(graph, slow=False)
    assert math.isnan(values["local_efficiency"])
    assert values["clustering"] == graph.clustering
    assert values["path_length"] == graph.paths.mean
    assert values["spectral_gap"] > 0


def test_the_limit_is_stated():
    assert graph_module.DENSE_LIMIT == 4096

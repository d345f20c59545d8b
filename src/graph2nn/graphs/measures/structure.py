"""Measures of global structure: triangles, communities, spectrum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.graphs import measures
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.storage import DENSE_LIMIT, either_way, without_loops


def transitivity(graph: RelationalGraph) -> float:
    """Three times the triangles over the connected triples; 0 without triples, as ``nx.transitivity``.

    Directed: of the symmetrised graph.
    """
    closed, triples = measures.triangle_counts(either_way(without_loops(graph.adjacency)))
    return float(closed.sum()) / float(triples.sum()) if triples.any() else 0.0


def modularity(graph: RelationalGraph, seed: int = 0) -> float:
    """Modularity of the communities that Louvain finds (Blondel et al. 2008); NaN without edges.

    Directed: the directed form of Leicht and Newman 2008. Above :data:`DENSE_LIMIT` nodes by
    :func:`graph2nn.graphs.communities.communities`.
    """
    import networkx as nx

    if graph.edges == 0:
        return math.nan
    if graph.n > DENSE_LIMIT:
        from graph2nn.graphs.communities import communities

        return float(communities(graph, seed).modularity)
    network = graph.to_networkx()
    parts = nx.community.louvain_communities(network, weight=None, seed=seed)
    return float(nx.community.modularity(network, parts, weight=None))


def spectral_gap(graph: RelationalGraph) -> float:
    """Largest minus second-largest eigenvalue of the adjacency matrix. Directed: symmetrised."""
    values = _eigenvalues(either_way(without_loops(graph.adjacency)).astype(np.float64))
    return float(values[-1] - values[-2])


def _eigenvalues(matrix: Any) -> npt.NDArray[np.float64]:
    """Eigenvalues in ascending order: all of a dense matrix, the two largest of a sparse one."""
    if isinstance(matrix, np.ndarray):
        return np.linalg.eigvalsh(matrix)
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(0).standard_normal(matrix.shape[0])  # else another one each time
    return np.sort(eigsh(matrix, k=2, which="LA", v0=start, return_eigenvectors=False))


def algebraic_connectivity(graph: RelationalGraph) -> float:
    """Second-smallest eigenvalue of the Laplacian D − A (Fiedler 1973); 0 exactly where not connected.

    Directed: symmetrised.
    """
    if not graph.connected:
        return 0.0
    dense = graph.dense_adjacency("algebraic connectivity", bytes_per_pair=16)
    a = either_way(without_loops(dense)).astype(np.float64)
    return float(np.linalg.eigvalsh(np.diag(a.sum(axis=1)) - a)[1])

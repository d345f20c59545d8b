"""Measures of global structure: triangles, communities, spectrum."""

from __future__ import annotations

import math

import numpy as np

from graph2nn.graphs.graph import RelationalGraph


def transitivity(graph: RelationalGraph) -> float:
    """Three times the triangles over the connected triples; 0 without triples, as ``nx.transitivity``.

    Directed: of the symmetrised graph.
    """
    a = graph.symmetrised().adjacency.astype(np.float64)
    degree = a.sum(axis=1)
    triples = float((degree * (degree - 1)).sum())
    return float(((a @ a) * a).sum()) / triples if triples else 0.0


def modularity(graph: RelationalGraph, seed: int = 0) -> float:
    """Modularity of the communities that Louvain finds (Blondel et al. 2008); NaN without edges.

    Directed: the directed form of Leicht and Newman 2008.
    """
    import networkx as nx

    if graph.edges == 0:
        return math.nan
    network = graph.to_networkx()
    parts = nx.community.louvain_communities(network, seed=seed)
    return float(nx.community.modularity(network, parts))


def spectral_gap(graph: RelationalGraph) -> float:
    """Largest minus second-largest eigenvalue of the adjacency matrix. Directed: symmetrised."""
    values = np.linalg.eigvalsh(graph.symmetrised().adjacency.astype(np.float64))
    return float(values[-1] - values[-2])


def algebraic_connectivity(graph: RelationalGraph) -> float:
    """Second-smallest eigenvalue of the Laplacian D − A (Fiedler 1973); 0 exactly where not connected.

    Directed: symmetrised.
    """
    if not graph.connected:
        return 0.0
    a = graph.symmetrised().adjacency.astype(np.float64)
    return float(np.linalg.eigvalsh(np.diag(a.sum(axis=1)) - a)[1])

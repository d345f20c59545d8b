"""Measures of global structure: triangles and communities."""

from __future__ import annotations

import math

from graph2nn.graphs import measures
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.storage import either_way, without_loops

#: Larger graphs take networkx's Louvain method seconds: 17 s for the larva's 2,952 neurons.
MOST_NODES_OF_NETWORKX = 1000


def transitivity(graph: RelationalGraph) -> float:
    """Three times the triangles over the connected triples; 0 without triples, as ``nx.transitivity``.

    Directed: of the symmetrised graph.
    """
    closed, triples = measures.triangle_counts(either_way(without_loops(graph.adjacency)))
    return float(closed.sum()) / float(triples.sum()) if triples.any() else 0.0


def modularity(graph: RelationalGraph, seed: int = 0) -> float:
    """Modularity of the communities that Louvain finds (Blondel et al. 2008); NaN without edges.

    Directed: the directed form of Leicht and Newman 2008. Above 1,000 nodes by
    :func:`graph2nn.graphs.communities.communities`, which takes a hundredth of networkx's time.
    """
    import networkx as nx

    if graph.edges == 0:
        return math.nan
    if graph.n > MOST_NODES_OF_NETWORKX:
        from graph2nn.graphs.communities import communities

        return float(communities(graph, seed).modularity)
    network = graph.to_networkx()
    parts = nx.community.louvain_communities(network, weight=None, seed=seed)
    return float(nx.community.modularity(network, parts, weight=None))

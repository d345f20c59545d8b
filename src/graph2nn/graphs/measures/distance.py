"""Measures of distance and centrality: efficiency, diameter, closeness, betweenness."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import BoolMatrix
from graph2nn.errors import UserError
from graph2nn.graphs import measures
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.paths import distances_from
from graph2nn.graphs.storage import without_loops

#: Distances between all pairs as whole numbers of 8 bytes, and a frontier in two forms.
_BYTES_PER_PAIR = 16


def path_length(graph: RelationalGraph) -> float:
    """L over the ordered pairs that have a path (``graph.reachable`` is their share); NaN without an edge."""
    return graph.paths.mean


def diameter(graph: RelationalGraph) -> float:
    """Longest of the shortest paths; NaN if the graph is not connected.

    Directed: the longest that exists, pairs without a path left out, as L does.
    """
    _refuse_sampled(graph, "the diameter")
    return float(graph.paths.longest) if graph.connected else math.nan


def global_efficiency(graph: RelationalGraph) -> float:
    """Mean of 1/distance over ordered pairs, 0 where there is no path (Latora and Marchiori 2001).

    Estimated from a sample of nodes where ``graph.paths.sampled`` says so.
    """
    return graph.paths.efficiency


def local_efficiency(graph: RelationalGraph) -> float:
    """Mean over nodes of the global efficiency among a node's neighbours alone (Latora and Marchiori 2001).

    0 for a node with fewer than two neighbours. Directed: neighbours are those read or reading, and paths
    among them follow the edges.
    """
    adjacency = without_loops(graph.dense_adjacency("local efficiency", bytes_per_pair=_BYTES_PER_PAIR))
    around = adjacency | adjacency.T
    total = 0.0
    for node in range(graph.n):
        near = np.flatnonzero(around[node])
        if len(near) > 1:
            total += _efficiency(adjacency[np.ix_(near, near)])
    return total / graph.n


def closeness(graph: RelationalGraph) -> npt.NDArray[np.float64]:
    """Closeness of each node, ``[n]``: nodes it reaches over the steps to them, times the share it reaches.

    Wasserman and Faust 1994, as ``nx.closeness_centrality`` of the reversed graph: in a directed graph, how
    near the nodes are that a node reads, not those that read it.
    """
    _refuse_sampled(graph, "closeness")
    total, reached = distances_from(graph.adjacency)
    mean = np.divide(reached, total, out=np.zeros(graph.n), where=total > 0)
    return np.asarray(mean * reached / (graph.n - 1), dtype=np.float64)


def betweenness(graph: RelationalGraph) -> npt.NDArray[np.float64]:
    """Share of shortest paths between other nodes that go through each node, ``[n]`` (Freeman 1977).

    Directed: along the edges.
    """
    import networkx as nx

    graph.dense_adjacency(
        "betweenness", bytes_per_pair=_BYTES_PER_PAIR
    )  # n searches in Python: days, not memory
    return np.array(list(nx.betweenness_centrality(graph.to_networkx()).values()), dtype=np.float64)


def _refuse_sampled(graph: RelationalGraph, what: str) -> None:
    if graph.paths.sampled is not None:
        raise UserError(
            f"graph {graph.name!r}: {what} needs the paths between all {graph.n:,} nodes, and only those to "
            f"{graph.paths.sampled:,} were measured; take a subgraph with .select(…)."
        )


def _efficiency(adjacency: BoolMatrix) -> float:
    steps = measures.distances(adjacency)
    n = len(adjacency)
    return float((1.0 / steps[steps > 0]).sum() / (n * (n - 1)))

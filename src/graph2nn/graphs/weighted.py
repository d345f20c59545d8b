"""Measures of the weights of a graph: clustering after Onnela, path lengths where strong edges are short."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph

#: Most entries of the distances that are held at once: 128 MB.
_AT_ONCE = 2**24
#: Nodes times edges up to which all weighted paths are measured: about thirty seconds on one core.
_EXACT_WORK = 15 * 10**8


def weighted_clustering(graph: RelationalGraph) -> float:
    """Mean weighted clustering coefficient: cube roots of the products of a triangle's weights.

    Weights are divided by the largest. Onnela et al. 2005 (doi 10.1103/PhysRevE.71.065103), with the
    directed triangles of Fagiolo 2007; the values are those of
    ``networkx.average_clustering(G, weight="weight")``. Magnitudes count, not signs.

    Args:
        graph: any graph.

    Returns:
        The mean over all nodes, 0 for a node with fewer than two neighbours; NaN without weights.
    """
    if graph.weights is None or not len(graph.weights):
        return math.nan
    roots = _matrix(graph, np.cbrt(graph.weights / graph.weights.max()))
    binary = _matrix(graph, np.ones(len(graph.weights)))
    if graph.directed:
        both = roots + roots.T
        triangles = _diagonal_of_cube(both) / 2
        total = np.asarray((binary + binary.T).sum(axis=1)).reshape(-1)
        mutual = np.asarray(binary.multiply(binary.T).sum(axis=1)).reshape(-1)
        pairs = total * (total - 1) - 2 * mutual
    else:
        triangles = _diagonal_of_cube(roots)
        degree = np.asarray(binary.sum(axis=1)).reshape(-1)
        pairs = degree * (degree - 1)
    local = np.divide(triangles, pairs, out=np.zeros(graph.n), where=(triangles > 0) & (pairs > 0))
    return float(local.mean())


def weighted_path_length(graph: RelationalGraph) -> float:
    """Mean length of the shortest weighted paths, an edge of weight w being 1/w long.

    Newman 2001 (doi 10.1103/PhysRevE.64.016132): a strong connection is a short one. Paths follow the edges
    from the reader to the node read; pairs without a path are left out, as for L.

    Args:
        graph: any graph.

    Returns:
        The mean over ordered pairs with a path; NaN without weights or without any path.

    Raises:
        UserError: a graph so large that all its paths would take more than half a minute.
    """
    from scipy.sparse.csgraph import dijkstra

    if graph.weights is None or not len(graph.weights):
        return math.nan
    if graph.n * len(graph.weights) > _EXACT_WORK:
        raise UserError(
            f"graph {graph.name!r}: the weighted paths between all {graph.n:,} nodes would take more than half "
            "a minute. Take a subgraph with .select(…) or .largest_component()."
        )
    lengths = _matrix(graph, 1 / graph.weights)
    total, pairs = 0.0, 0
    step = max(_AT_ONCE // graph.n, 1)
    for start in range(0, graph.n, step):
        rows = np.arange(start, min(start + step, graph.n))
        distances = dijkstra(lengths, directed=True, indices=rows)
        distances[np.arange(len(rows)), rows] = np.inf  # a node's distance to itself plays no part
        there = np.isfinite(distances)
        total += float(distances[there].sum())
        pairs += int(there.sum())
    return total / pairs if pairs else math.nan


def _matrix(graph: RelationalGraph, values: npt.NDArray[np.float64]) -> Any:
    """Return values of the arcs as a scipy matrix, without self-connections."""
    from scipy import sparse

    read, readers = graph.edge_index
    keep = read != readers
    return sparse.csr_matrix((values[keep], (readers[keep], read[keep])), shape=(graph.n, graph.n))


def _diagonal_of_cube(matrix: Any) -> npt.NDArray[np.float64]:
    return np.asarray((matrix @ matrix).multiply(matrix.T).sum(axis=1), dtype=np.float64).reshape(-1)

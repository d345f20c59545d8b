"""C and L exactly as published, in plain NumPy: the oracle that every faster path must equal.

Graphs of more than a few hundred nodes go through compiled kernels on sparse rows, which give the same digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import BoolMatrix
from graph2nn.graphs.measures import sampled
from graph2nn.graphs.measures.sampled import sampled_clustering, triangle_work
from graph2nn.graphs.storage import Adjacency, either_way, rows_of, to_csr, without_loops

#: Up to this many nodes, matrix products are faster than a sparse kernel.
_SMALL = 256


def local_clustering(adjacency: Adjacency, *, directed: bool = False) -> npt.NDArray[np.float64]:
    """Clustering coefficient of each node, ``[n]``; 0 where a node has fewer than two neighbours.

    Undirected: triangles through the node over pairs of neighbours (Watts and Strogatz 1998). Directed:
    directed triangles over possible ones (Fagiolo 2007), as networkx computes it. Self-connections play no
    part.

    Example:
        >>> local_clustering(np.ones((4, 4), dtype=bool) ^ np.eye(4, dtype=bool)).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    triangles, pairs = triangle_counts(adjacency, directed=directed)
    local = np.zeros(len(triangles))
    np.divide(triangles, pairs, out=local, where=(triangles > 0) & (pairs > 0))
    return local


def triangle_counts(
    adjacency: Adjacency, *, directed: bool = False
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Closed triples around each node, and how many there could be, ``[n]``; see :func:`local_clustering`.

    Example:
        >>> closed, possible = triangle_counts(np.ones((4, 4), dtype=bool) ^ np.eye(4, dtype=bool))
        >>> closed.tolist(), possible.tolist()
        ([6.0, 6.0, 6.0, 6.0], [6.0, 6.0, 6.0, 6.0])
    """
    a = without_loops(adjacency)
    return (_dense_triangles if a.shape[0] <= _SMALL else _sparse_triangles)(a, directed)


def _dense_triangles(adjacency: BoolMatrix, directed: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Triangles through each node, and how many there could be."""
    # Counts stay below 2**53, so float64 products are exact and BLAS may do them.
    a = adjacency.astype(np.float64)
    if directed:
        both = a + a.T
        triangles = ((both @ both) * both.T).sum(axis=1) / 2  # diagonal of both³, halved
        total = both.sum(axis=1)
        return triangles, total * (total - 1) - 2 * (a * a.T).sum(axis=1)
    degree = a.sum(axis=1)
    return ((a @ a) * a).sum(axis=1), degree * (degree - 1)


def _sparse_triangles(adjacency: Adjacency, directed: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The same counts by a compiled kernel, edges taken from the lower to the higher degree."""
    from graph2nn.graphs.kernels import sparse

    csr = to_csr(adjacency)
    n = csr.shape[0]
    # Strength 2 marks an edge that goes both ways; in an undirected graph every edge is one connection.
    both = (csr.astype(np.int8) + csr.T.astype(np.int8)).tocsr() if directed else csr.astype(np.int8)
    rank = np.empty(n, dtype=np.int64)
    rank[np.argsort(np.diff(both.indptr), kind="stable")] = np.arange(n)
    rows, columns = rank[rows_of(both)], rank[both.indices]
    up = rows < columns
    upward = _ordered(rows[up], columns[up], both.data[up], n)
    counts = np.zeros(n, dtype=np.int64)
    sparse.triangles(upward.indptr, upward.indices, upward.data, counts)
    counts = counts[rank]
    if not directed:
        degree = np.diff(csr.indptr).astype(np.int64)
        return 2 * counts, degree * (degree - 1)
    total = np.asarray(both.sum(axis=1, dtype=np.int64)).ravel()
    mutual = np.asarray((both == 2).sum(axis=1, dtype=np.int64)).ravel()
    return counts, total * (total - 1) - 2 * mutual


def _ordered(rows: npt.NDArray[Any], columns: npt.NDArray[Any], values: npt.NDArray[Any], n: int) -> Any:
    from scipy import sparse

    csr = sparse.coo_array((values, (rows, columns)), shape=(n, n)).tocsr()
    csr.sort_indices()
    return csr


def clustering(adjacency: Adjacency, *, directed: bool = False) -> float:
    """Clustering coefficient C: the mean of :func:`local_clustering` (paper, section 2.3).

    The published digits come from a plain left-to-right sum over the ascending values; ``np.mean`` and
    the compensated ``sum`` of Python 3.12 differ from it in the last bits. Where counting would take more than
    half a minute, C is estimated from random nodes, with a warning.

    Example:
        >>> clustering(np.ones((4, 4), dtype=bool) ^ np.eye(4, dtype=bool))
        1.0
    """
    if adjacency.shape[0] > _SMALL:
        csr = to_csr(without_loops(adjacency))
        if triangle_work(csr) > sampled.EXACT_WORK:
            return sampled_clustering(csr, directed=directed)
    local = local_clustering(adjacency, directed=directed)
    total: float = 0.0
    for value in np.sort(local).tolist():
        total += value
    return total / len(local)


def distances(adjacency: BoolMatrix) -> npt.NDArray[np.int64]:
    """Steps along edges from each node to each other, ``[n, n]``; −1 where there is no path.

    Example:
        >>> distances(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)).tolist()
        [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    """
    n = len(adjacency)
    steps = np.full((n, n), -1, dtype=np.int64)
    np.fill_diagonal(steps, 0)
    edges = adjacency.astype(np.float32)
    frontier: BoolMatrix = np.eye(n, dtype=np.bool_)
    distance = 0
    while frontier.any():
        distance += 1
        frontier = (frontier.astype(np.float32) @ edges > 0) & (steps < 0)
        steps[frontier] = distance
    return steps


def is_connected(adjacency: BoolMatrix) -> bool:
    """Whether every node reaches every other along the edges as they are directed.

    Example:
        >>> is_connected(np.array([[0, 1], [0, 0]], dtype=bool))
        False
    """
    return bool((distances(adjacency) >= 0).all())


def is_joined(adjacency: Adjacency) -> bool:
    """Whether a path joins every pair of nodes, whatever the direction of its edges.

    Example:
        >>> is_joined(np.array([[0, 1], [0, 0]], dtype=bool))
        True
    """
    if adjacency.shape[0] <= _SMALL:
        return is_connected(either_way(adjacency))
    from scipy.sparse import csgraph

    count, _ = csgraph.connected_components(to_csr(adjacency), directed=True, connection="weak")
    return int(count) == 1

"""C and L exactly as published, in plain NumPy: the oracle that every faster path must equal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError

BoolMatrix = npt.NDArray[np.bool_]


def local_clustering(adjacency: BoolMatrix, *, directed: bool = False) -> npt.NDArray[np.float64]:
    """Clustering coefficient of each node, ``[n]``; 0 where a node has fewer than two neighbours.

    Undirected: triangles through the node over pairs of neighbours (Watts and Strogatz 1998). Directed:
    directed triangles over possible ones (Fagiolo 2007), as networkx computes it.
    """
    # Counts stay below 2**53, so float64 products are exact and BLAS may do them.
    a = adjacency.astype(np.float64)
    if directed:
        both = a + a.T
        triangles = ((both @ both) * both.T).sum(axis=1) / 2  # diagonal of both³, halved
        total = both.sum(axis=1)
        pairs = total * (total - 1) - 2 * (a * a.T).sum(axis=1)
    else:
        triangles = ((a @ a) * a).sum(axis=1)
        degree = a.sum(axis=1)
        pairs = degree * (degree - 1)
    local = np.zeros(len(a))
    np.divide(triangles, pairs, out=local, where=(triangles > 0) & (pairs > 0))
    return local


def clustering(adjacency: BoolMatrix, *, directed: bool = False) -> float:
    """Clustering coefficient C: the mean of :func:`local_clustering` (paper, section 2.3).

    The published digits come from a plain left-to-right sum over the ascending values; ``np.mean`` and
    the compensated ``sum`` of Python 3.12 differ from it in the last bits.
    """
    total = 0.0
    for value in np.sort(local_clustering(adjacency, directed=directed)).tolist():
        total += value
    return total / len(adjacency)


def distances(adjacency: BoolMatrix) -> npt.NDArray[np.int64]:
    """Steps along edges from each node to each other, ``[n, n]``; −1 where there is no path."""
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
    """Whether every node reaches every other along the edges as they are directed."""
    return bool((distances(adjacency) >= 0).all())


def path_length(adjacency: BoolMatrix, *, name: str = "graph") -> float:
    """Average path length L: distances summed over ordered pairs / (n(n−1)) (paper, section 2.3).

    A directed pair without a path adds nothing to the sum, as in the published figures of the connectomes.

    Raises:
        UserError: the graph falls into parts even with every edge taken both ways.
    """
    n = len(adjacency)
    steps = distances(adjacency)
    if (steps < 0).any() and not is_connected(adjacency | adjacency.T):
        raise UserError(
            f"graph {name!r} is not connected, so it has no average path length. "
            "Take its largest component, or add edges."
        )
    return int(steps[steps > 0].sum()) / (n * (n - 1))

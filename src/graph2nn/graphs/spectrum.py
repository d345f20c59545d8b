"""Measures from the spectrum of the Laplacian: how well a graph mixes, and how well it conducts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.storage import either_way, to_csr, without_loops


def normalised_laplacian_gap(graph: RelationalGraph) -> float:
    """Second-smallest eigenvalue of the normalised Laplacian I − D^(−1/2) A D^(−1/2) (Chung 1997).

    Between 0 (not connected) and n/(n−1) (complete): how fast a random walk mixes. Directed: symmetrised.
    """
    if not graph.connected:
        return 0.0
    both = to_csr(either_way(without_loops(graph.adjacency))).astype(np.float64)
    scale = 1 / np.sqrt(np.asarray(both.sum(axis=1)).ravel())
    normalised = both.multiply(scale[:, None]).multiply(scale[None, :]).tocsr()
    return max(0.0, 1.0 - float(_two_largest(normalised)[0]))


def effective_resistance(graph: RelationalGraph) -> float:
    """Mean effective resistance over the pairs of nodes, every edge a resistor of 1 (Klein and Randić 1993).

    Low where many short paths run in parallel; NaN where the graph is not connected. Directed: symmetrised.

    Raises:
        UserError: more nodes than a dense matrix is made for.
    """
    if not graph.connected:
        return math.nan
    both = graph.dense_adjacency("the effective resistance", bytes_per_pair=24.0)
    a = (both | both.T).astype(np.float64)
    np.fill_diagonal(a, 0.0)
    values = np.linalg.eigvalsh(np.diag(a.sum(axis=1)) - a)[1:]
    return 2 * float((1 / values).sum()) / (graph.n - 1)


def _two_largest(matrix: Any) -> npt.NDArray[np.float64]:
    """Two largest eigenvalues of a sparse symmetric matrix, ascending."""
    n = matrix.shape[0]
    if n <= 1000:
        return np.asarray(np.linalg.eigvalsh(matrix.toarray())[-2:])
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(0).standard_normal(n)  # else another one each time
    return np.sort(eigsh(matrix, k=2, which="LA", v0=start, return_eigenvectors=False))

"""Measures from the spectra of adjacency and Laplacian: how well a graph mixes, and how well it conducts."""

from __future__ import annotations

import math
from functools import lru_cache
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
    values = _laplacian_spectrum(graph)[1:]
    return 2 * float((1 / values).sum()) / (graph.n - 1)


def algebraic_connectivity(graph: RelationalGraph) -> float:
    """Second-smallest eigenvalue of the Laplacian D − A (Fiedler 1973); 0 exactly where not connected.

    Directed: symmetrised.

    Raises:
        UserError: more nodes than a dense matrix is made for.
    """
    return float(_laplacian_spectrum(graph)[1]) if graph.connected else 0.0


# Two measures read the same eigenvalues, one after the other: seconds for thousands of nodes.
@lru_cache(maxsize=1)
def _laplacian_spectrum(graph: RelationalGraph) -> npt.NDArray[np.float64]:
    both = graph.dense_adjacency("the spectrum of the Laplacian", bytes_per_pair=24.0)
    a = either_way(without_loops(both)).astype(np.float64)
    return np.linalg.eigvalsh(np.diag(a.sum(axis=1)) - a)


def spectral_gap(graph: RelationalGraph) -> float:
    """Largest minus second-largest eigenvalue of the adjacency matrix. Directed: symmetrised."""
    second, largest = _two_largest(either_way(without_loops(graph.adjacency)).astype(np.float64))
    return float(largest - second)


def _two_largest(matrix: Any) -> npt.NDArray[np.float64]:
    """Two largest eigenvalues of a symmetric matrix, dense or sparse, ascending."""
    n = matrix.shape[0]
    if n <= 1000:
        dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
        return np.asarray(np.linalg.eigvalsh(dense)[-2:])
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import eigsh

    matrix = csr_array(matrix)
    start = np.random.default_rng(0).standard_normal(n)  # else another one each time
    return np.sort(eigsh(matrix, k=2, which="LA", v0=start, return_eigenvectors=False))

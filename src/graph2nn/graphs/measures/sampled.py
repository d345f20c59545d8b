"""Clustering of graphs too full to count every triangle: estimated from nodes drawn at random."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from graph2nn.errors import Graph2nnWarning
from graph2nn.graphs.storage import CSR, rows_of

#: Pairs of neighbours that are looked at in about thirty seconds on one core.
EXACT_WORK = 15 * 10**9
#: Nodes that are drawn at most and at least, and how many are counted at once.
_MOST, _LEAST, _AT_ONCE = 2048, 32, 16


def triangle_work(csr: CSR) -> int:
    """Return how many pairs of neighbours an exact count looks at: over edges, the smaller of two degrees.

    Args:
        csr: adjacency of a graph without self-connections.
    """
    degree = np.diff(csr.indptr).astype(np.int64)
    return int(np.minimum(degree[rows_of(csr)], degree[csr.indices]).sum()) // 2


def sampled_clustering(csr: CSR, *, directed: bool, seed: int = 0) -> float:
    """Estimate C from random nodes, with a warning that gives its standard error.

    Args:
        csr: adjacency of a graph without self-connections, row reads column.
        directed: Fagiolo's directed triangles instead of undirected ones.
        seed: of the nodes drawn.

    Returns:
        The mean local clustering of the nodes drawn.
    """
    n = csr.shape[0]
    whole: Any = csr.astype(np.float32)
    both = (whole + whole.T).tocsr() if directed else whole.tocsr()
    each = float((np.diff(both.indptr).astype(np.float64) ** 2).sum()) / n
    count = min(n, int(np.clip(EXACT_WORK / max(each, 1.0), _LEAST, _MOST)))
    nodes = np.sort(np.random.default_rng(seed).choice(n, size=count, replace=False))
    local = np.concatenate(
        [_local(whole, both, nodes[i : i + _AT_ONCE], directed) for i in range(0, count, _AT_ONCE)]
    )
    mean = float(local.mean())
    error = float(local.std(ddof=1)) / math.sqrt(count) * math.sqrt(1 - count / n) if count > 1 else math.nan
    warnings.warn(
        f"C = {mean:.6g} ± {error:.2g} (standard error), estimated from {count:,} of {n:,} nodes drawn at "
        "random: counting every triangle would take more than half a minute.",
        Graph2nnWarning,
        stacklevel=3,
    )
    return mean


def _local(whole: Any, both: Any, nodes: Any, directed: bool) -> Any:
    """Local clustering of some nodes, by the definitions of :func:`basic.local_clustering`."""
    rows = both[nodes]
    triangles = np.asarray((rows @ both).multiply(rows).sum(axis=1), dtype=np.float64).ravel()
    total = np.asarray(rows.sum(axis=1), dtype=np.float64).ravel()
    pairs = total * (total - 1)
    if directed:  # an edge both ways and back is not a triangle; each triangle was found from both its ends
        triangles /= 2
        pairs -= 2 * np.asarray((rows == 2).sum(axis=1), dtype=np.float64).ravel()
    local = np.zeros(len(nodes))
    np.divide(triangles, pairs, out=local, where=(triangles > 0) & (pairs > 0))
    return local

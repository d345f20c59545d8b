"""The moves of Louvain's method on compressed sparse rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.kernels.jit import compiled

Ints = npt.NDArray[Any]
Floats = npt.NDArray[Any]

#: A pass that moves fewer nodes than this share ends a level: the rest is left to the next, smaller one.
_ENOUGH = 1e-3


@compiled
def move_nodes(
    indptr: Ints, indices: Ints, weight: Floats, reads: Floats, is_read: Floats, order: Ints, parts: Ints
) -> None:
    """Move each node to the neighbouring community of the greatest gain in modularity, until few move.

    Args:
        indptr, indices, weight: both directions of every edge added up, by rows; the diagonal plays no part.
        reads, is_read: sums of the directed matrix over rows and columns.
        order: of visits.
        parts: community of each node; changed in place.
    """
    n = len(indptr) - 1
    total = reads.sum()
    part_reads, part_is_read = reads.copy(), is_read.copy()
    joining = np.zeros(n)
    near = np.empty(n, np.int64)
    moved = n
    passes = 0
    while moved > _ENOUGH * n and passes < 50:
        moved = 0
        passes += 1
        for i in range(n):
            v = order[i]
            home = parts[v]
            count = 1
            near[0] = home
            for a in range(indptr[v], indptr[v + 1]):
                u = indices[a]
                if u != v:
                    part = parts[u]
                    if joining[part] == 0 and part != home:
                        near[count] = part
                        count += 1
                    joining[part] += weight[a]
            part_reads[home] -= reads[v]
            part_is_read[home] -= is_read[v]
            best, most = home, -np.inf
            for j in range(count):
                part = near[j]
                expected = reads[v] * part_is_read[part] + is_read[v] * part_reads[part]
                gain = joining[part] - expected / total
                if gain > most + 1e-9:
                    best, most = part, gain
                joining[part] = 0
            part_reads[best] += reads[v]
            part_is_read[best] += is_read[v]
            if best != home:
                parts[v] = best
                moved += 1

"""Shortest paths of a whole graph: exact, or estimated from a sample of nodes where exact would take hours."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph2nn.errors import Graph2nnWarning
from graph2nn.graphs.measures.basic import distances
from graph2nn.graphs.storage import Adjacency, arrays_of, to_csr, without_loops

#: Up to this many nodes, matrix products measure distances faster than a compiled search starts.
_SMALL = 256
#: Edges times batches of 512 searches up to which all pairs are measured: some minutes on one core.
EXACT_WORK = 10**9
#: Nodes that are searched for where not all are.
SAMPLE = 2048


@dataclass(frozen=True)
class Paths:
    """Shortest paths over the ordered pairs of different nodes.

    Args:
        mean: average path length L over the pairs that have a path; NaN where none has.
        reachable: share of the pairs that have a path.
        standard_error: of ``mean``; 0 where every pair was measured.
        sampled: number of nodes that paths to were measured, drawn at random; None where all were.
        n: number of nodes.
        longest: longest of the paths measured; 0 where there is none.
        efficiency: mean of 1/distance over all pairs, 0 without a path (Latora and Marchiori 2001).
    """

    mean: float
    reachable: float
    standard_error: float
    sampled: int | None
    n: int
    longest: int
    efficiency: float

    def warn(self, name: str) -> None:
        """Say what the mean leaves out, or how uncertain it is."""
        notes = []
        if math.isnan(self.mean):
            notes.append("no pair of nodes has a path, so there is no average path length")
        elif self.reachable < 1:
            notes.append(
                f"{100 * self.reachable:.4g} % of the ordered pairs of nodes have a path; "
                f"L = {self.mean:.6g} is the mean over these"
            )
        if self.sampled is not None:
            notes.append(
                f"L = {self.mean:.6g} ± {self.standard_error:.2g} (standard error), estimated from the paths "
                f"to {self.sampled:,} of {self.n:,} nodes drawn at random"
            )
        if notes:
            warnings.warn(f"graph {name!r}: {'; '.join(notes)}.", Graph2nnWarning, stacklevel=3)


def measure_paths(adjacency: Adjacency, *, seed: int = 0) -> Paths:
    """Measure the shortest paths of a graph along its edges, row reads column.

    All pairs where that takes minutes at most, else the paths from every node to :data:`SAMPLE` nodes.

    Args:
        adjacency: dense or CSR; the diagonal plays no part.
        seed: of the sample.

    Returns:
        Mean, share of pairs with a path, and the rest.
    """
    n = adjacency.shape[0]
    if n <= _SMALL:
        return _of_matrix(distances(np.asarray(adjacency)))
    csr = without_loops(to_csr(adjacency))
    batches = -(-n // 512)
    if batches * csr.nnz <= EXACT_WORK:
        return _searched(csr, np.arange(n), sampled=False)
    targets = np.random.default_rng(seed).choice(n, size=min(SAMPLE, n), replace=False)
    return _searched(csr, np.sort(targets), sampled=True)


def _of_matrix(steps: npt.NDArray[np.int64]) -> Paths:
    n = len(steps)
    there = steps[steps > 0]
    pairs = n * (n - 1)
    return Paths(
        mean=int(there.sum()) / len(there) if len(there) else math.nan,
        reachable=len(there) / pairs,
        standard_error=0.0,
        sampled=None,
        n=n,
        longest=int(there.max(initial=0)),
        efficiency=float((1.0 / there).sum() / pairs),
    )


def distances_from(adjacency: Adjacency) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the sum of distances from each node to those it reaches, and how many these are, ``[n]`` each."""
    if adjacency.shape[0] <= _SMALL:
        steps = distances(np.asarray(adjacency))
        return np.where(steps > 0, steps, 0).sum(axis=1), (steps > 0).sum(axis=1)
    csr = without_loops(to_csr(adjacency)).T.tocsr()  # distances to a node, along edges turned round
    sums, reached, _, _ = _searches(csr, np.arange(csr.shape[0]))
    return sums, reached


def _searched(csr: Adjacency, targets: npt.NDArray[np.int64], *, sampled: bool) -> Paths:
    n, count = csr.shape[0], len(targets)
    sums, reached, per_distance, longest = _searches(csr, targets)
    pairs = count * (n - 1)
    total, there = int(sums.sum()), int(reached.sum())
    mean = total / there if there else math.nan
    shares = per_distance[:longest] / np.arange(1, longest + 1)
    return Paths(
        mean=mean,
        reachable=there / pairs,
        standard_error=_ratio_error(sums, reached, mean, n) if sampled else 0.0,
        sampled=count if sampled else None,
        n=n,
        longest=longest,
        efficiency=float(shares.sum() / pairs),
    )


def _searches(
    csr: Adjacency, targets: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Search for the paths to some nodes: sums of distances, nodes with a path, pairs by distance, longest."""
    from graph2nn.graphs.kernels import sparse

    turned = csr.T.tocsr()
    _, indices, indptr = arrays_of(csr)
    sums, reached = np.zeros((2, len(targets)), dtype=np.int64)
    per_distance, longest = np.zeros(csr.shape[0], dtype=np.int64), 0
    for start in range(0, len(targets), sparse.BATCH):
        part = slice(start, start + sparse.BATCH)
        steps = sparse.distances_to(
            indptr,
            indices,
            turned.indptr,
            turned.indices,
            targets[part],
            sums[part],
            reached[part],
            per_distance,
        )
        longest = max(longest, steps)
    return sums, reached, per_distance, longest


def _ratio_error(sums: npt.NDArray[np.int64], reached: npt.NDArray[np.int64], mean: float, n: int) -> float:
    """Standard error of Σ sums / Σ reached over a sample drawn without replacement (Cochran 1977, 2.11)."""
    m = len(sums)
    residual = sums - mean * reached
    variance = (1 - m / n) / m * float((residual**2).sum()) / (m - 1) / float(reached.mean()) ** 2
    return math.sqrt(variance)

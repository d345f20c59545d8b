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
#: Searches that the compiled kernel runs at once (:data:`graph2nn.graphs.kernels.sparse.BATCH`).
BATCH = 512
#: Looks at an edge, each for up to 512 searches at once, that take about thirty seconds on one core.
EXACT_WORK = 10**9
#: Nodes that are searched for where not all are, and those that tell how long a search takes.
SAMPLE, _PROBE = 2048, 32


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
                f"to {self.sampled:,} of {self.n:,} nodes drawn at random, as all would take more than half a "
                "minute"
            )
        if notes:
            warnings.warn(f"graph {name!r}: {'; '.join(notes)}.", Graph2nnWarning, stacklevel=3)


def measure_paths(adjacency: Adjacency, *, seed: int = 0) -> Paths:
    """Measure the shortest paths of a graph along its edges, row reads column.

    All pairs where that is expected to take half a minute at most, else the paths from every node to as many
    nodes drawn at random, :data:`SAMPLE` at most. What decides is the work of the first searches, not a clock.

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
    drawn = np.random.default_rng(seed).choice(n, size=min(max(SAMPLE, BATCH), n), replace=False)
    search = _Search(csr)
    if search.sample(drawn[:SAMPLE]):
        return search.paths(sampled=True)
    whole = _Search(csr)
    whole.extend(np.arange(n))
    return whole.paths(sampled=False)


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
    search = _Search(without_loops(to_csr(adjacency)).T.tocsr())  # to a node, along edges turned round
    search.extend(np.arange(adjacency.shape[0]))
    return np.concatenate(search.sums), np.concatenate(search.reached)


class _Search:
    """Breadth-first searches for the paths to nodes, and what they gave so far.

    Args:
        csr: adjacency without self-connections, row reads column.
    """

    def __init__(self, csr: Adjacency) -> None:
        self.csr, self.turned, self.n = csr, csr.T.tocsr(), csr.shape[0]
        self.sums: list[npt.NDArray[np.int64]] = []
        self.reached: list[npt.NDArray[np.int64]] = []
        self.per_distance = np.zeros(self.n, dtype=np.int64)
        self.longest = self.work = 0

    def extend(self, targets: npt.NDArray[np.int64]) -> int:
        """Search for the paths to more nodes; return how many edges were looked at."""
        from graph2nn.graphs.kernels import sparse

        _, indices, indptr = arrays_of(self.csr)
        before = self.work
        for start in range(0, len(targets), sparse.BATCH):
            part = targets[start : start + sparse.BATCH]
            sums, reached = np.zeros((2, len(part)), dtype=np.int64)
            longest, looked = sparse.distances_to(
                indptr,
                indices,
                self.turned.indptr,
                self.turned.indices,
                part,
                sums,
                reached,
                self.per_distance,
            )
            self.sums.append(sums)
            self.reached.append(reached)
            self.longest, self.work = max(self.longest, int(longest)), self.work + int(looked)
        return self.work - before

    def sample(self, drawn: npt.NDArray[np.int64]) -> bool:
        """Search for nodes until :data:`EXACT_WORK` is spent; False if searching for all would not spend it.

        Args:
            drawn: nodes in random order.
        """
        probe = max(1, self.extend(drawn[:_PROBE]))
        if probe * self.n / _PROBE <= EXACT_WORK:
            return False
        if probe * BATCH / _PROBE > EXACT_WORK:  # searches that share little, along chains say
            self.extend(drawn[_PROBE : _PROBE * max(1, EXACT_WORK // probe)])
            return True
        batch = self.extend(drawn[_PROBE:BATCH])
        if batch * math.ceil(self.n / BATCH) <= EXACT_WORK:
            return False
        for start in range(BATCH, len(drawn), BATCH):
            if self.work + batch > EXACT_WORK:
                break
            self.extend(drawn[start : start + BATCH])
        return True

    def paths(self, *, sampled: bool) -> Paths:
        """Sum up what was found."""
        sums, reached = np.concatenate(self.sums), np.concatenate(self.reached)
        pairs = len(sums) * (self.n - 1)
        total, there = int(sums.sum()), int(reached.sum())
        mean = total / there if there else math.nan
        shares = self.per_distance[: self.longest] / np.arange(1, self.longest + 1)
        return Paths(
            mean=mean,
            reachable=there / pairs,
            standard_error=_ratio_error(sums, reached, mean, self.n) if sampled and there else 0.0,
            sampled=len(sums) if sampled else None,
            n=self.n,
            longest=self.longest,
            efficiency=float(shares.sum() / pairs),
        )


def _ratio_error(sums: npt.NDArray[np.int64], reached: npt.NDArray[np.int64], mean: float, n: int) -> float:
    """Standard error of Σ sums / Σ reached over a sample drawn without replacement (Cochran 1977, 2.11)."""
    m = len(sums)
    residual = sums - mean * reached
    variance = (1 - m / n) / m * float((residual**2).sum()) / (m - 1) / float(reached.mean()) ** 2
    return math.sqrt(variance)

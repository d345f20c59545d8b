"""Communities of graphs of any size: Louvain's method on sparse matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.storage import without_loops


@dataclass(frozen=True)
class Communities:
    """A partition of the nodes, and how much better it is than chance.

    Args:
        labels: community of each node, ``[n]``; the largest community is 0.
        modularity: of the partition, edges unweighted (directed: Leicht and Newman 2008).
    """

    labels: npt.NDArray[np.int64]
    modularity: float

    @property
    def sizes(self) -> list[int]:
        """Nodes of each community, largest first."""
        sizes: list[int] = np.bincount(self.labels).tolist()
        return sizes


def communities(graph: RelationalGraph, seed: int = 0) -> Communities:
    """Partition a graph by Louvain's method (Blondel et al. 2008, doi 10.1088/1742-5468/2008/10/P10008).

    Nodes move to the neighbouring community of the greatest gain in modularity until none does; communities
    then become the nodes of a smaller graph. Deterministic for a given seed. Self-connections do not count.

    Args:
        graph: of any size and direction.
        seed: of the order in which nodes are visited.

    Returns:
        The communities; without edges, each node is one, with modularity 0.

    Example:
        >>> two = RelationalGraph.from_edges([(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)], 6)
        >>> found = communities(two)
        >>> found.sizes, round(found.modularity, 4)
        ([3, 3], 0.3571)
    """
    from graph2nn.graphs.kernels import louvain

    wiring = without_loops(graph.csr)
    rng = np.random.default_rng(seed)
    labels: npt.NDArray[np.int64] = np.arange(graph.n, dtype=np.int64)
    if wiring.nnz == 0:
        return Communities(labels, 0.0)
    level: Any = wiring.astype(np.float32)
    reads, is_read = _sums(level)
    while True:
        both = (level + level.T).tocsr()
        parts: npt.NDArray[np.int64] = np.arange(both.shape[0], dtype=np.int64)
        order = rng.permutation(both.shape[0])
        louvain.move_nodes(both.indptr, both.indices, both.data, reads, is_read, order, parts)
        names, number = np.unique(parts, return_inverse=True)
        labels = number[labels]
        if len(names) == both.shape[0]:
            break
        level = _merged(level, number, len(names))
        reads, is_read = _sums(level)
    by_size = np.argsort(-np.bincount(labels), kind="stable")
    rank = np.empty_like(by_size)
    rank[by_size] = np.arange(len(by_size))
    return Communities(rank[labels], modularity_of(wiring, labels))


def modularity_of(wiring: Any, labels: npt.NDArray[Any]) -> float:
    """Modularity of a partition of an unweighted CSR matrix without a diagonal."""
    total = int(wiring.nnz)
    inside = int((np.repeat(labels, np.diff(wiring.indptr)) == labels[wiring.indices]).sum())
    reads = np.bincount(labels, weights=np.diff(wiring.indptr))
    is_read = np.bincount(labels[wiring.indices], minlength=len(reads))
    return inside / total - float(reads @ is_read) / total**2


def _sums(matrix: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sums over rows and columns."""
    return tuple(np.asarray(matrix.sum(axis=axis, dtype=np.float64)).ravel() for axis in (1, 0))  # type: ignore[return-value]


def _merged(matrix: Any, parts: npt.NDArray[Any], count: int) -> Any:
    """Add up the edges between and within communities."""
    from scipy import sparse

    rows = np.repeat(parts, np.diff(matrix.indptr))
    return sparse.coo_array((matrix.data, (rows, parts[matrix.indices])), shape=(count, count)).tocsr()

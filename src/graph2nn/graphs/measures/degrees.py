"""Measures of degrees: spread, entropy, assortativity, rich club, core number, reciprocity."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.storage import both_ways, either_way, rows_of, to_csr, without_loops

Counts = npt.NDArray[np.int64]


def degrees(graph: RelationalGraph) -> npt.NDArray[np.int64]:
    """How many others each node reads, ``[n]``: the degree, or the out-degree of a directed graph."""
    return _degrees(graph)[0]


def _degrees(graph: RelationalGraph) -> tuple[Counts, Counts]:
    """How many others each node reads, and how many read it; given self-connections do not count."""
    wiring = without_loops(graph.adjacency)
    if isinstance(wiring, np.ndarray):
        return wiring.sum(axis=1, dtype=np.int64), wiring.sum(axis=0, dtype=np.int64)
    reads = np.diff(wiring.indptr).astype(np.int64)
    return reads, np.bincount(wiring.indices, minlength=graph.n).astype(np.int64)


def density(graph: RelationalGraph) -> float:
    """Edges over possible edges, as ``nx.density``.

    (``graph.density`` is another number: the share of a weight that is on, self-edges counted.)
    """
    return float(graph.arcs - graph.loops) / (graph.n * (graph.n - 1))


def degree_entropy(graph: RelationalGraph) -> float:
    """Shannon entropy of the degrees' distribution in bits: 0 where all degrees are the same."""
    _, counts = np.unique(degrees(graph), return_counts=True)
    shares = counts / graph.n
    return float(abs((shares * np.log2(shares)).sum()))


def assortativity(graph: RelationalGraph) -> float:
    """Correlation of the degrees at the two ends of an edge (Newman 2003).

    Directed: out-degree of the reader against in-degree of the read. NaN where either has no spread, as in
    regular graphs, and without edges.
    """
    wiring = to_csr(without_loops(graph.adjacency))
    reads, is_read = _degrees(graph)
    x, y = reads[rows_of(wiring)].astype(np.float64), is_read[wiring.indices].astype(np.float64)
    if len(x) == 0 or (x == x[0]).all() or (y == y[0]).all():
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def rich_club(graph: RelationalGraph) -> float:
    """Density among the nodes whose degree is above the mean (Zhou and Mondragón 2004, φ at the mean degree).

    Directed: degrees are in + out, and both directions count. NaN with fewer than two such nodes, as in
    regular graphs. Compare with the same of nulls before calling a club rich.
    """
    reads, is_read = _degrees(graph)
    total = reads + is_read if graph.directed else reads
    club = np.flatnonzero(total * graph.n > total.sum())  # whole numbers: no rounding at the mean
    if len(club) < 2:
        return math.nan
    inside = without_loops(graph.adjacency[club][:, club])
    return float(inside.sum()) / (len(club) * (len(club) - 1))


def core_number(graph: RelationalGraph) -> float:
    """Largest k for which some nodes have k neighbours among themselves (Seidman 1983).

    Directed: of the symmetrised graph.
    """
    from graph2nn.graphs.kernels import sparse

    both = to_csr(either_way(without_loops(graph.adjacency)))
    return float(sparse.deepest_core(both.indptr, both.indices))


def reciprocity(graph: RelationalGraph) -> float:
    """Share of directed edges that go the other way too; 1 for undirected graphs, NaN without edges.

    Given self-connections do not count.
    """
    edges = graph.arcs - graph.loops
    if edges == 0:
        return math.nan
    return float(both_ways(without_loops(graph.adjacency)).sum()) / edges

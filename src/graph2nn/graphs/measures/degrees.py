"""Measures of degrees: spread, entropy, assortativity, rich club, core number, reciprocity."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.graph import RelationalGraph


def degrees(graph: RelationalGraph) -> npt.NDArray[np.int64]:
    """How many others each node reads, ``[n]``: the degree, or the out-degree of a directed graph."""
    return np.asarray(graph.adjacency.sum(axis=1), dtype=np.int64)


def density(graph: RelationalGraph) -> float:
    """Edges over possible edges, as ``nx.density``.

    (``graph.density`` is another number: the share of a weight that is on, self-edges counted.)
    """
    return float(graph.adjacency.sum()) / (graph.n * (graph.n - 1))


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
    reader, read = np.nonzero(graph.adjacency)
    x = graph.adjacency.sum(axis=1)[reader].astype(np.float64)
    y = graph.adjacency.sum(axis=0)[read].astype(np.float64)
    if len(x) == 0 or (x == x[0]).all() or (y == y[0]).all():
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def rich_club(graph: RelationalGraph) -> float:
    """Density among the nodes whose degree is above the mean (Zhou and Mondragón 2004, φ at the mean degree).

    Directed: degrees are in + out, and both directions count. NaN with fewer than two such nodes, as in
    regular graphs. Compare with the same of nulls before calling a club rich.
    """
    total = graph.adjacency.sum(axis=1, dtype=np.int64)
    if graph.directed:
        total = total + graph.adjacency.sum(axis=0, dtype=np.int64)
    club = np.flatnonzero(total * graph.n > total.sum())  # whole numbers: no rounding at the mean
    if len(club) < 2:
        return math.nan
    return float(graph.adjacency[np.ix_(club, club)].sum()) / (len(club) * (len(club) - 1))


def core_number(graph: RelationalGraph) -> float:
    """Largest k for which some nodes have k neighbours among themselves (Seidman 1983).

    Directed: of the symmetrised graph.
    """
    import networkx as nx

    return float(max(nx.core_number(graph.symmetrised().to_networkx()).values()))


def reciprocity(graph: RelationalGraph) -> float:
    """Share of directed edges that go the other way too; 1 for undirected graphs, NaN without edges."""
    edges = int(graph.adjacency.sum())
    if edges == 0:
        return math.nan
    return float((graph.adjacency & graph.adjacency.T).sum()) / edges

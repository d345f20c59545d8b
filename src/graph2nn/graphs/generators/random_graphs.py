"""Erdős–Rényi graphs, G(n, m) and G(n, p), undirected or directed: edges by chance alone."""

from __future__ import annotations

from graph2nn.graphs.generators.checks import named, share, whole
from graph2nn.graphs.graph import RelationalGraph


def gnm_random(n: int, m: int, seed: int = 0, directed: bool = False) -> RelationalGraph:
    """``m`` edges drawn from all pairs of ``n`` nodes (Erdős and Rényi 1959), as ``nx.gnm_random_graph``.

    The result need not be connected.

    Raises:
        UserError: n below 2, or more edges than pairs.
    """
    import networkx as nx

    whole("gnm_random", "n", n, 2)
    whole("gnm_random", "m", m, 0, n * (n - 1) // (1 if directed else 2))
    return named(nx.gnm_random_graph(n, m, seed=seed, directed=directed), "gnm", n, m, seed)


def gnp_random(n: int, p: float, seed: int = 0, directed: bool = False) -> RelationalGraph:
    """Each pair of ``n`` nodes joined with probability ``p`` (Gilbert 1959), as ``nx.gnp_random_graph``.

    The result need not be connected.

    Raises:
        UserError: n below 2, or p outside [0, 1].
    """
    import networkx as nx

    whole("gnp_random", "n", n, 2)
    share("gnp_random", "p", p)
    return named(nx.gnp_random_graph(n, p, seed=seed, directed=directed), "gnp", n, float(p), seed)


def random_directed(n: int, m: int, seed: int = 0) -> RelationalGraph:
    """``m`` directed edges by chance: ``gnm_random`` with directed=True, so row need not equal column."""
    import networkx as nx

    whole("random_directed", "n", n, 2)
    whole("random_directed", "m", m, 0, n * (n - 1))
    return named(nx.gnm_random_graph(n, m, seed=seed, directed=True), "random_directed", n, m, seed)

"""Graphs by chance alone: Erdős–Rényi, G(n, m) and G(n, p), undirected or directed, and random trees."""

from __future__ import annotations

import random

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


def random_tree(n: int, seed: int = 0) -> RelationalGraph:
    """A tree drawn uniformly from all labelled trees on ``n`` nodes, by its Prüfer sequence.

    The same tree as ``nx.random_tree`` of networkx 2 and the published ``MESSAGE_TYPE: tree`` for a seed.

    Args:
        n: nodes, at least 2.
        seed: of Python's ``random.Random``, which draws the n − 2 numbers of the sequence.

    Raises:
        UserError: n below 2.

    Example:
        >>> random_tree(8, seed=1).edges
        7
    """
    import networkx as nx

    whole("random_tree", "n", n, 2)
    generator = random.Random(seed)
    sequence = [generator.choice(range(n)) for _ in range(n - 2)]
    return named(nx.from_prufer_sequence(sequence), "random_tree", n, seed)


def random_directed(n: int, m: int, seed: int = 0) -> RelationalGraph:
    """``m`` directed edges by chance: ``gnm_random`` with directed=True, so row need not equal column."""
    import networkx as nx

    whole("random_directed", "n", n, 2)
    whole("random_directed", "m", m, 0, n * (n - 1))
    return named(nx.gnm_random_graph(n, m, seed=seed, directed=True), "random_directed", n, m, seed)

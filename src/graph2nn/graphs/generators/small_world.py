"""Watts–Strogatz small worlds with a whole degree, as networkx draws them."""

from __future__ import annotations

from graph2nn.graphs.generators.checks import named, share, whole
from graph2nn.graphs.graph import RelationalGraph


def watts_strogatz(n: int, k: int, p: float, seed: int = 0) -> RelationalGraph:
    """A ring lattice whose edges are rewired with probability ``p`` (Watts and Strogatz 1998).

    As ``nx.watts_strogatz_graph``: each node starts joined to its ``k`` nearest (k−1 for an odd k). The
    result need not be connected; :func:`ws_flex` is, and takes any average degree.

    Raises:
        UserError: k outside 2 … n, or p outside [0, 1].
    """
    import networkx as nx

    whole("watts_strogatz", "n", n, 2)
    whole("watts_strogatz", "k", k, 2, n)
    share("watts_strogatz", "p", p)
    return named(nx.watts_strogatz_graph(n, k, p, seed=seed), "watts_strogatz", n, k, float(p), seed)

"""Watts–Strogatz small worlds: with a whole degree as networkx draws them, and directed WS-flex graphs."""

from __future__ import annotations

import numpy as np

from graph2nn.graphs.generators.checks import named, share, whole
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.ws_flex import ws_flex


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


def ws_flex_directed(n: int, k: float, p: float, seed: int) -> RelationalGraph:
    """A WS-flex graph of which each edge keeps one direction: a node reads those after it alone.

    This is what the published code makes of ``DIRECTED: True``: it takes each edge {i, j} once, with i < j, and
    lets node i read node j. Half the edges of :func:`graph2nn.ws_flex`, and no cycles.

    Args:
        n: nodes, at least 2.
        k: average degree of the undirected graph, in [2, n].
        p: probability of rewiring an edge, in [0, 1].
        seed: of the undirected graph.

    Raises:
        UserError: as :func:`graph2nn.ws_flex`.

    Example:
        >>> ws_flex_directed(8, 4, 0.0, 1).edges
        16
    """
    adjacency = np.triu(ws_flex(n, k, p, seed).adjacency, 1)
    return RelationalGraph(adjacency, name=f"ws-directed({n},{k:.4g},{p:.4g},{seed})", directed=True)

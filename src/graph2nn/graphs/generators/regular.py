"""Random regular graphs, and those among them that expand as well as any can: Ramanujan graphs."""

from __future__ import annotations

import random

import numpy as np

from graph2nn.errors import UserError
from graph2nn.graphs.generators.checks import named, whole
from graph2nn.graphs.graph import RelationalGraph

#: Most random regular graphs are Ramanujan (Huang, McKenzie and Yau 2024), so this many misses are not luck.
TRIES = 1000


def random_regular(d: int, n: int, seed: int = 0) -> RelationalGraph:
    """A graph on ``n`` nodes of degree ``d`` each, as ``nx.random_regular_graph`` (order of arguments too).

    The result need not be connected.

    Raises:
        UserError: d outside 1 … n−1, or d·n odd.
    """
    import networkx as nx

    _check("random_regular", d, n)
    return named(nx.random_regular_graph(d, n, seed=seed), "random_regular", d, n, seed)


def ramanujan(d: int, n: int, seed: int = 0) -> RelationalGraph:
    """A random ``d``-regular graph whose second eigenvalue is at most 2√(d−1), the least in the long run.

    Random regular graphs are drawn one after the other from one stream until one is connected and has no
    eigenvalue other than ±d above that bound in size (Lubotzky, Phillips and Sarnak 1988). The first draw is
    :func:`random_regular` with the same seed.

    Raises:
        UserError: d outside 2 … n−1, d·n odd, or none in 1000 draws.
    """
    import networkx as nx

    _check("ramanujan", d, n, least=2)
    rng = random.Random(seed)
    for _ in range(TRIES):
        graph = named(nx.random_regular_graph(d, n, seed=rng), "ramanujan", d, n, seed)
        if graph.connected and second_eigenvalue(graph) <= 2 * (d - 1) ** 0.5 + 1e-9:
            return graph
    raise UserError(f"ramanujan: none in {TRIES} draws for d = {d}, n = {n}, seed = {seed}. Try another d.")


def second_eigenvalue(graph: RelationalGraph) -> float:
    """Largest size of an eigenvalue of a connected d-regular graph other than d itself (and −d)."""
    values = np.linalg.eigvalsh(graph.adjacency.astype(float))
    d = round(graph.degree)
    inner = values[np.abs(np.abs(values) - d) > 1e-9]
    return float(np.abs(inner).max()) if inner.size else 0.0


def _check(family: str, d: int, n: int, least: int = 1) -> None:
    whole(family, "n", n, 2)
    whole(family, "d", d, least, n - 1)
    if d * n % 2:
        raise UserError(f"{family}: d = {d} and n = {n} are both odd; expected d·n even.")

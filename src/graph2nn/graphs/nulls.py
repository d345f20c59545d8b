"""Nulls: graphs that share the simple properties of a graph and nothing else. A claim is worth its nulls.

========  =====================================================================================
degree    every node keeps its degree (directed: in- and out-degree), the rest is chance
density   same nodes and number of edges, the rest is chance
lattice   same nodes and number of edges, laid along a ring: as clustered as can be, and no chance
ws_flex   same nodes and number of edges, a WS-flex graph whose p is drawn as the published sweep spaces it
========  =====================================================================================
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.generators.random_graphs import gnm_random
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.rewiring import rewire
from graph2nn.graphs.ws_flex import ws_flex

#: Draws of a density null before giving up on a connected one.
TRIES = 100


def degree_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Rewire ``graph`` at random, each node keeping its degree; see :func:`rewire` for the procedure."""
    return rewire(graph, seed, connected=connected)


def density_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Draw a graph with as many nodes and edges as ``graph``, directed if it is (Erdős–Rényi G(n, m)).

    Raises:
        UserError: ``connected`` is asked for and 100 draws were not.
    """
    rng = random.Random(seed)
    for attempt in range(TRIES):
        drawn = gnm_random(
            graph.n, graph.edges, seed if attempt == 0 else rng.getrandbits(32), directed=bool(graph.directed)
        )
        if drawn.connected or not connected:
            return _called(drawn, f"density null({graph.name},{seed})")
    raise UserError(
        f"density null: no connected graph in {TRIES} draws for n = {graph.n} and {graph.edges} edges. "
        "Take the degree null, or connected=False."
    )


def lattice_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Lay the edges of ``graph`` along a ring: first to the nearest nodes, then to the next.

    Undirected, it is WS-flex at p = 0; where the last step does not go round, the first nodes have it.
    Directed, each node reads the one after it, the one before, the second after, and so on.

    Args:
        graph: fixes n, the number of edges and the direction.
        seed: not used; there is one such lattice.
        connected: refuse a lattice that falls into parts, as it does with fewer than n−1 edges.

    Raises:
        UserError: ``connected`` is asked for and there are too few edges.
    """
    n = graph.n
    steps = [s for i in range(1, n // 2 + 1) for s in ((i, -i) if graph.directed and 2 * i < n else (i,))]
    own, extra = divmod(graph.edges, n)
    edges = [(node, (node + step) % n) for step in steps[:own] for node in range(n)]
    edges += [(node, (node + steps[own]) % n) for node in range(extra)]
    lattice = RelationalGraph.from_edges(
        edges, n, name=f"lattice null({graph.name})", directed=bool(graph.directed)
    )
    if connected and not lattice.connected:
        raise UserError(f"lattice null: {graph.edges} edges do not join n = {n} nodes along a ring.")
    return lattice


def ws_flex_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Draw a WS-flex graph with as many nodes and edges as ``graph``, to ask what lies beyond that family.

    p is the square of a uniform draw, as dense near 0 as in the published sweep. WS-flex graphs are undirected
    and connected: of a directed graph the null has half as many edges, so that its nodes read as many others
    on average and a layer has as many weights.

    Raises:
        UserError: a node reads fewer than two others on average, or 100 draws fell into parts.
    """
    rng = random.Random(seed)
    degree = float(graph.adjacency.sum() / graph.n)
    if degree < 2:
        raise UserError(
            f"ws_flex null: a node of {graph.name!r} reads {degree:.3g} others on average, a WS-flex graph's "
            "at least 2. Take the degree or density null."
        )
    drawn = ws_flex(graph.n, degree, rng.random() ** 2, rng.getrandbits(32))
    return _called(drawn, f"ws_flex null({graph.name},{seed})")


NULLS: dict[str, Callable[[RelationalGraph, int, bool], RelationalGraph]] = {
    "degree": degree_null,
    "density": density_null,
    "lattice": lattice_null,
    "ws_flex": ws_flex_null,
}


def ensemble(
    graph: RelationalGraph, null: str = "degree", count: int = 100, seed: int = 0, *, connected: bool = False
) -> list[RelationalGraph]:
    """Draw ``count`` null graphs of one kind. A longer ensemble begins with the shorter one of the same seed.

    Raises:
        UserError: an unknown kind, a count below 1, or a connected null asked for that cannot be had.
    """
    if null not in NULLS:
        raise unknown("null", null, NULLS)
    if count < 1:
        raise UserError(f"ensemble: count = {count}, expected at least 1.")
    rng = random.Random(seed)
    return [NULLS[null](graph, rng.getrandbits(32), connected) for _ in range(count)]


def small_world_sigma(graph: RelationalGraph, *, null: str = "degree", count: int = 10, seed: int = 0) -> float:
    """σ = (C / C_null) / (L / L_null), above 1 in a small world (Humphries and Gurney 2008).

    C_null and L_null are means over ``count`` connected nulls. Humphries and Gurney took ``density`` nulls;
    the default keeps the degrees too, so that hubs alone do not make a small world. Directed graphs: C and L
    along directed edges, in the graph and in its nulls.

    Returns:
        NaN if the graph is not connected, has no edges or its nulls have no triangle.
    """
    if not graph.connected:
        return float("nan")
    c_null, l_null = _null_means(graph, null, count, seed)
    if c_null == 0:
        return float("nan")
    return (graph.clustering / c_null) / (graph.path_length / l_null)


def small_world_omega(graph: RelationalGraph, *, null: str = "degree", count: int = 10, seed: int = 0) -> float:
    """ω = L_null / L − C / C_lattice: near −1 a lattice, near 0 a small world, near 1 random (Telesford 2011).

    L_null is the mean over ``count`` connected nulls, C_lattice that of the ring lattice with as many edges
    (:func:`lattice_null`; Telesford et al. rewire towards a lattice, keeping degrees). Directed graphs: as
    for :func:`small_world_sigma`.

    Returns:
        NaN if the graph is not connected, or too sparse for a lattice with triangles.
    """
    if not graph.connected:
        return float("nan")
    c_lattice = lattice_null(graph).clustering
    if c_lattice == 0:
        return float("nan")
    _, l_null = _null_means(graph, null, count, seed)
    return l_null / graph.path_length - graph.clustering / c_lattice


@lru_cache(maxsize=4)
def _null_means(graph: RelationalGraph, null: str, count: int, seed: int) -> tuple[float, float]:
    """Mean C and mean L of connected nulls, kept for a moment: σ and ω of a graph ask for the same ones."""
    nulls = ensemble(graph, null, count, seed, connected=True)
    return float(np.mean([g.clustering for g in nulls])), float(np.mean([g.path_length for g in nulls]))


def _called(graph: RelationalGraph, name: str) -> RelationalGraph:
    return RelationalGraph(graph.adjacency, name=name, directed=graph.directed)

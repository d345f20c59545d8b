"""WS-flex: Watts–Strogatz graphs with a fractional average degree (paper, section 2.4)."""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np

from graph2nn.arguments import checked_arguments
from graph2nn.errors import TooNarrowError, UserError, checked_seed, whole_number
from graph2nn.graphs.graph import Origin, RelationalGraph
from graph2nn.memory import refuse_memory

#: Connected graphs are asked for; the published generator gives up after this many attempts.
TRIES = 100


@checked_arguments
def ws_flex(n: int, k: float, p: float, seed: int) -> RelationalGraph:
    """Draw a connected WS-flex graph, bit for bit the published one for the same arguments.

    Args:
        n: number of nodes, at least 2.
        k: average degree, real, in [2, n]; ``k = n`` gives the complete graph.
        p: probability of rewiring an edge, in [0, 1].
        seed: of Python's own ``random.Random``, whose stream the published graphs follow.

    Returns:
        An undirected graph with ``round(k·n/2)`` edges (fewer where they would fall together).

    Raises:
        UserError: n, k or p outside their range, or no connected graph in 100 tries.

    Example:
        >>> graph = ws_flex(64, 8, 0.1, seed=1)
        >>> graph.edges, round(graph.clustering, 4), round(graph.path_length, 4)
        (256, 0.4892, 2.628)
    """
    n, seed = _checked(n, k, p, seed)
    k, p = float(k), float(p)
    rng = random.Random(seed)
    for _ in range(TRIES):
        neighbours = _draw(n, k, p, rng)
        adjacency = np.zeros((n, n), dtype=bool)
        for node, others in enumerate(neighbours):
            adjacency[node, list(others)] = True
        graph = RelationalGraph(
            adjacency, name=f"ws({n},{k:.4g},{p:.4g},{seed})", directed=False, origin=Origin(n, k, p, seed)
        )
        if graph.connected:
            return graph
    raise UserError(
        f"ws_flex: no connected graph in {TRIES} tries for n = {n}, k = {k:g}, p = {p:g}, seed = {seed}. "
        "Raise k, lower p, or take another seed."
    )


def with_nodes(graph: RelationalGraph, n: int) -> RelationalGraph:
    """Draw a WS-flex graph again on ``n`` nodes, with the same sparsity k/n, p and seed.

    Raises:
        TooNarrowError: the graph was not drawn by :func:`ws_flex`, or is too sparse for so few nodes.
    """
    if graph.origin is None:
        raise TooNarrowError(
            f"graph {graph.name!r}: {graph.n} nodes are more than the {n} features of a layer, and only a "
            "WS-flex graph can be drawn again with fewer nodes; use a smaller graph or a wider network."
        )
    return _with_nodes(graph.origin, n)


@lru_cache(maxsize=64)
def _with_nodes(origin: Origin, n: int) -> RelationalGraph:
    """A width search asks for the same few graphs hundreds of times."""
    try:
        return ws_flex(n, origin.k / origin.n * n, origin.p, origin.seed)
    except UserError as error:
        raise TooNarrowError(
            f"a layer of {n} features asks for the graph on as many nodes, which cannot be drawn: {error}"
        ) from error


def _checked(n: int, k: float, p: float, seed: int) -> tuple[int, int]:
    """Return n and the seed as Python's integers, once all arguments are in their range."""
    nodes, start = whole_number(n), checked_seed(seed, "ws_flex")
    if nodes is None or nodes < 2:
        raise UserError(f"ws_flex: n = {n!r} is not a whole number of at least 2 nodes.")
    for name, value in (("k", k), ("p", p)):
        if not isinstance(value, int | float | np.number):
            raise UserError(f"ws_flex: {name} = {value!r} is not a number.")
    if not 2 <= k <= n:
        raise UserError(
            f"ws_flex: k = {k:g} lies outside [2, {n}] (n = {n}). "
            "k is the average degree and may be fractional."
        )
    if not 0 <= p <= 1:
        raise UserError(f"ws_flex: p = {p:g} lies outside [0, 1]. p is the probability of rewiring an edge.")
    refuse_memory(f"ws_flex: a graph of n = {nodes:,} and k = {k:g}", nodes * (nodes + 100.0 * k), "lower n")
    return nodes, start


def ring_targets(n: int, k: float) -> list[list[int]]:
    """For each node, the nodes after it on the ring that its own edges lead to before any rewiring."""
    edges = round(k * n / 2)  # half to even, as published
    per_node, extra = divmod(edges, n)
    return [[(i + step) % n for step in range(1, per_node + (i < extra) + 1)] for i in range(n)]


def _draw(n: int, k: float, p: float, rng: random.Random) -> list[set[int]]:
    """One attempt: neighbour sets that need not be connected."""
    targets = ring_targets(n, k)
    neighbours: list[set[int]] = [set() for _ in range(n)]
    for node, others in enumerate(targets):
        for other in others:
            neighbours[node].add(other)
            neighbours[other].add(node)
    nodes = range(n)
    for node, others in enumerate(targets):
        for other in others:
            if rng.random() >= p:
                continue
            new = rng.choice(nodes)
            while new == node or new in neighbours[node]:
                new = rng.choice(nodes)
                # The published loop looks at the degree only after a redraw: the order of draws depends on it.
                if len(neighbours[node]) >= n - 1:
                    break
            else:
                neighbours[node].remove(other)
                neighbours[other].remove(node)
                neighbours[node].add(new)
                neighbours[new].add(node)
    return neighbours

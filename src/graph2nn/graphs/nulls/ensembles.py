"""Ensembles: many nulls of one graph, connected where that is asked for.

==============  ==========================================================================================
degree          every node keeps its degree (directed: in- and out-degree), the rest is chance
reciprocal      directed: every node also keeps its number of reciprocal pairs; undirected: as degree
density         same nodes and number of edges, the rest is chance
lattice         same nodes and number of edges, laid along a ring: as clustered as can be, not random
degree_lattice  every node keeps its degree, edges are swapped towards a ring: clustered, and random
ws_flex         a WS-flex graph of as many edges; of undirected graphs only,
                whose p is drawn as the published sweep spaces it
==============  ==========================================================================================

The other kinds of :data:`graph2nn.graphs.nulls.KINDS` can be drawn as ensembles, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError, checked_seed, unknown
from graph2nn.graphs.generators.families import gnm_random
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls.ladder import KINDS, NullOptions
from graph2nn.graphs.nulls.ladder import null as draw
from graph2nn.graphs.nulls.lattice import degree_lattice_null
from graph2nn.graphs.rewiring import rewire
from graph2nn.graphs.storage import DENSE_LIMIT
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.memory import refuse_memory

#: Draws of a null before giving up on a connected one.
TRIES = 100
#: Nodes up to which degree nulls are those that frozen plans and published results were made with.
SMALL = 512


def degree_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Rewire ``graph`` at random, each node keeping its degree.

    Up to :data:`SMALL` nodes without weights, signs or given self-connections by :func:`rewire`, as in frozen
    plans; else by :func:`graph2nn.null`.

    Args:
        graph: left as it is.
        seed: of the null.
        connected: refuse swaps that take the graph apart.

    Returns:
        The null.

    Example:
        >>> from graph2nn import ws_flex
        >>> graph = ws_flex(16, 4, 0.1, 1)
        >>> bool((degree_null(graph, seed=3).adjacency.sum(1) == graph.adjacency.sum(1)).all())
        True
    """
    if _small_and_plain(graph):
        return rewire(graph, seed, connected=connected)
    return drawn_until_connected(graph, "degree", seed, connected)


def reciprocal_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Rewire ``graph``, each node keeping its in- and out-degree and number of reciprocal pairs.

    Args:
        graph: left as it is.
        seed: of the null.
        connected: refuse swaps that take the graph apart.

    Returns:
        The null.

    Example:
        >>> from graph2nn.graphs.generators import random_directed
        >>> reciprocal_null(random_directed(16, 60, seed=1), seed=3).edges
        60
    """
    return drawn_until_connected(graph, "reciprocal", seed, connected)


def drawn_until_connected(
    graph: RelationalGraph, kind: str, seed: int, connected: bool, options: NullOptions | None = None
) -> RelationalGraph:
    """Draw a null of the ladder, again and again until it is connected if that is asked for.

    Args:
        graph: to draw a null of.
        kind: of :data:`graph2nn.graphs.nulls.KINDS`.
        seed: the first draw has it, the others have seeds made from it.
        connected: whether the null must be.
        options: ``groups``, ``inputs``, ``outputs``, ``within``, ``positions`` of :func:`graph2nn.null`.

    Returns:
        The null.

    Raises:
        UserError: ``connected`` is asked for and the graph is not, or 100 draws were not.
    """
    if not connected:
        return draw(graph, kind, seed, **(options or {}))
    if not graph.connected and kind != "density":
        raise UserError(f"graph {graph.name!r} is not connected, so it has no connected rewiring.")
    rng = random.Random(checked_seed(seed, "null"))
    for attempt in range(TRIES):
        drawn = draw(graph, kind, seed if attempt == 0 else rng.getrandbits(32), **(options or {}))
        if drawn.connected:
            return drawn
    raise UserError(
        f"{kind} null: no connected graph in {TRIES} draws of {graph.name!r}. Take connected=False, or the "
        "largest component of the graph."
    )


def density_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Draw a graph with as many nodes and edges as ``graph``, directed if it is (Erdős–Rényi G(n, m)).

    Large graphs, weights, signs and given self-connections: by :func:`graph2nn.null`.

    Args:
        graph: left as it is.
        seed: of the null.
        connected: draw until the null is connected, at most 100 times.

    Returns:
        The null.

    Raises:
        UserError: ``connected`` is asked for and 100 draws were not.

    Example:
        >>> from graph2nn import ws_flex
        >>> density_null(ws_flex(16, 4, 0.1, 1), seed=3).edges
        32
    """
    if not _small_and_plain(graph):
        return drawn_until_connected(graph, "density", seed, connected)
    rng = random.Random(checked_seed(seed, "null"))
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

    Returns:
        The lattice.

    Raises:
        UserError: ``connected`` is asked for and there are too few edges.

    Example:
        >>> from graph2nn import ws_flex
        >>> lattice_null(ws_flex(16, 4, 0.5, 1)) == ws_flex(16, 4, 0.0, 1)
        True
    """
    n = graph.n
    steps = [s for i in range(1, n // 2 + 1) for s in ((i, -i) if graph.directed and 2 * i < n else (i,))]
    whole, extra = divmod(graph.edges, n)
    edges = [(node, (node + step) % n) for step in steps[:whole] for node in range(n)]
    edges += [(node, (node + steps[whole]) % n) for node in range(extra)]
    lattice = RelationalGraph.from_edges(
        edges, n, name=f"lattice null({graph.name})", directed=bool(graph.directed)
    )
    if connected and not lattice.connected:
        raise UserError(f"lattice null: {graph.edges} edges do not join n = {n} nodes along a ring.")
    return lattice


def ws_flex_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Draw a WS-flex graph as dense as ``graph``, to ask what lies beyond that family.

    p is the square of a uniform draw, as dense near 0 as in the published sweep. WS-flex graphs are undirected
    and connected, so a directed graph has none: next to an undirected null of as many weights it would differ
    in direction as well. Its symmetrised form has.

    Args:
        graph: fixes n and the average degree.
        seed: of p and of the WS-flex graph.
        connected: changes nothing, as WS-flex graphs are always connected.

    Returns:
        The null.

    Raises:
        UserError: a directed graph, one whose nodes read fewer than two others on average, or 100 draws fell
            into parts.

    Example:
        >>> from graph2nn import ws_flex
        >>> ws_flex_null(ws_flex(16, 4, 0.1, 1), seed=3).edges
        32
    """
    rng = random.Random(checked_seed(seed, "null"))
    degree = graph.degree
    if graph.directed:
        raise UserError(
            f"ws_flex null: {graph.name!r} is directed, as no WS-flex graph is. "
            "Symmetrise the graph (GRAPH:symmetrised, graph.symmetrised()) or take degree or density nulls."
        )
    if degree < 2:
        raise UserError(
            f"ws_flex null: a node of {graph.name!r} reads {degree:.3g} others on average, a WS-flex graph's "
            "at least 2. Take the degree or density null."
        )
    drawn = ws_flex(graph.n, degree, rng.random() ** 2, rng.getrandbits(32))
    return _called(drawn, f"ws_flex null({graph.name},{seed})")


NULLS: dict[str, Callable[[RelationalGraph, int, bool], RelationalGraph]] = {
    "degree": degree_null,
    "reciprocal": reciprocal_null,
    "density": density_null,
    "lattice": lattice_null,
    "degree_lattice": degree_lattice_null,
    "ws_flex": ws_flex_null,
}


@checked_arguments
def ensemble(
    graph: RelationalGraph,
    null: str = "degree",
    count: int = 100,
    seed: int = 0,
    *,
    connected: bool = False,
    options: NullOptions | None = None,
) -> list[RelationalGraph]:
    """Draw ``count`` null graphs of one kind. A longer ensemble begins with the shorter one of the same seed.

    Args:
        graph: to draw nulls of.
        null: kind, of :data:`NULLS` or :data:`graph2nn.graphs.nulls.KINDS`.
        count: number of nulls.
        seed: of all draws.
        connected: whether every null must be.
        options: ``groups``, ``inputs``, ``outputs``, ``within``, ``positions`` of :func:`graph2nn.null`.

    Returns:
        The nulls.

    Raises:
        UserError: an unknown kind, a count below 1, options that the kind does not use, or a connected null
            asked for that cannot be had.

    Example:
        >>> import graph2nn as g
        >>> [drawn.edges for drawn in g.ensemble(g.ws_flex(16, 4, 0.1, seed=1), "degree", count=3)]
        [32, 32, 32]
    """
    if null not in NULLS and null not in KINDS:
        raise unknown("null", null, {*NULLS, *KINDS})
    if count < 1:
        raise UserError(f"ensemble: count = {count}, expected at least 1.")
    each = 2000 + (graph.n**2 if graph.n <= DENSE_LIMIT else 10 * graph.edges)  # bytes
    refuse_memory(f"ensemble: {count:,} graphs of {graph.n:,} nodes", count * each, "lower the count")
    rng = random.Random(checked_seed(seed, "null"))
    seeds = [rng.getrandbits(32) for _ in range(count)]
    if null in NULLS and not options:
        return [NULLS[null](graph, one, connected) for one in seeds]
    if null not in KINDS:
        raise UserError(f"ensemble: {null} nulls do not use {', '.join(options or {})}.")
    return [drawn_until_connected(graph, null, one, connected, options) for one in seeds]


def _small_and_plain(graph: RelationalGraph) -> bool:
    plain = graph.weights is None and graph.signs is None and graph.self_loops == "all"
    return plain and graph.n <= SMALL


def _called(graph: RelationalGraph, name: str) -> RelationalGraph:
    return graph.renamed(name)

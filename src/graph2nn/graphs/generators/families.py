"""Families of graphs: small-world, regular, random, scale-free and block models."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError, checked_seed, shown
from graph2nn.graphs.generators.family_arguments import named, refuse_huge, share, whole
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.memory import refuse_memory


@checked_arguments
def watts_strogatz(n: int, k: int, p: float, seed: int = 0) -> RelationalGraph:
    """A ring lattice whose edges are rewired with probability ``p`` (Watts and Strogatz 1998).

    As ``nx.watts_strogatz_graph``: each node starts joined to its ``k`` nearest (k−1 for an odd k). The
    result need not be connected; :func:`ws_flex` is, and takes any average degree.

    Args:
        n: nodes.
        k: neighbours of each node in the ring lattice.
        p: probability of rewiring an edge.
        seed: of Python's ``random.Random``.

    Returns:
        A graph of n·(k // 2) edges.

    Raises:
        UserError: k outside 2 … n, or p outside [0, 1].

    Example:
        >>> watts_strogatz(64, 8, 0.1, seed=1).edges
        256
    """
    import networkx as nx

    whole("watts_strogatz", "n", n, 2)
    whole("watts_strogatz", "k", k, 2, n)
    share("watts_strogatz", "p", p)
    refuse_huge("watts_strogatz", n, n * k / 2)
    seed = checked_seed(seed, "watts_strogatz")
    return named(nx.watts_strogatz_graph(n, k, p, seed=seed), "watts_strogatz", n, k, float(p), seed)


@checked_arguments
def ws_flex_directed(n: int, k: float, p: float, seed: int) -> RelationalGraph:
    """A WS-flex graph of which each edge keeps one direction: a node reads those after it alone.

    This is what the published code makes of ``DIRECTED: True``: it takes each edge {i, j} once, with i < j, and
    lets node i read node j. Half the edges of :func:`graph2nn.ws_flex`, and no cycles.

    Args:
        n: nodes, at least 2.
        k: average degree of the undirected graph, in [2, n].
        p: probability of rewiring an edge, in [0, 1].
        seed: of the undirected graph.

    Returns:
        A directed graph without cycles.

    Raises:
        UserError: as :func:`graph2nn.ws_flex`.

    Example:
        >>> ws_flex_directed(8, 4, 0.0, 1).edges
        16
    """
    adjacency = np.triu(ws_flex(n, k, p, seed).adjacency, 1)
    return RelationalGraph(adjacency, name=f"ws-directed({n},{k:.4g},{p:.4g},{seed})", directed=True)


#: Most random regular graphs are Ramanujan (Huang, McKenzie and Yau 2024), so this many misses are not luck.
TRIES = 1000


@checked_arguments
def random_regular(d: int, n: int, seed: int = 0) -> RelationalGraph:
    """A graph on ``n`` nodes of degree ``d`` each, as ``nx.random_regular_graph`` (order of arguments too).

    The result need not be connected.

    Args:
        d: degree of every node.
        n: nodes.
        seed: of Python's ``random.Random``.

    Returns:
        A d-regular graph.

    Raises:
        UserError: d outside 1 … n−1, or d·n odd.

    Example:
        >>> random_regular(4, 16, seed=1).edges
        32
    """
    import networkx as nx

    _check("random_regular", d, n)
    seed = checked_seed(seed, "random_regular")
    return named(nx.random_regular_graph(d, n, seed=seed), "random_regular", d, n, seed)


@checked_arguments
def ramanujan(d: int, n: int, seed: int = 0) -> RelationalGraph:
    """A random ``d``-regular graph whose second eigenvalue is at most 2√(d−1), the least in the long run.

    Random regular graphs are drawn one after the other from one stream until one is connected and has no
    eigenvalue other than ±d above that bound in size (Lubotzky, Phillips and Sarnak 1988). The first draw is
    :func:`random_regular` with the same seed.

    Args:
        d: degree of every node.
        n: nodes.
        seed: of Python's ``random.Random``.

    Returns:
        A connected d-regular graph within the bound.

    Raises:
        UserError: d outside 2 … n−1, d·n odd, or none in 1000 draws.

    Example:
        >>> ramanujan(3, 20, seed=1).edges
        30
    """
    import networkx as nx

    _check("ramanujan", d, n, least=2)
    rng = random.Random(checked_seed(seed, "ramanujan"))
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
    refuse_huge(family, n, n * d / 2)


@checked_arguments
def gnm_random(n: int, m: int, seed: int = 0, directed: bool = False) -> RelationalGraph:
    """``m`` edges drawn from all pairs of ``n`` nodes (Erdős and Rényi 1959), as ``nx.gnm_random_graph``.

    The result need not be connected.

    Args:
        n: nodes.
        m: edges.
        seed: of Python's ``random.Random``.
        directed: draw from ordered pairs.

    Returns:
        A graph with exactly m edges.

    Raises:
        UserError: n below 2, or more edges than pairs.

    Example:
        >>> gnm_random(64, 256, seed=1)
        RelationalGraph('gnm(64,256,1)', n=64, edges=256, undirected)
    """
    import networkx as nx

    whole("gnm_random", "n", n, 2)
    whole("gnm_random", "m", m, 0, n * (n - 1) // (1 if directed else 2))
    refuse_huge("gnm_random", n, m)
    seed = checked_seed(seed, "gnm_random")
    return named(nx.gnm_random_graph(n, m, seed=seed, directed=directed), "gnm", n, m, seed)


@checked_arguments
def gnp_random(n: int, p: float, seed: int = 0, directed: bool = False) -> RelationalGraph:
    """Each pair of ``n`` nodes joined with probability ``p`` (Gilbert 1959), as ``nx.gnp_random_graph``.

    The result need not be connected.

    Args:
        n: nodes.
        p: probability of each pair.
        seed: of Python's ``random.Random``.
        directed: draw each ordered pair by itself.

    Returns:
        The graph; its number of edges varies with the seed.

    Raises:
        UserError: n below 2, or p outside [0, 1].

    Example:
        >>> gnp_random(64, 0.125, seed=1)
        RelationalGraph('gnp(64,0.125,1)', n=64, edges=250, undirected)
    """
    import networkx as nx

    whole("gnp_random", "n", n, 2)
    share("gnp_random", "p", p)
    refuse_huge("gnp_random", n, p * n * (n - 1) / 2)
    seed = checked_seed(seed, "gnp_random")
    return named(nx.gnp_random_graph(n, p, seed=seed, directed=directed), "gnp", n, float(p), seed)


@checked_arguments
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
    refuse_huge("random_tree", n, n)
    generator = random.Random(checked_seed(seed, "random_tree"))
    sequence = [generator.choice(range(n)) for _ in range(n - 2)]
    return named(nx.from_prufer_sequence(sequence), "random_tree", n, seed)


@checked_arguments
def random_directed(n: int, m: int, seed: int = 0, self_loops: bool = False) -> RelationalGraph:
    """``m`` directed edges by chance: ``gnm_random`` with directed=True, so row need not equal column.

    Args:
        n: nodes, at least 2.
        m: directed edges, those of a node with itself included where they are drawn.
        seed: of the draw, networkx's; with ``self_loops`` NumPy's ``RandomState``.
        self_loops: draw from all n² ordered pairs, a node with itself among them: then a node reads itself only
            where that pair was drawn, as in graphs of the published ``MESSAGE_TYPE: random``.

    Returns:
        A directed graph with exactly m edges.

    Raises:
        UserError: n below 2, or more edges than pairs.

    Example:
        >>> random_directed(64, 512, seed=1)
        RelationalGraph('random_directed(64,512,1)', n=64, edges=512, directed)
        >>> random_directed(8, 20, seed=1, self_loops=True).edges
        20
    """
    import networkx as nx

    whole("random_directed", "n", n, 2)
    whole("random_directed", "m", m, 0, n * n if self_loops else n * (n - 1))
    refuse_huge("random_directed", n, m)
    seed = checked_seed(seed, "random_directed")
    if self_loops:
        refuse_memory(f"random_directed: a draw from the pairs of {n} nodes", 8 * n * n, "take fewer nodes")
        whole("random_directed", "seed", seed, 0, 2**32 - 1)
        drawn = np.random.RandomState(seed).choice(n * n, m, replace=False)
        return pairs_drawn(n, drawn, name=f"random_directed({n},{m},{seed},self)")
    return named(nx.gnm_random_graph(n, m, seed=seed, directed=True), "random_directed", n, m, seed)


def pairs_drawn(n: int, drawn: npt.NDArray[np.int64], name: str) -> RelationalGraph:
    """Return the directed graph in which node i reads node j where i·n + j was drawn, itself included.

    Args:
        n: number of nodes.
        drawn: numbers i·n + j of the pairs.
        name: of the graph.

    Returns:
        The directed graph.
    """
    matrix = np.zeros(n * n, dtype=bool)
    matrix[drawn] = True
    return RelationalGraph(matrix.reshape(n, n), name=name, directed=True, self_loops="given")


@checked_arguments
def barabasi_albert(n: int, m: int, seed: int = 0) -> RelationalGraph:
    """Each new node joins ``m`` earlier ones, the more connected the likelier (Barabási and Albert 1999).

    As ``nx.barabasi_albert_graph``, which begins with a star of m + 1 nodes. Always connected.

    Args:
        n: nodes.
        m: earlier nodes that each new one joins.
        seed: of Python's ``random.Random``.

    Returns:
        A connected graph.

    Raises:
        UserError: m outside 1 … n−1.

    Example:
        >>> barabasi_albert(64, 4, seed=1).edges
        240
    """
    import networkx as nx

    whole("barabasi_albert", "n", n, 2)
    whole("barabasi_albert", "m", m, 1, n - 1)
    refuse_huge("barabasi_albert", n, n * m)
    seed = checked_seed(seed, "barabasi_albert")
    return named(nx.barabasi_albert_graph(n, m, seed=seed), "barabasi_albert", n, m, seed)


@checked_arguments
def configuration(degrees: Sequence[int], seed: int = 0) -> RelationalGraph:
    """Join half-edges of the given degrees at random (Molloy and Reed 1995), as ``nx.configuration_model``.

    That draw has self-loops and parallel edges; here loops are dropped and parallel edges merged (the
    *erased* configuration model), so hubs may end below their degree and none ends above. The result need
    not be connected.

    Raises:
        UserError: fewer than two degrees, a negative one or one above n−1, or an odd sum.

    Example:
        >>> configuration([2, 2, 2, 2], seed=3).edges
        1
    """
    import networkx as nx

    wanted = [whole("configuration", "degrees", d, 0, len(degrees) - 1) for d in degrees]
    if len(wanted) < 2:
        raise UserError(f"configuration: {len(wanted)} degrees given; expected one per node, at least 2.")
    if sum(wanted) % 2:
        raise UserError(f"configuration: the degrees add up to {sum(wanted)}; expected an even sum.")
    refuse_huge("configuration", len(wanted), sum(wanted) / 2)
    seed = checked_seed(seed, "configuration")
    return named(nx.configuration_model(wanted, seed=seed), "configuration", len(wanted), seed)


@checked_arguments
def scale_free(n: int, gamma: float = 2.5, m: int = 2, seed: int = 0) -> RelationalGraph:
    """Degrees from a power law, P(k) ~ k^−``gamma`` for k ≥ ``m``, joined by :func:`configuration`.

    Degrees are drawn from m … n−1; if their sum is odd, one node gets one more or, if full, one less.

    Args:
        n: nodes.
        gamma: exponent of the power law, above 1.
        m: least degree.
        seed: of Python's ``random.Random``.

    Returns:
        The graph; no node has more than the degree that was drawn for it.

    Raises:
        UserError: gamma not above 1, m outside 1 … n−1.

    Example:
        >>> scale_free(64, 2.5, 2, seed=1).n
        64
    """
    whole("scale_free", "n", n, 3)
    whole("scale_free", "m", m, 1, n - 1)
    if not 1 < gamma < math.inf:
        raise UserError(
            f"scale_free: gamma = {gamma:g} is not above 1, or not finite. It is the exponent of the power law."
        )
    refuse_huge("scale_free", n, n * m)
    rng = random.Random(checked_seed(seed, "scale_free"))
    possible = range(m, n)
    weights = [float(k) ** -gamma for k in possible]
    if not any(weights):
        raise UserError(f"scale_free: gamma = {gamma:g} is too large: no degree has a chance above 0.")
    degrees = rng.choices(possible, weights=weights, k=n)
    if sum(degrees) % 2:
        degrees[0] += 1 if degrees[0] < n - 1 else -1
    drawn = configuration(degrees, seed=rng.getrandbits(32))
    return RelationalGraph(drawn.adjacency, name=f"scale_free({n},{gamma:.4g},{m},{seed})", directed=False)


@checked_arguments
def stochastic_block(
    sizes: Sequence[int], p: Sequence[float] | Sequence[Sequence[float]], seed: int = 0
) -> RelationalGraph:
    """Groups of the given ``sizes``; a pair from groups a and b is joined with probability ``p[a][b]``.

    Holland, Laskey and Leinhardt 1983, as ``nx.stochastic_block_model``. ``p`` is ``[r, r]`` and symmetric,
    or the same r² numbers in one row. The result need not be connected.

    Args:
        sizes: nodes per group.
        p: probabilities within and between groups.
        seed: of Python's ``random.Random``.

    Returns:
        A graph on the nodes of all groups, in their order.

    Raises:
        UserError: an empty group, or a p of another shape, asymmetric, or outside [0, 1].

    Example:
        >>> stochastic_block([8, 8], [[0.9, 0.1], [0.1, 0.9]], seed=1).n
        16
    """
    import networkx as nx

    groups = [whole("stochastic_block", "sizes", size, 1) for size in sizes]
    refuse_huge("stochastic_block", sum(groups), sum(groups))
    seed = checked_seed(seed, "stochastic_block")
    r = len(groups)
    try:
        chances: npt.NDArray[np.float64] = np.asarray(p, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"stochastic_block: p = {shown(p)} is not a square of numbers.") from None
    if chances.size != r * r:
        raise UserError(f"stochastic_block: p has {chances.size} numbers; expected {r}² for {r} sizes.")
    chances = chances.reshape(r, r)
    if not (chances == chances.T).all():
        raise UserError("stochastic_block: p is not symmetric; groups a and b need one probability.")
    for chance in chances.flat:
        share("stochastic_block", "p", float(chance))
    graph = nx.stochastic_block_model(groups, chances.tolist(), seed=seed)
    return named(graph, "stochastic_block", "+".join(map(str, groups)), seed)


@checked_arguments
def planted_partition(l: int, k: int, p_in: float, p_out: float, seed: int = 0) -> RelationalGraph:  # noqa: E741
    """``l`` groups of ``k`` nodes, joined with ``p_in`` inside and ``p_out`` between.

    Condon and Karp 2001, as ``nx.planted_partition_graph``, whose names the arguments are.

    Args:
        l: groups.
        k: nodes per group.
        p_in: probability of a pair inside a group.
        p_out: probability of a pair from two groups.
        seed: of Python's ``random.Random``.

    Returns:
        A graph of l·k nodes, group after group.

    Example:
        >>> planted_partition(4, 16, 0.5, 0.02, seed=1).n
        64
    """
    whole("planted_partition", "l", l, 1)
    whole("planted_partition", "k", k, 1)
    share("planted_partition", "p_in", p_in)
    share("planted_partition", "p_out", p_out)
    refuse_huge("planted_partition", l * k, l * k * (k * p_in + l * k * p_out) / 2)
    seed = checked_seed(seed, "planted_partition")
    import networkx as nx

    graph = nx.planted_partition_graph(l, k, p_in, p_out, seed=seed)
    return named(graph, "planted_partition", l, k, float(p_in), float(p_out), seed)

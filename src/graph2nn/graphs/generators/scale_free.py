"""Graphs with hubs: preferential attachment, and given degrees through the configuration model."""

from __future__ import annotations

import random
from collections.abc import Sequence

from graph2nn.errors import UserError
from graph2nn.graphs.generators.checks import named, whole
from graph2nn.graphs.graph import RelationalGraph


def barabasi_albert(n: int, m: int, seed: int = 0) -> RelationalGraph:
    """Each new node joins ``m`` earlier ones, the more connected the likelier (Barabási and Albert 1999).

    As ``nx.barabasi_albert_graph``, which begins with a star of m + 1 nodes. Always connected.

    Raises:
        UserError: m outside 1 … n−1.
    """
    import networkx as nx

    whole("barabasi_albert", "n", n, 2)
    whole("barabasi_albert", "m", m, 1, n - 1)
    return named(nx.barabasi_albert_graph(n, m, seed=seed), "barabasi_albert", n, m, seed)


def configuration(degrees: Sequence[int], seed: int = 0) -> RelationalGraph:
    """Join half-edges of the given degrees at random (Molloy and Reed 1995), as ``nx.configuration_model``.

    That draw has self-loops and parallel edges; here loops are dropped and parallel edges merged (the
    *erased* configuration model), so hubs may end below their degree and none ends above. The result need
    not be connected.

    Raises:
        UserError: fewer than two degrees, a negative one or one above n−1, or an odd sum.
    """
    import networkx as nx

    wanted = [whole("configuration", "degrees", d, 0, len(degrees) - 1) for d in degrees]
    if len(wanted) < 2:
        raise UserError(f"configuration: {len(wanted)} degrees given; expected one a node, at least 2.")
    if sum(wanted) % 2:
        raise UserError(f"configuration: the degrees add up to {sum(wanted)}; expected an even sum.")
    return named(nx.configuration_model(wanted, seed=seed), "configuration", len(wanted), seed)


def scale_free(n: int, gamma: float = 2.5, m: int = 2, seed: int = 0) -> RelationalGraph:
    """Degrees from a power law, P(k) ~ k^−``gamma`` for k ≥ ``m``, joined by :func:`configuration`.

    Degrees are drawn from m … n−1; if their sum is odd, one node gets one more or, if full, one less.

    Raises:
        UserError: gamma not above 1, m outside 1 … n−1.
    """
    whole("scale_free", "n", n, 3)
    whole("scale_free", "m", m, 1, n - 1)
    if not gamma > 1:
        raise UserError(f"scale_free: gamma = {gamma:g} is not above 1. It is the exponent of the power law.")
    rng = random.Random(seed)
    possible = range(m, n)
    degrees = rng.choices(possible, weights=[float(k) ** -gamma for k in possible], k=n)
    if sum(degrees) % 2:
        degrees[0] += 1 if degrees[0] < n - 1 else -1
    drawn = configuration(degrees, seed=rng.getrandbits(32))
    return RelationalGraph(drawn.adjacency, name=f"scale_free({n},{gamma:.4g},{m},{seed})", directed=False)

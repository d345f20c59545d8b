"""Stochastic block models: groups of nodes, joined more within than between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs.generators.checks import named, share, whole
from graph2nn.graphs.graph import RelationalGraph


def stochastic_block(
    sizes: Sequence[int], p: Sequence[float] | Sequence[Sequence[float]], seed: int = 0
) -> RelationalGraph:
    """Groups of the given ``sizes``; a pair from groups a and b is joined with probability ``p[a][b]``.

    Holland, Laskey and Leinhardt 1983, as ``nx.stochastic_block_model``. ``p`` is ``[r, r]`` and symmetric,
    or the same r² numbers in one row. The result need not be connected.

    Raises:
        UserError: an empty group, or a p of another shape, asymmetric, or outside [0, 1].
    """
    import networkx as nx

    groups = [whole("stochastic_block", "sizes", size, 1) for size in sizes]
    r = len(groups)
    chances: npt.NDArray[np.float64] = np.asarray(p, dtype=np.float64)
    if chances.size != r * r:
        raise UserError(f"stochastic_block: p has {chances.size} numbers; expected {r}² for {r} sizes.")
    chances = chances.reshape(r, r)
    if not (chances == chances.T).all():
        raise UserError("stochastic_block: p is not symmetric; groups a and b need one probability.")
    for chance in chances.flat:
        share("stochastic_block", "p", float(chance))
    graph = nx.stochastic_block_model(groups, chances.tolist(), seed=seed)
    return named(graph, "stochastic_block", "+".join(map(str, groups)), seed)


def planted_partition(l: int, k: int, p_in: float, p_out: float, seed: int = 0) -> RelationalGraph:  # noqa: E741
    """``l`` groups of ``k`` nodes, joined with ``p_in`` inside and ``p_out`` between.

    Condon and Karp 2001, as ``nx.planted_partition_graph``, whose names the arguments are.
    """
    whole("planted_partition", "l", l, 1)
    whole("planted_partition", "k", k, 1)
    share("planted_partition", "p_in", p_in)
    share("planted_partition", "p_out", p_out)
    import networkx as nx

    graph = nx.planted_partition_graph(l, k, p_in, p_out, seed=seed)
    return named(graph, "planted_partition", l, k, float(p_in), float(p_out), seed)

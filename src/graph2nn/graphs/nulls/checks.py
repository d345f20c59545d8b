"""What a null promises to keep, checked on every null that is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Longs
from graph2nn.graphs.graph import RelationalGraph


class BrokenNullError(RuntimeError):
    """A null lacks what its kind keeps: a defect of this package, never of the input."""


def same_degrees(graph: RelationalGraph, drawn: RelationalGraph) -> None:
    """Every node has its in- and its out-degree."""
    for row, what in enumerate(("out-degree", "in-degree")):
        before, after = (np.bincount(g.edge_index[row], minlength=g.n) for g in (graph, drawn))
        _require(np.array_equal(before, after), f"the {what} of every node", drawn)


def same_loops(graph: RelationalGraph, drawn: RelationalGraph) -> None:
    """Self-connections are where they were."""
    before, after = (g.edge_index[0][g.edge_index[0] == g.edge_index[1]] for g in (graph, drawn))
    _require(np.array_equal(before, after), "the self-connections", drawn)


def same_count(graph: RelationalGraph, drawn: RelationalGraph) -> None:
    """As many connections."""
    _require(graph.edges == drawn.edges, "the number of connections", drawn)


def same_wiring(graph: RelationalGraph, drawn: RelationalGraph) -> None:
    """Every connection is where it was."""
    _require(np.array_equal(graph.edge_index, drawn.edge_index), "every connection", drawn)


def same_reciprocal_degrees(graph: RelationalGraph, drawn: RelationalGraph) -> None:
    """Every node has its number of reciprocal pairs."""
    before, after = reciprocal_degrees(graph), reciprocal_degrees(drawn)
    _require(np.array_equal(before, after), "the reciprocal pairs of every node", drawn)


def same_block_degrees(graph: RelationalGraph, drawn: RelationalGraph, labels: Longs) -> None:
    """Every node has its in- and out-degree from and to each group.

    Args:
        graph: the original.
        drawn: its null.
        labels: group of each node, ``[n]``.
    """
    span = int(labels.max()) + 1
    for here, there in ((0, 1), (1, 0)):
        before, after = (
            np.sort(g.edge_index[here] * span + labels[g.edge_index[there]]) for g in (graph, drawn)
        )
        _require(np.array_equal(before, after), "the degrees of every node by group", drawn)


def same_boundary(graph: RelationalGraph, drawn: RelationalGraph, fixed: npt.NDArray[np.bool_]) -> None:
    """Every connection that touches the fixed nodes is where it was, with its weight and sign.

    Args:
        graph: the original.
        drawn: its null.
        fixed: which nodes are fixed, ``[n]``.
    """
    before, after = (_touching(g, fixed) for g in (graph, drawn))
    same = all((x is None and y is None) or np.array_equal(x, y) for x, y in zip(before, after, strict=True))
    _require(same, "the connections of inputs and outputs", drawn)


def same_row_values(graph: RelationalGraph, drawn: RelationalGraph) -> None:
    """Weights and signs have stayed with their sources (undirected: the pool is the same)."""
    for name in ("weights", "signs"):
        values, others = getattr(graph, name), getattr(drawn, name)
        if values is None:
            continue
        keys = [g.edge_index[0] if graph.directed else np.zeros(g.edge_index.shape[1]) for g in (graph, drawn)]
        before, after = (v[np.lexsort((v, k))] for v, k in zip((values, others), keys, strict=True))
        _require(np.array_equal(before, after), f"the {name} of every source", drawn)


def same_pool(graph: RelationalGraph, drawn: RelationalGraph) -> None:
    """The weights of the edges are the same numbers in another order."""
    pools = []
    for one in (graph, drawn):
        if one.weights is None:
            return
        once = slice(None) if one.directed else one.edge_index[0] <= one.edge_index[1]
        pools.append(np.sort(one.weights[once]))
    _require(np.array_equal(pools[0], pools[1]), "the pool of weights", drawn)


def reciprocal_degrees(graph: RelationalGraph) -> Longs:
    """Number of reciprocal pairs of each node ``[n]``."""
    source, target = graph.edge_index
    other = source != target
    source, target = source[other], target[other]
    both = np.isin(source * graph.n + target, target * graph.n + source)
    return np.bincount(source[both], minlength=graph.n)


def _touching(graph: RelationalGraph, fixed: npt.NDArray[np.bool_]) -> list[Any]:
    source, target = graph.edge_index
    touches = fixed[source] | fixed[target]
    values = [None if v is None else v[touches] for v in (graph.weights, graph.signs)]
    return [graph.edge_index[:, touches], *values]


def _require(kept: bool, what: str, drawn: RelationalGraph) -> None:
    if not kept:
        raise BrokenNullError(
            f"{drawn.name}: it does not keep {what}. Please report this as a defect of graph2nn."
        )

"""Nulls without swaps: random pairs of nodes, shuffled weights, shuffled signs."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats, Longs
from graph2nn.graphs.graph import RelationalGraph

Pairs = npt.NDArray[np.int64]
_Value = TypeVar("_Value", bound=np.generic)


def random_pairs(n: int, count: int, rng: np.random.Generator, *, directed: bool) -> Pairs:
    """Draw ``count`` different pairs of different nodes, every set of them equally likely, ``[2, count]``.

    Args:
        n: number of nodes.
        count: how many pairs.
        rng: random numbers.
        directed: whether (i, j) and (j, i) are different pairs.

    Returns:
        The pairs, two rows.
    """
    total = n * (n - 1) if directed else n * (n - 1) // 2
    gaps = 2 * count > total
    codes = _different(total, total - count if gaps else count, rng)
    if gaps:
        keep = np.ones(total, dtype=np.bool_)
        keep[codes] = False
        codes = np.flatnonzero(keep)
    # Ring by ring: code = node + n (step − 1). Undirected, half of the steps reach every pair.
    source = codes % n
    return np.stack([source, (source + codes // n + 1) % n])


def _different(total: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The first ``count`` different numbers of a stream of numbers below ``total``, ascending."""
    have = np.empty(0, dtype=np.int64)
    while len(have) < count:
        have = np.unique(np.concatenate([have, rng.integers(total, size=count - len(have))]))
    return have


def shuffled(
    values: npt.NDArray[_Value], within: npt.NDArray[np.int64] | None, rng: np.random.Generator
) -> npt.NDArray[_Value]:
    """Permute values, among all places or among those of one label of ``within``.

    Args:
        values: to permute.
        within: label of each place; None for one label.
        rng: random numbers.

    Returns:
        The permuted values, a new array.
    """
    if within is None:
        return np.asarray(rng.permutation(values))
    places = np.argsort(within, kind="stable")
    drawn = np.lexsort((rng.random(len(values)), within))
    result = np.empty_like(values)
    result[places] = values[drawn]
    return result


def density_arcs(
    graph: RelationalGraph, rng: np.random.Generator
) -> tuple[Longs, Floats | None, npt.NDArray[np.int8] | None]:
    """Arcs of a density null: edge index, weights and signs.

    Self-connections stay as they are. The others join random pairs; the pool of weights is shuffled over them,
    and each takes the sign of its new source: that of one of its connections, or, of a node that had none,
    that of a random node's.
    """
    arcs = graph.edge_index
    loops = arcs[0] == arcs[1]
    directed = bool(graph.directed)
    once = ~loops if directed else arcs[0] < arcs[1]
    pairs = random_pairs(graph.n, int(once.sum()), rng, directed=directed)
    both = [pairs] if directed else [pairs, pairs[::-1]]
    weights = signs = None
    if graph.weights is not None:
        drawn = rng.permutation(graph.weights[once])
        weights = np.concatenate([*(drawn for _ in both), graph.weights[loops]])
    if graph.signs is not None:
        drawn = _signs_of(pairs[0], arcs[0][~loops], graph.signs[~loops], graph.n, rng)
        signs = np.concatenate([*(drawn for _ in both), graph.signs[loops]])
    return np.concatenate([*both, arcs[:, loops]], axis=1), weights, signs


def _signs_of(
    sources: npt.NDArray[np.int64],
    before: npt.NDArray[np.int64],
    signs: npt.NDArray[np.int8],
    n: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int8]:
    if not len(signs):
        return np.zeros(len(sources), dtype=np.int8)
    order = np.argsort(before, kind="stable")
    counts = np.bincount(before, minlength=n)
    first = np.cumsum(counts) - counts
    senders = np.flatnonzero(counts)
    stand_in = np.where(counts > 0, np.arange(n), senders[rng.integers(len(senders), size=n)])
    whose = stand_in[sources]
    picked = first[whose] + (rng.random(len(whose)) * counts[whose]).astype(np.int64)
    return np.asarray(signs[order[picked]])


def one_sign_each(graph: RelationalGraph) -> bool:
    """Whether all outputs of a node have one sign, in every node (Dale's law)."""
    if graph.signs is None:
        return False
    source = graph.edge_index[0]
    low, high = np.full(graph.n, 2), np.full(graph.n, -2)
    np.minimum.at(low, source, graph.signs)
    np.maximum.at(high, source, graph.signs)
    return bool((low >= high).all())


def shuffled_signs(
    graph: RelationalGraph, labels: npt.NDArray[np.int64] | None, rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Signs dealt out again: among nodes where each has one sign, else among edges.

    Args:
        graph: with signs.
        labels: of the nodes ``[n]``: signs are dealt among nodes (or edges whose ends have) equal labels.
        rng: random numbers.

    Returns:
        Sign of each arc.
    """
    assert graph.signs is not None
    source = graph.edge_index[0]
    if graph.directed and one_sign_each(graph):
        sign = np.zeros(graph.n, dtype=np.int8)
        sign[source] = graph.signs
        senders = np.unique(source)
        sign[senders] = shuffled(sign[senders], None if labels is None else labels[senders], rng)
        return np.asarray(sign[source])
    return shuffled_over_edges(graph, graph.signs, arc_labels(graph, labels), rng)


def arc_labels(graph: RelationalGraph, labels: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64] | None:
    """One number per arc for the labels of its two ends; of an undirected edge, in either order."""
    if labels is None:
        return None
    a, b = labels[graph.edge_index[0]], labels[graph.edge_index[1]]
    if not graph.directed:
        a, b = np.minimum(a, b), np.maximum(a, b)
    return np.asarray(a * (int(labels.max()) + 1) + b)


def shuffled_over_edges(
    graph: RelationalGraph,
    values: npt.NDArray[_Value],
    within: npt.NDArray[np.int64] | None,
    rng: np.random.Generator,
) -> npt.NDArray[_Value]:
    """Permute the values of the arcs; both directions of an undirected edge keep one value.

    Args:
        graph: whose arcs.
        values: one per arc.
        within: label of each arc, to permute among equal ones; None for one label.
        rng: random numbers.

    Returns:
        The permuted values, one per arc.
    """
    if graph.directed:
        return shuffled(values, within, rng)
    source, target = graph.edge_index
    once = np.flatnonzero(source <= target)
    drawn = shuffled(values[once], None if within is None else within[once], rng)
    keys = np.minimum(source, target) * graph.n + np.maximum(source, target)
    order = np.argsort(keys[once])
    return np.asarray(drawn[order[np.searchsorted(keys[once][order], keys)]])

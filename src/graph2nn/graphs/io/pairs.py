"""Pairs of nodes with weights, and the options that decide which of them are edges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.graphs.io.options import ReadOptions

Indices = npt.NDArray[np.int64]


@dataclass
class EdgePairs:
    """Each edge once: a directed pair ``(reader, read)``, or an undirected one in either order.

    Args:
        n: number of nodes.
        reader, read: node numbers, ``[pairs]``.
        weights: ``[pairs]``, or ``None`` where edges are there or not.
        names: of the nodes.
        directed: whether a pair goes one way.
        name: the file's own name of the graph.
        said: what said whether the graph is directed.
        weight_name: of the column of weights, for messages.
        dense: True for a weighted matrix with more than half of its entries filled.
        matrix: True for the entries of a matrix, where 0 is not an edge.
        self_loops: ``given`` if a self-loop is an edge like any other.
        notes: what the user should know.
    """

    n: int
    reader: Indices
    read: Indices
    weights: Floats | None
    names: tuple[str, ...] | None
    directed: bool
    name: str | None = None
    said: str = ""
    weight_name: str | None = None
    dense: bool = False
    matrix: bool = False
    self_loops: Literal["all", "given"] = "all"
    notes: list[str] = field(default_factory=list)

    def label(self, node: int) -> str:
        """Return how messages name a node."""
        return self.names[node] if self.names is not None else str(node)

    def kept(self, mask: npt.NDArray[np.bool_]) -> None:
        """Keep only the pairs where ``mask`` is true."""
        self.reader, self.read = self.reader[mask], self.read[mask]
        if self.weights is not None:
            self.weights = self.weights[mask]


def repeated_keys(keys: Indices, values: Floats) -> int | None:
    """Return the place of an entry whose key stands elsewhere with another value, or ``None``."""
    order = np.argsort(keys, kind="stable")
    sorted_keys, sorted_values = keys[order], values[order]
    differs = (sorted_keys[1:] == sorted_keys[:-1]) & (sorted_values[1:] != sorted_values[:-1])
    both_missing = np.isnan(sorted_values[1:]) & np.isnan(sorted_values[:-1])
    places = np.flatnonzero(differs & ~both_missing)
    return int(order[places[0]]) if len(places) else None


def combined(keys: Indices, values: Floats, rule: str) -> tuple[Indices, Floats]:
    """Make one entry of equal keys, in the order in which they first stand.

    Args:
        keys: one per entry; equal ones are combined.
        values: one per entry.
        rule: ``"sum"``, ``"max"`` and the like, as ``combine`` of :func:`graph2nn.read_graph`.

    Returns:
        Keys, each once, and their values.

    >>> combined(np.array([4, 2, 4]), np.array([1.0, 5.0, 2.0]), "sum")
    (array([4, 2]), array([3., 5.]))
    """
    unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    merged: Floats = values[first].astype(np.float64)
    if rule == "sum":
        merged = np.bincount(inverse, weights=values, minlength=len(unique)).astype(np.float64)
    elif rule == "max":
        merged = np.full(len(unique), -np.inf)
        np.maximum.at(merged, inverse, values)
    order = np.argsort(first, kind="stable")
    return unique[order], np.asarray(merged[order], dtype=np.float64)


def choose_edges(pairs: EdgePairs, options: ReadOptions) -> None:
    """Keep the pairs that are edges, by threshold, by strength, or because they are listed.

    Raises:
        UserError: self-loops, or weights that leave open what is an edge.
    """
    if options.drop_self_loops and (loops := pairs.reader == pairs.read).any():
        if not (pairs.matrix and bool(loops.sum() == pairs.n)):
            pairs.notes.append(f"{_count(int(loops.sum()), 'self-loop was', 'self-loops were')} dropped")
        pairs.kept(~loops)
    if options.keep_strongest is not None:
        _refuse_loops(pairs, options)
        _keep_strongest(pairs, options.keep_strongest, options)
    elif options.threshold is not None:
        if pairs.weights is None and options.threshold >= 1:
            raise UserError(
                f"the graph has no weights for {options.say('threshold', f'{options.threshold:g}')}."
            )
        strength = _strength(pairs, options)
        pairs.kept(strength > options.threshold)
    elif pairs.weights is not None:
        _check_weights(pairs, options)
    _refuse_loops(pairs, options)


def _strength(pairs: EdgePairs, options: ReadOptions) -> Floats:
    weights = np.ones(len(pairs.reader)) if pairs.weights is None else pairs.weights
    return np.abs(weights) if options.absolute else weights


def _keep_strongest(pairs: EdgePairs, share: float, options: ReadOptions) -> None:
    if pairs.weights is None:
        raise UserError(
            f"the edges have no weights, so {options.say('keep_strongest')} cannot choose among them."
        )
    possible = pairs.n * (pairs.n - 1) // (1 if pairs.directed else 2)
    wanted = max(round(share * possible), 1)
    strength = np.nan_to_num(_strength(pairs, options), nan=0.0)
    order = np.argsort(-strength, kind="stable")
    chosen = order[:wanted]
    chosen = chosen[strength[chosen] > 0]
    if len(chosen) < wanted:
        pairs.notes.append(f"only {len(chosen)} of the {wanted} pairs asked for have a weight above 0")
    elif len(order) > wanted and strength[order[wanted]] == strength[order[wanted - 1]]:
        pairs.notes.append(f"several pairs tie at weight {strength[order[wanted]]:g}; the first ones were kept")
    mask = np.zeros(len(strength), dtype=np.bool_)
    mask[chosen] = True
    pairs.kept(mask)


def _check_weights(pairs: EdgePairs, options: ReadOptions) -> None:
    """Refuse weights that leave open which pairs are edges; note that all others are."""
    weights = pairs.weights
    assert weights is not None
    choice = f"{options.say('threshold', 0)} or {options.say('keep_strongest', '10%')}"
    what = "entry" if pairs.matrix else "edge"
    missing, negative = np.isnan(weights), weights < 0
    if missing.any():
        place = _pair(pairs, missing)
        raise UserError(f"the weight of {place} is NaN; say which weights make an edge with {choice}.")
    if not pairs.matrix and (weights == 0).any():
        number = int((weights == 0).sum())
        edges = "one edge has" if number == 1 else f"{number} edges have"
        raise UserError(
            f"{edges} weight 0 ({_pair(pairs, weights == 0)}): {options.say('threshold', 0)} says which "
            "weights make an edge."
        )
    if negative.any() and not options.absolute:
        raise UserError(
            f"the graph has negative weights ({_pair(pairs, negative)} is {weights[negative][0]:g}): {choice} "
            f"says which weights make an edge, {options.say('absolute', True)} takes them without their sign."
        )
    if np.isinf(weights).any():
        raise UserError(
            f"the weight of {_pair(pairs, np.isinf(weights))} is infinite; choose edges with {choice}."
        )
    if pairs.dense:
        raise UserError(
            f"the graph is weighted (an {what} is {weights[weights != 1][0]:g}) and more than half of the "
            f"matrix is filled; say which weights make an edge with {choice}."
        )
    if len(weights) and (weights != 1).any():
        pairs.notes.append(
            f"every nonzero weight makes an edge ({pairs.weight_name!r} runs from {weights.min():g} to "
            f"{weights.max():g}); {choice} chooses"
        )


def _refuse_loops(pairs: EdgePairs, options: ReadOptions) -> None:
    if pairs.self_loops == "given":
        return
    loops = np.flatnonzero(pairs.reader == pairs.read)
    if pairs.weights is not None:
        loops = loops[pairs.weights[loops] != 0]
    if len(loops):
        node = pairs.label(int(pairs.reader[loops[0]]))
        raise UserError(
            f"adjacency: node {node} has a self-loop. Every node reads itself already; "
            f"{options.say('drop_self_loops', True)} leaves self-loops out."
        )


def _pair(pairs: EdgePairs, mask: npt.NDArray[np.bool_]) -> str:
    place = int(np.flatnonzero(mask)[0])
    return f"{pairs.label(int(pairs.reader[place]))}, {pairs.label(int(pairs.read[place]))}"


def _count(number: int, one: str, many: str) -> str:
    return f"one {one}" if number == 1 else f"{number} {many}"

"""One connection per pair of neurons, whatever rows a table has for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.io.connectome.signs import Signs

Numbers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Connections:
    """Connections, or rows of a table of them.

    Args:
        pre, post: numbers of the neurons.
        weights: of each.
        signs: of each, or None.
    """

    pre: Numbers
    post: Numbers
    weights: Weights
    signs: Signs | None

    def kept(self, mask: npt.NDArray[np.bool_]) -> Connections:
        """Return those where the mask is true."""
        signs = None if self.signs is None else self.signs[mask]
        return Connections(self.pre[mask], self.post[mask], self.weights[mask], signs)

    def followed_by(self, more: Connections) -> Connections:
        """Return these and after them others, which have signs if these do."""
        signs = None
        if self.signs is not None and more.signs is not None:
            signs = np.concatenate([self.signs, more.signs])
        return Connections(
            np.concatenate([self.pre, more.pre]),
            np.concatenate([self.post, more.post]),
            np.concatenate([self.weights, more.weights]),
            signs,
        )


def combine_rows(rows: Connections, n: int, combine: str) -> Connections:
    """Make one connection of the rows of each pair, sorted by reader, then by neuron read.

    Args:
        rows: in the order of the table.
        n: number of neurons.
        combine: ``sum``, ``max`` or ``first``.

    Returns:
        The connections; the sign of each is that of the sum of its signed weights.
    """
    if not len(rows.pre):
        return rows
    keys = rows.post * n + rows.pre
    order = np.argsort(keys, kind="stable")
    keys, weights = keys[order], rows.weights[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    reduce: dict[str, Callable[[Weights], Weights]] = {
        "sum": lambda w: np.add.reduceat(w, starts),
        "max": lambda w: np.maximum.reduceat(w, starts),
        "first": lambda w: w[starts],
    }
    signs = None
    if rows.signs is not None:
        signs = np.sign(np.add.reduceat(rows.signs[order] * weights, starts)).astype(np.int8)
    unique = keys[starts]
    return Connections(unique % n, unique // n, reduce[combine](weights), signs)


def both_ways(rows: Connections, n: int, combine: str) -> tuple[Connections, list[str]]:
    """Make gap junctions conduct both ways with one weight, whether they are listed once or from both sides.

    Args:
        rows: of gap junctions.
        n: number of neurons.
        combine: what becomes of the weights of several rows of one direction.

    Returns:
        One connection per direction, and what should be said of those that the table does not list so.

    Example:
        >>> once = Connections(np.array([0]), np.array([1]), np.array([3.0]), None)
        >>> both_ways(once, 2, "sum")[0].pre.tolist()
        [0, 1]
    """
    one = combine_rows(rows, n, combine)
    if not len(one.pre):
        return one, []
    keys, back = one.post * n + one.pre, one.pre * n + one.post
    at = np.minimum(np.searchsorted(keys, back), len(keys) - 1)
    listed = keys[at] == back
    other = np.where(listed, one.weights[at], 0.0)
    differ = int((listed & (other != one.weights)).sum()) // 2
    one = replace(one, weights=np.maximum(one.weights, other))
    alone = one.kept(~listed)
    notes = []
    if len(alone.pre):
        notes.append(
            f"{len(alone.pre):,} gap junctions stand in one direction and were read in both, as they conduct "
            "both ways"
        )
    if differ:
        notes.append(f"{differ:,} gap junctions have two weights, of which the larger was taken")
    turned = Connections(alone.post, alone.pre, alone.weights, alone.signs)
    return one.followed_by(turned), notes

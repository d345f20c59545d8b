"""Selection of catalogues: graphs that cover the (C, L) plane evenly (paper, section 4.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats, Longs
from graph2nn.errors import UserError

Level = Literal["coarse", "medium", "fine"]
#: Fine bins along each side of a coarse one.
SIDE = 9
#: Coarse bins a side beyond which there are more fine bins than graphs in any sweep.
_MOST_BINS = 200


@dataclass(frozen=True)
class Binning:
    """How the plane is cut: ``bins`` coarse bins a side, each 9 × 9 fine ones; C in [0, 1], L in [1, l_max].

    A coarse bin that is empty in its middle borrows a graph from its neighbours where C lies above
    ``fill_above``, a medium one where C lies above 0.75 (as published).
    """

    bins: int = 15
    l_max: float = 4.5
    fill_above: float = 0.75

    def __post_init__(self) -> None:
        if not 1 <= self.bins <= _MOST_BINS:
            raise UserError(f"catalogue: bins = {self.bins}, expected 1 … {_MOST_BINS} coarse bins a side.")
        if not 1 < self.l_max < math.inf:
            raise UserError(f"catalogue: l_max = {self.l_max:g}, expected more than 1, the least path length.")
        if not 0 <= self.fill_above <= 1:
            raise UserError(f"catalogue: fill_above = {self.fill_above:g}, expected a C in [0, 1].")

    @property
    def c_edges(self) -> Floats:
        """Edges of the fine bins of C, ``[9·bins + 1]``."""
        return np.linspace(0, 1, SIDE * self.bins + 1, dtype=np.float64)

    @property
    def l_edges(self) -> Floats:
        """Edges of the fine bins of L, ``[9·bins + 1]``."""
        return np.linspace(1, self.l_max, SIDE * self.bins + 1, dtype=np.float64)


def default_binning(
    n: int,
    longest: float,
    *,
    bins: int | None = None,
    l_max: float | None = None,
    fill_above: float | None = None,
) -> Binning:
    """Complete a binning as the published ones are: for n = 64 and n = 16 it is the published one.

    Args:
        n: number of nodes. From 64 on: 15 bins, empty ones filled above C = 0.75; below: 12, filled everywhere.
        longest: the greatest L of the sweep; rounded up to a multiple of 0.5 it is ``l_max``.
        bins: in place of the default.
        l_max: in place of the default.
        fill_above: in place of the default.

    Returns:
        The complete binning.
    """
    return Binning(
        bins=(15 if n >= 64 else 12) if bins is None else bins,
        l_max=max(1.5, math.ceil(2 * longest) / 2) if l_max is None else l_max,
        fill_above=(0.75 if n >= 64 else 0.0) if fill_above is None else fill_above,
    )


def cover(
    clustering: npt.ArrayLike, path_length: npt.ArrayLike, binning: Binning = Binning()
) -> dict[Level, npt.NDArray[np.int64]]:
    """Pick graphs that cover the plane, by the published rule (paper, section 4.1).

    The graphs are shuffled; the first to land in a fine bin represents it. Bins in the middle of each 3 × 3
    block make the medium catalogue, those in the middle of each 9 × 9 block the coarse one; gaps are then
    filled from the neighbours of the middle, so a graph may stand for two medium bins.

    Args:
        clustering: C of each graph, ``[N]``.
        path_length: L of each graph, ``[N]``.
        binning: how the plane is cut.

    Returns:
        Numbers of the picked graphs for each level, in the published order.
    """
    c, l = np.asarray(clustering), np.asarray(path_length)  # noqa: E741
    order = np.random.RandomState(1).permutation(len(c))
    at = np.stack([np.digitize(c, binning.c_edges), np.digitize(l, binning.l_edges)], axis=1)[order]
    _, first = np.unique(at, axis=0, return_index=True)
    fine = {(int(at[row, 0]), int(at[row, 1])): int(order[row]) for row in np.sort(first)}
    medium = [graph for (i, j), graph in fine.items() if i % 3 == 2 and j % 3 == 2]
    coarse = [graph for (i, j), graph in fine.items() if i % SIDE == 5 and j % SIDE == 5]
    # Only middles can be borrowed for, and every middle is 2 modulo 3: scan those, C outside, L inside.
    edges = binning.c_edges
    for i in range(2, len(edges), 3):
        for j in range(2, len(edges), 3):
            if (i, j) in fine:
                continue
            if i % SIDE == 5 and j % SIDE == 5:
                if edges[i] > binning.fill_above:
                    borrowed = _first_of(fine, range(i - 1, i + 2), range(j - 3, j + 4))
                    coarse += borrowed
                    medium += borrowed
            elif edges[i] > 0.75:
                medium += _first_of(fine, range(i, i + 1), range(j - 1, j + 2))
    picked: dict[Level, list[int]] = {"coarse": coarse, "medium": medium, "fine": [*fine.values()]}
    return {level: np.array(graphs, dtype=np.int64) for level, graphs in picked.items()}


def _first_of(fine: Mapping[tuple[int, int], int], rows: range, columns: range) -> list[int]:
    """The graph of the first represented bin of a window, or none."""
    return [fine[i, j] for i in rows for j in columns if (i, j) in fine][:1]


def farthest_first(points: Floats, count: int, *, first: int) -> Longs:
    """Choose points that lie far apart: each next one is the farthest from those chosen (Gonzalez 1985).

    Args:
        points: ``[points, dimensions]``, on axes whose distances compare.
        count: how many, at most all of them.
        first: row of the first one.

    Returns:
        Rows in the order in which they were chosen, ``[count]``; of equal distances the first row.

    Example:
        >>> farthest_first(np.array([[0.0], [1.0], [4.0], [9.0]]), 3, first=0).tolist()
        [0, 3, 2]
    """
    chosen = [first]
    gap = np.linalg.norm(points - points[first], axis=1)
    while len(chosen) < count:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen, dtype=np.int64)

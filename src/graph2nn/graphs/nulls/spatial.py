"""Swaps that keep the distribution of distances: every bin of its histogram stays within half a per cent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats, Longs
from graph2nn.graphs.kernels import swaps
from graph2nn.graphs.kernels.spatial_swaps import swap_near
from graph2nn.graphs.kernels.swaps import Ints
from graph2nn.graphs.nulls.arc_rows import ArcRows
from graph2nn.graphs.nulls.checks import BrokenNullError

#: Bins of the histogram of distances, of equal counts in the graph, and edges that a bin has at least.
BINS, PER_BIN = 100, 50
#: Equal steps of the squared distance, by which the kernel finds a bin.
STEPS = 1024
#: How far the count of a bin may drift, as a share of itself; at least by :data:`PLAY` edges.
DRIFT, PLAY = 0.005, 1
#: Nodes per cell, turn by turn: two connections that end in one cell can often swap and keep their lengths.
CELLS = (8, 32, 8, 128, None)
#: Turns, each with other cells, that share the proposals.
TURNS = 20
#: Swaps to be made per proposal asked for, and the most proposals for them: many would change the distances.
MADE, MOST = 2, 40


@dataclass(frozen=True)
class DistanceBins:
    """Bins of squared distances, of equal counts in a graph.

    Beyond the longest edge lies one more bin, empty in the graph and its nulls.

    Args:
        edges: upper ends of all bins but the last, ascending.
        scale: steps per squared distance.
        first: of each step the first bin that it may hold, and the number of ``edges`` ``[steps + 1]``.
    """

    edges: Floats
    scale: float
    first: Longs

    @classmethod
    def of(cls, squared: Floats) -> DistanceBins:
        """Choose the bins of the squared lengths of a graph's edges."""
        edges: Floats = np.empty(0)
        if len(squared):
            bins = max(1, min(BINS, len(squared) // PER_BIN))
            edges = np.unique(np.quantile(squared, np.arange(1, bins + 1) / bins, method="inverted_cdf"))
        longest = float(edges[-1]) if len(edges) else 0.0
        # Where all edges have length 0, or nearly, one step holds them all.
        scale = STEPS / longest if longest > np.finfo(np.float64).tiny else 0.0
        # The kernel finds the step of a distance by the same product, which never falls as distances grow. So
        # the bins of a step are known exactly, whatever the rounding.
        place = edges * scale
        step = np.where(place < STEPS - 1, place, STEPS - 1).astype(np.int64)
        return cls(edges, scale, np.searchsorted(step, np.arange(STEPS + 1), side="left").astype(np.int64))

    def __call__(self, squared: Floats) -> Longs:
        """Number of the bin of each squared distance."""
        return np.asarray(np.searchsorted(self.edges, squared, side="left"), dtype=np.int64)


def swap_in_space(rows: ArcRows, positions: Floats, proposals: float, state: int) -> None:
    """Rewire rows, keeping every degree and, within :data:`DRIFT`, every bin of the histogram of distances.

    Two connections drawn at random from the whole graph would hardly ever keep their lengths. So the nodes are
    divided into cells around random nodes, other ones in each turn, and swaps are proposed between connections
    that end in one cell; what a swap keeps, its reversal keeps, so this changes no graph's chance.

    How many proposals are needed depends on the share that is refused. The first turns, one for each size of
    cells, measure that share; the number of proposals of the other turns is fixed before they begin. (A walk
    that ended after a given number of swaps would prefer graphs that many swaps lead to.)

    Args:
        rows: changed in place.
        positions: of the nodes ``[n, axes]``.
        proposals: per edge. Enough proposals are made for :data:`MADE` times as many swaps, but at most
            :data:`MOST` times as many proposals.
        state: of the random numbers.
    """
    squared = _squared(rows, positions)
    once = _once(rows)
    bins = DistanceBins.of(squared[once])
    before = np.bincount(bins(squared[once]), minlength=len(bins.edges) + 1).astype(np.int64)
    room = np.where(before > 0, np.maximum(PLAY, np.floor(before * DRIFT)), 0).astype(np.int64)
    least, most = np.maximum(before - room, 0), before + room
    count, each = before.copy(), bins(squared).astype(np.uint8)
    movable = np.flatnonzero(~rows.loops)
    rng = np.random.default_rng(state)
    now, tried, made = np.uint64(state), 0, 0
    more = float(MADE)
    for turn in range(TURNS):
        if turn == len(CELLS):
            more = min(MOST, MADE * tried / max(made, 1))
        cells = _cells(positions, CELLS[turn % len(CELLS)], rng)
        order, begin = _classes(rows, movable, cells)
        size = np.diff(begin)
        exact = np.where(size > 1, size, 0) * (more * proposals / TURNS)
        whole = (exact + rng.random(len(exact))).astype(np.int64)
        accepted, now = swap_near(
            rows.source, rows.target, rows.start, rows.hub, rows.bits, rows.mate, rows.label, order,
            swaps.EDGES if rows.undirected else swaps.ARCS, begin, whole, np.uint64(now),
            positions, bins.edges, bins.first, bins.scale, each, count, least, most,
        )  # fmt: skip
        tried, made = tried + int(whole.sum()), made + accepted
    after = np.bincount(bins(_squared(rows, positions)[_once(rows)]), minlength=len(before))
    if ((after < least) | (after > most)).any():
        raise BrokenNullError(
            "spatial null: the distances have drifted. Please report this as a defect of graph2nn."
        )


def _cells(positions: Floats, size: int | None, rng: np.random.Generator) -> Longs:
    """Divide the nodes into cells of ``size`` nodes on average: those nearest to the same random node."""
    from scipy.spatial import KDTree

    n = len(positions)
    centres = 1 if size is None else max(1, n // size)
    _, nearest = KDTree(positions[rng.choice(n, centres, replace=False)]).query(positions)
    return np.asarray(nearest, dtype=np.int64)


def _classes(rows: ArcRows, movable: Longs, cells: Longs) -> tuple[Ints, Longs]:
    """Sort arcs by the cell in which they end; return them and the bounds of the classes ``[classes + 1]``."""
    cell = cells[rows.target[movable]]
    if rows.undirected:  # both ends, so that the other direction of a swapped edge stays in its class
        cell = cell * (int(cells.max()) + 1) + cells[rows.source[movable]]
    if len(cell) and cell.max() < 2**16:
        cell = cell.astype(np.uint16)  # sorted by counting, in a tenth of the time
    order = np.argsort(cell, kind="stable")
    ends = np.flatnonzero(np.diff(cell[order]) != 0) + 1
    return movable[order].astype(np.int32), np.concatenate([[0], ends, [len(order)]]).astype(np.int64)


def _squared(rows: ArcRows, positions: Floats) -> Floats:
    """Squared length of every arc; axis by axis, as the kernel adds them up, so that both give one number."""
    total: Floats = np.zeros(len(rows.source))
    for axis in positions.T:
        gap = axis[rows.source] - axis[rows.target]
        total += gap * gap
    return total


def _once(rows: ArcRows) -> npt.NDArray[np.bool_]:
    """Arcs that stand for an edge, each edge once."""
    return np.asarray(rows.source < rows.target if rows.undirected else ~rows.loops)

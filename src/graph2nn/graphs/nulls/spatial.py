"""Swaps that keep the distribution of distances: every bin of its histogram stays within half a per cent."""

from __future__ import annotations

import numpy as np

from graph2nn.arrays import Floats, Longs
from graph2nn.graphs.kernels import swaps
from graph2nn.graphs.nulls.arc_rows import ArcRows
from graph2nn.graphs.nulls.checks import BrokenNullError

#: Bins of the histogram of distances, of equal counts in the graph, and edges that a bin has at least.
BINS, PER_BIN = 100, 50
#: How far the count of a bin may drift, as a share of itself; at least by :data:`PLAY` edges.
DRIFT, PLAY = 0.005, 1
#: Nodes per cell, turn by turn: two connections that end in one cell can often swap and keep their lengths.
CELLS = (8, 32, 8, 128, None)
#: Turns, each with other cells, that share the proposals.
TURNS = 20
#: Proposals per proposal asked for: most are refused, as they would change the distances.
MORE = 30


def swap_in_space(rows: ArcRows, positions: Floats, proposals: float, state: int) -> None:
    """Rewire rows, keeping every degree and, within :data:`DRIFT`, every bin of the histogram of distances.

    Two connections drawn at random from the whole graph would hardly ever keep their lengths. So the nodes are
    divided into cells around random nodes, other ones in each turn, and swaps are proposed between connections
    that end in one cell; what a swap keeps, its reversal keeps, so this changes no graph's chance.

    Args:
        rows: changed in place.
        positions: of the nodes ``[n, axes]``.
        proposals: per edge, over all turns; :data:`MORE` times as many are made.
        state: of the random numbers.
    """
    edges = _edges(rows, positions)
    before = _histogram(rows, positions, edges)
    room = np.where(before > 0, np.maximum(PLAY, np.floor(before * DRIFT)), 0).astype(np.int64)
    least, most = np.maximum(before - room, 0), before + room
    count = before.copy()
    movable = np.flatnonzero(~rows.loops)
    rng = np.random.default_rng(state)
    now = np.uint64(state)
    for turn in range(TURNS):
        cells = _cells(positions, CELLS[turn % len(CELLS)], rng)
        cell = cells[rows.target[movable]]
        if rows.undirected:  # both ends, so that the other direction of a swapped edge stays in its class
            cell = cell * (int(cells.max()) + 1) + cells[rows.source[movable]]
        order = movable[np.argsort(cell, kind="stable")].astype(np.int32)
        bounds = np.flatnonzero(np.diff(np.sort(cell))) + 1
        for part in np.split(order, bounds):
            if len(part) < 2:
                continue
            each = len(part) * MORE * proposals / TURNS
            whole = int(each) + int(rng.random() < each % 1)
            _, now = swaps.swap_near(
                rows.source, rows.target, rows.start, rows.hub, rows.bits, rows.mate, rows.label, part,
                swaps.EDGES if rows.undirected else swaps.ARCS, whole, np.uint64(now),
                positions, edges, count, least, most,
            )  # fmt: skip
    after = _histogram(rows, positions, edges)
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


def _squared(rows: ArcRows, positions: Floats) -> Floats:
    """Squared length of every edge; axis by axis, as the kernel adds them up, so that both give one number."""
    once = rows.source < rows.target if rows.undirected else ~rows.loops
    total: Floats = np.zeros(int(once.sum()))
    for axis in positions.T:
        gap = axis[rows.source[once]] - axis[rows.target[once]]
        total += gap * gap
    return total


def _edges(rows: ArcRows, positions: Floats) -> Floats:
    """Upper ends of the bins. Beyond the longest edge lies one more bin, empty in the graph and its nulls."""
    squared = _squared(rows, positions)
    if not len(squared):
        return np.empty(0)
    bins = max(1, min(BINS, len(squared) // PER_BIN))
    return np.asarray(np.unique(np.quantile(squared, np.arange(1, bins + 1) / bins, method="inverted_cdf")))


def _histogram(rows: ArcRows, positions: Floats, edges: Floats) -> Longs:
    bins = np.searchsorted(edges, _squared(rows, positions), side="left")
    return np.bincount(bins, minlength=len(edges) + 1).astype(np.int64)

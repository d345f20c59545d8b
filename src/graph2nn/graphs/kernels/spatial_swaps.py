"""Swaps that keep the histogram of distances within bounds; see :mod:`graph2nn.graphs.kernels.swaps`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats, Longs
from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.graphs.kernels.swaps import BATCH, EDGES, Bits, Ints, below, exchange, fits, inlined, mixed

#: Number of the bin of each arc.
Bins = npt.NDArray[np.uint8]


@inlined
def bin_of(positions: Floats, edges: Floats, first: Longs, scale: float, a: Int, b: Int) -> Int:
    """The bin of the distance between two nodes; ``edges`` are squared distances in ascending order.

    Args:
        positions: of the nodes, ``[n, axes]``.
        edges: upper ends of all bins but the last, squared.
        first: of each step of the squared distance the first bin that it may hold, and the number of
            ``edges`` ``[steps + 1]``: a table look-up in place of most of a binary search.
        scale: steps per squared distance.
        a, b: the nodes.

    Returns:
        Number of the bin, from 0.
    """
    squared = 0.0
    for axis in range(positions.shape[1]):
        gap = positions[a, axis] - positions[b, axis]
        squared += gap * gap
    place = squared * scale
    last = len(first) - 2
    step = np.int64(place) if place < last else last
    low, high = first[step], first[step + 1]
    while low < high:
        middle = (low + high) // 2
        if edges[middle] < squared:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def moved(histogram: Longs, least: Longs, most: Longs, old: Int, other: Int, new: Int, another: Int) -> Any:
    """Move two arcs to other bins; whether every bin stays within its bounds.

    Args:
        histogram: arcs per bin, changed in place.
        least, most: bounds of the histogram.
        old, other: bins that the arcs leave.
        new, another: bins that they enter.

    Returns:
        Whether the histogram is within its bounds.
    """
    histogram[old] -= 1
    histogram[other] -= 1
    histogram[new] += 1
    histogram[another] += 1
    return (
        histogram[old] >= least[old]
        and histogram[other] >= least[other]
        and histogram[new] <= most[new]
        and histogram[another] <= most[another]
    )


@compiled
def swap_near(
    source: Ints,
    target: Ints,
    start: Longs,
    hub: Ints,
    bits: Bits,
    mate: Ints,
    label: Ints,
    movable: Ints,
    mode: Int,
    begin: Longs,
    proposals: Longs,
    state: np.uint64,
    positions: Floats,
    edges: Floats,
    first: Longs,
    scale: float,
    bins: Bins,
    histogram: Longs,
    least: Longs,
    most: Longs,
) -> tuple[int, np.uint64]:
    """Do the same as :func:`~graph2nn.graphs.kernels.swaps.swap` within classes of arcs, one after another.

    Refused is what takes the histogram of distances out of its bounds.

    Args:
        movable: arcs, class by class.
        begin: where each class begins in ``movable``, and where the last one ends ``[classes + 1]``.
        proposals: of each class.
        positions, edges, first, scale: as for :func:`bin_of`.
        bins: of each arc, changed in place.
        histogram: arcs (or edges) per bin now; changed in place.
        least, most: bounds of the histogram.

    Returns:
        Number of swaps made, and the state of the random numbers.
    """
    low = np.uint64(0xFFFFFFFF)
    slots = np.empty((BATCH, 2), np.int64)
    accepted, touched = 0, 0
    for part in range(len(proposals)):
        count = np.uint64(begin[part + 1] - begin[part])
        seen = 0
        while seen < proposals[part]:
            batch = min(BATCH, proposals[part] - seen)
            for t in range(batch):
                state += np.uint64(0x9E3779B97F4A7C15)
                word = mixed(state)
                slots[t, 0] = movable[begin[part] + below(word >> np.uint64(32), count)]
                slots[t, 1] = movable[begin[part] + below(word & low, count)]
                touched += target[slots[t, 0]] + target[slots[t, 1]]
            for t in range(batch):
                i, j = slots[t, 0], slots[t, 1]
                a, b, c, d = source[i], target[i], source[j], target[j]
                if a == c or b == d or a == d or c == b:  # noqa: SIM109
                    continue
                old, other = bins[i], bins[j]
                new = bin_of(positions, edges, first, scale, a, d)
                another = bin_of(positions, edges, first, scale, c, b)
                within = moved(histogram, least, most, old, other, new, another)
                if within and fits(target, start, hub, bits, mode, a, b, c, d):
                    if mode == EDGES:
                        bins[mate[j]], bins[mate[i]] = new, another
                    bins[i], bins[j] = new, another
                    exchange(source, target, hub, bits, mate, label, mode, i, j)
                    accepted += 1
                else:
                    histogram[old] += 1
                    histogram[other] += 1
                    histogram[new] -= 1
                    histogram[another] -= 1
            seen += batch
    # The sum of what was touched is always above −1; the compiler does not know and keeps the loads.
    return int(accepted + (touched < 0)), state

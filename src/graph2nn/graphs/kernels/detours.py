"""Swaps of small graphs that may break reciprocal pairs on the way, as long as all are whole at the end.

Swaps of single arcs and swaps of pairs, taken alone, do not reach every small graph with the same reciprocal
degrees. A detour of several degree-preserving swaps does; in a large graph it would hardly ever return.
"""

from __future__ import annotations

import numpy as np

from graph2nn.arrays import Longs
from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.graphs.kernels.swaps import (
    ARCS,
    Bits,
    Ints,
    below,
    fits,
    joined,
    mixed,
    redirect,
    rotate,
)

#: Swaps of the longest detour.
LONGEST = 6


@compiled
def reciprocal_degrees(source: Ints, target: Ints, start: Longs, hub: Ints, bits: Bits, pairs: Longs) -> None:
    """Count the reciprocal pairs of each node into ``pairs``.

    Args:
        source, target, start: the arcs, sorted by source; where each source's arcs begin.
        hub, bits: rows of bits of the nodes with many arcs, see :mod:`graph2nn.graphs.kernels.swaps`.
        pairs: ``[n]``, written.
    """
    pairs[:] = 0
    for slot in range(len(source)):
        a, b = source[slot], target[slot]
        if a != b and joined(target, start, hub, bits, b, a):
            pairs[a] += 1


@compiled
def detours(
    source: Ints,
    target: Ints,
    start: Longs,
    hub: Ints,
    bits: Bits,
    movable: Ints,
    proposals: Int,
    state: np.uint64,
) -> Int:
    """Propose detours and return how many were taken; see :func:`graph2nn.graphs.kernels.swaps.swap`.

    Args:
        source, target, start, hub, bits: the arcs, changed in place, as for
            :func:`graph2nn.graphs.kernels.swaps.swap`.
        movable: numbers of the arcs that may be moved.
        proposals: how many to make.
        state: of the random numbers.

    Returns:
        Number of detours taken.
    """
    n, arcs = len(hub), len(target)
    count = np.uint64(len(movable))
    low = np.uint64(0xFFFFFFFF)
    before, after = np.zeros(n, np.int64), np.zeros(n, np.int64)
    reciprocal_degrees(source, target, start, hub, bits, before)
    old = np.empty(arcs, np.int32)
    slots = np.empty(3, np.int64)
    taken = 0
    for proposal in range(proposals):
        old[:] = target
        moved = 0
        for _ in range(1 + proposal % LONGEST):
            state += np.uint64(0x9E3779B97F4A7C15)
            word = mixed(state)
            slots[0] = movable[below(word >> np.uint64(32), count)]
            slots[1] = movable[below(word & low, count)]
            slots[2] = movable[below(mixed(word ^ low) & low, count)]
            i, j = slots[0], slots[1]
            a, b, c, d = source[i], target[i], source[j], target[j]
            if mixed(word) & np.uint64(3) == np.uint64(0):
                moved += rotate(source, target, start, hub, bits, ARCS, slots)
            elif fits(target, start, hub, bits, ARCS, a, b, c, d):
                redirect(target, hub, bits, i, a, d)
                redirect(target, hub, bits, j, c, b)
                moved += 1
        if moved == 0:
            continue
        reciprocal_degrees(source, target, start, hub, bits, after)
        if (before == after).all():
            taken += 1
        else:
            undo(source, target, hub, bits, old)
    return taken


@compiled
def undo(source: Ints, target: Ints, hub: Ints, bits: Bits, old: Ints) -> None:
    """Give every arc its old target back.

    Args:
        source, target: the arcs; targets are changed in place.
        hub, bits: rows of bits, changed in place.
        old: the targets before.
    """
    for slot in range(len(source)):
        if hub[source[slot]] >= 0:
            now = target[slot]
            bits[hub[source[slot]], now >> 6] &= ~(np.uint64(1) << np.uint64(now & 63))
    for slot in range(len(source)):
        target[slot] = old[slot]
        if hub[source[slot]] >= 0:
            then = old[slot]
            bits[hub[source[slot]], then >> 6] |= np.uint64(1) << np.uint64(then & 63)

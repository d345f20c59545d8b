"""Edge swaps on arrays: the Markov chains behind the nulls that keep degrees.

Arcs lie in rows, one row per source. A swap exchanges the targets of two arcs, so an arc stays in its row for
good: its weight and sign travel with its source, and no row ever changes its length. Whether an arc exists is
answered by a scan of its row, or, for the few long rows, by one bit.

Every proposal is as likely as its reversal, and a refused proposal counts: all graphs that can be reached are
equally likely in the long run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Longs
from graph2nn.graphs.kernels.jit import Int, compiled

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit

Ints = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint64]

#: Proposals drawn together: their memory accesses overlap instead of waiting for one another.
BATCH = 32
#: One proposal in this many exchanges the targets of three arcs: pairs cannot turn a three-node cycle round.
TRIPLE = 16

#: What a swap exchanges: arcs; arcs, without making or breaking reciprocal pairs; reciprocal pairs of a
#: directed graph; edges of an undirected graph.
ARCS, SINGLES, PAIRS, EDGES = 0, 1, 2, 3


def inlined(function: F) -> F:
    """Compile a helper into the kernels that call it: calls with this many arrays take longer than the work."""
    helper: F = _njit(nogil=True, error_model="numpy", forceinline=True)(function)
    return helper


@inlined
def mixed(state: np.uint64) -> np.uint64:
    """Return the random word of a counter (SplitMix64, Steele et al. 2014)."""
    word = state
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@inlined
def below(half: np.uint64, count: np.uint64) -> Int:
    """Turn 32 random bits into a number below ``count``."""
    return np.int64((half * count) >> np.uint64(32))


@inlined
def joined(target: Ints, start: Longs, hub: Ints, bits: Bits, a: Int, b: Int) -> Any:
    """Whether the arc a → b exists.

    Args:
        target, start: targets of the arcs, sorted by source; where each source's arcs begin.
        hub, bits: rows of bits of the nodes with many arcs.
        a, b: source and target of the arc.

    Returns:
        Whether it exists.
    """
    row = hub[a]
    if row >= 0:
        return (bits[row, b >> 6] >> np.uint64(b & 63)) & np.uint64(1) != np.uint64(0)
    equal = np.int32(0)
    for slot in range(start[a], start[a + 1]):  # no early exit: whole vectors are compared at once
        equal |= np.int32(target[slot] == b)
    return equal != 0


@inlined
def redirect(target: Ints, hub: Ints, bits: Bits, slot: Int, a: Int, b: Int) -> None:
    """Let the arc in a slot, whose source is a, end at b.

    Args:
        target: of each arc, changed in place.
        hub, bits: rows of bits of the nodes with many arcs, changed in place.
        slot: number of the arc.
        a, b: its source and its new target.
    """
    row = hub[a]
    if row >= 0:
        old = target[slot]
        bits[row, old >> 6] ^= np.uint64(1) << np.uint64(old & 63)
        bits[row, b >> 6] ^= np.uint64(1) << np.uint64(b & 63)
    target[slot] = b


@inlined
def fits(target: Ints, start: Longs, hub: Ints, bits: Bits, mode: Int, a: Int, b: Int, c: Int, d: Int) -> bool:
    """Whether a → b and c → d may become a → d and c → b.

    Args:
        target, start, hub, bits: the arcs, as for :func:`joined`.
        mode: what a swap keeps besides degrees.
        a, b: source and target of the one arc.
        c, d: source and target of the other.

    Returns:
        Whether the swap is allowed.
    """
    if a == c or b == d or a == d or c == b:  # noqa: SIM109
        return False
    if joined(target, start, hub, bits, a, d) or joined(target, start, hub, bits, c, b):
        return False
    if mode in (ARCS, EDGES):
        return True
    return not (joined(target, start, hub, bits, d, a) or joined(target, start, hub, bits, b, c))


@inlined
def exchange(
    source: Ints, target: Ints, hub: Ints, bits: Bits, mate: Ints, label: Ints, mode: Int, i: Int, j: Int
) -> None:
    """Exchange the targets of two arcs and, of pairs and edges, those of the arcs that go the other way.

    Args:
        source, target, hub, bits: the arcs, changed in place.
        mate: of each arc the one that goes the other way, or −1.
        label: of the edge that each arc belongs to; read and written for undirected graphs.
        mode: what a swap keeps besides degrees.
        i, j: numbers of the two arcs.
    """
    a, b, c, d = source[i], target[i], source[j], target[j]
    redirect(target, hub, bits, i, a, d)
    redirect(target, hub, bits, j, c, b)
    if mode < PAIRS:
        return
    from_b, from_d = mate[i], mate[j]
    redirect(target, hub, bits, from_b, b, c)
    redirect(target, hub, bits, from_d, d, a)
    mate[i], mate[from_d] = from_d, i
    mate[j], mate[from_b] = from_b, j
    if mode == EDGES:
        label[from_d], label[from_b] = label[i], label[j]


@inlined
def rotate(source: Ints, target: Ints, start: Longs, hub: Ints, bits: Bits, mode: Int, slots: Longs) -> bool:
    """Let three arcs pass their targets on in a circle, if nothing forbids it.

    Args:
        source, target, start, hub, bits: the arcs, changed in place.
        mode: what a swap keeps besides degrees.
        slots: numbers of the three arcs.

    Returns:
        Whether they were rotated.
    """
    i, j, k = slots[0], slots[1], slots[2]
    a, c, e = source[i], source[j], source[k]
    b, d, f = target[i], target[j], target[k]
    if a == c or c == e or a == e or b == d or d == f or b == f or a == d or c == f or e == b:  # noqa: SIM109
        return False
    if (
        joined(target, start, hub, bits, a, d)
        or joined(target, start, hub, bits, c, f)
        or joined(target, start, hub, bits, e, b)
    ):
        return False
    redirect(target, hub, bits, i, a, d)
    redirect(target, hub, bits, j, c, f)
    redirect(target, hub, bits, k, e, b)
    if mode == SINGLES and (
        joined(target, start, hub, bits, d, a)
        or joined(target, start, hub, bits, f, c)
        or joined(target, start, hub, bits, b, e)
    ):  # looked up after the move: a three-node cycle that turns round makes no pair with itself
        redirect(target, hub, bits, i, a, b)
        redirect(target, hub, bits, j, c, d)
        redirect(target, hub, bits, k, e, f)
        return False
    return True


@compiled
def swap(
    source: Ints,
    target: Ints,
    start: Longs,
    hub: Ints,
    bits: Bits,
    mate: Ints,
    label: Ints,
    movable: Ints,
    mode: Int,
    proposals: Int,
    state: np.uint64,
) -> tuple[int, np.uint64]:
    """Propose swaps among some arcs; ``target``, ``bits``, ``mate`` and ``label`` are changed in place.

    Args:
        source, target: ends of each arc ``[arcs]``, sorted by source.
        start: where each node's row begins ``[n + 1]``.
        hub: row of ``bits`` that a node has, or −1 ``[n]``.
        bits: targets of the nodes with long rows, one bit per node ``[hubs, ⌈n/64⌉]``.
        mate: the arc that goes the other way; empty where ``mode`` does not ask.
        label: which edge of the original an arc is; empty unless ``mode`` is EDGES.
        movable: arcs that may move; empty for all of them.
        mode: ARCS, SINGLES, PAIRS or EDGES.
        proposals: how many.
        state: of the random numbers.

    Returns:
        Proposals accepted, and the state to go on with.
    """
    everything = len(movable) == 0
    count = np.uint64(len(source)) if everything else np.uint64(len(movable))
    low = np.uint64(0xFFFFFFFF)
    slots = np.empty((BATCH, 3), np.int64)
    accepted, seen, touched = 0, 0, np.int64(0)
    while seen < proposals:
        batch = min(BATCH, proposals - seen)
        for t in range(batch):
            state += np.uint64(0x9E3779B97F4A7C15)
            word = mixed(state)
            slots[t, 0] = below(word >> np.uint64(32), count)
            slots[t, 1] = below(word & low, count)
            slots[t, 2] = below(mixed(word ^ low) & low, count)
            if not everything:
                for c in range(3):
                    slots[t, c] = movable[slots[t, c]]
            touched += target[slots[t, 0]] + target[slots[t, 1]]
        for t in range(batch):
            touched += start[source[slots[t, 0]]] + start[source[slots[t, 1]]]
        for t in range(batch):
            i, j = slots[t, 0], slots[t, 1]
            if mode < PAIRS and (seen + t) % TRIPLE == TRIPLE - 1:
                accepted += rotate(source, target, start, hub, bits, mode, slots[t])
            elif fits(target, start, hub, bits, mode, source[i], target[i], source[j], target[j]):
                exchange(source, target, hub, bits, mate, label, mode, i, j)
                accepted += 1
        seen += batch
    # The sum of what was touched is always above −1; the compiler does not know and keeps the loads.
    return int(accepted + (touched < 0)), state


@inlined
def two_of(movable: Ints, state: np.uint64) -> tuple[Int, Int]:
    """Draw two of the arcs that may move from one state of the random numbers."""
    count = np.uint64(len(movable))
    word = mixed(state)
    first = movable[below(word >> np.uint64(32), count)]
    second = movable[below(word & np.uint64(0xFFFFFFFF), count)]
    return np.int64(first), np.int64(second)


@inlined
def steps(a: Int, b: Int, n: Int) -> Int:
    """Steps between two places on a ring of n.

    Args:
        a, b: places, 0 … n−1.
        n: places on the ring.

    Returns:
        The smaller number of steps of the two ways round.
    """
    gap = abs(a - b)
    return min(gap, n - gap)


@compiled
def swap_closer(
    source: Ints,
    target: Ints,
    start: Longs,
    hub: Ints,
    bits: Bits,
    mate: Ints,
    label: Ints,
    movable: Ints,
    mode: Int,
    proposals: Int,
    state: np.uint64,
    ring: Longs,
) -> tuple[int, np.uint64]:
    """Do the same as :func:`swap`, refusing what makes two arcs longer, taken together, on a ring.

    Args:
        ring: place of each node on the ring, 0 … n−1 ``[n]``.

    Returns:
        Number of swaps made, and the state of the random numbers.
    """
    n = len(ring)
    accepted = 0
    for _ in range(proposals):
        state += np.uint64(0x9E3779B97F4A7C15)
        i, j = two_of(movable, state)
        a, b, c, d = source[i], target[i], source[j], target[j]
        before = steps(ring[a], ring[b], n) + steps(ring[c], ring[d], n)
        after = steps(ring[a], ring[d], n) + steps(ring[c], ring[b], n)
        if after <= before and fits(target, start, hub, bits, mode, a, b, c, d):
            exchange(source, target, hub, bits, mate, label, mode, i, j)
            accepted += 1
    return accepted, state


@compiled
def mates(source: Ints, target: Ints, start: Longs) -> Ints:
    """Return for each arc the arc that goes the other way, or −1; the targets of each row ascend.

    Args:
        source, target, start: the arcs, sorted by source; where each source's arcs begin.

    Returns:
        Number of that arc, ``[arcs]``.
    """
    mate = np.full(len(source), -1, np.int32)
    for slot in range(len(source)):
        a, b = source[slot], target[slot]
        low, high = start[b], start[b + 1]
        while low < high:
            middle = (low + high) // 2
            if target[middle] < a:
                low = middle + 1
            else:
                high = middle
        if low < start[b + 1] and target[low] == a:
            mate[slot] = low
    return mate


@compiled
def fill_bits(target: Ints, start: Longs, hub: Ints, bits: Bits) -> None:
    """Set the bits of the nodes that have a row of them.

    Args:
        target, start: targets of the arcs, sorted by source; where each source's arcs begin.
        hub: row of bits of each node, or −1.
        bits: the rows, written.
    """
    for node in range(len(hub)):
        if hub[node] >= 0:
            for slot in range(start[node], start[node + 1]):
                b = target[slot]
                bits[hub[node], b >> 6] |= np.uint64(1) << np.uint64(b & 63)

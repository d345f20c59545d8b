"""C and L on bit rows: the neighbours of node i are the bits of ``rows[i]``, intersected by one instruction.

Every count is an integer. The only floating point operations are one division per node, the sum over the
ascending values and the last division, ordered as in :mod:`graph2nn.graphs.measures`: the digits are equal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import BoolMatrix, Floats
from graph2nn.graphs.kernels.jit import Int, compiled, lowest_bit, popcount

Bits = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]


def pack(adjacency: BoolMatrix) -> Bits:
    """Turn a boolean ``[n, n]`` into bit rows ``[n, W]``; bit b of word w is column 64·w + b."""
    n = len(adjacency)
    padded = np.zeros((n, -(-n // 64) * 64), dtype=np.bool_)
    padded[:, :n] = adjacency
    packed = np.packbits(padded, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64, copy=False)


def unpack(rows: Bits, n: int) -> BoolMatrix:
    """Turn bit rows ``[n, W]`` back into a boolean ``[n, n]``."""
    octets = np.ascontiguousarray(rows.astype("<u8", copy=False)).view(np.uint8)
    return np.unpackbits(octets, axis=1, count=n, bitorder="little").astype(np.bool_)


@compiled
def bit(i: int) -> np.uint64:
    """Return the word whose only bit is i, 0 ≤ i < 64."""
    return np.uint64(np.uint64(1) << np.uint64(i))


@compiled
def mean_ascending(values: Floats, ordered: Floats) -> float:
    """Sum n values from the least to the greatest, one after the other, and divide by n.

    ``ordered`` is room for n numbers.
    """
    n = len(values)
    for i in range(n):
        value = values[i]
        place = i
        while place > 0 and ordered[place - 1] > value:
            ordered[place] = ordered[place - 1]
            place -= 1
        ordered[place] = value
    total = 0.0
    for i in range(n):
        total += ordered[i]
    return total / n


@compiled
def _sift(values: Floats, root: int, end: int) -> None:
    """Restore the heap ``values[:end]`` below ``root``."""
    value = values[root]
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end and values[child + 1] > values[child]:
            child += 1
        if values[child] <= value:
            break
        values[root] = values[child]
        root = child
    values[root] = value


@compiled
def mean_sorted(values: Floats) -> float:
    """Do the same as :func:`mean_ascending` for many values, which are sorted in place."""
    # A heap of our own: numba needs seconds to compile np.sort.
    n = len(values)
    for root in range(n // 2 - 1, -1, -1):
        _sift(values, root, n)
    for end in range(n - 1, 0, -1):
        values[0], values[end] = values[end], values[0]
        _sift(values, 0, end)
    total = 0.0
    for i in range(n):
        total += values[i]
    return total / n


# --- one word per row ---------------------------------------------------------------------------------------


@compiled
def connected_word(rows: Bits) -> bool:
    """Whether node 0 reaches all of n ≤ 64 nodes along undirected edges ``rows[n]``."""
    n = len(rows)
    full = ~np.uint64(0) >> np.uint64(64 - n)
    seen = rows[0] | np.uint64(1)
    todo = rows[0]
    while todo != 0 and seen != full:
        fresh = rows[lowest_bit(todo)] & ~seen
        todo &= todo - np.uint64(1)
        seen |= fresh
        todo |= fresh
    return bool(seen == full)


@compiled
def measure_word(rows: Bits, local: Floats, ball: Bits, next_ball: Bits) -> tuple[float, int]:
    """C, and the sum of distances over ordered pairs, of an undirected graph on n ≤ 64 nodes.

    Args:
        rows: ``[n]``.
        local: room for n numbers; overwritten, like the two that follow.
        ball: room for n words.
        next_ball: room for n words.

    Returns:
        C, and the sum or −1 where the graph is not connected.
    """
    n = len(rows)
    apart1, apart2 = 0, 0
    for i in range(n):
        mine = rows[i]
        closed = 0
        near = bit(i) | mine
        todo = mine
        while todo != 0:
            other = rows[lowest_bit(todo)]
            todo &= todo - np.uint64(1)
            closed += popcount(mine & other)
            near |= other
        ball[i] = near
        degree = popcount(mine)
        apart1 += n - 1 - degree
        apart2 += n - popcount(near)
        local[i] = closed / max(1, degree * (degree - 1))
    # A pair at distance d is apart within 0, 1, …, d − 1 steps, and adds 1 to the sum for each of them.
    total = n * (n - 1) + apart1
    if apart2 > 0:
        further = _still_apart(rows, ball, next_ball, apart2)
        total = -1 if further < 0 else total + further
    return mean_ascending(local, ball.view(np.float64)), total


@compiled
def _still_apart(rows: Bits, ball: Bits, next_ball: Bits, apart: int) -> int:
    """Sum over the steps 2, 3, … of the ordered pairs that are further apart, of which ``apart`` after 2.

    ``ball[i]`` holds the nodes within 2 steps of i. Returns −1 where the graph is not connected.
    """
    n = len(rows)
    full = ~np.uint64(0) >> np.uint64(64 - n)
    total = 0
    while apart > 0:
        total += apart
        before = apart
        apart = 0
        for i in range(n):
            near = ball[i]
            if near != full:
                todo = rows[i]
                while todo != 0:
                    near |= ball[lowest_bit(todo)]
                    todo &= todo - np.uint64(1)
                apart += n - popcount(near)
            next_ball[i] = near
        if apart == before:
            return -1
        for i in range(n):
            ball[i] = next_ball[i]
    return total


# --- any number of words ----------------------------------------------------------------------------------


@compiled
def _shared(a: Bits, b: Bits) -> int:
    count = 0
    for w in range(len(a)):
        count += popcount(a[w] & b[w])
    return count


@compiled
def clustering_of_bits(rows: Bits) -> Floats:
    """Clustering of each node, ``[n]``, of an undirected graph ``rows[n, W]``."""
    n = len(rows)
    closed = np.zeros(n, np.int64)
    local = np.empty(n)
    for i in range(n):
        degree = 0
        for w in range(rows.shape[1]):
            todo = rows[i, w]
            degree += popcount(todo)
            while todo != 0:
                j = 64 * w + lowest_bit(todo)
                todo &= todo - np.uint64(1)
                if j > i:
                    shared = _shared(rows[i], rows[j])
                    closed[i] += shared
                    closed[j] += shared
        # All edges to lower nodes have been counted when their other end was visited.
        local[i] = closed[i] / max(1, degree * (degree - 1))
    return local


@compiled
def local_clustering_directed(rows: Bits, columns: Bits) -> Floats:
    """Clustering of each node, ``[n]``, of a directed graph (Fagiolo 2007); ``columns`` is the transpose."""
    n = len(rows)
    local = np.empty(n)
    for i in range(n):
        total, mutual, closed = 0, 0, 0
        for w in range(rows.shape[1]):
            total += popcount(rows[i, w]) + popcount(columns[i, w])
            mutual += popcount(rows[i, w] & columns[i, w])
            todo = rows[i, w] | columns[i, w]
            while todo != 0:
                low = np.uint64(lowest_bit(todo))
                todo &= todo - np.uint64(1)
                j = 64 * w + np.int64(low)
                weight: Int = np.int64((rows[i, w] >> low) & np.uint64(1)) + np.int64(
                    (columns[i, w] >> low) & np.uint64(1)
                )
                closed += weight * (
                    _shared(rows[i], rows[j])
                    + _shared(rows[i], columns[j])
                    + _shared(columns[i], rows[j])
                    + _shared(columns[i], columns[j])
                )
        pairs = total * (total - 1) - 2 * mutual
        local[i] = closed / max(1, 2 * pairs)
    return local


@compiled
def distances_of_bits(rows: Bits) -> tuple[int, int]:
    """Sum of distances over the ordered pairs that a path joins, and how many pairs that are.

    One breadth-first search a node over ``rows[n, W]``, a whole row of neighbours at a time.
    """
    n, width = rows.shape
    seen = np.empty(width, np.uint64)
    frontier = np.empty(width, np.uint64)
    reached = np.empty(width, np.uint64)
    total, pairs = 0, 0
    for source in range(n):
        for w in range(width):
            seen[w] = np.uint64(0)
            frontier[w] = rows[source, w]
        seen[source >> 6] = bit(source & 63)
        step, left = 0, n - 1
        while True:
            step += 1
            fresh = 0
            for w in range(width):
                frontier[w] &= ~seen[w]
                seen[w] |= frontier[w]
                fresh += popcount(frontier[w])
            total += step * fresh
            pairs += fresh
            left -= fresh
            if fresh == 0 or left == 0:
                break
            for w in range(width):
                reached[w] = np.uint64(0)
            for w in range(width):
                todo = frontier[w]
                while todo != 0:
                    other = rows[64 * w + lowest_bit(todo)]
                    todo &= todo - np.uint64(1)
                    for v in range(width):
                        reached[v] |= other[v]
            for w in range(width):
                frontier[w] = reached[w]
    return total, pairs

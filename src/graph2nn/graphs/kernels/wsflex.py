"""WS-flex on bit rows (paper, section 2.4): the loop of :mod:`graph2nn.graphs.ws_flex`, compiled twice.

Once along shared streams, for n ≤ 64; once word by word, for any n and wherever a shared stream is too short.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.kernels.bits import Bits, bit, connected_word
from graph2nn.graphs.kernels.jit import Int, compiled, lowest_bit
from graph2nn.graphs.kernels.mt19937 import WORDS, Words, next_choice, next_word, uniform53

#: What :func:`draw_shared` returns besides the position: no connected graph, or no stream left.
GAVE_UP = -1
EXHAUSTED = -2


@compiled
def ring(edges: int, rows: Bits) -> None:
    """Write the start of WS-flex to bit rows ``[n, W]``: ``edges`` edges, each node to the next on the ring."""
    n = len(rows)
    rows[:] = np.uint64(0)
    own, extra = edges // n, edges % n
    for i in range(n):
        for step in range(1, own + (i < extra) + 1):
            j = (i + step) % n
            rows[i, j >> 6] |= bit(j & 63)
            rows[j, i >> 6] |= bit(i & 63)


@compiled
def _first_free(taken: Int, value: npt.NDArray[np.uint8], r: Int) -> Int:
    """Count the choices from the r-th on that fall on a taken node.

    Four at a time without a branch between them: where the loop ends is all that can be mispredicted, and in
    all but dense graphs it ends in its first round. Dense graphs spend most of their time here.
    """
    skipped = 0
    while True:
        hits: Int = 0
        for lane in range(4):
            blocked = (taken >> np.uint64(value[r + skipped + lane])) & np.uint64(1)
            hits |= np.int64(blocked ^ np.uint64(1)) << lane
        if hits != 0:
            return skipped + lowest_bit(np.uint64(hits))
        skipped += 4


@compiled
def _rewire_shared(
    edges: int,
    threshold: int,
    position: Int,
    rows: Bits,
    words: Words,
    rank: Words,
    value: npt.NDArray[np.uint8],
    after: Words,
) -> Int:
    """Rewire the ring in ``rows[n]``, reading a stream from ``position``; return where it ends."""
    n = len(rows)
    full = ~np.uint64(0) >> np.uint64(64 - n)
    limit = len(words) - 3
    own, extra = edges // n, edges % n
    for i in range(n):
        me = bit(i)
        mine = rows[i]
        j = i
        for _ in range(own + (i < extra)):
            j += 1
            if j == n:
                j = 0
            if position > limit:
                return EXHAUSTED
            draw = uniform53(words[position], words[position + 1])
            position += 2
            if draw >= threshold:
                continue
            taken = mine | me
            r = np.int64(rank[position])
            if taken == full:
                # The published loop draws a second time before it looks at the degree and gives up.
                position = np.int64(after[r + 1])
                continue
            r += _first_free(taken, value, r)
            position = np.int64(after[r])
            new = value[r]
            mine ^= bit(j) | bit(new)
            rows[j] ^= me
            rows[new] ^= me
        rows[i] = mine
    return position


@compiled
def draw_shared(
    edges: int,
    threshold: int,
    tries: int,
    start: Bits,
    rows: Bits,
    words: Words,
    rank: Words,
    value: npt.NDArray[np.uint8],
    after: Words,
) -> Int:
    """Draw a connected graph on n ≤ 64 nodes along one seed's stream.

    Args:
        edges: round(k·n/2).
        threshold: of :func:`~graph2nn.graphs.kernels.mt19937.threshold_of`.
        tries: attempts before giving up.
        start: ``[n]``, the ring; read.
        rows: ``[n]``, the graph; written.
        words, rank, value, after: one seed's row of :class:`~graph2nn.graphs.kernels.streams.Streams`.

    Returns:
        0 or more, ``GAVE_UP`` or ``EXHAUSTED``.
    """
    position = 0
    for _ in range(tries):
        for i in range(len(rows)):
            rows[i] = start[i]
        position = _rewire_shared(edges, threshold, position, rows, words, rank, value, after)
        if position < 0 or position > len(words):
            return EXHAUSTED
        if connected_word(rows):
            return position
    return GAVE_UP


@compiled
def _rewire(
    edges: int, threshold: int, rows: Bits, state: Words, block: Words, cursor: npt.NDArray[np.int64]
) -> None:
    """Rewire the ring in ``rows[n, W]``, word by word."""
    n = len(rows)
    shift = 32
    while (1 << (32 - shift)) <= n:
        shift -= 1
    degree = np.zeros(n, np.int64)
    own, extra = edges // n, edges % n
    for i in range(n):
        for step in range(1, own + (i < extra) + 1):
            # Where edges fall together the graph is complete, and nothing is ever rewired.
            degree[i] += 1
            degree[(i + step) % n] += 1
    for i in range(n):
        mine = rows[i]
        for step in range(1, own + (i < extra) + 1):
            first = next_word(state, block, cursor)
            if uniform53(first, next_word(state, block, cursor)) >= threshold:
                continue
            j = (i + step) % n
            new = next_choice(n, shift, state, block, cursor)
            gave_up = False
            while new == i or (mine[new >> 6] >> np.uint64(new & 63)) & np.uint64(1):
                new = next_choice(n, shift, state, block, cursor)
                if degree[i] >= n - 1:
                    gave_up = True
                    break
            if gave_up:
                continue
            mine[j >> 6] ^= bit(j & 63)
            rows[j, i >> 6] ^= bit(i & 63)
            mine[new >> 6] ^= bit(new & 63)
            rows[new, i >> 6] ^= bit(i & 63)
            degree[j] -= 1
            degree[new] += 1


@compiled
def connected(rows: Bits) -> bool:
    """Whether node 0 reaches every node along undirected edges, bit rows ``[n, W]``."""
    n = len(rows)
    seen = np.zeros(n, np.bool_)
    stack = np.empty(n, np.int64)
    seen[0] = True
    stack[0] = 0
    depth, count = 1, 1
    while depth > 0:
        depth -= 1
        row = rows[stack[depth]]
        for j in range(n):
            if not seen[j] and (row[j >> 6] >> np.uint64(j & 63)) & np.uint64(1):
                seen[j] = True
                stack[depth] = j
                depth += 1
                count += 1
    return bool(count == n)


@compiled
def draw(edges: int, threshold: int, tries: int, rows: Bits, start: Words) -> bool:
    """Draw a connected graph on any number of nodes; whether there was one within ``tries`` attempts.

    Args:
        edges: round(k·n/2).
        threshold: of :func:`~graph2nn.graphs.kernels.mt19937.threshold_of`.
        tries: attempts before giving up.
        rows: ``[n, W]``, written.
        start: ``[624]``, the state of the seed; read.
    """
    state = start.copy()
    block = np.empty(WORDS, np.uint32)
    cursor = np.full(1, WORDS, np.int64)
    for _ in range(tries):
        ring(edges, rows)
        _rewire(edges, threshold, rows, state, block, cursor)
        if connected(rows):
            return True
    return False

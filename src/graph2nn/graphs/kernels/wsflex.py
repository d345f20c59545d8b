"""WS-flex on bit rows (paper, section 2.4): the loop of :mod:`graph2nn.graphs.ws_flex`, compiled twice.

Once along shared streams, for n ≤ 64; once word by word, for any n and wherever a shared stream is too short.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.kernels.bits import Bits, bit, connected_word
from graph2nn.graphs.kernels.jit import Int, compiled, lowest_bit, popcount
from graph2nn.graphs.kernels.mt19937 import WORDS, Words, refill, uniform53

#: What :func:`draw_shared` returns besides the position: no connected graph, or no stream left.
GAVE_UP = -1
EXHAUSTED = -2


@compiled
def ring(edges: int, rows: Bits) -> None:
    """Write the start of WS-flex to bit rows ``[n, W]``: ``edges`` edges, each node to the next on the ring."""
    n = len(rows)
    per_node, extra = edges // n, edges % n
    for i in range(n):
        for w in range(rows.shape[1]):
            rows[i, w] = np.uint64(0)
    for i in range(n):
        for step in range(1, per_node + (i < extra) + 1):
            j = (i + step) % n
            rows[i, j >> 6] |= bit(j & 63)
            rows[j, i >> 6] |= bit(i & 63)


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
    per_node, extra = edges // n, edges % n
    for i in range(n):
        me = bit(i)
        mine = rows[i]
        j = i
        for _ in range(per_node + (i < extra)):
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
            # The first choice from the r-th on that falls on a free node, four at a time without a branch
            # between them: where the loop ends is all that can be mispredicted, and in all but dense graphs it
            # ends in its first round. Dense graphs spend most of their time here.
            hits: Int = 0
            while hits == 0:
                for lane in range(4):
                    blocked = (taken >> np.uint64(value[r + lane])) & np.uint64(1)
                    hits |= np.int64(blocked ^ np.uint64(1)) << lane
                r += 4
            r += lowest_bit(np.uint64(hits)) - 4
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
        words, rank, value, after: one seed's row of :class:`~graph2nn.graphs.kernels.random_words.Streams`.

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
def _rewire(edges: int, threshold: int, rows: Bits, state: Words, block: Words, at: int) -> int:
    """Rewire the ring in ``rows[n, W]``, word by word; return where in ``block`` the stream goes on."""
    n = len(rows)
    shift = 32
    while (1 << (32 - shift)) <= n:
        shift -= 1
    per_node, extra = edges // n, edges % n
    degree = np.empty(n, np.int64)
    for i in range(n):
        degree[i] = 0
        for w in range(rows.shape[1]):
            degree[i] += popcount(rows[i, w])
    for i in range(n):
        mine = rows[i]
        me = bit(i & 63)
        mine[i >> 6] |= me  # a node is as little a target of its own as its neighbours are
        for step in range(1, per_node + (i < extra) + 1):
            # The stream is read in place: handing arrays to a function costs more than a word does.
            if at == WORDS:
                refill(state, block)
                at = 0
            first = block[at]
            at += 1
            if at == WORDS:
                refill(state, block)
                at = 0
            draw = uniform53(first, block[at])
            at += 1
            if draw >= threshold:
                continue
            full = degree[i] >= n - 1
            choices = 0
            new: Int = i
            # The published loop looks at the degree only after a second choice: a full node costs it two.
            while choices < 2 if full else (mine[new >> 6] >> np.uint64(new & 63)) & np.uint64(1):
                if at == WORDS:
                    refill(state, block)
                    at = 0
                word: Int = np.int64(block[at] >> np.uint32(shift))
                at += 1
                if word < n:
                    new = word
                    choices += 1
            if full:
                continue
            j = (i + step) % n
            mine[j >> 6] ^= bit(j & 63)
            rows[j, i >> 6] ^= me
            mine[new >> 6] ^= bit(new & 63)
            rows[new, i >> 6] ^= me
            degree[j] -= 1
            degree[new] += 1
        mine[i >> 6] ^= me
    return at


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

    Returns:
        Whether ``rows`` holds a connected graph.
    """
    state = start.copy()
    block = np.empty(WORDS, np.uint32)
    at = WORDS
    for _ in range(tries):
        ring(edges, rows)
        at = _rewire(edges, threshold, rows, state, block, at)
        if connected(rows):
            return True
    return False

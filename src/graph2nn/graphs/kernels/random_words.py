"""Shared random words: every (k, p) of a sweep starts from the same few seeds.

A graph on up to 64 nodes then costs no random number generation at all: it walks through tables that say, for
each position of the stream, which ``choice`` comes next and where it ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.kernels.jit import compiled
from graph2nn.graphs.kernels.mt19937 import WORDS, Words, refill

#: Memory that the tables of all seeds may take together, in bytes. Graphs that need more of a stream than fits
#: are drawn word by word instead: slower, and equal.
BUDGET = 256 * 2**20
_BYTES_PER_WORD = 14


class Streams(NamedTuple):
    """The streams of some seeds, and their choices from n things. S seeds, N words each."""

    #: ``[S, N]``, the words.
    words: Words
    #: ``[S, N]``: how many words before this one are accepted as a choice.
    rank: Words
    #: ``[S, N + n + 3]``: what the r-th accepted word chooses; then 0 … n−1, so that every search for a free
    #: node ends, and three zeros, as the search reads four at a time.
    value: npt.NDArray[np.uint8]
    #: ``[S, N + n]``: the position after the r-th accepted word; N + 1 past the end.
    after: Words


def make_streams(n: int, states: Words, length: int) -> Streams:
    """Read ``length`` words from each of ``states[S, 624]``, or what the budget allows, for n ≤ 64 nodes.

    Args:
        n: number of nodes.
        states: of the Mersenne Twister, one per seed.
        length: words wanted per seed.

    Returns:
        The words of each seed, one row per seed.
    """
    seeds = len(states)
    afford = BUDGET // (_BYTES_PER_WORD * seeds)
    total = WORDS * max(1, min(length, afford) // WORDS)
    streams = Streams(
        np.empty((seeds, total), np.uint32),
        np.empty((seeds, total), np.uint32),
        np.zeros((seeds, total + n + 3), np.uint8),
        np.empty((seeds, total + n), np.uint32),
    )
    for s in range(seeds):
        _read(n, 32 - n.bit_length(), states[s].copy(), *(table[s] for table in streams))
    return streams


@compiled
def _read(
    n: int, shift: int, state: Words, words: Words, rank: Words, value: npt.NDArray[np.uint8], after: Words
) -> None:
    total = len(words)
    for start in range(0, total, WORDS):
        refill(state, words[start : start + WORDS])
    r = 0
    for i in range(total):
        rank[i] = r
        # Written in any case and kept only if accepted: half are not, in no order that could be predicted.
        chosen = words[i] >> np.uint32(shift)
        value[r] = chosen
        after[r] = i + 1
        r += chosen < n
    for v in range(n):
        value[r + v] = v
        after[r + v] = total + 1

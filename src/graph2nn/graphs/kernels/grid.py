"""All graphs of one degree at once: every p and every seed, drawn and measured in one compiled call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats
from graph2nn.graphs.kernels.bits import (
    clustering_of_bits,
    distances_of_bits,
    mean_sorted,
    measure_word,
)
from graph2nn.graphs.kernels.jit import compiled
from graph2nn.graphs.kernels.mt19937 import Words, state_of, threshold_of
from graph2nn.graphs.kernels.random_words import Streams, make_streams
from graph2nn.graphs.kernels.wsflex import EXHAUSTED, draw, draw_shared, ring
from graph2nn.graphs.ws_flex import TRIES


@compiled
def _word_grid(
    n: int,
    edges: int,
    tries: int,
    thresholds: npt.NDArray[np.int64],
    streams: Streams,
    clustering: Floats,
    path_length: Floats,
) -> bool:
    """Fill C and L, ``[P, S]``, for n ≤ 64; NaN where there is no connected graph.

    Where a shared stream was too short, C is −1. Returns whether that happened.
    """
    start = np.empty((n, 1), np.uint64)
    ring(edges, start)
    first = start[:, 0].copy()
    rows = np.empty(n, np.uint64)
    local = np.empty(n)
    ball = np.empty(n, np.uint64)
    next_ball = np.empty(n, np.uint64)
    short = False
    # Seeds outside, so that one seed's tables stay in the cache for all p.
    for s in range(len(streams.words)):
        words, rank, value, after = streams.words[s], streams.rank[s], streams.value[s], streams.after[s]
        for i in range(len(thresholds)):
            drawn = draw_shared(edges, thresholds[i], tries, first, rows, words, rank, value, after)
            clustering[i, s] = np.nan
            path_length[i, s] = np.nan
            if drawn >= 0:
                c, total = measure_word(rows, local, ball, next_ball)
                clustering[i, s] = c
                path_length[i, s] = total / (n * (n - 1))
            elif drawn == EXHAUSTED:
                clustering[i, s] = -1.0
                short = True
    return short


@compiled
def _wide_grid(
    n: int,
    edges: int,
    tries: int,
    thresholds: npt.NDArray[np.int64],
    states: Words,
    todo: npt.NDArray[np.bool_],
    clustering: Floats,
    path_length: Floats,
) -> None:
    """Fill C and L, ``[P, S]``, for any n, where ``todo`` says so."""
    rows = np.empty((n, (n + 63) // 64), np.uint64)
    for s in range(len(states)):
        for i in range(len(thresholds)):
            if not todo[i, s]:
                continue
            clustering[i, s] = np.nan
            path_length[i, s] = np.nan
            if draw(edges, thresholds[i], tries, rows, states[s]):
                total, _ = distances_of_bits(rows)
                clustering[i, s] = mean_sorted(clustering_of_bits(rows))
                path_length[i, s] = total / (n * (n - 1))


class Grid:
    """WS-flex graphs of one n, for all of ``p`` and ``seeds``; call it with a number of edges.

    Thread-safe: the tables are only read, and the work is done without the interpreter's lock.

    Example:
        >>> c, l = Grid(16, [0.0, 0.5], [1, 2, 3], max_edges=32)(32)
        >>> c.shape
        (2, 3)
    """

    def __init__(self, n: int, p: Sequence[float], seeds: Sequence[int], max_edges: int) -> None:
        self.n = n
        self._thresholds = np.array([threshold_of(x) for x in p], dtype=np.int64)
        self._states = np.array([state_of(seed) for seed in seeds], dtype=np.uint32)
        self._streams: Streams | None = None
        if n <= 64:
            self._streams = make_streams(n, self._states, _stream_length(n, max_edges, max(p)))

    def __call__(self, edges: int) -> tuple[Floats, Floats]:
        """Return C and L, each float64 ``[P, S]``; NaN where 100 tries gave no connected graph."""
        shape = (len(self._thresholds), len(self._states))
        c, l = np.empty(shape), np.empty(shape)  # noqa: E741
        todo: npt.NDArray[np.bool_] = np.ones(shape, dtype=np.bool_)
        if self._streams is not None:
            if not _word_grid(self.n, edges, TRIES, self._thresholds, self._streams, c, l):
                return c, l
            todo = c < 0
        _wide_grid(self.n, edges, TRIES, self._thresholds, self._states, todo, c, l)
        return c, l


def _stream_length(n: int, edges: int, p: float) -> int:
    """Guess how many words the hungriest graph reads: the fewer nodes are free, the more draws miss."""
    free = max(1.0, n - 1 - 2 * edges / n)
    choices = 2 ** n.bit_length() / free
    return int(edges * (2 + p * choices) * 1.2) + 2000

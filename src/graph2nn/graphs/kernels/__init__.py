"""Compiled kernels: the graphs and numbers of the plain Python modules, to the last bit, in microseconds."""

from __future__ import annotations

import math

import numpy as np

from graph2nn.arrays import BoolMatrix
from graph2nn.graphs.kernels import bits, mt19937, wsflex
from graph2nn.graphs.kernels.grid import Grid
from graph2nn.graphs.ws_flex import TRIES

__all__ = ["Grid", "clustering_and_path_length", "ws_flex_adjacency"]


def clustering_and_path_length(adjacency: BoolMatrix, *, directed: bool = False) -> tuple[float, float]:
    """Return C and L of a graph, equal to :mod:`graph2nn.graphs.measures` to the last bit.

    Args:
        adjacency: boolean ``[n, n]`` without self-loops, row reads column; symmetric unless ``directed``.
        directed: Fagiolo's clustering instead of Watts and Strogatz's. Distances always follow the edges.

    Returns:
        C, and L: the mean distance over the ordered pairs that have a path; NaN where none has.

    Example:
        >>> clustering_and_path_length(ws_flex_adjacency(16, 4, 0.0, 1))
        (0.5, 2.4)
    """
    n = len(adjacency)
    rows = bits.pack(adjacency)
    if n <= 64 and not directed:
        c, total = bits.measure_word(rows[:, 0], np.empty(n), np.empty(n, np.uint64), np.empty(n, np.uint64))
        if total >= 0:
            return float(c), total / (n * (n - 1))
    if directed:
        c = bits.mean_sorted(bits.local_clustering_directed(rows, bits.pack(adjacency.T)))
    else:
        c = bits.mean_sorted(bits.clustering_of_bits(rows))
    total, pairs = bits.distances_of_bits(rows)
    return float(c), total / pairs if pairs else math.nan


def ws_flex_adjacency(n: int, k: float, p: float, seed: int, *, tries: int = TRIES) -> BoolMatrix | None:
    """Draw the graph of :func:`graph2nn.ws_flex` as a boolean ``[n, n]``.

    Args:
        n: number of nodes, at least 2.
        k: average degree in [2, n].
        p: probability of rewiring, in [0, 1].
        seed: any int.
        tries: attempts at a connected graph.

    Returns:
        The adjacency matrix, or None where no attempt gave a connected graph. Arguments are not checked.

    Example:
        >>> int(ws_flex_adjacency(16, 4, 0.5, 1).sum())
        64
    """
    rows = np.empty((n, -(-n // 64)), np.uint64)
    edges = round(k * n / 2)
    if not wsflex.draw(edges, mt19937.threshold_of(p), tries, rows, mt19937.state_of(seed)):
        return None
    return bits.unpack(rows, n)

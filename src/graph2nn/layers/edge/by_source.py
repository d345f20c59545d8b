"""Weights sorted by what they read, for the transposed product of layers that no cache holds.

Looked up one by one, most of these weights are a trip to memory each. They are sorted in two steps: to blocks
of sources that follow each other, which writes to a few hundred places at a time, then inside each block, which
reads from a stretch that a core's own cache holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.threads import share

Array = Any
Integers = npt.NDArray[np.int64]

#: Mean number of weights per block: a block and the output of the second step fit into a core's L2 cache.
PER_BLOCK = 1 << 16
#: Blocks at most: the first step writes to as many places at a time.
BLOCKS = 512


@compiled
def _move(part: Int, ranges: Array, place: Array, values: Array, out: Array) -> None:
    """``out[place] = values``, for a range of them."""
    if part < 0:
        on_team(len(ranges))
        return
    place, values, out = borrowed((place, values, out))
    for e in range(ranges[part, 0], ranges[part, 1]):
        out[place[e]] = values[e]


@compiled
def _look_up(part: Int, ranges: Array, place: Array, values: Array, out: Array) -> None:
    """``out = values[place]``, for a range of them."""
    if part < 0:
        on_team(len(ranges))
        return
    place, values, out = borrowed((place, values, out))
    for e in range(ranges[part, 0], ranges[part, 1]):
        out[e] = values[place[e]]


@compiled
def _places(source: Array, shift: Int, begin: Array, place: Array) -> None:
    """Number the connections by block; in one block they stay in order. ``begin`` moves on."""
    for e in range(len(source)):
        block = source[e] >> shift
        place[e] = begin[block]
        begin[block] += 1


class BySource:
    """How the weights of some connections are sorted: two permutations, each of int32.

    Args:
        source: input of each connection, int32 ``[connections]``.
        at_source: where those of each input begin once sorted, int64 ``[inputs + 1]``.
        order: where the weight of each sorted connection lies, int32 ``[connections]``.

    Example:
        >>> source, order = np.array([0, 1, 0], np.int32), np.array([0, 2, 1], np.int32)
        >>> BySource(source, np.array([0, 2, 3]), order).sort(np.array([5.0, 6.0, 7.0]), threads=1)
        array([5., 7., 6.])
    """

    def __init__(self, source: Array, at_source: Integers, order: Array) -> None:
        inputs = len(at_source) - 1
        blocks = min(BLOCKS, len(source) // PER_BLOCK + 1)
        shift = max(1, inputs // blocks).bit_length() - 1
        self._place = np.empty_like(source)
        _places(source, shift, at_source[: -1 : 1 << shift].copy(), self._place)
        self._inside = self._place[order]

    def sort(self, weight: Array, threads: int) -> Array:
        """Return the weights in the other order.

        Args:
            weight: ``[connections]``, by output and for one output by input.
            threads: to share the work.

        Returns:
            ``weight[order]``, a copy.
        """
        cuts = np.linspace(0, len(weight), threads + 1).astype(np.int64)
        ranges = np.stack([cuts[:-1], cuts[1:]], axis=1)
        in_blocks, out = np.empty_like(weight), np.empty_like(weight)
        share(_move, ranges, self._place, weight, in_blocks)
        share(_look_up, ranges, self._inside, in_blocks, out)
        return out

"""Borrowed arrays are the same arrays; nobody counts them, and nobody loses them."""

from typing import NamedTuple

import numba
import numpy as np

from graph2nn.layers.block.refcount import borrowed


class Pair(NamedTuple):
    one: np.ndarray
    other: np.ndarray


@numba.njit
def total(pair, scale, out):
    pair, scale, out = borrowed((pair, scale, out))
    for i in range(len(out)):
        taken, given = pair.one, pair.other
        out[i] = scale * (taken[i] + given[i])


def test_borrowed_arrays_are_read_written_and_still_there():
    pair = Pair(np.arange(5.0), np.ones(5))
    out = np.zeros(5)
    for _ in range(100):
        total(pair, 2, out)
    assert out.tolist() == [2, 4, 6, 8, 10]
    assert pair.one.tolist() == [0, 1, 2, 3, 4]

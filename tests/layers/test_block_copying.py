"""What the block engine moves lands where it should, and nothing else is written."""

import numpy as np
import pytest

from graph2nn.compiling import compiled
from graph2nn.layers.block.copying import prefetch, transpose

UNTOUCHED = -1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 3, 7, 8, 9, 16, 33])
@pytest.mark.parametrize("rows", range(1, 20))
def test_transposed_next_to_what_stays(rows, columns, dtype):
    step, out_step = columns + 2, rows + 3
    source = np.random.default_rng(rows).random((rows, step)).astype(dtype)
    out = np.full((columns + 1, out_step), UNTOUCHED, dtype=dtype)
    transpose(rows, columns, source.ravel(), 1, step, out.ravel(), 2, out_step)
    np.testing.assert_array_equal(out[:columns, 2 : 2 + rows], source[:, 1 : 1 + columns].T)
    out[:columns, 2 : 2 + rows] = UNTOUCHED
    assert (out == UNTOUCHED).all()


def test_what_is_fetched_ahead_need_not_exist():
    @compiled
    def fetch(array, low, high):
        prefetch(array, low, high)

    array = np.arange(40.0)
    for ends in [(0, 40), (30, 10_000), (40, 40), (10, 0), (-5, 3)]:
        fetch(array, *ends)
    np.testing.assert_array_equal(array, np.arange(40.0))

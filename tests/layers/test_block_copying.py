"""What the block engine moves lands where it should, and nothing else is written."""

import numpy as np
import pytest

from graph2nn.compiling import compiled
from graph2nn.layers.block.copying import copy_rows, prefetch
from graph2nn.layers.block.transposing import transpose

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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("step", "out_step"), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("count", [-1, 0, 1, 7, 8, 9, 16, 29])
def test_rows_are_copied_and_nothing_is_read_past_them(count, step, out_step, dtype):
    rows, wide, out_wide = 3, 3 * 29, 2 * 29 + 1
    # The last element of the source is the last one copied.
    source = np.random.default_rng(count + 1).random(2 * wide + step * max(count - 1, 0) + 1).astype(dtype)
    out = np.full((rows, out_wide), UNTOUCHED, dtype=dtype)
    expected = out.copy()
    for r in range(rows):
        if count > 0:
            line = source[r * wide : r * wide + step * (count - 1) + 1 : step]
            expected[r, 1 : 2 + out_step * (count - 1) : out_step] = line
    copy_rows(rows, count, source, 0, wide, step, out.ravel(), 1, out_wide, out_step)
    np.testing.assert_array_equal(out, expected)
    before = out.copy()
    copy_rows(0, count, source, 0, wide, step, out.ravel(), 1, out_wide, out_step)
    np.testing.assert_array_equal(out, before)


def test_what_is_fetched_ahead_need_not_exist():
    @compiled
    def fetch(array, low, high):
        prefetch(array, low, high)

    array = np.arange(40.0)
    for ends in [(0, 40), (30, 10_000), (40, 40), (10, 0), (-5, 3)]:
        fetch(array, *ends)
    np.testing.assert_array_equal(array, np.arange(40.0))

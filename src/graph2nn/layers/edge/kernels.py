"""Compiled loops of the edge engine: sums and dot products over rows of connections, on one thread or several.

Rows are cut into ranges of about as many connections each, one per thread, and every row belongs to one thread:
results do not depend on the number of threads. ``tiles.py`` has the inner loops.
"""

from __future__ import annotations

from typing import Any

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.edge.tiles import SUMS, SUMS_BESIDE, VECTOR_BYTES, row_both, row_dots, row_sums

Array = Any


@compiled
def _tile(left: Int, most: Int) -> Int:
    """Vectors of sums of the next tile of columns, where ``left`` are left: a power of two up to ``most``."""
    while most > left:
        most //= 2
    return most


@compiled
def sum_rows(
    part: Int,
    ranges: Array,
    at: Array,
    index: Array,
    order: Array,
    ordered: bool,
    w: Array,
    x: Array,
    half: Any,
    step: Int,
    fetch: bool,
    out: Array,
) -> None:
    """``out[i, c] = Σ_e w[e] · x[index[e], c]`` over the connections ``at[i] … at[i + 1]`` of each row.

    Args:
        part: which range of rows; −1 for all of them on torch's threads.
        ranges: ``[parts, 2]``, first row and row after the last.
        at: int64 ``[rows + 1]``.
        index: int32 ``[connections]``, rows of ``x``.
        order: int32 ``[connections]``, where in ``w`` the weight of each connection lies, if ``ordered``.
        ordered: whether to look there, or take the weights one after another.
        w: float weights.
        x: ``[rows of x, step]``; int16 where ``half``.
        half: a number if activations are bfloat16, else None.
        step: columns, a multiple of what a vector holds.
        fetch: ask for rows of ``x`` ahead of their use.
        out: ``[rows, step]``.
    """
    if part < 0:
        on_team(len(ranges))
        return
    at, index, order, w, x, out = borrowed((at, index, order, w, x, out))
    lanes = VECTOR_BYTES // w.itemsize
    done: Int = 0
    while done < step // lanes:
        vectors = _tile(step // lanes - done, SUMS)
        c = done * lanes
        done += vectors
        for i in range(ranges[part, 0], ranges[part, 1]):
            row_sums(
                vectors, ordered, fetch, half,
                (w, order, index, at[i], at[i + 1], len(index), x, c, step, out, i * step + c),
            )  # fmt: skip


@compiled
def dot_rows(
    part: Int,
    ranges: Array,
    at: Array,
    index: Array,
    w: Array,
    x: Array,
    half: Any,
    step: Int,
    fetch: bool,
    y: Array,
) -> None:
    """``w[e] = Σ_c y[i, c] · x[index[e], c]`` for each connection of each row ``i``; arguments as above.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last row of each part, ``[parts, 2]``.
        at: where each row's connections begin.
        index: what each connection reads.
        w: written.
        x: activations that are read.
        half: whether activations are bfloat16.
        step: columns in a row of activations.
        fetch: whether to fetch ahead.
        y: activations or gradients of the rows.
    """
    if part < 0:
        on_team(len(ranges))
        return
    at, index, w, x, y = borrowed((at, index, w, x, y))
    lanes = VECTOR_BYTES // w.itemsize
    done: Int = 0
    while done < step // lanes:
        vectors = _tile(step // lanes - done, SUMS)
        c = done * lanes
        for i in range(ranges[part, 0], ranges[part, 1]):
            row_dots(
                vectors, done > 0, fetch, half,
                (w, index, index, at[i], at[i + 1], len(index), x, c, step, y, i * step + c),
            )  # fmt: skip
        done += vectors


@compiled
def sum_and_dot_rows(
    part: Int,
    ranges: Array,
    at: Array,
    index: Array,
    order: Array,
    w: Array,
    x: Array,
    half: Any,
    step: Int,
    fetch: bool,
    held: Array,
    out: Array,
    dots: Array,
) -> None:
    """Both gradients of a product in one walk over the rows: ``out`` as :func:`sum_rows`, ``ordered``, and
    ``dots[order[e]] = Σ_c held[i, c] · x[index[e], c]``.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last row of each part, ``[parts, 2]``.
        at: where each row's connections begin.
        index: what each connection reads.
        order: where in ``w`` and ``dots`` each connection lies.
        w: float weights.
        x: what is read, ``[rows of x, step]``.
        half: a number if ``x``, ``held`` and ``out`` are bfloat16, else None.
        step: columns, a multiple of what a vector holds.
        fetch: whether to fetch ahead.
        held: ``[rows, step]``.
        out: written, ``[rows, step]``.
        dots: written, ``[connections]``.
    """
    if part < 0:
        on_team(len(ranges))
        return
    at, index, order, w, x, held, out, dots = borrowed((at, index, order, w, x, held, out, dots))
    lanes = VECTOR_BYTES // w.itemsize
    done: Int = 0
    while done < step // lanes:
        vectors = _tile(step // lanes - done, SUMS_BESIDE)
        c = done * lanes
        for i in range(ranges[part, 0], ranges[part, 1]):
            row_both(
                vectors, done > 0, fetch, half,
                (w, order, index, at[i], at[i + 1], len(index), x, c, step, out, i * step + c, held, dots),
            )  # fmt: skip
        done += vectors

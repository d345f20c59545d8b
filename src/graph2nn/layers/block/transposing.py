"""Matrices transposed in registers: squares of a vector's lanes, and strips of fewer rows."""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.vectors import INDEX, VECTOR_BYTES, Builder, Pen, Value, cgutils

intrinsic: Any = _intrinsic


class _Square(NamedTuple):
    """Arguments of :func:`transpose_tile`, as LLVM values."""

    source: Value
    at: Value
    step: Value
    out: Value
    out_at: Value
    out_step: Value
    keep: Value


def _transpose(typingctx: Any, values: Any) -> Any:
    """Transpose a square of vectors; of the result the first ``keep`` rows are written."""

    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        a = _Square(*cgutils.unpack_tuple(builder, given[0]))
        pen = Pen(context, builder, signature.args[0][0])
        rows = [pen.load(pen.pointer(a.source, pen.row(a.at, a.step, r))) for r in range(pen.lanes)]
        for r, row in enumerate(_turned(pen, rows)):
            with builder.if_then(builder.icmp_signed("<", INDEX(r), a.keep), likely=True):
                pen.store(row, pen.pointer(a.out, pen.row(a.out_at, a.out_step, r)))
        return context.get_dummy_value()

    return types.void(values), build


def _turned(pen: Pen, rows: list[Value]) -> list[Value]:
    """Transpose a square of vectors: swap halves of rows at a distance, for distances 1, 2, 4, …"""
    lanes, distance = range(pen.lanes), 1
    while distance < pen.lanes:
        low = [lane if not lane & distance else pen.lanes + lane - distance for lane in lanes]
        high = [lane + distance if not lane & distance else pen.lanes + lane for lane in lanes]
        for r in (lane for lane in lanes if not lane & distance):
            one, two = rows[r], rows[r + distance]
            rows[r], rows[r + distance] = pen.shuffle(one, two, low), pen.shuffle(one, two, high)
        distance *= 2
    return rows


_square: Any = intrinsic(_transpose)


class _Strip(NamedTuple):
    """Arguments of :func:`_strip`, as LLVM values."""

    rows: Value
    columns: Value
    source: Value
    at: Value
    step: Value
    out: Value
    out_at: Value
    out_step: Value


def _transpose_strip(typingctx: Any, values: Any) -> Any:
    """Transpose fewer rows than a vector has lanes, vector by vector of columns; nothing else is written."""

    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        a = _Strip(*cgutils.unpack_tuple(builder, given[0]))
        pen = Pen(context, builder, next(t for t in signature.args[0] if isinstance(t, types.Array)))
        last = builder.sub(a.columns, INDEX(pen.lanes))
        vectors = builder.sdiv(builder.add(a.columns, INDEX(pen.lanes - 1)), INDEX(pen.lanes))
        for rows in range(1, pen.lanes):
            with (
                builder.if_then(builder.icmp_signed("==", a.rows, INDEX(rows))),
                cgutils.for_range(builder, vectors) as loop,
            ):
                begin = builder.mul(loop.index, INDEX(pen.lanes))
                # The last vector overlaps the one before it and writes the same numbers again.
                begin = builder.select(builder.icmp_signed("<", begin, last), begin, last)
                first = builder.add(a.at, begin)
                read = [pen.load(pen.pointer(a.source, pen.row(first, a.step, r))) for r in range(rows)]
                nothing = [ir.Constant(pen.vector, ir.Undefined)] * (pen.lanes - rows)
                for c, column in enumerate(_turned(pen, read + nothing)):
                    to = pen.row(a.out_at, a.out_step, builder.add(begin, INDEX(c)))
                    pen.store_first(column, pen.pointer(a.out, to), rows)
        return context.get_dummy_value()

    return types.void(values), build


_strip: Any = intrinsic(_transpose_strip)


@compiled
def transpose(
    rows: Int, columns: Int, source: Any, at: Int, step: Int, out: Any, out_at: Int, out_step: Int
) -> None:
    """``out[c, r] = source[r, c]``, in vectors where there are as many columns as these have lanes.

    Args:
        rows, columns: of the source.
        source, at, step: flat array, where it begins, distance between rows.
        out, out_at, out_step: flat array that is written, where it begins, distance between its rows.
    """
    side = VECTOR_BYTES // source.itemsize
    if rows < side <= columns:
        _strip((rows, columns, source, at, step, out, out_at, out_step))
        return
    if columns < side:
        for r in range(rows):
            for c in range(columns):
                out[out_at + c * out_step + r] = source[at + r * step + c]
        return
    for r0 in range(0, rows, side):
        # The last squares overlap those before them and write the same numbers again.
        r = min(r0, rows - side)
        for c0 in range(0, columns, side):
            c = min(c0, columns - side)
            _square((source, at + r * step + c, step, out, out_at + c * out_step + r, out_step, side))


@compiled
def transpose_wide(
    rows: Int, columns: Int, source: Any, at: Int, step: Int, out: Any, out_at: Int, out_step: Int
) -> None:
    """:func:`transpose` of few columns: after the last row there is a vector more to read.

    Args:
        rows, columns, source, at, step, out, out_at, out_step: as for :func:`transpose`.
    """
    side = VECTOR_BYTES // source.itemsize
    if rows < side:
        transpose(rows, columns, source, at, step, out, out_at, out_step)
        return
    for c in range(0, columns, side):
        for r0 in range(0, rows, side):
            r = min(r0, rows - side)
            to = out_at + c * out_step + r
            _square((source, at + r * step + c, step, out, to, out_step, columns - c))

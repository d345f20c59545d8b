"""Moving numbers: squares transposed in registers, runs copied, activations laid out in planes and back."""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.layout import BUNDLE, Integers, Planes, Products
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed
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


def _prefetch(typingctx: Any, array: Any, low: Any, high: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        pen = Pen(context, builder, signature.args[0])
        line = 64 // pen.size
        first = pen.pointer(given[0], given[1])
        lines = builder.ashr(
            builder.add(builder.sub(given[2], given[1]), INDEX(line - 1)), INDEX(line.bit_length() - 1)
        )
        with cgutils.for_range(builder, lines) as loop:
            pen.prefetch(builder.gep(first, [builder.mul(loop.index, INDEX(line))]))
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), build


#: ``prefetch(array, low, high)``: ask for these elements of a flat array, which need not exist, to be brought
#: nearer while others are worked on. Best a few at a time: all at once would fill the queue that the loads of
#: the work itself wait in.
prefetch: Any = intrinsic(_prefetch)


class _Run(NamedTuple):
    """Arguments of :func:`copy`, as LLVM values."""

    source: Value
    at: Value
    step: Value
    out: Value
    out_at: Value
    out_step: Value
    count: Value


def _copy(typingctx: Any, values: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        a = _Run(*cgutils.unpack_tuple(builder, given[0]))
        pen = Pen(context, builder, signature.args[0][0])
        source, out = pen.pointer(a.source, a.at), pen.pointer(a.out, a.out_at)
        both = builder.add(a.step, a.out_step)
        with builder.if_else(builder.icmp_signed("==", both, INDEX(2))) as (plain, apart):
            with plain:
                cgutils.raw_memcpy(builder, out, source, a.count, pen.size)
            with apart, cgutils.for_range(builder, a.count) as loop:
                value = builder.load(builder.gep(source, [builder.mul(loop.index, a.step)]))
                builder.store(value, builder.gep(out, [builder.mul(loop.index, a.out_step)]))
        return context.get_dummy_value()

    return types.void(values), build


_run: Any = intrinsic(_copy)


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


class _Panel(NamedTuple):
    """Arguments of :func:`copy_panel`, as LLVM values."""

    rows: Value
    columns: Value
    source: Value
    at: Value
    step: Value
    out: Value
    out_at: Value


def _copy_rows(typingctx: Any, values: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        a = _Panel(*cgutils.unpack_tuple(builder, given[0]))
        pen = Pen(context, builder, next(t for t in signature.args[0] if isinstance(t, types.Array)))
        lanes = INDEX(pen.lanes)
        vectors = builder.sdiv(builder.add(a.columns, INDEX(pen.lanes - 1)), lanes)
        with cgutils.for_range(builder, a.rows) as row:
            source = pen.pointer(a.source, pen.row(a.at, a.step, row.index))
            out = pen.pointer(a.out, pen.row(a.out_at, a.columns, row.index))
            with cgutils.for_range(builder, vectors) as vector:
                done = builder.mul(vector.index, lanes)
                value = pen.load_lanes(builder.gep(source, [done]), builder.sub(a.columns, done))
                pen.store(value, builder.gep(out, [done]))
        return context.get_dummy_value()

    return types.void(values), build


_rows: Any = intrinsic(_copy_rows)


@compiled
def copy_panel(rows: Int, columns: Int, source: Any, at: Int, step: Int, out: Any, out_at: Int) -> None:
    """Copy rows, ``step`` apart, to where they lie one after another; a vector more may be written.

    Args:
        rows, columns: to copy.
        source, at, step: flat array, where it begins, distance between rows.
        out, out_at: flat array that is written, and where it begins.
    """
    _rows((rows, columns, source, at, step, out, out_at))


@compiled
def copy(source: Any, at: Int, step: Int, out: Any, out_at: Int, out_step: Int, count: Int) -> None:
    """Copy ``count`` elements, at least none, ``step`` (at least 1) apart, to places ``out_step`` apart.

    Args:
        source, at, step: flat array, where it begins, distance between elements.
        out, out_at, out_step: flat array that is written, where it begins, distance between elements.
        count: elements to copy.
    """
    _run((source, at, step, out, out_at, out_step, max(count, 0)))


@compiled
def lay_out_rows(part: Int, ranges: Integers, source: Any, p: Planes, out: Any) -> None:
    """Lay samples ``[N, C]`` out as rows of channels, for a range of (group, bundle of channels).

    Missing samples of the last group are zero.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last unit of each part, ``[parts, 2]``.
        source: samples, flat.
        p: planes of the result.
        out: flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    source, out = borrowed((source, out))
    bundles = -(-p.channels // BUNDLE)
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, first = unit // bundles, unit % bundles * BUNDLE
        here = min(p.group, p.images - g * p.group)
        wide = min(BUNDLE, p.channels - first)
        start = g * p.group_step + first * p.channel_step
        begin = g * p.group * p.channels + first
        transpose(here, wide, source, begin, p.channels, out, start, p.channel_step)
        for c in range(wide):
            for i in range(here, p.channel_step):
                out[start + c * p.channel_step + i] = 0


@compiled
def lay_out_planes(part: Int, ranges: Integers, source: Any, p: Planes, out: Any) -> None:
    """Lay images ``[N, C, H, W]`` out in padded planes, for a range of (group, channel).

    Args:
        part, ranges: as for :func:`lay_out_rows`.
        source: images, flat.
        p: planes of the result.
        out: flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    source, out = borrowed((source, out))
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, c = unit // p.channels, unit % p.channels
        start = g * p.group_step + c * p.channel_step
        out[start : start + p.channel_step] = 0
        for i in range(min(p.group, p.images - g * p.group)):
            image = ((g * p.group + i) * p.channels + c) * p.height * p.width
            for a in range(p.used):
                for b in range(p.used):
                    plane = start + (a * p.used + b) * p.phase_step + p.front + i * p.rows * p.pitch
                    _gather_plane(source, image, p, a, b, out, plane)


@compiled
def _row_of_phase(p: Planes, a: Int, b: Int, r: Int) -> tuple[int, int, int]:
    """First pixel of a row in the image, its place in the plane, and how many; none in a row of padding."""
    y = r * p.stride + a - p.padding
    if y < 0 or y >= p.height:
        return 0, 0, 0
    skip = -((b - p.padding) // p.stride) if b < p.padding else 0
    stop = min(p.pitch, (p.width - 1 + p.padding - b) // p.stride + 1)
    return y * p.width + b - p.padding + skip * p.stride, r * p.pitch + skip, stop - skip


@compiled
def _gather_plane(source: Any, image: Int, p: Planes, a: Int, b: Int, out: Any, plane: Int) -> None:
    """Copy the pixels of one phase of one image."""
    for r in range(p.rows):
        pixel, place, count = _row_of_phase(p, a, b, r)
        copy(source, image + pixel, p.stride, out, plane + place, 1, count)


@compiled
def scatter_plane(scratch: Any, at: Int, p: Planes, a: Int, b: Int, out: Any, image: Int) -> None:
    """Copy the computed pixels of one phase of one image to where they belong: the reverse.

    Args:
        scratch, at: flat array of one phase, and where it begins.
        p: planes of the images.
        a, b: the phase: its first row and column.
        out, image: flat array of images, and where this one begins.
    """
    for r in range(p.rows):
        pixel, place, count = _row_of_phase(p, a, b, r)
        copy(scratch, at + place, 1, out, image + pixel, p.stride, count)


@compiled
def fill_padding(t: Int, products: Products, out: Any) -> None:
    """Write zeros behind each row of a node's weights: padding has no gradient.

    Args:
        t: number of the node.
        products: one per node.
        out: compact weights, flat, written.
    """
    depth, step = products.depth[t], products.step[t]
    for r in range(products.rows[t]):
        at = products.weight_at[t] + r * step
        for k in range(depth, step):
            out[at + k] = 0

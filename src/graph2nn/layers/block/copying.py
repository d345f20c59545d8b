"""Moving numbers: rows copied, activations laid out in planes and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.layout import BUNDLE, Integers, Planes, Products
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.transposing import transpose
from graph2nn.layers.block.vectors import INDEX, Builder, Pen, Value, cgutils

intrinsic: Any = _intrinsic


def _prefetch(typingctx: Any, array: Any, low: Any, high: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        pen = Pen(context, builder, signature.args[0])
        line = 64 // pen.size
        first, length = pen.pointer(given[0], given[1]), builder.sub(given[2], given[1])
        lines = builder.ashr(builder.add(length, INDEX(line - 1)), INDEX(line.bit_length() - 1))
        with cgutils.for_range(builder, lines) as loop:
            pen.prefetch(builder.gep(first, [builder.mul(loop.index, INDEX(line))]))
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), build


#: ``prefetch(array, low, high)``: ask for these elements of a flat array, which need not exist, to be brought
#: nearer while others are worked on. Best a few at a time: all at once would fill the queue that the loads of
#: the work itself wait in.
prefetch: Any = intrinsic(_prefetch)


class _Rows(NamedTuple):
    """Arguments of :func:`copy_rows`, as LLVM values."""

    rows: Value
    count: Value
    source: Value
    at: Value
    row_step: Value
    step: Value
    out: Value
    out_at: Value
    out_row_step: Value
    out_step: Value


def _write_rows(pen: Pen, a: _Rows, write: Callable[[Value, Value], None]) -> None:
    """Call ``write(source, out)``, pointers to their first elements, for each row."""
    with cgutils.for_range(pen.builder, a.rows) as loop:
        source = pen.pointer(a.source, pen.row(a.at, a.row_step, loop.index))
        write(source, pen.pointer(a.out, pen.row(a.out_at, a.out_row_step, loop.index)))


def _vectors_of_row(pen: Pen, a: _Rows, stride: int, source: Value, out: Value) -> None:
    """Copy a row that fills a vector at least, every element or every second one of the source."""
    builder, lanes = pen.builder, INDEX(pen.lanes)
    last = builder.sub(a.count, lanes)
    vectors = builder.sdiv(builder.add(a.count, INDEX(pen.lanes - 1)), lanes)
    # The last vector overlaps the one before it and writes the same numbers again.
    with cgutils.for_range(builder, vectors) as loop:
        begin = builder.mul(loop.index, lanes)
        begin = builder.select(builder.icmp_signed("<", begin, last), begin, last)
        first = builder.gep(source, [builder.mul(begin, INDEX(stride))])
        value = pen.load(first)
        if stride == 2:
            # The second half is loaded from one element earlier, so as not to read past the row.
            more = pen.load(builder.gep(first, [INDEX(pen.lanes - 1)]))
            half = pen.lanes // 2
            order = [2 * k for k in range(half)] + [pen.lanes + 2 * k + 1 for k in range(half)]
            value = pen.shuffle(value, more, order)
        pen.store(value, builder.gep(out, [begin]))


def _elements_of_row(pen: Pen, a: _Rows, source: Value, out: Value) -> None:
    builder = pen.builder
    with cgutils.for_range(builder, a.count) as loop:
        value = builder.load(builder.gep(source, [builder.mul(loop.index, a.step)]))
        builder.store(value, builder.gep(out, [builder.mul(loop.index, a.out_step)]))


def _copy_rows(typingctx: Any, values: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        a = _Rows(*cgutils.unpack_tuple(builder, given[0]))
        pen = Pen(context, builder, next(t for t in signature.args[0] if isinstance(t, types.Array)))
        long = builder.icmp_signed(">=", a.count, INDEX(pen.lanes))
        dense = builder.and_(long, builder.icmp_signed("==", a.out_step, INDEX(1)))
        plain = builder.and_(dense, builder.icmp_signed("==", a.step, INDEX(1)))
        second = builder.and_(dense, builder.icmp_signed("==", a.step, INDEX(2)))
        with builder.if_then(plain):
            _write_rows(pen, a, lambda source, out: _vectors_of_row(pen, a, 1, source, out))
        with builder.if_then(second):
            _write_rows(pen, a, lambda source, out: _vectors_of_row(pen, a, 2, source, out))
        with builder.if_then(builder.not_(builder.or_(plain, second))):
            _write_rows(pen, a, lambda source, out: _elements_of_row(pen, a, source, out))
        return context.get_dummy_value()

    return types.void(values), build


_rectangle: Any = intrinsic(_copy_rows)


@compiled
def copy_rows(
    rows: Int,
    count: Int,
    source: Any,
    at: Int,
    row_step: Int,
    step: Int,
    out: Any,
    out_at: Int,
    out_row_step: Int,
    out_step: Int,
) -> None:
    """Copy rows of elements from one flat array to another.

    Args:
        rows, count: rows, and elements of each; below 1 nothing is copied.
        source, at: array, and where it begins.
        row_step, step: distance between rows, and between the elements of a row (at least 1).
        out, out_at, out_row_step, out_step: what is written, likewise.
    """
    _rectangle((rows, count, source, at, row_step, step, out, out_at, out_row_step, out_step))


class _Panel(NamedTuple):
    """Arguments of :func:`copy_panel`, as LLVM values."""

    rows: Value
    columns: Value
    source: Value
    at: Value
    step: Value
    out: Value
    out_at: Value


def _copy_panel(typingctx: Any, values: Any) -> Any:
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


_panel: Any = intrinsic(_copy_panel)


@compiled
def copy_panel(rows: Int, columns: Int, source: Any, at: Int, step: Int, out: Any, out_at: Int) -> None:
    """Copy rows, ``step`` apart, to where they lie one after another; a vector more may be written.

    Args:
        rows, columns: to copy.
        source, at, step: flat array, where it begins, distance between rows.
        out, out_at: flat array that is written, and where it begins.
    """
    _panel((rows, columns, source, at, step, out, out_at))


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
    spans = spans_of(p)
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, c = unit // p.channels, unit % p.channels
        start = g * p.group_step + c * p.channel_step
        out[start : start + p.channel_step] = 0
        for i in range(min(p.group, p.images - g * p.group)):
            image = ((g * p.group + i) * p.channels + c) * p.height * p.width
            for phase, span in enumerate(spans):
                plane = start + phase * p.phase_step + p.front + i * p.rows * p.pitch
                gather_plane(source, image, p, span, out, plane)


class Span(NamedTuple):
    """The pixels of one phase of an image that are no padding; all ints."""

    rows: int
    columns: int  # pixels of a row
    pixel: int  # the first one's place in the image
    place: int  # and in the plane


@compiled
def _span(p: Planes, a: Int, b: Int) -> Span:
    """Which pixels of an image the phase has whose first row and column are these."""
    above = -((a - p.padding) // p.stride) if a < p.padding else 0
    left = -((b - p.padding) // p.stride) if b < p.padding else 0
    rows = min(p.rows, (p.height - 1 + p.padding - a) // p.stride + 1) - above
    columns = min(p.pitch, (p.width - 1 + p.padding - b) // p.stride + 1) - left
    pixel = (above * p.stride + a - p.padding) * p.width + left * p.stride + b - p.padding
    return Span(rows, columns, pixel, above * p.pitch + left)


@compiled
def spans_of(p: Planes) -> list[Span]:
    """Which pixels of an image each phase has, once for all images: it takes a dozen divisions."""
    return [_span(p, a, b) for a in range(p.used) for b in range(p.used)]


@compiled
def gather_plane(source: Any, image: Int, p: Planes, s: Span, out: Any, plane: Int) -> None:
    """Copy the pixels of one phase of one image to their plane.

    Args:
        source, image: flat array of images, and where this one begins.
        p: planes of the images.
        s: pixels of the phase.
        out, plane: flat array of one phase, and where it begins.
    """
    down, right = p.stride * p.width, p.stride
    copy_rows(s.rows, s.columns, source, image + s.pixel, down, right, out, plane + s.place, p.pitch, 1)


@compiled
def scatter_plane(scratch: Any, at: Int, p: Planes, s: Span, out: Any, image: Int) -> None:
    """Copy the computed pixels of one phase of one image to where they belong: the reverse.

    Args:
        scratch, at: flat array of one phase, and where it begins.
        p: planes of the images.
        s: pixels of the phase.
        out, image: flat array of images, and where this one begins.
    """
    down, right = p.stride * p.width, p.stride
    copy_rows(s.rows, s.columns, scratch, at + s.place, p.pitch, 1, out, image + s.pixel, down, right)


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

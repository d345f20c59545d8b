"""Register tiles: the inner loops of the block engine, written as vector instructions.

A tile keeps up to twelve vectors of sums in registers, so that each value loaded is used several times: that is
what makes a matrix product fast. A compiler finds such tiles in plain loops only by luck and by version; here
they are LLVM vector code, which numba compiles for the machine at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.graphs.kernels.jit import Int, inlined
from graph2nn.layers.block.bf16_pen import pen_of
from graph2nn.layers.block.vectors import INDEX, VECTOR_BYTES, Builder, Pen, Value, cgutils

#: Rows a product tile has at most, and vectors of columns: 9 × 3 sums next to 3 vectors read fill AVX-512's 32
#: registers, 6 × 2 sums, 2 vectors read and 1 broadcast AVX2's 16.
ROWS, VECTORS = (9, 3) if VECTOR_BYTES == 64 else (6, 2)
SUMS = ROWS * VECTORS
#: A sum can be added to once in four or five cycles, two sums in each: with fewer than these the tile waits.
BUSY = 9

intrinsic: Any = _intrinsic


class _Product(NamedTuple):
    """Arguments of :func:`product_tile`, as LLVM values."""

    w: Value
    w_at: Value
    w_step: Value
    x: Value
    x_at: Value
    taps: Value
    tap_at: Value
    depth: Value
    out: Value
    out_at: Value
    out_step: Value


def _write_product(pen: Pen, a: _Product, rows: int, vectors: int) -> None:
    weights = [pen.pointer(a.w, pen.row(a.w_at, a.w_step, r)) for r in range(rows)]
    _accumulate(pen, a, vectors, lambda k: [pen.builder.gep(row, [k]) for row in weights])


def _write_turned(pen: Pen, a: _Product, rows: int, vectors: int) -> None:
    first = pen.pointer(a.w, a.w_at)

    def weights(k: Value) -> list[Value]:
        column = pen.builder.gep(first, [pen.builder.mul(k, a.w_step)])
        return [pen.builder.gep(column, [INDEX(r)]) for r in range(rows)]

    _accumulate(pen, a, vectors, weights)


def _accumulate(pen: Pen, a: _Product, vectors: int, weights: Callable[[Value], list[Value]]) -> None:
    """Write the sums of a tile whose k-th weights, one per row, are found at ``weights(k)``."""
    builder = pen.builder
    source, tap = pen.pointer(a.x, a.x_at), pen.pointer(a.taps, a.tap_at)
    rows = len(weights(INDEX(0)))
    slots = pen.accumulators(rows * vectors)
    with cgutils.for_range(builder, a.depth) as loop:
        offset = builder.sext(builder.load(builder.gep(tap, [loop.index])), INDEX)
        row = builder.gep(source, [offset])
        read = [pen.load(builder.gep(row, [INDEX(v * pen.lanes)])) for v in range(vectors)]
        for r, place in enumerate(weights(loop.index)):
            weight = pen.broadcast(builder.load(place))
            for v in range(vectors):
                pen.add_product(weight, read[v], slots[r * vectors + v])
    for r in range(rows):
        place = pen.pointer(a.out, pen.row(a.out_at, a.out_step, r))
        for v in range(vectors):
            pen.store(builder.load(slots[r * vectors + v]), builder.gep(place, [INDEX(v * pen.lanes)]))


class _Dots(NamedTuple):
    """Arguments of :func:`dot_tiles`, as LLVM values."""

    count: Value
    panel: Value
    panel_at: Value
    y: Value
    next_at: Value
    y_group: Value
    share: Value
    x: Value
    x_at: Value
    x_group: Value
    taps: Value
    tap_at: Value
    groups: Value
    columns: Value
    out: Value
    out_at: Value


def _write_dots(pen: Pen, a: _Dots, rows: int, across: int, *, fetch: bool = True) -> None:
    builder = pen.builder
    lanes, height = INDEX(pen.lanes), INDEX(pen.lanes * rows)
    whole, rest = builder.sdiv(a.columns, lanes), builder.srem(a.columns, lanes)
    some = builder.zext(builder.icmp_signed(">", rest, INDEX(0)), INDEX)
    panel_group = builder.mul(height, builder.add(whole, some))
    slots = pen.accumulators(rows * across)

    def step(left: Value, right: list[Value], ahead: list[Value], number: Value, at: Value) -> None:
        # One line per row and step: all at once would fill the queue that the loads wait in.
        for row in ahead if fetch else ():
            pen.prefetch(builder.gep(row, [at]))
        seen = [pen.load(builder.gep(row, [at])) for row in right]
        column = builder.gep(left, [builder.mul(number, height)])
        for r in range(rows):
            value = pen.load(builder.gep(column, [INDEX(r * pen.lanes)]))
            for d in range(across):
                pen.add_product(value, seen[d], slots[r * across + d])

    with cgutils.for_range(builder, a.count) as tile:
        done = builder.mul(tile.index, INDEX(across))
        tap = pen.pointer(a.taps, builder.add(a.tap_at, done))
        offsets = [builder.sext(builder.load(builder.gep(tap, [INDEX(d)])), INDEX) for d in range(across)]
        last = builder.icmp_signed(">=", builder.add(tile.index, INDEX(1)), a.count)
        next_tap = builder.gep(tap, [builder.select(last, INDEX(0), INDEX(across))])
        nexts = [builder.sext(builder.load(builder.gep(next_tap, [INDEX(d)])), INDEX) for d in range(across)]
        pen.clear(slots)
        fetched = builder.add(a.next_at, builder.mul(builder.mul(tile.index, a.share), lanes))
        with cgutils.for_range(builder, a.groups) as outer:
            x_start = pen.row(a.x_at, a.x_group, outer.index)
            left = pen.pointer(a.panel, pen.row(a.panel_at, panel_group, outer.index))
            right = [pen.pointer(a.x, builder.add(x_start, offset)) for offset in offsets]
            ahead = [pen.pointer(a.x, builder.add(x_start, offset)) for offset in nexts]
            after = pen.pointer(a.y, pen.row(fetched, a.y_group, outer.index))
            with cgutils.for_range(builder, a.share) as inner:
                pen.prefetch(builder.gep(after, [builder.mul(inner.index, lanes)]))
            with cgutils.for_range(builder, whole) as inner:
                step(left, right, ahead, inner.index, builder.mul(inner.index, lanes))
            with builder.if_then(builder.icmp_signed(">", rest, INDEX(0)), likely=False):
                # The last vector overlaps the one before it; the panel is zero in lanes already counted.
                step(left, right, ahead, whole, builder.sub(a.columns, lanes))
        place = pen.pointer(a.out, pen.row(a.out_at, INDEX(rows * across), tile.index))
        for i, total in enumerate(pen.sums([builder.load(slot) for slot in slots])):
            pen.add_to(total, builder.gep(place, [INDEX(i * total.type.count)]))


class _Panel(NamedTuple):
    """Arguments of :func:`pack_panel`, as LLVM values."""

    rows: Value
    y: Value
    y_at: Value
    y_step: Value
    columns: Value
    panel: Value
    panel_at: Value


def _pack(typingctx: Any, values: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        a = _Panel(*cgutils.unpack_tuple(builder, given[0]))
        pen = Pen(context, builder, signature.args[0][1])
        lanes = INDEX(pen.lanes)
        whole, rest = builder.sdiv(a.columns, lanes), builder.srem(a.columns, lanes)
        height = builder.mul(a.rows, lanes)
        with cgutils.for_range(builder, a.rows) as row:
            source = pen.pointer(a.y, pen.row(a.y_at, a.y_step, row.index))
            place = pen.pointer(a.panel, pen.row(a.panel_at, lanes, row.index))
            with cgutils.for_range(builder, whole) as inner:
                value = pen.load(builder.gep(source, [builder.mul(inner.index, lanes)]))
                pen.store(value, builder.gep(place, [builder.mul(inner.index, height)]))
            with builder.if_then(builder.icmp_signed(">", rest, INDEX(0))):
                value = pen.load(builder.gep(source, [builder.sub(a.columns, lanes)]))
                value = builder.select(pen.lanes_from(builder.sub(lanes, rest)), value, pen.zero)
                pen.store(value, builder.gep(place, [builder.mul(whole, height)]))
        return context.get_dummy_value()

    return types.void(values), build


#: ``pack_panel((rows, y, y_at, y_step, columns, panel, panel_at))``: rows of ``y`` as :func:`dot_tiles` reads
#: them, vector by vector the rows next to each other. The last vector overlaps the one before it, and is zero
#: there. Whole vectors of a panel lie in one cache line each, which those of images of 14² pixels do not.
pack_panel: Any = intrinsic(_pack)


def _tile(
    arguments: type[Any],
    write: Callable[[Pen, Any, int, int], None],
    widths: Callable[[int], Collection[int]],
    share: int = 1,
    most: int = ROWS,
) -> Callable[..., None]:
    """Make a compiled function of ``(rows, across, (the arguments))`` that picks the tile of that size.

    Args:
        arguments: their names.
        write: writes a tile of some rows and vectors, or dots, across.
        widths: across that come with some rows.
        share: part of a vector register that is used.
        most: rows.

    Returns:
        The function.
    """

    def typed(typingctx: Any, rows: Any, across: Any, values: Any) -> Any:
        def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
            unpacked = arguments(*cgutils.unpack_tuple(builder, given[2]))
            array = next(t for t in signature.args[2] if isinstance(t, types.Array))
            pen = pen_of(context, builder, array, share)
            for height in range(1, most + 1):
                with builder.if_then(builder.icmp_signed("==", given[0], INDEX(height))):
                    for width in sorted(widths(height)):
                        with builder.if_then(builder.icmp_signed("==", given[1], INDEX(width))):
                            write(pen, unpacked, height, width)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, values), build

    return intrinsic(typed)  # type: ignore[no-any-return]


def vectors_across(rows: Int) -> int:
    """How many vectors a tile of dots has next to some rows: as many sums as there are registers."""
    across: int = min(SUMS // rows, VECTORS + 1)
    return across


def vectors_beside(rows: int) -> int:
    """Vectors of columns that a product tile has next to some rows: of few rows more, which keeps it busy."""
    vectors: int = max(VECTORS, min(-(-BUSY // rows), 4))
    return vectors


def _product_widths(rows: int) -> set[int]:
    return set(range(1, vectors_beside(rows) + 1))


def _half_widths(rows: int) -> set[int]:
    return set(range(1, VECTORS + 1))


def _dot_widths(rows: int) -> set[int]:
    # Four rows also come as the shorter part next to five, which take two at once.
    return {1, vectors_across(rows), min(vectors_across(rows), vectors_across(rows + 1))}


_product = _tile(_Product, _write_product, _product_widths)
_turned = _tile(_Product, _write_turned, _product_widths)
_product_of_halves = _tile(_Product, _write_product, _half_widths, share=2)
_dots = _tile(_Dots, _write_dots, _dot_widths)

#: Vectors of columns of a lone row, whose inputs need no register of their own; dots of a lone row at once.
SINGLE_VECTORS, SINGLE_DOTS = 8, (1, 5, 7, 9)
#: :func:`product_tile` and :func:`dot_tiles` of one row, with their arguments in one tuple.
single_row_product = _tile(_Product, _write_product, lambda rows: range(1, SINGLE_VECTORS + 1), most=1)
single_row_dots = _tile(_Dots, partial(_write_dots, fetch=False), lambda rows: SINGLE_DOTS, most=1)


@inlined
def product_tile(
    rows: Int,
    across: Int,
    w: Any,
    w_at: Int,
    w_step: Int,
    x: Any,
    x_at: Int,
    taps: Any,
    tap_at: Int,
    depth: Int,
    out: Any,
    out_at: Int,
    out_step: Int,
) -> None:
    """``out[r, c] = Σ_d w[r, d] · x[taps[d] + c]``, up to ``ROWS`` rows, vectors by :func:`vectors_beside`.

    Arrays are flat and of one type (``taps`` int32); ``…_at`` is where in them to begin, ``…_step`` the
    distance between rows.

    Args:
        rows, across: of the tile; ``across`` in columns.
        w, w_at, w_step: weights.
        x, x_at: activations.
        taps, tap_at: shifts.
        depth: what is summed over.
        out, out_at, out_step: written.
    """
    _product(rows, across, (w, w_at, w_step, x, x_at, taps, tap_at, depth, out, out_at, out_step))


@inlined
def turned_product_tile(
    rows: Int,
    across: Int,
    w: Any,
    w_at: Int,
    w_step: Int,
    x: Any,
    x_at: Int,
    taps: Any,
    tap_at: Int,
    depth: Int,
    out: Any,
    out_at: Int,
    out_step: Int,
) -> None:
    """:func:`product_tile` with the weights of a column next to each other, columns ``w_step`` apart.

    Args:
        rows, across, w, w_at, w_step, x, x_at, taps, tap_at, depth, out, out_at, out_step: as for
            :func:`product_tile`.
    """
    _turned(rows, across, (w, w_at, w_step, x, x_at, taps, tap_at, depth, out, out_at, out_step))


@inlined
def half_product_tile(
    rows: Int,
    across: Int,
    w: Any,
    w_at: Int,
    w_step: Int,
    x: Any,
    x_at: Int,
    taps: Any,
    tap_at: Int,
    depth: Int,
    out: Any,
    out_at: Int,
    out_step: Int,
) -> None:
    """:func:`product_tile` with vectors half as wide, for columns that fill those better.

    Args:
        rows, across, w, w_at, w_step, x, x_at, taps, tap_at, depth, out, out_at, out_step: as for
            :func:`product_tile`.
    """
    _product_of_halves(rows, across, (w, w_at, w_step, x, x_at, taps, tap_at, depth, out, out_at, out_step))


@inlined
def dot_tiles(
    rows: Int,
    across: Int,
    count: Int,
    panel: Any,
    panel_at: Int,
    y: Any,
    next_at: Int,
    y_group: Int,
    share: Int,
    x: Any,
    x_at: Int,
    x_group: Int,
    taps: Any,
    tap_at: Int,
    groups: Int,
    columns: Int,
    out: Any,
    out_at: Int,
) -> None:
    """Add ``Σ_g Σ_c y[g, r, c] · x[g, taps[d] + c]`` to ``out``, for ``count`` times ``across`` values of d.

    Panel, ``y`` and ``x`` are numbers of the type of ``out``, or pairs (:mod:`bf16_pen`) next to float32.

    ``across`` is 1, or :func:`vectors_across` these rows, or those of one row more. ``out`` has the tiles one
    after another, each row by row; of the vector after the last number zeros are added.
    The rows of y are those of a panel (:func:`pack_panel`), one for each g. Meanwhile each x
    that is next is fetched, and ``share`` vectors a tile from ``next_at`` of each group of y.

    Arrays as for :func:`product_tile`. There are at least as many columns as a vector has lanes.

    Args:
        rows, across, count: of y; values of d per tile; tiles.
        panel, panel_at: rows of y as a panel.
        y, next_at, y_group, share: what is fetched ahead: array, place, distance between groups, vectors per
            tile.
        x, x_at, x_group: activations, where they begin, distance between groups.
        taps, tap_at: shifts.
        groups, columns: how many g and c there are.
        out, out_at: added to.
    """
    _dots(
        rows, across,
        (
            count, panel, panel_at, y, next_at, y_group, share, x, x_at, x_group, taps, tap_at,
            groups, columns, out, out_at,
        ),
    )  # fmt: skip

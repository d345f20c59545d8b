"""Inner loops of the edge engine, written as vector instructions: one row of a sparse product at a time.

A row of the sum ``out[i] = Σ_e w[e] · x[index[e]]`` keeps up to eight vectors of batch columns in registers
while it walks over its connections. Where fewer vectors cover the batch, two, four or eight connections are
taken at once, each with accumulators of its own, so that one addition does not wait for the one before it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.compiling import forget_stale
from graph2nn.layers.block import vectors
from graph2nn.layers.block.vectors import INDEX, VECTOR_BYTES, Builder, Pen, Value, cgutils

forget_stale(Path(__file__).parent, Path(vectors.__file__).parent)

intrinsic: Any = _intrinsic

#: Vectors of sums that a tile keeps in registers: AVX2 has 16 registers, and an addition takes four cycles on
#: two units.
SUMS = 8
#: The same where a row of a second array stays in registers, too; AVX-512 has 32 of them.
SUMS_BESIDE = 8 if VECTOR_BYTES == 64 else 4
#: How many connections ahead of the sum rows are fetched from memory.
AHEAD = 16
#: Connections whose dot products are summed up together.
DOTS = 4
#: Bytes of a cache line.
LINE = 64
WORD = ir.IntType(32)


class RowArguments(NamedTuple):
    """Arguments of a row, as LLVM values: arrays, and where in them to begin."""

    w: Value
    order: Value
    index: Value
    first: Value
    last: Value
    end: Value
    x: Value
    x_at: Value
    step: Value
    out: Value
    out_at: Value
    held: Value = None
    dots: Value = None


class Columns:
    """Batch columns of a row: how they are loaded as float vectors, and stored.

    Args:
        pen: writes vectors of the weights' type.
        half: activations are bfloat16, two in an int32: a vector of these gives a float vector of the even
            columns and one of the odd columns.
        count: vectors of sums; an even number where ``half``.
    """

    def __init__(self, pen: Pen, half: bool, count: int) -> None:
        self.pen, self.half, self.count = pen, half, count
        self.size = 2 if half else pen.size
        self.words = ir.VectorType(WORD, pen.lanes)

    @property
    def bytes(self) -> int:
        """Bytes of the columns in one row."""
        total: int = self.count * self.pen.lanes * self.size
        return total

    def load(self, row: Value) -> list[Value]:
        """Return the columns of a row as float vectors."""
        builder, pen = self.pen.builder, self.pen
        if not self.half:
            return [pen.load(builder.gep(row, [INDEX(v * pen.lanes)])) for v in range(self.count)]
        vectors: list[Value] = []
        for v in range(self.count // 2):
            place = builder.gep(row, [INDEX(v * 2 * pen.lanes)])
            pairs = builder.load(builder.bitcast(place, self.words.as_pointer()), align=2)
            even = builder.shl(pairs, ir.Constant(self.words, [16] * pen.lanes))
            odd = builder.and_(pairs, ir.Constant(self.words, [0xFFFF0000] * pen.lanes))
            vectors += [builder.bitcast(part, pen.vector) for part in (even, odd)]
        return vectors

    def store(self, sums: list[Value], row: Value) -> None:
        """Write float vectors as the columns of a row; bfloat16 is rounded to the nearest, ties to even."""
        builder, pen = self.pen.builder, self.pen
        if not self.half:
            for v, value in enumerate(sums):
                pen.store(value, builder.gep(row, [INDEX(v * pen.lanes)]))
            return
        for v in range(self.count // 2):
            even, odd = (self._round(value) for value in sums[2 * v : 2 * v + 2])
            low = builder.lshr(even, ir.Constant(self.words, [16] * pen.lanes))
            high = builder.and_(odd, ir.Constant(self.words, [0xFFFF0000] * pen.lanes))
            place = builder.gep(row, [INDEX(v * 2 * pen.lanes)])
            builder.store(builder.or_(low, high), builder.bitcast(place, self.words.as_pointer()), align=2)

    def _round(self, value: Value) -> Value:
        """Return float bits whose upper half is the bfloat16 nearest to ``value``; NaN stays NaN."""
        builder, lanes = self.pen.builder, self.pen.lanes

        def constant(number: int) -> Value:
            return ir.Constant(self.words, [number] * lanes)

        bits = builder.bitcast(value, self.words)
        tie = builder.and_(builder.lshr(bits, constant(16)), constant(1))
        rounded = builder.add(bits, builder.add(tie, constant(0x7FFF)))
        quiet = builder.or_(bits, constant(0x400000))
        return builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)

    def fetch(self, row: Value) -> None:
        """Ask for the cache lines of a row."""
        for at in range(0, self.bytes, LINE):
            self.pen.prefetch(self.pen.builder.gep(row, [INDEX(at // self.size)]))


def _later(builder: Builder, a: RowArguments, edge: Value) -> Value:
    """Return the number of a connection that comes ``AHEAD`` later, or the last one."""
    later, last = builder.add(edge, INDEX(AHEAD)), builder.sub(a.end, INDEX(1))
    return builder.select(builder.icmp_signed("<", later, last), later, last)


def _rows_of(pen: Pen, a: RowArguments, fetch: bool, columns: Columns) -> Callable[[Value], Value]:
    """Return a function that gives the row of ``x`` of a connection, and fetches that of a later one."""
    builder = pen.builder
    source, index = pen.pointer(a.x, a.x_at), pen.pointer(a.index, INDEX(0))

    def row(edge: Value) -> Value:
        node = builder.sext(builder.load(builder.gep(index, [edge])), INDEX)
        return builder.gep(source, [builder.mul(node, a.step)])

    def row_and_fetch(edge: Value) -> Value:
        if fetch:
            columns.fetch(row(_later(builder, a, edge)))
        return row(edge)

    return row_and_fetch


def _weights_of(pen: Pen, a: RowArguments, ordered: bool, fetch: bool) -> Callable[[Value], Value]:
    builder = pen.builder
    weights = pen.pointer(a.w, INDEX(0))
    if not ordered:
        return lambda edge: builder.load(builder.gep(weights, [edge]))
    order = pen.pointer(a.order, INDEX(0))

    def place(edge: Value) -> Value:
        return builder.gep(weights, [builder.sext(builder.load(builder.gep(order, [edge])), INDEX)])

    def weight(edge: Value) -> Value:
        if fetch:
            pen.prefetch(place(_later(builder, a, edge)))
        return builder.load(place(edge))

    return weight


def _in_groups(builder: Builder, a: RowArguments, group: int, step: Callable[[Value, int], None]) -> None:
    """Call ``step(first connection, count)``: for whole groups of connections, then for single ones."""
    count = builder.sub(a.last, a.first)
    whole = builder.sdiv(count, INDEX(group)) if group > 1 else count
    with cgutils.for_range(builder, whole) as loop:
        step(builder.add(a.first, builder.mul(loop.index, INDEX(group))), group)
    if group > 1:
        done = builder.mul(whole, INDEX(group))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            step(builder.add(builder.add(a.first, done), loop.index), 1)


def write_sums(pen: Pen, a: RowArguments, columns: Columns, ordered: bool, fetch: bool) -> None:
    """Write ``out[c] = Σ_e w[e] · x[index[e], c]`` for one row and some columns.

    Args:
        pen: writes the instructions.
        a: the arrays, as LLVM values.
        columns: which to do.
        ordered: whether connections are added one after the other, in order.
        fetch: whether to fetch ahead.
    """
    builder, count = pen.builder, columns.count
    group = max(1, SUMS // count)
    slots = pen.accumulators(count * group)
    row, weight = _rows_of(pen, a, fetch, columns), _weights_of(pen, a, ordered, fetch)

    def step(first: Value, edges: int) -> None:
        for u in range(edges):
            edge = builder.add(first, INDEX(u))
            scale = pen.broadcast(weight(edge))
            for v, value in enumerate(columns.load(row(edge))):
                pen.add_product(scale, value, slots[u * count + v])

    _in_groups(builder, a, group, step)
    columns.store(_added_up(pen, slots, count), pen.pointer(a.out, a.out_at))


def write_dots(pen: Pen, a: RowArguments, columns: Columns, add: bool, fetch: bool) -> None:
    """Write or add ``w[e] = Σ_c out[c] · x[index[e], c]`` for one row and some columns; ``out`` is read.

    Args:
        pen: writes the instructions.
        a: the arrays, as LLVM values.
        columns: which to do.
        add: to ``w`` instead of writing it.
        fetch: whether to fetch ahead.
    """
    builder = pen.builder
    row = _rows_of(pen, a, fetch, columns)
    gradient = columns.load(pen.pointer(a.out, a.out_at))
    weights = pen.pointer(a.w, INDEX(0))

    def step(first: Value, edges: int) -> None:
        slots = pen.accumulators(edges)
        for u in range(edges):
            for left, right in zip(gradient, columns.load(row(builder.add(first, INDEX(u)))), strict=True):
                pen.add_product(left, right, slots[u])
        per_sum = 16 // pen.size
        for i, total in enumerate(pen.sums([builder.load(slot) for slot in slots])):
            place = builder.gep(weights, [builder.add(first, INDEX(i * per_sum))])
            if edges == 1:
                total = builder.extract_element(total, WORD(0))
                before = builder.load(place)
                builder.store(builder.fadd(before, total) if add else total, place)
                continue
            wide = builder.bitcast(place, total.type.as_pointer())
            if add:
                total = builder.fadd(builder.load(wide, align=pen.size), total)
            builder.store(total, wide, align=pen.size)

    _in_groups(builder, a, DOTS, step)


def write_both(pen: Pen, a: RowArguments, columns: Columns, add: bool, fetch: bool) -> None:
    """Write what :func:`write_sums` and :func:`write_dots` do in one walk, for one row and some columns.

    The sum is ``out[c] = Σ_e w[order[e]] · x[index[e], c]``, and the dot products, which are written where the
    weights lie, are ``dots[order[e]] = Σ_c held[c] · x[index[e], c]``. Each row of ``x`` is read once for both.

    Args:
        pen: writes the instructions.
        a: the arrays, as LLVM values.
        columns: which to do.
        add: to ``dots`` instead of writing them.
        fetch: whether to fetch ahead.
    """
    builder, count = pen.builder, columns.count
    row = _rows_of(pen, a, fetch, columns)
    held = columns.load(pen.pointer(a.held, a.out_at))
    weights, dots = pen.pointer(a.w, INDEX(0)), pen.pointer(a.dots, INDEX(0))
    order = pen.pointer(a.order, INDEX(0))
    # More accumulators than these did not pay: the dot products fill the time that additions wait.
    group = DOTS if count <= 2 else 1
    sums = pen.accumulators(count * group)

    def place(edge: Value) -> Value:
        return builder.sext(builder.load(builder.gep(order, [edge])), INDEX)

    def step(first: Value, edges: int) -> None:
        slots = pen.accumulators(edges)
        places = []
        for u in range(edges):
            edge = builder.add(first, INDEX(u))
            if fetch:
                later = place(_later(builder, a, edge))
                pen.prefetch(builder.gep(weights, [later]))
                pen.prefetch(builder.gep(dots, [later]))
            places.append(place(edge))
            scale = pen.broadcast(builder.load(builder.gep(weights, [places[u]])))
            for v, value in enumerate(columns.load(row(edge))):
                pen.add_product(scale, value, sums[u % group * count + v])
                pen.add_product(held[v], value, slots[u])
        totals = pen.sums([builder.load(slot) for slot in slots])
        per_sum = 16 // pen.size
        for u in range(edges):
            total = builder.extract_element(totals[u // per_sum], WORD(u % per_sum))
            to = builder.gep(dots, [places[u]])
            builder.store(builder.fadd(builder.load(to), total) if add else total, to)

    _in_groups(builder, a, DOTS, step)
    columns.store(_added_up(pen, sums, count), pen.pointer(a.out, a.out_at))


def _added_up(pen: Pen, slots: list[Value], count: int) -> list[Value]:
    """Return ``count`` vectors: sums of those accumulators that stand for the same columns."""
    totals = []
    for v in range(count):
        parts = [pen.builder.load(slot) for slot in slots[v::count]]
        while len(parts) > 1:
            parts = [pen.builder.fadd(x, y) for x, y in zip(parts[::2], parts[1::2], strict=True)]
        totals.append(parts[0])
    return totals


def _row(write: Callable[..., None], most: int = SUMS) -> Any:
    """Make an intrinsic of ``(vectors, flag, fetch, half, (the arguments))`` that picks the tile.

    ``vectors`` are those of sums; ``half`` is None, or a number where the activations are bfloat16: the type
    decides. The other two are run-time flags.
    """

    def typed(typingctx: Any, vectors: Any, flag: Any, fetch: Any, half: Any, values: Any) -> Any:
        def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
            a = RowArguments(*cgutils.unpack_tuple(builder, given[4]))
            pen = Pen(context, builder, signature.args[4][0])
            halves = not isinstance(signature.args[3], types.NoneType)
            for count in (count for count in (1, 2, 4, 8) if (2 if halves else 1) <= count <= most):
                with builder.if_then(builder.icmp_signed("==", given[0], INDEX(count))):
                    columns = Columns(pen, halves, count)
                    for wanted in (False, True):
                        with builder.if_then(given[1] if wanted else builder.not_(given[1])):
                            for fetched in (False, True):
                                with builder.if_then(given[2] if fetched else builder.not_(given[2])):
                                    write(pen, a, columns, wanted, fetched)
            return context.get_dummy_value()

        return types.void(types.int64, types.boolean, types.boolean, half, values), build

    return intrinsic(typed)


#: ``row_sums(vectors, ordered, fetch, half, (arguments))``: see :func:`write_sums`.
row_sums: Any = _row(write_sums)
#: ``row_dots(vectors, add, fetch, half, (arguments))``: see :func:`write_dots`.
row_dots: Any = _row(write_dots)
#: ``row_both(vectors, add, fetch, half, (arguments, held, dots))``: see :func:`write_both`.
row_both: Any = _row(write_both, SUMS_BESIDE)

__all__ = ["AHEAD", "SUMS", "SUMS_BESIDE", "VECTOR_BYTES", "row_both", "row_dots", "row_sums"]

"""Largest numbers of sliding windows, a vector of windows at a time: the inner loops of max-pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.layers.block.vectors import INDEX, Builder, Pen, Value, cgutils

intrinsic: Any = _intrinsic


class _Windows(NamedTuple):
    """Arguments of :data:`largest`, as LLVM values."""

    columns: Value
    source: Value
    taps: Value
    depth: Value
    first: Value
    best: Value
    place: Value


def _compare(pen: Pen, a: _Windows, at: Value) -> None:
    """Write the largest numbers of the windows of one vector, and where in the window they are."""
    builder = pen.builder
    # LLVM turns these stack slots into registers.
    best, place = pen.accumulators(2)
    builder.store(ir.Constant(pen.vector, [float("-inf")] * pen.lanes), best)
    builder.store(pen.load(pen.pointer(a.first, at)), place)
    with cgutils.for_range(builder, a.depth) as loop:
        tap = builder.sext(builder.load(pen.pointer(a.taps, loop.index)), INDEX)
        value, largest = pen.load(pen.pointer(a.source, builder.add(at, tap))), builder.load(best)
        # What is not a number is the largest of all, as torch has it.
        larger = builder.or_(
            builder.fcmp_ordered(">", value, largest), builder.fcmp_unordered("uno", value, value)
        )
        number = pen.broadcast(builder.sitofp(loop.index, pen.element))
        builder.store(builder.select(larger, value, largest), best)
        builder.store(builder.select(larger, number, builder.load(place)), place)
    pen.store(builder.load(best), pen.pointer(a.best, at))
    pen.store(builder.load(place), pen.pointer(a.place, at))


def _largest(typingctx: Any, values: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        a = _Windows(*cgutils.unpack_tuple(builder, given[0]))
        pen = Pen(context, builder, signature.args[0][1])
        lanes = INDEX(pen.lanes)
        with cgutils.for_range(builder, builder.sdiv(a.columns, lanes)) as loop:
            _compare(pen, a, builder.mul(loop.index, lanes))
        return context.get_dummy_value()

    return types.void(values), build


#: ``largest((columns, source, taps, depth, first, best, place))``: for each column c, of whole vectors, the
#: largest ``source[taps[d] + c]`` over d below ``depth`` in ``best[c]``, and the first such d in ``place[c]``.
#: Of windows that are −∞ throughout ``place[c]`` is ``first[c]``. Flat arrays of one type; ``taps`` of int32.
largest: Callable[..., None] = intrinsic(_largest)


class _Numbers(NamedTuple):
    """Arguments of :data:`put_bytes`, as LLVM values."""

    count: Value
    source: Value
    out: Value
    out_at: Value


def _put_bytes(typingctx: Any, values: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        a = _Numbers(*cgutils.unpack_tuple(builder, given[0]))
        pen = Pen(context, builder, signature.args[0][1])
        byte, lanes = ir.IntType(8), INDEX(pen.lanes)
        vectors = builder.sdiv(a.count, lanes)
        out = pen.pointer(a.out, a.out_at)
        with cgutils.for_range(builder, vectors) as loop:
            at = builder.mul(loop.index, lanes)
            value = builder.fptoui(pen.load(pen.pointer(a.source, at)), ir.VectorType(byte, pen.lanes))
            builder.store(value, builder.bitcast(builder.gep(out, [at]), value.type.as_pointer()), align=1)
        done = builder.mul(vectors, lanes)
        with cgutils.for_range(builder, builder.sub(a.count, done)) as loop:
            at = builder.add(done, loop.index)
            value = builder.fptoui(builder.load(pen.pointer(a.source, at)), byte)
            builder.store(value, builder.gep(out, [at]))
        return context.get_dummy_value()

    return types.void(values), build


#: ``put_bytes((count, source, out, out_at))``: write floating-point numbers from 0 to 255 as bytes.
put_bytes: Callable[..., None] = intrinsic(_put_bytes)

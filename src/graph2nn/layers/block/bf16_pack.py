"""Rounding float32 to bfloat16 and packing two in an int32, the first in its lower half.

To the nearest, ties to even; NaN stays NaN and infinity infinity, as in torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.vectors import INDEX, Builder, Value, cgutils

intrinsic: Any = _intrinsic

#: Pairs packed at once: few enough that a narrow node's pairs fill them.
EIGHT = 8
WORD = ir.IntType(32)
_FLOATS, _WORDS = ir.VectorType(ir.FloatType(), EIGHT), ir.VectorType(WORD, EIGHT)


def _constant(kind: Any, number: int) -> Value:
    return ir.Constant(kind, [number] * EIGHT) if kind == _WORDS else ir.Constant(kind, number)


def _rounded_bits(builder: Builder, number: Value, kind: Any) -> Value:
    """Bits of float32 whose upper half is the nearest bfloat16; the lower half has no meaning."""
    bits = builder.bitcast(number, kind)
    # Halfway cases go to the even neighbour: the last bit kept decides whether 0x8000 carries.
    last = builder.and_(builder.lshr(bits, _constant(kind, 16)), _constant(kind, 1))
    near = builder.add(bits, builder.add(last, _constant(kind, 0x7FFF)))
    # Adding could carry a NaN into infinity; a quiet bit keeps it one.
    quiet = builder.or_(bits, _constant(kind, 0x00400000))
    return builder.select(builder.fcmp_unordered("uno", number, number), quiet, near)


def _joined(builder: Builder, first: Value, second: Value, kind: Any) -> Value:
    low, high = (_rounded_bits(builder, number, kind) for number in (first, second))
    low = builder.lshr(low, _constant(kind, 16))
    return builder.or_(low, builder.and_(high, _constant(kind, 0xFFFF0000)))


def _pair(typingctx: Any, first: Any, second: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        first, second = given
        return _joined(builder, first, second, WORD)

    return types.int32(types.float32, types.float32), build


#: One pair of two numbers.
pair: Callable[[Any, Any], Int] = intrinsic(_pair)


def _pair_eight(typingctx: Any, values: Any) -> Any:
    """Pack numbers ``at`` with those at ``second``, or with every other one if both are the same."""

    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        x, at, second, out, to = cgutils.unpack_tuple(builder, given[0])

        def load(place: Value) -> Value:
            # Member 4 of numba's arrays is the pointer to their elements.
            pointer = builder.gep(builder.extract_value(x, 4), [place])
            return builder.load(builder.bitcast(pointer, _FLOATS.as_pointer()), align=4)

        def store(words: Value) -> None:
            pointer = builder.gep(builder.extract_value(out, 4), [to])
            builder.store(words, builder.bitcast(pointer, _WORDS.as_pointer()), align=4)

        with builder.if_else(builder.icmp_signed("==", at, second)) as (same, apart):
            with same:
                near, far = load(at), load(builder.add(at, INDEX(EIGHT)))
                halves = []
                for odd in (0, 1):
                    order = ir.Constant(_WORDS, list(range(odd, 2 * EIGHT, 2)))
                    halves.append(builder.shuffle_vector(near, far, order))
                store(_joined(builder, halves[0], halves[1], _WORDS))
            with apart:
                store(_joined(builder, load(at), load(second), _WORDS))
        return context.get_dummy_value()

    return types.void(values), build


_eight: Any = intrinsic(_pair_eight)


@compiled
def pack_neighbours(count: Int, x: Any, at: Int, out: Any, to: Int) -> None:
    """``out[to + q] = pair(x[at + 2 q], x[at + 2 q + 1])``, ``count`` times.

    Args:
        count: pairs to make.
        x: float32, flat.
        at: where to begin in ``x``.
        out: int32, flat, written.
        to: where to begin in ``out``.
    """
    if count < EIGHT:
        for q in range(count):
            out[to + q] = pair(x[at + 2 * q], x[at + 2 * q + 1])
        return
    for begin in range(0, count, EIGHT):
        # The last eight overlap those before them and write the same pairs again.
        q = min(begin, count - EIGHT)
        _eight((x, at + 2 * q, at + 2 * q, out, to + q))


@compiled
def pack_rows_of_two(count: Int, x: Any, at: Int, second: Int, out: Any, to: Int) -> None:
    """``out[to + c] = pair(x[at + c], x[second + c])``, ``count`` times; two rows that are not the same.

    Args:
        count: pairs to make.
        x: float32, flat.
        at: where the first row begins.
        second: where the second row begins.
        out: int32, flat, written.
        to: where to begin in ``out``.
    """
    if count < EIGHT:
        for c in range(count):
            out[to + c] = pair(x[at + c], x[second + c])
        return
    for begin in range(0, count, EIGHT):
        c = min(begin, count - EIGHT)
        _eight((x, at + c, second + c, out, to + c))

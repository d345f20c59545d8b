"""Rounding float32 to bfloat16 and packing two in an int32, the first in its lower half.

To the nearest, ties to even; NaN stays NaN and infinity infinity, as in torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
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


class _Eight(NamedTuple):
    """Arguments of the packers of eight pairs, as LLVM values; ``second`` is where a second row begins."""

    x: Value
    at: Value
    second: Value
    out: Value
    to: Value


def _packer(pairs_of: Callable[[Builder, Callable[[Value], Value], _Eight], Value]) -> Any:
    """Make a compiled function of ``((x, at, second, out, to),)`` that writes eight pairs of ``x``."""

    def typed(typingctx: Any, values: Any) -> Any:
        def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
            a = _Eight(*cgutils.unpack_tuple(builder, given[0]))

            def load(place: Value) -> Value:
                # Member 4 of numba's arrays is the pointer to their elements.
                pointer = builder.gep(builder.extract_value(a.x, 4), [place])
                return builder.load(builder.bitcast(pointer, _FLOATS.as_pointer()), align=4)

            pointer = builder.gep(builder.extract_value(a.out, 4), [a.to])
            words = pairs_of(builder, load, a)
            builder.store(words, builder.bitcast(pointer, _WORDS.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(values), build

    return intrinsic(typed)


def _neighbours(builder: Builder, load: Callable[[Value], Value], a: _Eight) -> Value:
    near, far = load(a.at), load(builder.add(a.at, INDEX(EIGHT)))
    halves = []
    for odd in (0, 1):
        order = ir.Constant(_WORDS, list(range(odd, 2 * EIGHT, 2)))
        halves.append(builder.shuffle_vector(near, far, order))
    return _joined(builder, halves[0], halves[1], _WORDS)


def _two_rows(builder: Builder, load: Callable[[Value], Value], a: _Eight) -> Value:
    return _joined(builder, load(a.at), load(a.second), _WORDS)


def _one_row(builder: Builder, load: Callable[[Value], Value], a: _Eight) -> Value:
    return builder.lshr(_rounded_bits(builder, load(a.at), _WORDS), _constant(_WORDS, 16))


_eight_neighbours, _eight_of_two, _eight_alone = map(_packer, (_neighbours, _two_rows, _one_row))


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
        _eight_neighbours((x, at + 2 * q, at, out, to + q))


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
        _eight_of_two((x, at + c, second + c, out, to + c))


@compiled
def pack_row_alone(count: Int, x: Any, at: Int, out: Any, to: Int) -> None:
    """``out[to + c] = pair(x[at + c], 0)``, ``count`` times.

    Args:
        count: pairs to make.
        x: float32, flat.
        at: where the row begins.
        out: int32, flat, written.
        to: where to begin in ``out``.
    """
    if count < EIGHT:
        nothing = np.float32(0)
        for c in range(count):
            out[to + c] = pair(x[at + c], nothing)
        return
    for begin in range(0, count, EIGHT):
        c = min(begin, count - EIGHT)
        _eight_alone((x, at + c, at, out, to + c))

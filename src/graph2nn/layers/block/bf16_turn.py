"""Pairs of bfloat16 paired the other way, in vectors: what was rounded and packed once is not rounded again.

A product sums over pairs, so each sum over another index wants the same numbers in other pairs: the gradient of
the input sums over a layer's outputs, and that of the weights over the samples.
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

#: Words that are written at once.
EIGHT = 8
WORD, HALF = ir.IntType(32), ir.IntType(16)


class _Words(NamedTuple):
    """Arguments of the functions below, as LLVM values: flat int32 arrays, places in halves or in words."""

    source: Value
    one: Value
    two: Value
    out: Value
    to: Value
    out_two: Value
    to_two: Value


class _Scribe:
    """Reads vectors of bfloat16 and writes vectors of pairs."""

    def __init__(self, builder: Builder, values: Value) -> None:
        self.builder = builder
        self.a = _Words(*cgutils.unpack_tuple(builder, values))

    def halves(self, at: Value, count: int) -> Value:
        """Some bfloat16 of the source, ``at`` counted in them."""
        # Member 4 of numba's arrays is the pointer to their elements.
        first = self.builder.bitcast(self.builder.extract_value(self.a.source, 4), HALF.as_pointer())
        kind = ir.VectorType(HALF, count)
        return self.builder.load(
            self.builder.bitcast(self.builder.gep(first, [at]), kind.as_pointer()), align=2
        )

    def mix(self, one: Value, two: Value, order: list[int]) -> Value:
        """Halves of two vectors in some order, as words."""
        mixed = self.builder.shuffle_vector(one, two, ir.Constant(ir.VectorType(WORD, len(order)), order))
        return self.builder.bitcast(mixed, ir.VectorType(WORD, len(order) // 2))

    def store(self, words: Value, out: Value, at: Value) -> None:
        """Write a vector of pairs."""
        place = self.builder.gep(self.builder.extract_value(out, 4), [at])
        self.builder.store(words, self.builder.bitcast(place, words.type.as_pointer()), align=4)


def _writer(write: Callable[[_Scribe], None]) -> Any:
    def typed(typingctx: Any, values: Any) -> Any:
        def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
            write(_Scribe(builder, given[0]))
            return context.get_dummy_value()

        return types.void(values), build

    return intrinsic(typed)


def _stack(s: _Scribe) -> None:
    order = [half for f in range(EIGHT) for half in (f, EIGHT + f)]
    s.store(s.mix(s.halves(s.a.one, EIGHT), s.halves(s.a.two, EIGHT), order), s.a.out, s.a.to)


def _stack_alone(s: _Scribe) -> None:
    order = [half for f in range(EIGHT) for half in (f, EIGHT + f)]
    nothing = ir.Constant(ir.VectorType(HALF, EIGHT), [0] * EIGHT)
    s.store(s.mix(s.halves(s.a.one, EIGHT), nothing, order), s.a.out, s.a.to)


def _unzip(s: _Scribe) -> None:
    near = s.halves(s.a.one, 2 * EIGHT)
    far = s.halves(s.builder.add(s.a.one, INDEX(2 * EIGHT)), 2 * EIGHT)
    s.store(s.mix(near, far, list(range(0, 4 * EIGHT, 2))), s.a.out, s.a.to)
    s.store(s.mix(near, far, list(range(1, 4 * EIGHT, 2))), s.a.out_two, s.a.to_two)


_eight_stacked, _eight_stacked_alone, _eight_unzipped = map(_writer, (_stack, _stack_alone, _unzip))


@compiled
def stack_rows(count: Int, packed: Any, one: Int, two: Int, out: Any, to: Int) -> None:
    """Pair the numbers of two packed rows: ``out[to + f]`` has number f of each.

    Args:
        count: numbers of a row.
        packed: int32 pairs, flat.
        one, two: index of the first word of each row; a negative ``two`` stands for a row of zeros.
        out: int32 pairs, flat, written.
        to: where to begin in ``out``.
    """
    if count < EIGHT:
        lower, upper = np.int32(0xFFFF), np.int32(-0x10000)
        for f in range(count):
            first = packed[one + f // 2]
            second = np.int32(0) if two < 0 else packed[two + f // 2]
            if f % 2:
                out[to + f] = ((first >> 16) & lower) | (second & upper)
            else:
                out[to + f] = (first & lower) | (second << 16)
        return
    for begin in range(0, count, EIGHT):
        # The last eight overlap those before them and write the same pairs again.
        f = min(begin, count - EIGHT)
        if two < 0:
            _eight_stacked_alone((packed, 2 * one + f, one, out, to + f, out, to))
        else:
            _eight_stacked((packed, 2 * one + f, 2 * two + f, out, to + f, out, to))


@compiled
def unzip_row(count: Int, packed: Any, at: Int, out: Any, to: Int, out_two: Any, to_two: Int) -> None:
    """Part a row of pairs into the row of their first halves and that of their second halves, in pairs.

    Args:
        count: pairs to write to each, a multiple of eight.
        packed: int32 pairs, flat; twice as many from ``at`` on.
        at: where the row begins.
        out, to: int32 pairs, flat, written, and where the row of first halves begins.
        out_two, to_two: the same for second halves.
    """
    for c in range(0, count, EIGHT):
        _eight_unzipped((packed, 2 * (at + 2 * c), at, out, to + c, out_two, to_two + c))

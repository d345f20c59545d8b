"""Dots of pairs of bfloat16, written with the same tiles as those of float32 numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from graph2nn.layers.block.bf16_arithmetic import Arithmetic, Instruction, Lowering, add_products
from graph2nn.layers.block.vectors import Builder, Pen, Value


def pairs_type(lowering: Lowering) -> type[np.generic]:
    """Return the type of arrays of pairs, which tells compiled code how to multiply them."""
    return np.int32 if isinstance(lowering, Instruction) else np.uint32


class PairPen(Pen):
    """Reads pairs, keeps sums in float32."""

    def __init__(self, context: Any, builder: Builder, array: Any) -> None:
        super().__init__(context, builder, array)
        self.sums_pen = Pen(context, builder, types.Array(types.float32, 1, "C"))
        self.lowering: type[Lowering] = Instruction if array.dtype == types.int32 else Arithmetic

    def add_product(self, a: Value, b: Value, slot: Value) -> None:
        """Add both products of each pair to an accumulator.

        Args:
            a, b: vectors of pairs.
            slot: pointer to the accumulator, a vector of float32.
        """
        total = self.builder.load(slot)
        self.builder.store(add_products(self.builder, self.lowering, total, a, b), slot)

    def accumulators(self, count: int) -> list[Value]:
        """Sums in float32 that start at zero."""
        return self.sums_pen.accumulators(count)

    def clear(self, slots: list[Value]) -> None:
        """Set sums to zero."""
        self.sums_pen.clear(slots)

    def sums(self, vectors: list[Value]) -> list[Value]:
        """Return the sum over the lanes of each vector of float32, see :meth:`Pen.sums`."""
        return self.sums_pen.sums(vectors)


def pen_of(context: Any, builder: Builder, array: Any, share: int = 1) -> Pen:
    """Return the pen for an array: of numbers, or of pairs.

    Args:
        context, builder: of the function that is written.
        array: numba's type of the array.
        share: part of a vector register that is used, of numbers.

    Returns:
        The pen.
    """
    return (
        PairPen(context, builder, array)
        if isinstance(array.dtype, types.Integer)
        else Pen(context, builder, array, share)
    )

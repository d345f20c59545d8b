"""Batch norm and ReLU of one feature: a row of numbers, a vector at a time, and their gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.layers.block.vectors import INDEX, Builder, Pen, Value, cgutils

intrinsic: Any = _intrinsic


class Numbers(NamedTuple):
    """Places in the array of what a row is computed with, and of the sums that are found."""

    mean: int = 0
    scale: int = 1  # of a number, γ / √(variance + ε)
    shift: int = 2  # added then, β − mean · scale
    first: int = 3  # sum
    second: int = 4  # sum of products
    floor: int = 5  # what is not above it becomes zero: 0 for ReLU, −∞ without
    many: int = 6


N = Numbers()


class _Row(NamedTuple):
    """Arguments of the loops below, as LLVM values; arrays of one type, ``…_at`` where a row begins."""

    count: Value
    z: Value
    y: Value
    at: Value
    out: Value
    numbers: Value
    out_at: Value | None = None


class _Scribe:
    """Writes one loop over a row, and the numbers it takes and gives.

    Rows with an ``out_at`` of their own for the result have no room behind their end: nothing is written there.
    """

    def __init__(self, pen: Pen, row: _Row) -> None:
        self.pen, self.row, self.builder = pen, row, pen.builder
        self.floor = self.number(N.floor)

    def number(self, place: int) -> Value:
        """One of the numbers, in all lanes."""
        return self.pen.broadcast(self.builder.load(self.pen.pointer(self.row.numbers, INDEX(place))))

    def put(self, value: Value, place: int) -> None:
        """Keep the sum over the lanes of a vector."""
        (total,) = self.pen.sums([value])
        self.builder.store(
            self.builder.extract_element(total, INDEX(0)), self.pen.pointer(self.row.numbers, INDEX(place))
        )

    def values(self, array: Value, at: Value, here: Value | None) -> Value:
        """A vector of a row; the last one, with ``here`` numbers, is zero behind the row's end."""
        place = self.pen.pointer(array, self.builder.add(self.row.at, at))
        return self.pen.load(place) if here is None else self.pen.load_lanes(place, here)

    def within(self, value: Value, here: Value | None) -> Value:
        """A vector, zero behind the row's end."""
        return value if here is None else self.builder.select(self.pen.lanes_from(here), self.pen.zero, value)

    def write(self, value: Value, at: Value, here: Value | None) -> None:
        """Write a vector of the result, zero behind its end if there is room."""
        start = self.row.at if self.row.out_at is None else self.row.out_at
        place = self.pen.pointer(self.row.out, self.builder.add(start, at))
        if self.row.out_at is not None and here is not None:
            self.pen.store_lanes(value, place, here)
        else:
            self.pen.store(self.within(value, here), place)

    def each(self, body: Callable[[Value, Value | None], None]) -> None:
        """Do something for each vector of the row: where it begins and, of a last part, its numbers."""
        lanes = INDEX(self.pen.lanes)
        whole, rest = self.builder.sdiv(self.row.count, lanes), self.builder.srem(self.row.count, lanes)
        with cgutils.for_range(self.builder, whole) as loop:
            body(self.builder.mul(loop.index, lanes), None)
        with self.builder.if_then(self.builder.icmp_signed(">", rest, INDEX(0)), likely=False):
            body(self.builder.mul(whole, lanes), rest)

    def centred(self, at: Value, here: Value | None, mean: Value) -> Value:
        """Numbers less their mean, zero behind the end."""
        return self.within(self.builder.fsub(self.values(self.row.z, at, here), mean), here)

    def off(self, z: Value, scale: Value, shift: Value) -> tuple[Value, Value]:
        """The normed numbers and where ReLU is off; it is on for what is not a number, as torch's."""
        y = self.builder.fadd(self.builder.fmul(z, scale), shift)
        return y, self.builder.fcmp_ordered("<=", y, self.floor)

    def passed(self, at: Value, here: Value | None, scale: Value, shift: Value) -> Value:
        """The gradient that ReLU lets through."""
        _, off = self.off(self.values(self.row.z, at, here), scale, shift)
        return self.builder.select(off, self.pen.zero, self.values(self.row.y, at, here))


def _loop(write: Callable[[_Scribe], None]) -> Any:
    def typed(typingctx: Any, values: Any) -> Any:
        def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
            row = _Row(*cgutils.unpack_tuple(builder, given[0]))
            pen = Pen(context, builder, next(t for t in signature.args[0] if isinstance(t, types.Array)))
            write(_Scribe(pen, row))
            return context.get_dummy_value()

        return types.void(values), build

    return intrinsic(typed)


def _sum(s: _Scribe) -> None:
    (total,) = s.pen.accumulators(1)

    def body(at: Value, here: Value | None) -> None:
        s.builder.store(s.builder.fadd(s.builder.load(total), s.values(s.row.z, at, here)), total)

    s.each(body)
    s.put(s.builder.load(total), N.first)


def _squares(s: _Scribe) -> None:
    (total,) = s.pen.accumulators(1)
    mean = s.number(N.mean)

    def body(at: Value, here: Value | None) -> None:
        value = s.centred(at, here, mean)
        s.pen.add_product(value, value, total)

    s.each(body)
    s.put(s.builder.load(total), N.second)


def _norm_relu(s: _Scribe) -> None:
    scale, shift = s.number(N.scale), s.number(N.shift)

    def body(at: Value, here: Value | None) -> None:
        y, off = s.off(s.values(s.row.z, at, here), scale, shift)
        s.write(s.builder.select(off, s.pen.zero, y), at, here)

    s.each(body)


def _gradient_sums(s: _Scribe) -> None:
    first, second = s.pen.accumulators(2)
    mean, scale, shift = s.number(N.mean), s.number(N.scale), s.number(N.shift)

    def body(at: Value, here: Value | None) -> None:
        passed = s.passed(at, here, scale, shift)
        s.builder.store(s.builder.fadd(s.builder.load(first), passed), first)
        s.pen.add_product(passed, s.centred(at, here, mean), second)

    s.each(body)
    s.put(s.builder.load(first), N.first)
    s.put(s.builder.load(second), N.second)


def _gradient(s: _Scribe) -> None:
    mean, scale, shift = s.number(N.mean), s.number(N.scale), s.number(N.shift)
    first, second = s.number(N.first), s.number(N.second)

    def body(at: Value, here: Value | None) -> None:
        along = s.builder.fmul(s.centred(at, here, mean), second)
        rest = s.builder.fsub(s.builder.fsub(s.passed(at, here, scale, shift), first), along)
        s.write(s.builder.fmul(rest, scale), at, here)

    s.each(body)


#: Each takes ``(count, z, y, at, out, numbers)``, arrays flat; rows have room for whole vectors. With one more
#: value, ``out_at``, the result begins there, and rows of it need no such room.
#: The sum of ``z``, first.
total: Callable[..., None] = _loop(_sum)
#: The sum of the squares of ``z − mean``, second.
squares: Callable[..., None] = _loop(_squares)
#: ``out = z · scale + shift``, zero where that is not above ``floor``.
norm_relu: Callable[..., None] = _loop(_norm_relu)
#: Sums of the gradient ``y`` where ReLU is on, and of its products with ``z − mean``.
gradient_sums: Callable[..., None] = _loop(_gradient_sums)
#: ``out = scale · (y where ReLU is on − first − (z − mean) · second)``.
gradient: Callable[..., None] = _loop(_gradient)

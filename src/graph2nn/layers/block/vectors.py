"""Writing vector instructions for numba, on arrays as numba passes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba.core import cgutils as _cgutils

from graph2nn.compiling import forget_stale

# numba and llvmlite carry no types.
cgutils: Any = _cgutils
Builder = Any
Value = Any

INDEX = ir.IntType(64)


forget_stale(Path(__file__).parent)


def _vector_bytes() -> int:
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


#: Bytes of the widest vector register of this machine.
VECTOR_BYTES = _vector_bytes()


class Pen:
    """Writes vector instructions for one type of element: whole registers, or halves of them."""

    def __init__(self, context: Any, builder: Builder, array: Any, share: int = 1) -> None:
        self.context, self.builder = context, builder
        self.element = context.get_data_type(array.dtype)
        self.size = context.get_abi_sizeof(self.element)
        self.lanes = VECTOR_BYTES // self.size // share
        self.vector = ir.VectorType(self.element, self.lanes)
        self.zero = ir.Constant(self.vector, [0 if isinstance(self.element, ir.IntType) else 0.0] * self.lanes)

    def row(self, start: Value, step: Value, number: Any) -> Value:
        """``start + step · number``.

        Args:
            start: of row 0.
            step: distance between rows.
            number: of the row.

        Returns:
            Where the row begins.
        """
        count = INDEX(number) if isinstance(number, int) else number
        return self.builder.add(start, self.builder.mul(step, count))

    def pointer(self, array: Value, at: Value) -> Value:
        """An element of an array."""
        # Member 4 of numba's arrays is the pointer to their elements.
        return self.builder.gep(self.builder.extract_value(array, 4), [at])

    def load(self, pointer: Value) -> Value:
        """A vector from anywhere, aligned as an element."""
        wide = self.builder.bitcast(pointer, self.vector.as_pointer())
        return self.builder.load(wide, align=self.size)

    def load_lanes(self, pointer: Value, count: Value) -> Value:
        """The first ``count`` lanes of a vector, the others zero; what lies there is not touched."""
        flags = ir.VectorType(ir.IntType(1), self.lanes)
        wide = self.builder.bitcast(pointer, self.vector.as_pointer())
        kind = ir.FunctionType(self.vector, [wide.type, ir.IntType(32), flags, self.vector])
        name = f"llvm.masked.load.v{self.lanes}f{8 * self.size}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        keep = self.builder.not_(self.lanes_from(count))
        return self.builder.call(function, [wide, ir.IntType(32)(self.size), keep, self.zero])

    def store(self, value: Value, pointer: Value) -> None:
        """Write a vector anywhere, aligned as an element."""
        wide = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(value, wide, align=self.size)

    def store_lanes(self, value: Value, pointer: Value, count: Value) -> None:
        """Write the first ``count`` lanes of a vector; what lies behind them is not touched.

        Args:
            value: a vector.
            pointer: where to write.
            count: lanes to write.
        """
        flags = ir.VectorType(ir.IntType(1), self.lanes)
        wide = self.builder.bitcast(pointer, self.vector.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [self.vector, wide.type, ir.IntType(32), flags])
        name = f"llvm.masked.store.v{self.lanes}f{8 * self.size}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        keep = self.builder.not_(self.lanes_from(count))
        self.builder.call(function, [value, wide, ir.IntType(32)(self.size), keep])

    def store_first(self, value: Value, pointer: Value, count: int) -> None:
        """Write the first ``count`` lanes of a vector, in pieces that have instructions: 4 and 2 and 1 of 7.

        Masked stores would do, but take a dozen cycles on some machines.

        Args:
            value: a vector.
            pointer: where to write.
            count: lanes to write, at most all.
        """
        done, piece = 0, self.lanes
        while done < count:
            while piece > count - done:
                piece //= 2
            part = self.shuffle(value, value, list(range(done, done + piece)))
            place = self.builder.gep(pointer, [INDEX(done)])
            self.builder.store(part, self.builder.bitcast(place, part.type.as_pointer()), align=self.size)
            done += piece

    def prefetch(self, pointer: Value) -> None:
        """Ask for a cache line to be brought nearer; it need not exist."""
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        # For reading, near, of data.
        self.builder.call(function, [self.builder.bitcast(pointer, byte), flag(0), flag(2), flag(1)])

    def broadcast(self, scalar: Value) -> Value:
        """A vector of one number."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(nothing, scalar, ir.IntType(32)(0))
        return self.shuffle(one, nothing, [0] * self.lanes)

    def shuffle(self, a: Value, b: Value, order: list[int]) -> Value:
        """The lanes of ``a`` and ``b``, counted through, in some order.

        Args:
            a, b: vectors.
            order: numbers of lanes, those of ``b`` after those of ``a``.

        Returns:
            A vector.
        """
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))

    def lanes_from(self, first: Value) -> Value:
        """Which lanes have a number of at least ``first``."""
        number = ir.Constant(ir.VectorType(INDEX, self.lanes), list(range(self.lanes)))
        nothing = ir.Constant(number.type, ir.Undefined)
        one = self.builder.insert_element(nothing, first, ir.IntType(32)(0))
        return self.builder.icmp_signed(">=", number, self.shuffle(one, nothing, [0] * self.lanes))

    def add_product(self, a: Value, b: Value, slot: Value) -> None:
        """Add ``a · b`` to an accumulator, in one instruction where the machine has it.

        Args:
            a, b: vectors.
            slot: pointer to the accumulator.
        """
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.size}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        self.builder.store(self.builder.call(function, [a, b, self.builder.load(slot)]), slot)

    def accumulators(self, count: int) -> list[Value]:
        """Sums that start at zero; LLVM turns these stack slots into registers."""
        slots = [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]
        self.clear(slots)
        return slots

    def clear(self, slots: list[Value]) -> None:
        """Set sums to zero."""
        for slot in slots:
            self.builder.store(self.zero, slot)

    def sums(self, vectors: list[Value]) -> list[Value]:
        """Return the sum over the lanes of each vector, in short vectors that end with zeros.

        Neighbours are added pairwise inside 16-byte parts, where shuffles are cheap, four (two) vectors at
        once; then the parts are added.
        """
        part = 16 // self.size
        totals: list[Value] = []
        for start in range(0, len(vectors), part):
            group = vectors[start : start + part]
            group += [self.zero] * (part - len(group))
            while len(group) > 1:
                group = [self._pairwise(a, b, part) for a, b in zip(group[::2], group[1::2], strict=True)]
            total, length = group[0], self.lanes
            while length > part:
                length //= 2
                low, high = list(range(length)), list(range(length, 2 * length))
                total = self.builder.fadd(self.shuffle(total, total, low), self.shuffle(total, total, high))
            totals.append(total)
        return totals

    def add_to(self, value: Value, pointer: Value) -> None:
        """Add a vector of any length to what lies there."""
        place = self.builder.bitcast(pointer, value.type.as_pointer())
        total = self.builder.fadd(self.builder.load(place, align=self.size), value)
        self.builder.store(total, place, align=self.size)

    def _pairwise(self, a: Value, b: Value, part: int) -> Value:
        even: list[int] = []
        for start in range(0, self.lanes, part):
            even += range(start, start + part, 2)
            even += range(self.lanes + start, self.lanes + start + part, 2)
        odd = [i + 1 for i in even]
        return self.builder.fadd(self.shuffle(a, b, even), self.shuffle(a, b, odd))

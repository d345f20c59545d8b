"""How two products of bfloat16 are added to a float32 sum: AVX512_BF16's instruction, or plain arithmetic.

Numbers are read in pairs: an int32 holds two bfloat16, the first in its lower half. One instruction,
``vdpbf16ps``, multiplies 16 pairs by 16 pairs and adds both products of each to a float32 sum. Plain arithmetic
does the same where that instruction is missing: slow, for tests of layout and packing on any machine.

The instruction reads and writes denormal numbers as zero; plain arithmetic keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba.core import config

from graph2nn.layers.block.vectors import Builder, Value, cgutils

WORD, FLOAT = ir.IntType(32), ir.FloatType()


class Instruction(NamedTuple):
    """Products by ``vdpbf16ps``; the type, not the value, tells compiled code which arithmetic to use."""

    bits: int = 16


class Arithmetic(NamedTuple):
    """Products by shifts and float32 multiply-adds: for tests on machines without the instruction."""

    bits: int = 16


Lowering = Instruction | Arithmetic


def has_instruction() -> bool:
    """Return True if compiled code may use ``vdpbf16ps``: CPU and LLVM have it, and numba targets this CPU."""
    settings: Any = config
    retargeted = settings.CPU_NAME is not None or settings.CPU_FEATURES is not None
    # Before LLVM 16 the intrinsic took vectors of integers.
    llvm_knows = binding.llvm_version_info >= (16, 0, 0)
    return llvm_knows and not retargeted and _cpu_has_it()


@lru_cache(maxsize=1)
def _cpu_has_it() -> bool:
    # Asking takes 0.3 ms, as long as the product of a small layer.
    return bool(binding.get_host_cpu_features().get("avx512bf16"))


_forced: ContextVar[Lowering | None] = ContextVar("graph2nn_bf16_lowering", default=None)


def lowering_in_use(*, worth_while: bool = True) -> Lowering | None:
    """Return how bfloat16 products are computed here; None where float32 products are faster.

    Args:
        worth_while: whether the layer is large enough for the instruction to pay.
    """
    forced = _forced.get()
    if forced is not None:
        return forced
    return Instruction() if worth_while and has_instruction() else None


@contextmanager
def forced_lowering(lowering: Lowering) -> Iterator[None]:
    """Compute bfloat16 products as told, whatever the machine has and the layer's size; for tests.

    Args:
        lowering: ``Arithmetic()`` runs anywhere; ``Instruction()`` needs the instruction.
    """
    token = _forced.set(lowering)
    try:
        yield
    finally:
        _forced.reset(token)


class _Bfloats(ir.Type):  # type: ignore[misc]
    """A vector of bfloat16, a type that llvmlite does not know."""

    def __init__(self, count: int) -> None:
        self.count = count

    def _to_string(self) -> str:
        return f"<{self.count} x bfloat>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bfloats) and other.count == self.count

    def __hash__(self) -> int:
        return hash((_Bfloats, self.count))


def add_products(builder: Builder, lowering: type[Lowering], total: Value, a: Value, b: Value) -> Value:
    """Return ``total`` and both products of each pair of ``a`` with the same one of ``b``.

    Args:
        builder: of the function that is written.
        lowering: by which arithmetic.
        total: a vector of float32.
        a, b: vectors of pairs, as int32.

    Returns:
        A vector of float32.
    """
    words, sums = a.type, total.type
    if lowering is Instruction:
        halves = _Bfloats(2 * words.count)
        kind = ir.FunctionType(sums, [sums, halves, halves])
        name = f"llvm.x86.avx512bf16.dpbf16ps.{32 * words.count}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [total, builder.bitcast(a, halves), builder.bitcast(b, halves)])
    kind = ir.FunctionType(sums, [sums] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{words.count}f32")
    for half in (_upper, _lower):
        total = builder.call(function, [half(builder, a), half(builder, b), total])
    return total


def _upper(builder: Builder, pairs: Value) -> Value:
    mask = ir.Constant(pairs.type, [0xFFFF0000] * pairs.type.count)
    return builder.bitcast(builder.and_(pairs, mask), ir.VectorType(FLOAT, pairs.type.count))


def _lower(builder: Builder, pairs: Value) -> Value:
    shift = ir.Constant(pairs.type, [16] * pairs.type.count)
    return builder.bitcast(builder.shl(pairs, shift), ir.VectorType(FLOAT, pairs.type.count))

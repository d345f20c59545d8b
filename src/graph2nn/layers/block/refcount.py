"""Arrays that a kernel only borrows: without the counting of references, which costs more than it looks.

numba counts who holds an array whenever one is taken out of a tuple or handed on, with an atomic instruction.
In loops over nodes these took a tenth of a small product's time, and more where several threads count the same
arrays. A kernel's caller holds its arguments until it is done, so nobody needs to count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.layers.block.vectors import Builder, Value, cgutils

intrinsic: Any = _intrinsic
T = TypeVar("T")


def _without_owner(context: Any, builder: Builder, kind: Any, value: Value) -> Value:
    if isinstance(kind, types.BaseTuple):
        kinds: Any = kind
        parts = zip(kinds, cgutils.unpack_tuple(builder, value), strict=True)
        return context.make_tuple(builder, kind, [_without_owner(context, builder, *part) for part in parts])
    if isinstance(kind, types.Array):
        # Members 0 and 1 of numba's arrays say who holds their memory; nothing is counted for nobody.
        for member in (0, 1):
            nobody = ir.Constant(value.type.elements[member], None)
            value = builder.insert_value(value, nobody, member)
    return value


def _borrow(typingctx: Any, values: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        return _without_owner(context, builder, signature.args[0], given[0])

    return values(values), build


#: ``borrowed(values)``, in a compiled kernel: the same array, or tuple of arrays, tuples, numbers, uncounted.
#: Only for what outlives the kernel.
borrowed: Callable[[T], T] = intrinsic(_borrow)

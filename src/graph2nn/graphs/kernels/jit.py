"""Machine instructions for the graph kernels: population count and lowest set bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.extending import intrinsic

from graph2nn.compiling import compiled as compiled
from graph2nn.compiling import forget_stale
from graph2nn.compiling import inlined as inlined

#: numba's integers, which are neither Python's nor quite NumPy's.
Int = Any

# Some versions of numba carry types and some do not, and neither know what becomes of a decorated function.
_intrinsic: Any = intrinsic


forget_stale(Path(__file__).parent)


def _popcount(typingctx: Any, word: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return numba.types.int64(numba.types.uint64), build


def _lowest_bit(typingctx: Any, word: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        never_zero = context.get_constant(numba.types.boolean, True)
        return builder.cttz(arguments[0], never_zero)

    return numba.types.int64(numba.types.uint64), build


#: Counts the bits that are on in a ``uint64``, as ``int64``.
popcount: Callable[[Any], Int] = _intrinsic(_popcount)
#: The position of the lowest bit that is on in a ``uint64`` other than 0, as ``int64``.
lowest_bit: Callable[[Any], Int] = _intrinsic(_lowest_bit)

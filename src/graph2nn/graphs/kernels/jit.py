"""What the graph kernels are compiled with: single machine instructions, and no stale machine code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.extending import intrinsic

from graph2nn.compiling import compiled as compiled

#: numba's integers, which are neither Python's nor quite NumPy's.
Int = Any

# Some versions of numba carry types and some do not, and neither know what becomes of a decorated function.
_intrinsic: Any = intrinsic


def _forget_stale() -> None:
    """Drop machine code older than any kernel: numba looks at a kernel's own file, not at those it calls."""
    folder = Path(__file__).parent
    cache = folder / "__pycache__"
    if os.access(cache, os.W_OK):  # else numba keeps its cache elsewhere, and nobody edits the kernels
        newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
        for index in cache.glob("*.nbi"):
            if index.stat().st_mtime < newest:
                index.unlink(missing_ok=True)


_forget_stale()


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

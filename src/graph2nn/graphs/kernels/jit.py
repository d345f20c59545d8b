"""How the kernels are compiled: numba, without the interpreter's lock, cached where the disk allows it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.extending import intrinsic

#: numba's integers, which are neither Python's nor quite NumPy's.
Int = Any

F = TypeVar("F", bound=Callable[..., Any])

# Some versions of numba carry types and some do not, and neither know what becomes of a decorated function.
_njit: Any = numba.njit
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


def compiled(function: F) -> F:
    """Compile a kernel on its first call and keep the machine code beside it.

    Kernels release the lock and are run by a plain thread pool rather than by numba's ``prange``: its OpenMP
    layer kills every child forked afterwards (a DataLoader worker, say), and its own workqueue layer forbids
    two threads to enter at once. No fast-math: the order of the floating point operations is the result.
    """
    try:
        kernel: F = _njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        kernel = _njit(nogil=True, error_model="numpy")(function)
    return kernel


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

"""Compilation of kernels by numba, without the interpreter's lock, cached on disk where that can be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

# Some versions of numba carry types and some do not, and neither know what becomes of a decorated function.
_njit: Any = numba.njit


def compiled(function: F) -> F:
    """Compile a kernel on its first call and keep the machine code next to it.

    Kernels release the lock and are run by a plain thread pool rather than by numba's ``prange``: its OpenMP
    layer kills every child forked afterwards (a DataLoader worker, say), and its own workqueue layer forbids
    two threads to enter at once. No fast-math: the order of the floating point operations is the result.
    """
    try:
        kernel: F = _njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        kernel = _njit(nogil=True, error_model="numpy")(function)
    _keep_if_there_is_room(kernel)
    return kernel


def inlined(function: F) -> F:
    """Make a function part of each kernel that calls it, before that is compiled.

    numba compiles a function by itself and once more with each that calls it, level by level. For the tiles of
    the block engine that was most of the time of a first step. Each call is a copy: call it in one place.
    """
    kernel: F = _njit(inline="always")(function)
    return kernel


def _keep_if_there_is_room(kernel: Any) -> None:
    """Let a full disk cost the next process a compilation, not this one its kernel, which it has in memory."""
    cache = getattr(kernel, "_cache", None)
    save = getattr(cache, "save_overload", None)
    if cache is None or save is None:  # another version of numba, or NUMBA_DISABLE_JIT
        return

    def save_or_not(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    cache.save_overload = save_or_not


def forget_stale(folder: Path, *called: Path) -> None:
    """Drop machine code older than any kernel of a folder: numba compares a kernel's own file only.

    Args:
        folder: of the kernels. Where its cache cannot be written, numba keeps the cache elsewhere, and nobody
            edits the kernels.
        called: folders of other kernels that these call.
    """
    cache = folder / "__pycache__"
    if os.access(cache, os.W_OK):
        sources = [source for each in (folder, *called) for source in each.glob("*.py")]
        newest = max(source.stat().st_mtime for source in sources)
        for index in cache.glob("*.nbi"):
            # Processes that begin together drop them together: one may be gone by now.
            with suppress(FileNotFoundError):
                if index.stat().st_mtime < newest:
                    index.unlink()

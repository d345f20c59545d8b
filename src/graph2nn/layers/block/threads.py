"""Threads for compiled loops: as many as torch would use, and safe in processes that were forked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from graph2nn.layers.block import openmp
from graph2nn.layers.block.layout import Integers

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_size = 0
_compiled: set[tuple[object, ...]] = set()


def _forget() -> None:
    """In a forked child: the parent's threads are not there, nor anyone to release its lock."""
    global _pool, _size, _lock
    _pool, _size, _lock = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _workers(count: int) -> ThreadPoolExecutor:
    global _pool, _size
    with _lock:
        if _pool is None or _size < count:
            # The smaller pool, if there is one, ends by itself once nobody refers to it.
            _pool, _size = ThreadPoolExecutor(count, thread_name_prefix="graph2nn-block"), count
        return _pool


def share(kernel: Callable[..., None], ranges: Integers, *arguments: object) -> None:
    """Call ``kernel(part, ranges, *arguments)`` for each range of units, one a thread.

    The threads are torch's own where they can be had (:mod:`team`), else those of a plain pool. Not numba's
    ``prange``, whose OpenMP layer kills every child forked afterwards. One thread never leaves the caller.

    Args:
        kernel: compiled, and without the interpreter's lock while it runs; with part −1 it does all of them.
        ranges: as :func:`cut` makes them for ``torch.get_num_threads()``.
        arguments: passed on.
    """
    if len(ranges) < 2:
        for part in range(len(ranges)):
            kernel(part, ranges, *arguments)
        return
    if openmp.available():
        kernel(-1, ranges, *arguments)
        return
    kind = kernel, tuple(a.dtype if isinstance(a, np.ndarray) else type(a) for a in arguments)
    if kind not in _compiled:
        # The first call compiles, which is not for threads that have little stack.
        for part in range(len(ranges)):
            kernel(part, ranges, *arguments)
        _compiled.add(kind)
        return
    pool = _workers(len(ranges) - 1)
    waiting = [pool.submit(kernel, part, ranges, *arguments) for part in range(1, len(ranges))]
    kernel(0, ranges, *arguments)
    for future in waiting:
        future.result()


def cut(costs: Integers, parts: int) -> Integers:
    """Cut ``range(len(costs))`` into at most ``parts`` ranges of about equal cost, none empty."""
    if len(costs) == 0:
        return np.empty((0, 2), dtype=np.int64)
    total = np.cumsum(costs)
    ends = np.searchsorted(total, total[-1] * np.arange(1, parts) / parts, side="left") + 1
    edges = [0, *ends.tolist(), len(costs)]
    return np.array([(low, high) for low, high in pairwise(edges) if low < high], dtype=np.int64)

"""Threads for compiled loops: as many as torch would use, and safe in processes that were forked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from graph2nn.layers.block import team

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


def share(kernel: Callable[..., None], ranges: Sequence[tuple[int, int]], *arguments: object) -> None:
    """Call ``kernel(low, high, *arguments)`` for each range of units, one a thread.

    The threads are torch's own where they can be had (:mod:`team`), else those of a plain pool. Not numba's
    ``prange``, whose OpenMP layer kills every child forked afterwards. One thread never leaves the caller.

    Args:
        kernel: compiled, and without the interpreter's lock while it runs.
        ranges: as :func:`cut` makes them for ``torch.get_num_threads()``.
        arguments: passed on.
    """
    kind = kernel, tuple(a.dtype if isinstance(a, np.ndarray) else type(a) for a in arguments)
    if len(ranges) < 2 or kind not in _compiled:
        # The first call compiles, which is not for threads that have little stack.
        for low, high in ranges:
            kernel(low, high, *arguments)
        _compiled.add(kind)
    elif team.available():
        team.run(lambda i: kernel(*ranges[i], *arguments), len(ranges))
    else:
        pool = _workers(len(ranges) - 1)
        waiting = [pool.submit(kernel, low, high, *arguments) for low, high in ranges[1:]]
        kernel(*ranges[0], *arguments)
        for future in waiting:
            future.result()


def cut(costs: npt.NDArray[np.int64], parts: int) -> tuple[tuple[int, int], ...]:
    """Cut ``range(len(costs))`` into at most ``parts`` ranges of about equal cost, none empty."""
    if len(costs) == 0:
        return ()
    total = np.cumsum(costs)
    ends = np.searchsorted(total, total[-1] * np.arange(1, parts) / parts, side="left") + 1
    edges = [0, *ends.tolist(), len(costs)]
    return tuple((low, high) for low, high in pairwise(edges) if low < high)

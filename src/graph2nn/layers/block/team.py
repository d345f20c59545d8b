"""torch's own OpenMP threads, lent to compiled loops.

Between two operations the threads of torch spin for a while, waiting for the next one. Threads of our own would
share the cores with them: a training step on two cores took a third longer that way. So a loop is given to the
same team, by the entry point that compilers call for a parallel region.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

#: A team does not survive a fork, as torch's does not: children take other threads.
_HOME = os.getpid()

_Body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def available() -> bool:
    """Whether there is a team to lend: on Linux, where torch brings GNU's OpenMP, and not in a forked child."""
    return os.getpid() == _HOME and _library() is not None


def run(work: Callable[[int], None], threads: int) -> None:
    """Call ``work(i)`` for each i below ``threads``, each on a thread of the team; the caller is one of them.

    Where a smaller team is all there is, as inside another parallel region, its threads do several.

    Raises:
        Exception: the first error of ``work``, once all threads are done.
    """
    library = _library()
    assert library is not None
    errors: list[BaseException] = []

    def body(_: object) -> None:
        try:
            for i in range(library.omp_get_thread_num(), threads, library.omp_get_num_threads()):
                work(i)
        except BaseException as error:  # nothing may leave through C
            errors.append(error)

    library.GOMP_parallel(_Body(body), None, threads, 0)
    if errors:
        raise errors[0]


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the OpenMP library that torch is running on, or None."""
    try:
        loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    except OSError:
        return None
    home = str(Path(torch.__file__).parent)
    # Others may be loaded beside it (scikit-learn brings one); theirs are other threads.
    for path in sorted(path for path in loaded if "libgomp" in path and path.startswith(home)):
        try:
            library = ctypes.CDLL(path)
            library.GOMP_parallel.argtypes = [_Body, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
            library.GOMP_parallel.restype = None
            library.omp_get_thread_num.restype = library.omp_get_num_threads.restype = ctypes.c_int
        except (OSError, AttributeError):
            continue
        return library
    return None

"""The C library's memory: kept for the next step rather than handed back to the system after each one."""

from __future__ import annotations

import ctypes
import platform

#: Names of glibc's settings (malloc.h), and the values they get: the largest threshold it takes, and never.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_LARGEST, _NEVER = 1 << 25, (1 << 31) - 1


def keep_memory() -> bool:
    """Let glibc keep what is freed, up to the highest it ever was; return whether there is a glibc to tell.

    A step frees its activations, and glibc gives large ones back to the system, which clears every page again
    for the next step: a fifth of a wide convolution's time.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    process = ctypes.CDLL(None)
    settings = ((_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, _NEVER))
    return all(bool(process.mallopt(name, value)) for name, value in settings)

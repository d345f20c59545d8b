"""The C library's memory: kept for the next step rather than handed back to the system after each one."""

from __future__ import annotations

import ctypes
import platform

#: Names of glibc's settings (malloc.h): how many blocks may be mapped apart from the heap, and how much may lie
#: free at its end before it is given back. A threshold for mapping would not do: glibc takes none above 32 MB.
_MMAP_MAX, _TRIM_THRESHOLD = -4, -1
_NEVER = (1 << 31) - 1


def keep_memory() -> bool:
    """Let glibc keep what is freed, up to the highest it ever was; return whether there is a glibc to tell.

    A step frees its activations, and glibc gives large ones back to the system, which clears every page again
    for the next step: a fifth of a wide convolution's time, and more than half of one with activations of 32 MB
    and more. It holds for the whole process, which then keeps the memory that its largest step took.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    process = ctypes.CDLL(None)
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER))
    return all(bool(process.mallopt(name, value)) for name, value in settings)

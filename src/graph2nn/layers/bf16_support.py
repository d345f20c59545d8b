"""Whether the processor has instructions for bfloat16: torch emulates them where it does not.

An emulated product is exact and slower than one in float32, on AVX2 many times (``benchmarks/bench_amp.py``).
"""

from __future__ import annotations

import platform
from functools import lru_cache

import torch
from llvmlite import binding  # type: ignore[import-untyped]

#: LLVM's names of what multiplies bfloat16, by architecture.
_FEATURES = {
    "x86_64": ("avx512bf16", "amx-bf16", "avxneconvert"),
    "amd64": ("avx512bf16", "amx-bf16", "avxneconvert"),
    "aarch64": ("bf16",),
    "arm64": ("bf16",),
}


@lru_cache(maxsize=1)
def cpu_has_bf16() -> bool:
    """Return False if torch would emulate products in bfloat16 here; True too where that cannot be told.

    Example:
        >>> cpu_has_bf16() in (True, False)
        True
    """
    names = _FEATURES.get(platform.machine().lower(), ())
    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:  # LLVM cannot look here
        return True
    return not (names and features) or any(features.get(name) for name in names)


def emulated_here() -> bool:
    """Whether the code that calls runs under ``torch.autocast`` to bfloat16 on a CPU that would emulate it."""
    if not torch.is_autocast_enabled("cpu") or torch.get_autocast_dtype("cpu") != torch.bfloat16:
        return False
    return not cpu_has_bf16()

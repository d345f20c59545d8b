"""What the machine can do: GFLOP/s of its largest matrix product in each precision, and memory bandwidth.

Measured in the run that quotes shares of it, with that run's number of threads. It is the highest rate that
torch reaches, not a data sheet's: in float32 the faster of the default product and oneDNN's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.dense_forms import onednn_linear

#: Sides of the square products tried, smallest first.
SIDES, QUICK_SIDES = (512, 1024, 2048, 3072), (128, 256)
#: A product that takes longer than this, in seconds, ends the search: larger ones would take minutes.
LONG = 1.0
#: Values of each of the three arrays of the bandwidth, 128 MB; far larger than any cache.
VALUES, QUICK_VALUES = 1 << 25, 1 << 20
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


def machine(*, quick: bool = False, tries: int = 5) -> dict[str, Any]:
    """Measure with torch's present number of threads.

    Returns:
        ``peak_gflops`` per precision, ``peak_by`` (product and side that reached it),
        ``bandwidth_gbyte_per_s``, and ``n``, the number of tries whose median counts.
    """
    peaks, reached = {}, {}
    for precision in DTYPES:
        peaks[precision], reached[precision] = peak(precision, QUICK_SIDES if quick else SIDES, tries)
    return {
        "peak_gflops": peaks,
        "peak_by": reached,
        "bandwidth_gbyte_per_s": bandwidth(QUICK_VALUES if quick else VALUES, tries),
        "n": tries,
    }


def products(precision: str) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Return the ways to multiply two matrices in a precision, by name."""
    found: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mm": torch.mm}
    if precision == "float32" and onednn_linear() is not None:
        found["oneDNN"] = _onednn
    return found


def _onednn(x: Tensor, w: Tensor) -> Tensor:
    multiply = onednn_linear()
    assert multiply is not None
    return multiply(x, w)


def peak(precision: str, sides: tuple[int, ...], tries: int) -> tuple[float, str]:
    """Return the highest median rate over products and sides, and what reached it."""
    best, by = 0.0, ""
    for name, multiply in products(precision).items():
        for side in sides:
            x, y = (torch.randn(side, side).to(DTYPES[precision]) for _ in range(2))
            work = partial(multiply, x, y)
            first = _seconds(work)
            values = [first] if first > LONG else [_seconds(work) for _ in range(tries)]
            rate = 2e-9 * side**3 / statistics.median(values)
            if rate > best:
                best, by = rate, f"{name}, {side} × {side}"
            if first > LONG:
                break
    return round(best, 1), by


def bandwidth(values: int, tries: int) -> float:
    """Return gigabytes per second of a sum of two arrays into a third: two reads and one write."""
    a, b, c = (torch.ones(values) for _ in range(3))
    torch.add(a, b, out=c)
    seconds = [_seconds(lambda: torch.add(a, b, out=c)) for _ in range(tries)]
    return round(3e-9 * 4 * values / statistics.median(seconds), 1)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin

"""Contenders that take turns: medians, ratios to the fastest dense contender, GFLOP/s, share of the peak."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Work = Callable[[], object]


@dataclass(frozen=True)
class Contender:
    """Something to time.

    Args:
        work: one call.
        precision: of its products; ``"float32"`` or ``"bf16"``.
        gflop: floating-point operations of a call, in thousand millions; a multiply-add counts as two.
        mbyte: memory that a call must read and write at least, in million bytes; left out where unknown.
        dense: it is a form of the dense network that the others are divided by.
    """

    work: Work
    precision: str = "float32"
    gflop: float | None = None
    mbyte: float | None = None
    dense: bool = False


def take_turns(works: Mapping[str, Work], rounds: int, repeats: int) -> dict[str, list[float]]:
    """Return seconds per call of each work, one value per round; a first round that warms up is left out."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            begin = time.perf_counter()
            for _ in range(repeats):
                work()
            if turn:
                times[name].append((time.perf_counter() - begin) / repeats)
    return times


def fastest_dense(
    contenders: Mapping[str, Contender], times: Mapping[str, list[float]], precision: str | None = None
) -> str | None:
    """Return the name of the dense contender with the lowest median, of one precision or of any."""
    names = [
        name
        for name, contender in contenders.items()
        if contender.dense and precision in (None, contender.precision)
    ]
    return min(names, key=lambda name: statistics.median(times[name])) if names else None


def ratios(values: list[float], base: list[float]) -> tuple[float, list[float]]:
    """Return the median, and both quartiles, of the ratios within a round."""
    each = sorted(v / b for v, b in zip(values, base, strict=True))
    if len(each) < 2:
        return round(each[0], 3), [round(each[0], 3)] * 2
    low, _, high = statistics.quantiles(each, n=4)
    return round(statistics.median(each), 3), [round(low, 3), round(high, 3)]


def summarise(
    contenders: Mapping[str, Contender], times: Mapping[str, list[float]], peaks: Mapping[str, float]
) -> dict[str, Any]:
    """Return one record per contender.

    ``times_dense`` is the ratio to the fastest dense contender of the same precision, which ``dense`` names;
    ``times_fastest_dense`` to the fastest of any precision.

    Args:
        contenders: what was timed.
        times: seconds per call from :func:`take_turns`.
        peaks: GFLOP/s of the machine, per precision.
    """
    best = fastest_dense(contenders, times)
    found: dict[str, Any] = {}
    for name, contender in contenders.items():
        values = times[name]
        seconds = statistics.median(values)
        row: dict[str, Any] = {
            "ms": round(1e3 * seconds, 4),
            "n": len(values),
            "precision": contender.precision,
        }
        if (same := fastest_dense(contenders, times, contender.precision)) is not None:
            row["dense"] = same
            row["times_dense"], row["quartiles"] = ratios(values, times[same])
        if best is not None:
            row["times_fastest_dense"] = ratios(values, times[best])[0]
        if contender.gflop is not None:
            rate = contender.gflop / seconds
            row |= {"gflop": round(contender.gflop, 6), "gflops": round(rate, 1)}
            if contender.precision in peaks:
                row["share_of_peak"] = round(rate / peaks[contender.precision], 3)
        if contender.mbyte is not None:
            row["mbyte"] = round(contender.mbyte, 4)
        found[name] = row
    return found


def compare(
    contenders: Mapping[str, Contender], rounds: int, repeats: int, peaks: Mapping[str, float]
) -> dict[str, Any]:
    """Time the contenders in turn and return one record for each, see :func:`summarise`."""
    times = take_turns({name: contender.work for name, contender in contenders.items()}, rounds, repeats)
    return summarise(contenders, times, peaks)

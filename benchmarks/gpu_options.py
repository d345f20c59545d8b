"""What every part of ``gpu_check`` is given, and how contenders on a device are timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.timing import Contender, Work, compare


@dataclass(frozen=True)
class Options:
    """How ``gpu_check`` runs.

    Args:
        device: ``"cuda"``, or ``"cpu"`` for a dry run.
        quick: the smallest sizes and fewest repetitions.
        end: when no further part or table begins, on the clock of ``time.monotonic``.
        data: where CIFAR-10 is, for training runs.
    """

    device: str
    quick: bool
    end: float
    data: str | None = None

    def seconds_left(self) -> float:
        """Seconds until :attr:`end`."""
        return self.end - time.monotonic()

    @property
    def rounds(self) -> int:
        """Turns of each contender."""
        return 2 if self.quick else 9

    def repeats(self, full: int) -> int:
        """Steps within a turn: ``full``, or one when quick."""
        return 1 if self.quick else full


#: One part: from the options to a record, whose ``ok``, if it has one, says whether all is correct.
Part = Callable[[Options], dict[str, Any]]


def timed(
    works: Mapping[str, Work], options: Options, repeats: int, precision: str = "float32"
) -> dict[str, Any]:
    """Time works in turn, each turn ended by a synchronisation; the dense ones have names that begin so.

    Returns:
        Records of :func:`benchmarks.timing.compare`, milliseconds per call.
    """

    def turn(work: Work) -> Work:
        def run() -> None:
            for _ in range(repeats):
                work()
            if options.device == "cuda":
                torch.cuda.synchronize()

        return run

    contenders = {
        name: Contender(turn(work), precision, dense=name.startswith("dense")) for name, work in works.items()
    }
    rows = compare(contenders, options.rounds, 1, {})
    return {name: {**row, "ms": round(row["ms"] / repeats, 4)} for name, row in rows.items()}


def usable(make: Mapping[str, Callable[[], Work]]) -> tuple[dict[str, Work], dict[str, str]]:
    """Make works and call each once; return those that run, and for the others why they do not."""
    works, refused = {}, {}
    for name, build in make.items():
        try:
            work = build()
            work()
        except Exception as error:
            refused[name] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        else:
            works[name] = work
    return works, refused

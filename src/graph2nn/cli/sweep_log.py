"""Log output of a sweep: one line per finished run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from graph2nn.cli.status import duration


@dataclass
class Log:
    """Lines about runs as they end.

    Args:
        total: runs of the sweep.
        earlier: how many of them were finished before; they tell nothing about the pace.
    """

    total: int
    earlier: int = 0
    ended: int = 0
    started: float = field(default_factory=time.monotonic)

    def line(self, row: dict[str, Any], now: float | None = None) -> str:
        """Say which run has ended, how well, and how long the rest will take at this pace."""
        self.ended += 1
        done = self.earlier + self.ended
        error = row.get("test_error")
        seconds = row.get("seconds")
        said = [
            f"{done} of {self.total}",
            f"{row.get('graph', row['run'])} seed {row.get('seed', '?')}",
            "diverged" if error is None or error != error else tested(row, error),
        ]
        if seconds is not None:
            said.append(duration(seconds))
        if rest := self.total - done:
            pace = ((time.monotonic() if now is None else now) - self.started) / self.ended
            said.append(f"about {duration(pace * rest)} left")
        return "  ".join(said)


def tested(row: dict[str, Any], value: float) -> str:
    """Write the score of a run on the test part, with its name and unit."""
    from graph2nn.tasks import TOP1, Score

    score = Score(str(row["score_name"]), str(row.get("score_unit") or "")) if row.get("score_name") else TOP1
    if score == TOP1:
        return f"test error {value:.2f} %"
    return f"test {score.written(f'{value:.{score.digits(value)}f}')}"

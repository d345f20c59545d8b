"""Progress of a sweep, read from the results folder alone; no launcher needs to be running."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from graph2nn.errors import UserError
from graph2nn.experiments.sweep_file import read_plans
from graph2nn.files import subfolders
from graph2nn.results.failures import Failure, failed_runs
from graph2nn.results.leases import holders
from graph2nn.results.run_folder import damaged_runs, finished_runs, resumable
from graph2nn.results.runs_table import originals

#: This many finished runs tell how long one takes.
SAMPLE = 100


@dataclass(frozen=True)
class RunInProgress:
    """A run in progress: its host, seconds since it started, and seconds since its last heartbeat."""

    run: str
    host: str
    pid: int
    attempt: int
    seconds: float | None
    silence: float


@dataclass(frozen=True)
class Status:
    """How far the sweeps of a folder are.

    Attributes:
        planned: runs in all plans, and those without a plan.
        done: how many have finished.
        running: those in progress, whose owner is alive.
        interrupted: runs without an owner that can resume from a checkpoint.
        failed: those that failed.
        waiting: how many nobody has started, or whose process died without a checkpoint.
        seconds_a_run: mean over some finished runs.
        seconds_left: until all are done, at as many at once as are running; of one at a time if none is.
        damaged: folders among the finished runs that hold no result; a run of that name is trained again.
    """

    planned: int
    done: int
    running: tuple[RunInProgress, ...]
    interrupted: tuple[str, ...]
    failed: tuple[Failure, ...]
    waiting: int
    seconds_a_run: float | None
    seconds_left: float | None
    damaged: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)


def status(out: Path) -> Status:
    """Find out how far the sweeps of a folder are.

    Raises:
        UserError: no folder of results, or a damaged one.
    """
    plans, failed = read_plans(out), failed_runs(out)
    names = finished_runs(out)
    # A copy of a run's folder is not another run.
    done = {name for name in names if not originals(name, names)}
    held = {run: seen for run, seen in holders(out).items() if run not in done}
    unfinished = _unfinished(out) - done
    if not (plans or done or failed or held or unfinished):
        raise UserError(f"status: {out} holds no runs; name a folder that train or sweep wrote (--out).")
    failed = {run: failure for run, failure in failed.items() if run not in done}
    running = tuple(
        RunInProgress(
            run, seen.owner.host, seen.owner.pid, seen.tries, _started(out, run), max(0.0, seen.silence)
        )
        for run, seen in held.items()
        if seen.alive
    )
    at_work = {each.run for each in running}
    idle = unfinished - at_work - set(failed)
    interrupted = tuple(sorted(run for run in idle if resumable(out, run)))
    planned = {run for plan in plans for run in plan.runs} | done | set(failed) | at_work | unfinished
    waiting = len(planned - done - set(failed) - at_work - set(interrupted))
    each = _seconds_a_run(out, planned & done)
    left = _seconds_left(each, waiting + len(interrupted), running)
    return Status(
        len(planned), len(done), running, interrupted, tuple(failed.values()), waiting, each, left,
        tuple(damaged_runs(out)),
    )  # fmt: skip


def _unfinished(out: Path) -> set[str]:
    folder = out / ".unfinished"
    return {name.partition("@")[0] for name in subfolders(folder)}


def _started(out: Path, run: str) -> float | None:
    """For how many seconds the last attempt has gone on; None in its first moment."""
    try:
        lines = (out / ".unfinished" / run / "attempts.jsonl").read_text(encoding="utf-8").splitlines()
        started = datetime.fromisoformat(json.loads(lines[-1])["begun"])
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return None
    if started.tzinfo is None:
        return None
    return max(0.0, (datetime.now(timezone.utc) - started).total_seconds())


def _seconds_a_run(out: Path, runs: set[str]) -> float | None:
    """Mean over a sample that is spread over graphs and seeds, as names are."""
    names = sorted(runs)
    times = []
    for run in names[:: max(1, len(names) // SAMPLE)]:
        try:
            row = json.loads((out / "runs" / run / "result.json").read_text(encoding="utf-8"))
            seconds = float(row["seconds"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
            continue  # who reads the table will say so
        if math.isfinite(seconds):
            times.append(seconds)
    return sum(times) / len(times) if times else None


def _seconds_left(each: float | None, waiting: int, running: tuple[RunInProgress, ...]) -> float | None:
    if not waiting and not running:
        return 0.0
    if each is None:
        return None
    started = sum(max(0.0, each - (run.seconds or 0.0)) for run in running)
    return (waiting * each + started) / max(1, len(running))

"""Launch a sweep: train what is neither finished nor failed, on any launcher, until all runs have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from graph2nn.data.dataset import Dataset
from graph2nn.experiments.launchers.launcher import (
    AttemptResult,
    Launcher,
    OnEnd,
    OnEpoch,
    OnRun,
    Source,
    Work,
    ended_elsewhere,
)
from graph2nn.experiments.launchers.local import Local
from graph2nn.experiments.loggers import make_logger
from graph2nn.experiments.run import EVERY_FIVE_MINUTES
from graph2nn.experiments.sweep_file import write_sweep_file
from graph2nn.results import failures
from graph2nn.results.config import RunConfig
from graph2nn.results.failures import Failure
from graph2nn.results.leases import holder
from graph2nn.results.run_folder import finished_runs
from graph2nn.results.runs_table import write_table
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.checkpoints import Saving
from graph2nn.training.loop import Epoch

#: Seconds between two looks at runs that other launchers train.
POLL = 1.0


@dataclass(frozen=True)
class SweepOutcome:
    """What a launch did.

    Attributes:
        rows: of the runs that ended well meanwhile, here or in another launcher.
        skipped: how many were finished before.
        failed: runs of this launch that failed, now or earlier; see :mod:`graph2nn.results.failures`.
        left: how many go on without the launch.
    """

    rows: list[dict[str, Any]]
    skipped: int
    failed: list[Failure] = field(default_factory=list)
    left: int = 0

    def complaint(self, out: Path) -> str:
        """One line on the runs that failed."""
        first = self.failed[0]
        total = self.skipped + len(self.rows) + len(self.failed) + self.left
        return (
            f"{len(self.failed)} of {total} runs failed; {first.run}: {first.error} "
            f"(graph2nn status {out} lists them. {failures.retry_advice(self.failed, out)})"
        )


def launch(
    configs: Sequence[RunConfig],
    data: Dataset | Source,
    out: Path,
    launcher: Launcher | None = None,
    *,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    saving: Saving = EVERY_FIVE_MINUTES,
    loggers: Sequence[str] = (),
    log_graphs: float | None = None,
    only: Collection[str] | None = None,
    on_epoch: OnEpoch | None = None,
    on_run: OnRun | None = None,
    on_wait: Callable[[int], None] | None = None,
) -> SweepOutcome:
    """Carry out the runs that are neither finished nor failed, in order, and write ``out/runs.parquet``.

    Interrupted, it leaves the finished runs and the table of them; called again it goes on with the rest. Runs
    that other launchers are training are waited for, and taken over if those die.

    Args:
        configs: the runs.
        data: the data set of all of them, or where processes elsewhere find it.
        out: folder of results.
        launcher: where to carry them out; one after the other in this process if left out.
        device: where to train; "auto" is decided where the run is.
        acceleration: how to compute.
        saving: when checkpoints of the runs are written.
        loggers: names of those that take the numbers of each epoch, such as ``"tensorboard"``.
        log_graphs: log also C and L of the graphs that this share of the weights' strongest blocks makes.
        only: names of those that are meant, if not all; the plan that is written has all.
        on_epoch: called after each epoch of each run, by launchers on this machine.
        on_run: called with the row of each run that ends well meanwhile.
        on_wait: called with how many runs are waited for, when all others have ended.

    Returns:
        Which runs finished, failed or are left.

    Raises:
        UserError: the folder of results, the data or the launcher cannot be used. A run that fails raises
            nothing: it is recorded, and named in the outcome.

    Example:
        >>> from graph2nn.data import load_dataset
        >>> from graph2nn.experiments import plan, preset, select
        >>> data, digits = load_dataset("digits"), preset("mlp-digits")
        >>> settings = ["recipe.epochs=1"]
        >>> configs = plan(digits, select(digits, ["baseline"]), [1], data=data.label, settings=settings)
        >>> launch(configs, data, Path("runs")).failed
        []
    """
    plan = {config.folder: config for config in configs}
    for name in loggers:
        make_logger(name, out)  # an unknown name or a missing package is reported before the first run
    work = Work(
        out, data, str(device), acceleration, saving=saving, loggers=tuple(loggers), log_graphs=log_graphs
    )
    work = replace(work, plan=write_sweep_file(out, plan, work.describe()))
    if only is not None:
        work = replace(work, only=frozenset(only))
        plan = {run: config for run, config in plan.items() if run in only}
    finished, failed = finished_runs(out), failures.failed_runs(out)
    todo = [run for run in plan if run not in finished and run not in failed]
    endings: dict[str, AttemptResult] = {}

    def end(ending: AttemptResult) -> None:
        endings[ending.run] = ending
        if ending.row is not None and on_run:
            on_run(ending.row)

    try:
        while todo:
            (launcher or Local()).run(
                [plan[run] for run in todo], work, on_end=end, on_epoch=on_epoch or _ignore
            )
            again = [run for run in plan if run in endings and endings[run].again]
            todo = wait_for_others(out, again, end, on_wait)
    finally:
        if finished_runs(out):
            write_table(out)
    return _outcome(out, plan, endings, skipped=sum(run in finished for run in plan))


def _outcome(
    out: Path, runs: Collection[str], endings: Mapping[str, AttemptResult], skipped: int
) -> SweepOutcome:
    rows = [ending.row for ending in endings.values() if ending.row is not None]
    failed = [failure for run, failure in failures.failed_runs(out).items() if run in runs]
    return SweepOutcome(rows, skipped, failed, len(runs) - skipped - len(rows) - len(failed))


def wait_for_others(
    out: Path, runs: Iterable[str], on_end: OnEnd, on_wait: Callable[[int], None] | None = None
) -> list[str]:
    """Wait until all of these runs have ended somewhere else, or some of them are free; return those.

    Args:
        out: folder of results.
        runs: names of the runs that others train.
        on_end: called with each that ends.
        on_wait: called with the number of runs that are still waited for.

    Returns:
        Names of the runs that are free.
    """
    waiting = list(runs)
    if waiting and on_wait:
        on_wait(len(waiting))
    while waiting:
        free = []
        for run in list(waiting):
            if ending := ended_elsewhere(out, run):
                waiting.remove(run)
                on_end(ending)
            elif not ((seen := holder(out, run)) and seen.alive):
                free.append(run)
        if free:
            return free
        time.sleep(POLL)
    return []


def _ignore(_config: RunConfig, _epoch: Epoch) -> None:
    pass

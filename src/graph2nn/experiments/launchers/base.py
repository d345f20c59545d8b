"""What all launchers share: the work, one attempt at a run, and a launch that ends when all runs have ended.

A launcher is to runs what an executor of ``concurrent.futures`` is to calls: it is given runs and says how each
ended, as it ends. It decides nothing: whether a run is done, failed or somebody else's is written in the folder
of results, so any number of launchers may work on one folder, and each does what it finds undone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch

from graph2nn.data.dataset import Dataset
from graph2nn.data.registry import DATASETS, load_dataset
from graph2nn.experiments import failures
from graph2nn.experiments.claims import LostError, TakenError, hold, holder
from graph2nn.experiments.config import RunConfig
from graph2nn.experiments.failures import Failure
from graph2nn.experiments.journal import Watch
from graph2nn.experiments.loggers import make_logger
from graph2nn.experiments.plan_file import write_plan
from graph2nn.experiments.results import finished_runs, is_finished, result_of, write_table
from graph2nn.experiments.run import EVERY_FIVE_MINUTES, execute
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.checkpoints import Saving
from graph2nn.training.loop import Epoch
from graph2nn.training.sharing import SharedDataset

OnEpoch = Callable[[RunConfig, Epoch], None]
OnRun = Callable[[dict[str, Any]], None]

#: A run whose process died so often without an error (out of memory, say) is held to be the cause.
MAX_DEATHS = 5
#: Seconds between two looks at runs that others carry out.
POLL = 1.0


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, for processes that load it themselves; see :func:`load_dataset`."""

    name: str
    path: str | None = None
    cache: str | None = None

    def load(self) -> Dataset:
        """Load it, once a process."""
        return _load(self)


@cache
def _load(source: Source) -> Dataset:
    return load_dataset(source.name, path=source.path, cache=source.cache)


@dataclass(frozen=True)
class Work:
    """What running takes next to the configs. ``device`` may be "auto": decided where the run is.

    ``saving`` says when checkpoints are written, ``loggers`` names who takes the numbers of each epoch; see
    :func:`~graph2nn.experiments.loggers.make_logger`. ``threads`` are torch's; None leaves them as they are in
    the process. ``plan`` is the file of the plan, and ``only`` those of its runs that are meant, where not all
    are.
    """

    out: Path
    data: Dataset | SharedDataset | Source
    device: str = "cpu"
    acceleration: Acceleration = PLAIN
    threads: int | None = None
    saving: Saving = EVERY_FIVE_MINUTES
    loggers: tuple[str, ...] = ()
    plan: Path | None = None
    only: frozenset[str] | None = None

    def dataset(self) -> Dataset:
        """The data set itself, loaded if need be."""
        if isinstance(self.data, Source):
            return self.data.load()
        return self.data.value if isinstance(self.data, SharedDataset) else self.data

    def describe(self) -> dict[str, Any]:
        """What a later command needs to go on with this work, as JSON can hold it."""
        name = self.dataset().name
        source = self.data if isinstance(self.data, Source) else Source(name) if name in DATASETS else None
        return {
            "data": source and asdict(source),
            "device": self.device,
            "acceleration": asdict(self.acceleration),
            "saving": asdict(self.saving),
            "loggers": list(self.loggers),
        }


@dataclass(frozen=True)
class Ending:
    """How an attempt at a run ended: with a row of the table, with an error, or not yet.

    ``again`` says that the run is another's at the moment, or was interrupted: it is to be looked at again.
    """

    run: str
    row: dict[str, Any] | None = None
    error: str | None = None
    again: bool = False


OnEnd = Callable[[Ending], None]


class Launcher(Protocol):
    """Where runs are carried out."""

    def run(self, configs: Sequence[RunConfig], work: Work, *, on_end: OnEnd, on_epoch: OnEpoch) -> None:
        """Attempt all runs and call ``on_end`` as each attempt ends.

        A run without an ending when this returns was left to go on without the launcher. ``on_epoch`` is
        called by launchers that run where this process does.
        """


@dataclass(frozen=True)
class Outcome:
    """What a launch did.

    Attributes:
        rows: of the runs that ended well meanwhile, here or in another launcher.
        skipped: how many were finished before.
        failed: runs of this launch that failed, now or earlier; see :mod:`graph2nn.experiments.failures`.
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
            f"(graph2nn status {out} lists them, graph2nn retry {out} tries them again.)"
        )


def attempt(config: RunConfig, work: Work, on_epoch: Callable[[Epoch], None] | None = None) -> Ending:
    """Carry out one run, unless it is done, has failed or is somebody else's; keep what went wrong.

    Raises:
        SystemExit: the run was told to make room; it can go on from its checkpoint.
        UserError: the folder of results cannot be written to.
    """
    run, out = config.folder, work.out
    try:
        with hold(out, run) as claim:
            if is_finished(out, run):
                claim.done = True
                return Ending(run, row=_row(out, run))
            if failure := failures.failure_of(out, run):
                return Ending(run, error=failure.error)
            if claim.deaths >= MAX_DEATHS:
                died = f"its process died {claim.deaths} times without an error, such as when memory runs out"
                return Ending(run, error=failures.record(out, config, died, claim.tries - 1).error)
            try:
                row = _execute(config, work, on_epoch)
            except LostError:
                return Ending(run, again=True)
            except Exception as error:
                return Ending(run, error=failures.record(out, config, error, claim.tries).error)
            failures.clear(out, run)
            return Ending(run, row=row)
    except TakenError:
        return Ending(run, again=True)


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
    only: Collection[str] | None = None,
    on_epoch: OnEpoch | None = None,
    on_run: OnRun | None = None,
    on_wait: Callable[[int], None] | None = None,
) -> Outcome:
    """Carry out the runs that are neither finished nor failed, in order, and write ``out/runs.parquet``.

    Interrupted, it leaves the finished runs and the table of them; called again it goes on with the rest. Runs
    that other launchers carry out are waited for, and taken over should those die.

    Args:
        configs: the runs.
        data: the data set of all of them, or where processes elsewhere find it.
        out: folder of results.
        launcher: where to carry them out; one after the other in this process if left out.
        device: where to train; "auto" is decided where the run is.
        acceleration: how to compute.
        saving: when checkpoints of the runs are written.
        loggers: names of those that take the numbers of each epoch, such as ``"tensorboard"``.
        only: names of those that are meant, if not all; the plan that is written has all.
        on_epoch: called after each epoch of each run, by launchers on this machine.
        on_run: called with the row of each run that ends well meanwhile.
        on_wait: called with how many runs are waited for, when all others have ended.

    Raises:
        UserError: the folder of results, the data or the launcher cannot be used. A run that fails raises
            nothing: it is recorded, and named in the outcome.
    """
    plan = {config.folder: config for config in configs}
    for name in loggers:
        make_logger(name, out)  # an unknown name, or a package that is missing, is said before the first run
    work = Work(out, data, str(device), acceleration, saving=saving, loggers=tuple(loggers))
    work = replace(work, plan=write_plan(out, plan, work.describe()))
    if only is not None:
        work = replace(work, only=frozenset(only))
        plan = {run: config for run, config in plan.items() if run in only}
    finished, failed = finished_runs(out), failures.failed_runs(out)
    todo = [run for run in plan if run not in finished and run not in failed]
    endings: dict[str, Ending] = {}

    def end(ending: Ending) -> None:
        endings[ending.run] = ending
        if ending.row is not None and on_run:
            on_run(ending.row)

    try:
        while todo:
            (launcher or _here()).run(
                [plan[run] for run in todo], work, on_end=end, on_epoch=on_epoch or _ignore
            )
            again = [run for run in plan if run in endings and endings[run].again]
            todo = wait_for_others(out, again, end, on_wait)
    finally:
        if finished_runs(out):
            write_table(out)
    return _outcome(out, plan, endings, skipped=sum(run in finished for run in plan))


def _outcome(out: Path, runs: Collection[str], endings: Mapping[str, Ending], skipped: int) -> Outcome:
    rows = [ending.row for ending in endings.values() if ending.row is not None]
    failed = [failure for run, failure in failures.failed_runs(out).items() if run in runs]
    return Outcome(rows, skipped, failed, len(runs) - skipped - len(rows) - len(failed))


def wait_for_others(
    out: Path, runs: Iterable[str], on_end: OnEnd, on_wait: Callable[[int], None] | None = None
) -> list[str]:
    """Wait until all of these runs have ended somewhere else, or some of them are free; return those."""
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


def ended_elsewhere(out: Path, run: str) -> Ending | None:
    """How a run ended that this process had no part in; None if it has not."""
    if is_finished(out, run):
        return Ending(run, row=_row(out, run))
    failure = failures.failure_of(out, run)
    return Ending(run, error=failure.error) if failure else None


def _execute(config: RunConfig, work: Work, on_epoch: Callable[[Epoch], None] | None) -> dict[str, Any]:
    device = work.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if work.threads is not None:
        torch.set_num_threads(work.threads)
    return execute(
        config,
        work.dataset(),
        work.out,
        device=device,
        acceleration=work.acceleration,
        on_epoch=on_epoch,
        saving=work.saving,
        watch=Watch(loggers=tuple(make_logger(name, work.out) for name in work.loggers)),
    )


def _here() -> Launcher:
    from graph2nn.experiments.launchers.local import Local

    return Local()


def _row(out: Path, run: str) -> dict[str, Any]:
    with suppress(ValueError):  # damaged: who reads the table will say so
        return result_of(out, run)
    return {"run": run}


def _ignore(_config: RunConfig, _epoch: Epoch) -> None:
    pass

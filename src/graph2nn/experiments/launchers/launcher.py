"""Interface of all launchers: the work, one attempt at a run, and how it ended.

A launcher is to runs what an executor of ``concurrent.futures`` is to calls: it is given runs and says how each
ended, as it ends. It decides nothing: whether a run is done, failed or somebody else's is written in the folder
of results, so any number of launchers may work on one folder, and each does what it finds undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch

from graph2nn.data.dataset import Dataset
from graph2nn.data.own.reader import Options
from graph2nn.data.registry import DATASETS, load_dataset
from graph2nn.experiments.callbacks import Watch
from graph2nn.experiments.loggers import make_logger
from graph2nn.experiments.run import EVERY_FIVE_MINUTES, execute
from graph2nn.results import failures
from graph2nn.results.config import RunConfig
from graph2nn.results.leases import LostError, TakenError, hold
from graph2nn.results.run_folder import is_finished, result_of
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.checkpoints import Saving
from graph2nn.training.loop import Epoch
from graph2nn.training.shared_memory import SharedDataset

OnEpoch = Callable[[RunConfig, Epoch], None]
OnRun = Callable[[dict[str, Any]], None]

#: A run whose process died so often without an error (out of memory, say) is held to be the cause.
MAX_DEATHS = 5


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, for processes that load it themselves; see :func:`load_dataset`.

    ``options`` say how own data are read.

    Example:
        >>> Source("cifar10", path="downloads").name
        'cifar10'
    """

    name: str
    path: str | None = None
    cache: str | None = None
    options: Options | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.options, Mapping):  # of a plan on disk, where everything is JSON
            plain: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in self.options.items()
            }
            object.__setattr__(self, "options", Options(**plain))

    def load(self) -> Dataset:
        """Load it, once a process."""
        return _load(self)


@cache
def _load(source: Source) -> Dataset:
    options = source.options if isinstance(source.options, Options) else None
    return load_dataset(source.name, path=source.path, cache=source.cache, options=options)


@dataclass(frozen=True)
class Work:
    """What training needs in addition to the configs. ``device`` may be "auto": decided where the run is.

    ``saving`` says when checkpoints are written, ``loggers`` names who takes the numbers of each epoch; see
    :func:`~graph2nn.experiments.loggers.make_logger`, and ``log_graphs`` whether the graphs of the weights are
    among these; see :class:`~graph2nn.experiments.callbacks.Watch`. ``threads`` are torch's; None leaves them
    as they are in the process. ``plan`` is the file of the plan, and ``only`` those of its runs that are meant,
    where not all are.
    """

    out: Path
    data: Dataset | SharedDataset | Source
    device: str = "cpu"
    acceleration: Acceleration = PLAIN
    threads: int | None = None
    saving: Saving = EVERY_FIVE_MINUTES
    loggers: tuple[str, ...] = ()
    log_graphs: float | None = None
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
            "log_graphs": self.log_graphs,
        }


@dataclass(frozen=True)
class AttemptResult:
    """How an attempt at a run ended: with a row of the table, with an error, or not yet.

    ``again`` says that the run is another's at the moment, or was interrupted: it is to be looked at again.
    """

    run: str
    row: dict[str, Any] | None = None
    error: str | None = None
    again: bool = False


OnEnd = Callable[[AttemptResult], None]


class Launcher(Protocol):
    """A place where runs are trained.

    Example:
        >>> from graph2nn.experiments.launchers import Local
        >>> launcher: Launcher = Local(workers=2)
    """

    def run(self, configs: Sequence[RunConfig], work: Work, *, on_end: OnEnd, on_epoch: OnEpoch) -> None:
        """Attempt all runs and call ``on_end`` as each attempt ends.

        A run without an ending when this returns was left to go on without the launcher. ``on_epoch`` is
        called by launchers that run where this process does.

        Args:
            configs: the runs, in order.
            work: what to train, where and how.
            on_end: called when a run has ended.
            on_epoch: called after each epoch, by launchers on this machine.
        """


def attempt(config: RunConfig, work: Work, on_epoch: Callable[[Epoch], None] | None = None) -> AttemptResult:
    """Carry out one run, unless it is done, has failed or is somebody else's; keep what went wrong.

    Args:
        config: of the run.
        work: where its data and its folder are.
        on_epoch: called after each epoch.

    Returns:
        How the attempt ended.

    Raises:
        SystemExit: the run was told to make room; it can go on from its checkpoint.
        UserError: the folder of results cannot be written to.
    """
    run, out = config.folder, work.out
    try:
        with hold(out, run) as lease:
            if is_finished(out, run):
                lease.done = True
                return AttemptResult(run, row=_row(out, run))
            if failure := failures.failure_of(out, run):
                return AttemptResult(run, error=failure.error)
            if lease.deaths >= MAX_DEATHS:
                died = f"its process died {lease.deaths} times without an error, such as when memory runs out"
                return AttemptResult(
                    run, error=failures.record_failure(out, config, died, lease.tries - 1).error
                )
            try:
                row = _execute(config, work, on_epoch)
            except LostError:
                return AttemptResult(run, again=True)
            except Exception as error:
                return AttemptResult(run, error=failures.record_failure(out, config, error, lease.tries).error)
            failures.clear(out, run)
            return AttemptResult(run, row=row)
    except TakenError:
        return AttemptResult(run, again=True)


def ended_elsewhere(out: Path, run: str) -> AttemptResult | None:
    """How a run ended that this process had no part in; None if it has not."""
    if is_finished(out, run):
        return AttemptResult(run, row=_row(out, run))
    failure = failures.failure_of(out, run)
    return AttemptResult(run, error=failure.error) if failure else None


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
        watch=Watch(
            loggers=tuple(make_logger(name, work.out) for name in work.loggers), log_graphs=work.log_graphs
        ),
    )


def _row(out: Path, run: str) -> dict[str, Any]:
    with suppress(ValueError):  # damaged: who reads the table will say so
        return result_of(out, run)
    return {"run": run}

"""Local launcher: runs on this machine, one after the other in this process or several in worker processes."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from graph2nn.experiments.launchers.launcher import AttemptResult, OnEnd, OnEpoch, Work, attempt
from graph2nn.preemption import REQUEUE_EXIT_CODE, Handlers, handled
from graph2nn.results import failures
from graph2nn.results.config import RunConfig
from graph2nn.results.leases import TakenError, hold, holder
from graph2nn.training import processes
from graph2nn.training.shared_memory import SharedDataset


@dataclass(frozen=True)
class Local:
    """Runs on this machine.

    Args:
        workers: how many runs at once. One run at a time has this process; more have a process each, which a
            run that fails or is killed does not take from the others.
        threads: of torch in each of several workers; a single one has those of this process.
        gpus: what to hand out among several workers on CUDA, as ``CUDA_VISIBLE_DEVICES`` names them; all that
            this process sees if left out.
    """

    workers: int = 1
    threads: int = 1
    gpus: tuple[str, ...] | None = None

    @classmethod
    def from_options(cls, *, threads: int | None = None, workers: int = 1) -> Local:
        """Make the launcher from options of the command."""
        return cls(workers, threads=threads or 1)

    def run(self, configs: Sequence[RunConfig], work: Work, *, on_end: OnEnd, on_epoch: OnEpoch) -> None:
        """Attempt all runs; see :class:`~graph2nn.experiments.launchers.launcher.Launcher`.

        Args:
            configs: the runs, in order.
            work: what to train, where and how.
            on_end: called when a run has ended.
            on_epoch: called after each epoch.

        Raises:
            SystemExit: this process was told to make room. The runs it has started can be resumed later.
        """
        with _room_made_on_request():
            if self.workers > 1:
                self._side_by_side(configs, work, on_end, on_epoch)
                return
            for config in configs:
                on_end(attempt(config, work, partial(on_epoch, config)))

    def _side_by_side(self, configs: Sequence[RunConfig], work: Work, on_end: OnEnd, on_epoch: OnEpoch) -> None:
        """Attempt runs in processes, in the order of the plan: a sweep cut short stays balanced."""

        def end(ended: processes.TaskResult) -> None:
            config = configs[ended.index]
            on_end(ended.result if ended.error is None else _died(config, work, ended.error))

        with tempfile.TemporaryDirectory() as slots:
            gpus = self.gpus if self.gpus is not None else _visible_gpus(work.device)
            shared = replace(work, data=SharedDataset(work.dataset()), threads=self.threads)
            processes.run_tasks(
                _Attempt(shared, gpus, Path(slots)),
                configs,
                processes=self.workers,
                threads=self.threads,
                on_note=lambda index, epoch: on_epoch(configs[index], epoch),
                on_end=end,
            )


@dataclass(frozen=True)
class _Attempt:
    """What a worker process does with a config."""

    work: Work
    gpus: tuple[str, ...]
    slots: Path

    def __call__(self, config: RunConfig, note: Callable[[Any], None]) -> AttemptResult:
        if self.gpus:
            _settle_on_a_gpu(self.gpus, self.slots)
        return attempt(config, self.work, note)


def _died(config: RunConfig, work: Work, error: str) -> AttemptResult:
    """A run whose process died twice: it failed, unless it was told to make room and can go on."""
    if error.endswith(f"ended with code {REQUEUE_EXIT_CODE}"):
        return AttemptResult(config.folder, again=True)
    seen = holder(work.out, config.folder)
    failure = failures.record_failure(work.out, config, error, seen.tries if seen else 1)
    return AttemptResult(config.folder, error=failure.error)


def _visible_gpus(device: str) -> tuple[str, ...]:
    """The GPUs of this process, if the runs are to share them; none if the runs were given one by number."""
    if device not in ("cuda", "auto") or not torch.cuda.is_available():
        return ()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(named.split(",")) if named else tuple(map(str, range(torch.cuda.device_count())))


@cache
def _settle_on_a_gpu(gpus: tuple[str, ...], slots: Path) -> None:
    """Give this worker process the first GPU that no living one has; with more workers than GPUs, one in turn.

    Must come before the process first touches CUDA. The lease ends with the process, so the worker that takes
    the place of a dead one gets its GPU.
    """
    slot = 0
    while True:
        try:
            _SETTLED.enter_context(hold(slots, f"slot-{slot}"))
            break
        except TakenError:
            slot += 1
    os.environ["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]


_SETTLED = ExitStack()


@contextmanager
def _room_made_on_request() -> Iterator[None]:
    """End with the code upon which schedulers restart a job, when told to make room.

    The worker processes are told so too, and save what they have. Between runs there is nothing to save.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(_number: int, before: Handlers) -> None:
        for number in before:  # told once is enough: the workers are to be ended in peace
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(REQUEUE_EXIT_CODE)

    with handled(leave, ("SIGTERM", "SIGUSR1", "SIGUSR2")):
        yield

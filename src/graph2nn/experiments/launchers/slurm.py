"""SLURM launcher: a job array whose jobs take runs from the results folder, one after the other.

A scheduler takes seconds per job and holds at most a thousand jobs of an array, so one run is not one
job. What is done, failed or in progress is read from the folder, not from the scheduler, which forgets and may
keep no accounts.
"""

from __future__ import annotations

import os
import subprocess
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.experiments.launchers.launcher import (
    AttemptResult,
    OnEnd,
    OnEpoch,
    Work,
    attempt,
    ended_elsewhere,
)
from graph2nn.experiments.sweep_file import read_sweep_file
from graph2nn.preemption import REQUEUE_EXIT_CODE
from graph2nn.results import failures
from graph2nn.results.config import RunConfig
from graph2nn.results.leases import Holder, holder
from graph2nn.results.run_folder import finished_runs

#: Jobs of one array: SLURM's default limit (MaxArraySize) is 1,001.
ARRAY = 1000
#: Seconds between two looks at the folder and the queue.
POLL = 2.0
#: submitit gives a job up after this many time limits; a sweep goes on until it is done.
_NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class Slurm:
    """Runs in the jobs of arrays. The folder of results must be the same on all nodes.

    Args:
        jobs: how many at once; never more than runs.
        cpus: of each job; as many threads of torch.
        gpus: of each job.
        minutes: time limit of each job; one that reaches it saves what it has and is queued again.
        partition: the cluster's default if left out.
        options: further options of sbatch, such as ``{"account": "x"}``.
        wait: stay until all runs have ended; otherwise return once the jobs are submitted.
    """

    jobs: int = 16
    cpus: int = 1
    gpus: int = 0
    minutes: int = 240
    partition: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    wait: bool = True

    @classmethod
    def from_options(
        cls,
        *,
        threads: int | None = None,
        cpus: int = 1,
        gpus: float = 0,
        jobs: int = 16,
        minutes: int = 240,
        partition: str | None = None,
        sbatch: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> Slurm:
        """Make the launcher from options of the command; torch has as many threads as ``cpus``.

        Args:
            threads: of torch in each run.
            cpus: of each job.
            gpus: of each job.
            jobs: how many at once.
            minutes: time limit of each job.
            partition: the cluster's default if left out.
            sbatch: further options, ``key=value``.
            wait: stay until all runs have ended.

        Returns:
            The launcher.

        Raises:
            UserError: a fraction of a GPU.
        """
        if gpus % 1:
            raise UserError(f"--gpus: {gpus:g} is not a whole number; SLURM gives a job whole GPUs.")
        return cls(jobs, cpus, int(gpus), minutes, partition, options=dict(sbatch or {}), wait=wait)

    def run(self, configs: Sequence[RunConfig], work: Work, *, on_end: OnEnd, on_epoch: OnEpoch) -> None:
        """Attempt all runs; see :class:`~graph2nn.experiments.launchers.launcher.Launcher`.

        Args:
            configs: the runs, in order.
            work: what to train, where and how.
            on_end: called when a run has ended.
            on_epoch: not called; the runs are elsewhere.

        Raises:
            UserError: no submitit, no SLURM or one that refuses, or jobs that end without the runs.
        """
        jobs = self._submit(min(self.jobs, len(configs)), work)
        if not self.wait:
            return
        try:
            _watch([config.folder for config in configs], work.out, jobs, on_end)
        except KeyboardInterrupt:
            names = " ".join(sorted(jobs))
            warnings.warn(
                f"sweep: the SLURM jobs {names} go on; scancel {names} ends them.",
                Graph2nnWarning,
                stacklevel=2,
            )
            raise

    def _submit(self, count: int, work: Work) -> set[str]:
        """Submit ``count`` jobs in as few arrays as possible; return the ids of the arrays."""
        submitit = _library()
        if work.plan is None:
            raise UserError("sweep: the SLURM launcher needs the plan on disk; use launch().")
        pull = Pull(replace(work, out=work.out.resolve(), plan=work.plan.resolve(), threads=self.cpus))
        folder = _logs(work.out)
        parameters: dict[str, Any] = {
            "job_name": "graph2nn",
            "time": self.minutes,
            "nodes": 1,
            "ntasks_per_node": 1,
            "cpus_per_task": self.cpus,
            "array_parallelism": self.jobs,
            "partition": self.partition,
            "gpus_per_node": self.gpus or None,
            "additional_parameters": {"requeue": True, **self.options},
        }
        numbers = set()
        try:
            executor = submitit.SlurmExecutor(folder=folder, max_num_timeout=_NO_LIMIT)
            executor.update_parameters(**{key: value for key, value in parameters.items() if value is not None})
            for first in range(0, count, ARRAY):
                with executor.batch():
                    submitted = [executor.submit(pull) for _ in range(min(ARRAY, count - first))]
                numbers |= {job.job_id.partition("_")[0] for job in submitted}
        except (RuntimeError, OSError) as error:
            line = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"sweep: SLURM took no job ({line}). Run this where sbatch works, or use --launcher local."
            ) from None
        return numbers


@dataclass(frozen=True)
class Pull:
    """What a job does: runs of the plan, one after the other, until nobody needs it."""

    work: Work

    def __call__(self) -> int:
        """Carry out what is undone; return how many runs that were.

        Raises:
            SystemExit: the job was told to make room, and is queued again.
        """
        try:
            return pull(self.work)
        except SystemExit as stop:
            if stop.code == REQUEUE_EXIT_CODE:
                _queue_again()
            raise

    def checkpoint(self) -> Any:
        """Tell submitit, which asks when a signal comes between two runs, that the job is to be run again."""
        return _library().helpers.DelayedSubmission(self)


def pull(work: Work) -> int:
    """Carry out the runs of ``work.plan`` that nobody has done or is doing; return how many that were.

    A run that another job has is left to it only after that job was seen alive: were it on a node that has just
    died, nobody would be left to notice.
    """
    assert work.plan is not None
    todo, done = read_sweep_file(work.plan).texts(), 0
    if work.only is not None:
        todo = {run: text for run, text in todo.items() if run in work.only}
    met: dict[str, Holder] = {}
    work.dataset()  # before any lease: should it fail, no run has
    while todo:
        for run in finished_runs(work.out):
            todo.pop(run, None)
        for run, text in list(todo.items()):
            now = holder(work.out, run)
            if run in met and _seen_alive(met[run], now):
                del todo[run]
            elif now and now.alive:
                met.setdefault(run, now)
            else:
                ending = attempt(RunConfig.model_validate_json(text), work)
                done += ending.row is not None
                if not ending.again:
                    del todo[run]
        if todo:
            time.sleep(POLL)
    return done


def _seen_alive(before: Holder, now: Holder | None) -> bool:
    """Whether a run's owner was seen to beat, or is a living process of this machine."""
    if now is None or not now.alive:
        return False
    return now.owner.lives_here() is True or (now.attempt, now.beaten) > (before.attempt, before.beaten)


def _watch(runs: Sequence[str], out: Path, jobs: set[str], on_end: OnEnd) -> None:
    """Report runs as they end, until all have, or until the jobs are gone and nobody trains the rest.

    Raises:
        UserError: the jobs ended without all runs.
    """
    waiting, gone = list(runs), 0
    while waiting:
        time.sleep(POLL)
        ended = finished_runs(out) | set(failures.failed_runs(out))
        for run in [run for run in waiting if run in ended]:
            if ending := ended_elsewhere(out, run):
                on_end(ending)
        waiting = [run for run in waiting if run not in ended]
        # Twice, as a job may have ended a run between the look at the folder and the one at the queue.
        gone = 0 if _queued(jobs) else gone + 1
        if not waiting or gone < 2:
            continue
        held = [run for run in waiting if (seen := holder(out, run)) and seen.alive]
        if len(held) < len(waiting):
            raise UserError(
                f"sweep: the SLURM jobs {' '.join(sorted(jobs))} have ended without {len(waiting) - len(held)} "
                f"runs{_last_words(out, jobs)}; the same command goes on with them."
            )
        for run in held:
            on_end(AttemptResult(run, again=True))
        return


def _queued(jobs: set[str]) -> bool:
    """Whether SLURM has any of these jobs waiting or running; True as well if it does not answer."""
    try:
        listed = subprocess.run(
            ["squeue", "--noheader", "--me", "--format=%F"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return True
    return not jobs.isdisjoint(listed.stdout.split())


def _last_words(out: Path, jobs: set[str]) -> str:
    """The last line that one of the jobs wrote to its log of errors."""
    for job in sorted(jobs):
        for file in sorted(_logs(out).glob(f"{job}*_log.err")):
            lines = [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line]
            if lines:
                return f" ({file}: {lines[-1]})"
    return ""


def _queue_again() -> None:
    """Put this job back into the queue; a job that is queued already or cancelled is not an error."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    number = f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID")
    if number:
        subprocess.run(["scontrol", "requeue", number], check=False, timeout=60)


def _logs(out: Path) -> Path:
    return out.resolve() / "slurm"


def _library() -> Any:
    try:
        import submitit
    except ImportError:
        raise UserError(
            "sweep: --launcher slurm needs submitit, which is not installed; pip install submitit."
        ) from None
    return submitit

"""The local launcher: runs on this machine, one after the other here, or several at once in processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from graph2nn.data.dataset import Dataset
from graph2nn.errors import UserError
from graph2nn.experiments.config import RunConfig
from graph2nn.experiments.results import is_finished, sweep_up, write_table
from graph2nn.experiments.run import execute
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.loop import Epoch
from graph2nn.training.processes import Ending, work_off
from graph2nn.training.sharing import SharedDataset

OnEpoch = Callable[[RunConfig, Epoch], None]
OnRun = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Outcome:
    """What a launch did: rows of the runs it finished, and how many were there already."""

    rows: list[dict[str, Any]]
    skipped: int


def launch(
    configs: Sequence[RunConfig],
    data: Dataset,
    out: Path,
    *,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    workers: int = 1,
    threads: int = 1,
    on_epoch: OnEpoch | None = None,
    on_run: OnRun | None = None,
) -> Outcome:
    """Carry out the runs that are not finished yet, in order, and write ``out/runs.parquet``.

    Interrupted, it leaves the finished runs and the table of them; called again it goes on with the rest.

    Args:
        configs: the runs.
        data: the data set of all of them, loaded once.
        out: folder of results.
        device: where to train.
        acceleration: how to compute.
        workers: how many runs at once. One run at a time has this process; more have a process each, which
            a run that fails or is killed does not take from the others.
        threads: of torch in each of several workers; a single one has those of this process.
        on_epoch: called after each epoch of each run.
        on_run: called after each run with its row of the table.

    Raises:
        UserError: a config that cannot be built; with several workers, after all other runs.
    """
    sweep_up(out)
    missing = [config for config in configs if not is_finished(out, config.folder)]
    rows: list[dict[str, Any]] = []

    def note(config: RunConfig, epoch: Epoch) -> None:
        if on_epoch:
            on_epoch(config, epoch)

    def add(row: dict[str, Any]) -> None:
        rows.append(row)
        if on_run:
            on_run(row)

    try:
        if workers > 1 and missing:
            job = _Run(SharedDataset(data), out, device, acceleration)
            _side_by_side(job, missing, workers, threads, note, add)
        else:
            for config in missing:
                noted = partial(note, config)
                add(execute(config, data, out, device=device, acceleration=acceleration, on_epoch=noted))
    finally:
        sweep_up(out)
        if (out / "runs").is_dir() and any((out / "runs").iterdir()):
            write_table(out)
    return Outcome(rows, len(configs) - len(missing))


@dataclass(frozen=True)
class _Run:
    """What a worker process does with a config."""

    data: SharedDataset
    out: Path
    device: torch.device | str
    acceleration: Acceleration

    def __call__(self, config: RunConfig, note: Callable[[Any], None]) -> dict[str, Any]:
        how = self.acceleration
        return execute(config, self.data.value, self.out, device=self.device, acceleration=how, on_epoch=note)


def _side_by_side(
    job: _Run, configs: Sequence[RunConfig], workers: int, threads: int, on_epoch: OnEpoch, on_run: OnRun
) -> None:
    """Carry out runs in processes, and complain of those that failed once the others are done.

    They begin in the order of the plan and not longest first: a sweep cut short stays balanced, and runs of
    equal budget take about as long.
    """

    def end(ending: Ending) -> None:
        if ending.error is None:
            on_run(ending.result)

    endings = work_off(
        job,
        configs,
        processes=workers,
        threads=threads,
        on_note=lambda index, epoch: on_epoch(configs[index], epoch),
        on_end=end,
    )
    failed = [ending for ending in endings if ending.error is not None]
    if failed:
        first = configs[failed[0].index]
        raise UserError(
            f"sweep: {len(failed)} of {len(configs)} runs failed; {first.graph_name} seed {first.seed}: "
            f"{failed[0].error}"
        )

"""``graph2nn train`` on several devices: start one process per device, and run its part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph2nn.cli.common import console
from graph2nn.cli.train_runs import TrainingJob, train_each
from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.data.dataset import Dataset
    from graph2nn.results.config import RunConfig
    from graph2nn.training.distributed import Ranks
    from graph2nn.training.shared_memory import SharedDataset

Devices = Annotated[
    int | None,
    typer.Option(
        "--devices",
        metavar="N",
        min=1,
        help="Train on N devices of this machine, a process each. Left out, torchrun or srun may say. "
        "More than one GPU: untested.",
    ),
]
SyncBN = Annotated[
    bool, typer.Option("--sync-bn", help="Let batch norm see the whole batch, not the part of each device.")
]

#: What each process plans: the runs, and their data.
Plan = Callable[[], "tuple[list[RunConfig], Dataset]"]


def train_on(devices: int | None, sync_bn: bool, plan: Plan, task: TrainingJob) -> list[dict[str, Any]] | None:
    """Carry out the runs of a plan on as many devices as are asked for; return their rows.

    In one of several processes started by torchrun or srun, what is returned is None unless it is the first.

    Args:
        devices: value of ``--devices``.
        sync_bn: whether batch norms are over all devices.
        plan: how the runs are divided among processes.
        task: what to train, and where.

    Returns:
        Rows of the table of runs, or None.

    Raises:
        UserError: too few devices, or batches that cannot be divided among them.
        typer.Exit: a scheduler wants the machine back, and its code asks to be queued again; or a rank failed.
    """
    with _endings_said():
        from graph2nn.training.distributed import Ranks, joined, launch, place_of

        place = place_of()
        if place:
            if devices not in (None, place.world):
                raise UserError(
                    f"--devices: {devices} asked for in one of {place.world} processes that began together; "
                    "leave it out."
                )
            device_of_rank = place.device(task.device)
            with joined(place, device_of_rank, sync_bn=sync_bn) as ranks:
                configs, data = ranks.one_first(plan)
                rows = train_each(configs, data, replace(task, device=device_of_rank), ranks)
            return rows if ranks.first else None
        configs, data = plan()
        if devices in (None, 1):
            return train_each(configs, data, task)
        assert devices is not None
        for config in configs:
            Ranks(world=devices).check(config.recipe)
        from graph2nn.training.shared_memory import SharedDataset

        job = _Runs(tuple(configs), SharedDataset(_fewer_readers(data, devices)), task)
        finished: list[dict[str, Any]] = launch(
            job, devices, device=task.device, threads=task.threads, sync_bn=sync_bn
        )
        return finished


@dataclass(frozen=True)
class _Runs:
    """What each process does."""

    configs: Sequence[RunConfig]
    data: SharedDataset
    task: TrainingJob

    def __call__(self, ranks: Ranks, device: str) -> list[dict[str, Any]]:
        from graph2nn.cli.common import own_warnings_on_one_line

        with own_warnings_on_one_line():
            return train_each(self.configs, self.data.value, replace(self.task, device=device), ranks)


def _fewer_readers(data: Dataset, devices: int) -> Dataset:
    """Deal the processes that decode photos out to the devices."""
    from graph2nn.data.photos import PhotoSplit

    if not (isinstance(data.train, PhotoSplit) and isinstance(data.test, PhotoSplit)):
        return data
    train, test = (replace(split, workers=split.workers // devices) for split in (data.train, data.test))
    return replace(data, train=train, test=test)


@contextmanager
def _endings_said() -> Iterator[None]:
    """Say in one line why the training ended before its time, and end with the code that tells it."""
    from graph2nn.preemption import Preempted
    from graph2nn.training.distributed import RankError

    try:
        yield
    except Preempted as request:
        console.print(f"graph2nn: {request}", soft_wrap=True)
        raise typer.Exit(int(str(request.code))) from None
    except RankError as error:
        console.print(f"graph2nn: {error}", soft_wrap=True)
        raise typer.Exit(1) from None

"""Options of ``sweep`` and ``retry`` that select a launcher, and the rows they print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph2nn.cli.common import console, number_of_workers
from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.experiments.launchers import Launcher
    from graph2nn.results.config import RunConfig
    from graph2nn.training.acceleration import Acceleration

_RAY, _SLURM, _BOTH = "Ray", "SLURM", "Ray and SLURM"

LauncherName = Annotated[
    str,
    typer.Option(
        "--launcher", metavar="NAME", help="local: this machine; ray: a Ray cluster; slurm: job arrays."
    ),
]
WorkersOrNone = Annotated[
    str | None,
    typer.Option(
        "--workers",
        metavar="N",
        help="Runs at once; local: each a process with one thread (default 1; auto: one per core).",
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option("--cpus", min=1, help="CPUs of each run, or SLURM job. Default 1.", rich_help_panel=_BOTH),
]
Gpus = Annotated[
    float | None,
    typer.Option("--gpus", min=0, help="GPUs of each run, or SLURM job. Untested.", rich_help_panel=_BOTH),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="A running cluster. Default: one on this machine, else a new one.",
        rich_help_panel=_RAY,
    ),
]
Retries = Annotated[
    int | None,
    typer.Option(
        "--retries", min=0, help="For a run whose process or node died. Default 3.", rich_help_panel=_RAY
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", min=1, help="Jobs at once; each does many runs. Default 16.", rich_help_panel=_SLURM
    ),
]
Minutes = Annotated[
    int | None,
    typer.Option(
        "--minutes",
        min=1,
        help="Limit of a job, which is queued again then. Default 240.",
        rich_help_panel=_SLURM,
    ),
]
Partition = Annotated[str | None, typer.Option("--partition", metavar="NAME", rich_help_panel=_SLURM)]
Sbatch = Annotated[
    list[str],
    typer.Option(
        "--sbatch",
        metavar="KEY=VALUE",
        help="Of sbatch, e.g. [cyan]--sbatch account=x[/cyan].",
        rich_help_panel=_SLURM,
    ),
]
Wait = Annotated[
    bool | None,
    typer.Option("--wait/--no-wait", help="Stay until all has ended. Default.", rich_help_panel=_SLURM),
]


def choose_launcher(
    name: str,
    *,
    threads: int | None,
    workers: str | None = None,
    cpus: int | None = None,
    gpus: float | None = None,
    address: str | None = None,
    retries: int | None = None,
    jobs: int | None = None,
    minutes: int | None = None,
    partition: str | None = None,
    sbatch: Sequence[str] = (),
    wait: bool | None = None,
) -> Launcher:
    """Make the launcher with this name from the options that were given; those that were not are None or empty.

    Args:
        name: value of ``--launcher``.
        threads: of torch, in each worker.
        workers, cpus, gpus, address, retries, jobs, minutes, partition, sbatch, wait: values of the options of
            these names.

    Returns:
        The launcher.

    Raises:
        UserError: no such launcher, or an option that it does not understand.
    """
    from graph2nn.experiments.launchers import LAUNCHERS, launcher_options

    understood = launcher_options(name)
    given: dict[str, Any] = {
        "workers": workers, "cpus": cpus, "gpus": gpus, "address": address, "retries": retries, "jobs": jobs,
        "minutes": minutes, "partition": partition, "sbatch": list(sbatch), "wait": wait,
    }  # fmt: skip
    values = {option: value for option, value in given.items() if value not in (None, [])}
    for option in values:
        if option not in understood:
            users = " and ".join(each for each in LAUNCHERS if option in launcher_options(each))
            raise UserError(f"--{option}: is for --launcher {users}, not for {name}; leave it out.")
    if "workers" in values:
        values["workers"] = number_of_workers(values["workers"])
    if "sbatch" in values:
        values["sbatch"] = _sbatch(values["sbatch"])
    return LAUNCHERS[name](threads=threads, **values)


def pick_acceleration(
    engine: Any, amp: Any, channels_last: bool, compiled: bool, cuda_graphs: bool
) -> Acceleration:
    """How to compute, from the options that say so.

    Args:
        engine: value of ``--engine``.
        amp: value of ``--amp``.
        channels_last, compiled, cuda_graphs: whether these options are given.

    Returns:
        The choice as one value.
    """
    from graph2nn.training.acceleration import Acceleration

    return Acceleration(amp, channels_last, compiled, cuda_graphs, engine)


def check_acceleration(acceleration: Acceleration, device: str) -> None:
    """Say what of it the device does in another way.

    Args:
        acceleration: how to compute.
        device: where.

    Raises:
        UserError: what the device cannot do.
    """
    acceleration.check(device)
    if note := acceleration.note(device):
        console.print(f"graph2nn: {note}", soft_wrap=True)


def rows_of(configs: Sequence[RunConfig], out: Path) -> list[dict[str, Any]]:
    """Rows of the table of runs that are finished, among these."""
    from graph2nn.results.run_folder import finished_runs
    from graph2nn.results.runs_table import read_runs

    names = {config.folder for config in configs}
    if not names & finished_runs(out):
        return []
    table = read_runs(out)
    chosen = table[table["run"].isin(names)].astype(object)
    return [
        {str(key): value for key, value in row.items()}
        for row in chosen.where(chosen.notna(), None).to_dict("records")
    ]


def _sbatch(assignments: list[str]) -> dict[str, str]:
    options = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not (key.strip() and equals):
            raise UserError(f"--sbatch: {assignment!r} is not KEY=VALUE, for example account=physics.")
        options[key.strip().lstrip("-")] = value
    return options

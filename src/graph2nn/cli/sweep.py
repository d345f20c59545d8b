"""``graph2nn sweep`` and ``graph2nn retry``: many networks, here or on a cluster, each of them once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph2nn.cli.common import (
    PRESET_HELP,
    Amp,
    Cache,
    ChannelsLast,
    Compile,
    CudaGraphs,
    Data,
    Device,
    EngineName,
    Json,
    Settings,
    Threads,
    console,
    pick_device,
    print_json,
    progress,
    use_threads,
)
from graph2nn.cli.completion import complete_preset, complete_selection
from graph2nn.cli.connectome_options import Groups, Inputs, Outputs, Positions, Within
from graph2nn.cli.data_options import OwnData, reads_own_data
from graph2nn.cli.launcher_options import (
    Address,
    Cpus,
    Gpus,
    Jobs,
    LauncherName,
    Minutes,
    Partition,
    Retries,
    Sbatch,
    Wait,
    WorkersOrNone,
    check_acceleration,
    choose_launcher,
    pick_acceleration,
    rows_of,
)
from graph2nn.cli.sweep_log import Log
from graph2nn.cli.train import Out
from graph2nn.cli.train_devices import Devices, SyncBN, train_on
from graph2nn.cli.train_progress import (
    CheckpointEvery,
    KeepCheckpoints,
    LoggerNames,
    LogGraphs,
    check_log_graphs,
)
from graph2nn.cli.train_runs import TrainingJob
from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.experiments.launchers import Launcher, Source, SweepOutcome
    from graph2nn.experiments.sweep_file import PlanFile
    from graph2nn.results.config import RunConfig
    from graph2nn.training.acceleration import Acceleration
    from graph2nn.training.checkpoints import Saving


@reads_own_data
def sweep(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET", help=f"{PRESET_HELP} Not with --plan.", autocompletion=complete_preset
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            help="all, baseline, best, a catalogue, a graph; may be repeated.",
            autocompletion=complete_selection,
        ),
    ] = None,
    graph: Annotated[
        list[str] | None,
        typer.Option(
            help="A file or a graph by name, as --select; may be repeated.", autocompletion=complete_selection
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds 1…N of each graph.")] = None,
    nulls: Annotated[int, typer.Option(metavar="N", min=0, help="Train N nulls of each graph, too.")] = 0,
    fresh_nulls: Annotated[
        bool, typer.Option("--fresh-nulls", help="Train each seed with new nulls, one per kind, drawn with it.")
    ] = False,
    null: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Of the nulls: degree (default), density, reciprocal, block, boundary, … May be repeated.",
        ),
    ] = None,
    inputs: Inputs = None,
    outputs: Outputs = None,
    groups: Groups = None,
    within: Within = None,
    positions: Positions = None,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Train exactly what a frozen plan says.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the runs and their cost; train nothing.")
    ] = False,
    settings: Settings = [],  # noqa: B006
    data: Data = None,
    cache: Cache = None,
    own_data: OwnData = None,
    out: Out = Path("runs"),
    device: Device = "auto",
    threads: Threads = None,
    engine: EngineName = "auto",
    amp: Amp = None,
    channels_last: ChannelsLast = False,
    compiled: Compile = False,
    cuda_graphs: CudaGraphs = False,
    devices: Devices = None,
    sync_bn: SyncBN = False,
    checkpoint_every: CheckpointEvery = "5m",
    keep_checkpoints: KeepCheckpoints = False,
    logger: LoggerNames = [],  # noqa: B006
    log_graphs: LogGraphs = None,
    launcher: LauncherName = "local",
    workers: WorkersOrNone = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    address: Address = None,
    retries: Retries = None,
    jobs: Jobs = None,
    minutes: Minutes = None,
    partition: Partition = None,
    sbatch: Sbatch = [],  # noqa: B006
    wait: Wait = None,
    as_json: Json = False,
) -> int:
    """Train many networks: graphs × seeds. Stopped and called again, it goes on with the runs that are missing.

    Any number of sweeps, from any launcher, may share a folder: no run is done twice. A run that fails stops
    nothing; the command then ends with exit code 1.

    [bold]Examples[/bold]

    graph2nn sweep mlp-digits --select n64-52 --select baseline --workers auto
    graph2nn sweep mlp-cifar10 --select graphs_n64_52.npy --logger tensorboard --checkpoint-every 10epochs
    graph2nn sweep mlp-cifar10 --select best --nulls 5     [dim]with five rewirings that keep its degrees[/dim]
    graph2nn sweep mlp-cifar10 --select cat --nulls 5 --null degree --null reciprocal
    graph2nn sweep mlp-cifar10 --select all --launcher ray --address 127.0.0.1:6379
    graph2nn sweep mlp-cifar10 --select all --launcher slurm --jobs 64     [dim]3,943 × 5 runs[/dim]
    graph2nn sweep mlp --data photos --select n64-52:0:3 --select baseline  [dim]your own data[/dim]
    graph2nn sweep --plan plan.yaml --dry-run                              [dim]an experiment as planned[/dim]
    """
    from graph2nn.cli.sweep_runs import SweepOptions, choose_work, null_options, show_work
    from graph2nn.experiments.network import check_networks
    from graph2nn.training.checkpoints import Saving

    where = choose_launcher(
        launcher, threads=threads, workers=workers, cpus=cpus, gpus=gpus, address=address, retries=retries,
        jobs=jobs, minutes=minutes, partition=partition, sbatch=sbatch, wait=wait,
    )  # fmt: skip
    check_log_graphs(log_graphs, logger)
    acceleration = pick_acceleration(engine, amp, channels_last, compiled, cuda_graphs)
    use_threads(threads)
    options = SweepOptions(
        select=(*(select or ()), *(graph or ())), seeds=seeds, nulls=nulls, fresh_nulls=fresh_nulls,
        null=tuple(null or ()), null_options=null_options(groups, inputs, outputs, within, positions),
        settings=tuple(settings), amp=amp,
    )  # fmt: skip
    work = choose_work(
        plan_file, preset, data=data, cache=cache, dry_run=dry_run, own_data=own_data, options=options
    )
    check_networks(work.configs, work.source.load(), engine=acceleration.engine)
    if dry_run:
        show_work(work, as_json)
        return 0
    acceleration = replace(acceleration, amp=work.amp)
    place = _device(device, launcher, acceleration)
    saving = Saving.parse(checkpoint_every, keep=None if keep_checkpoints else 2)
    work.note_arms(out)
    if devices is not None or sync_bn:
        if launcher != "local" or workers is not None:
            raise UserError(
                "--devices: trains one run after the other here; leave --launcher and --workers out."
            )
        job = TrainingJob(out, place, acceleration, saving, tuple(logger), log_graphs, threads=threads)
        rows = train_on(devices, sync_bn, lambda: (list(work.configs), work.source.load()), job)
        if as_json and rows is not None:
            print_json(rows)
        return 0
    outcome = _run_sweep(
        work.configs, work.source, out, where, place, acceleration, saving=saving, loggers=tuple(logger),
        log_graphs=log_graphs,
    )  # fmt: skip
    return _conclude(outcome, work.configs, out, as_json)


def retry(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of results with failed runs.")],
    data: Data = None,
    cache: Cache = None,
    threads: Threads = None,
    launcher: LauncherName = "local",
    workers: WorkersOrNone = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    address: Address = None,
    retries: Retries = None,
    jobs: Jobs = None,
    minutes: Minutes = None,
    partition: Partition = None,
    sbatch: Sbatch = [],  # noqa: B006
    wait: Wait = None,
    as_json: Json = False,
) -> int:
    """Try the failed runs of a folder again, as their sweep did, on any launcher.

    [bold]Examples[/bold]

    graph2nn status runs
    graph2nn retry runs
    graph2nn retry runs --launcher slurm --jobs 2
    """
    from graph2nn.experiments.sweep_file import read_plans
    from graph2nn.results.failures import failed_runs, forget_all
    from graph2nn.results.run_folder import results_home
    from graph2nn.training.acceleration import Acceleration
    from graph2nn.training.checkpoints import Saving

    where = choose_launcher(
        launcher, threads=threads, workers=workers, cpus=cpus, gpus=gpus, address=address, retries=retries,
        jobs=jobs, minutes=minutes, partition=partition, sbatch=sbatch, wait=wait,
    )  # fmt: skip
    use_threads(threads)
    if not out.is_dir():
        raise UserError(f"retry: {out} does not exist; name the folder of a sweep.")
    out = results_home(out)
    failed = set(failed_runs(out))
    if not failed:
        raise UserError(f"retry: {out} has no failed run; graph2nn status {out} tells how far it is.")
    elsewhere = {name: str(path.absolute()) for name, path in (("path", data), ("cache", cache)) if path}
    plans = [(file, failed & set(file.runs)) for file in read_plans(out)]
    sources = {file.path: _source(file, elsewhere) for file, runs in plans if runs}
    free = set(forget_all(out))
    codes = [0]
    for file, runs in plans:
        if runs & free:
            acceleration = Acceleration(**file.work["acceleration"])
            place = _device(file.work["device"], launcher, acceleration)
            configs = file.configs()
            saving = Saving(**file.work.get("saving", {}))
            loggers = tuple(file.work.get("loggers", ()))
            outcome = _run_sweep(
                configs, sources[file.path], out, where, place, acceleration,
                saving=saving, loggers=loggers, log_graphs=file.work.get("log_graphs"), only=runs & free,
            )  # fmt: skip
            codes.append(_conclude(outcome, [each for each in configs if each.folder in runs], out, as_json))
            free -= runs
    return max(codes)


def _source(file: PlanFile, elsewhere: dict[str, str]) -> Source:
    """Where the data of a plan are, unless options say that they are elsewhere."""
    from graph2nn.experiments.launchers import Source

    if not file.work.keys() >= {"data", "device", "acceleration"}:
        raise UserError(f"retry: {file.path} does not say how its runs are trained; sweep again to rewrite it.")
    if file.work["data"] is None:
        raise UserError(f"retry: {file.path} was planned in Python; launch it from there again.")
    return Source(**{**file.work["data"], **elsewhere})


def _device(name: str, launcher: str, acceleration: Acceleration) -> str:
    """Decide the device here for runs here, and leave the choice to the node for runs elsewhere."""
    if launcher != "local" and name == "auto":
        return name
    place = pick_device(name) if launcher == "local" else name
    if launcher == "local":
        check_acceleration(acceleration, place)
    else:
        acceleration.check(place)
    return place


def _run_sweep(
    configs: Sequence[RunConfig],
    source: Source,
    out: Path,
    launcher: Launcher,
    device: str,
    acceleration: Acceleration,
    *,
    saving: Saving,
    loggers: Sequence[str] = (),
    log_graphs: float | None = None,
    only: Collection[str] | None = None,
) -> SweepOutcome:
    """Train the runs, with a progress bar on a terminal and one line per run in a log."""
    from graph2nn.experiments.launchers import launch
    from graph2nn.results.run_folder import finished_runs

    names = {config.folder for config in configs} if only is None else set(only)
    log = Log(len(names), len(names & finished_runs(out)))
    with progress("runs", len(names), log.earlier) as bar:

        def on_run(row: dict[str, Any]) -> None:
            bar.update()
            line = log.line(row)
            if not console.is_terminal:
                console.print(line, soft_wrap=True, markup=False)

        def on_wait(count: int) -> None:
            console.print(f"Waiting for {count} runs that other launchers are training.", soft_wrap=True)

        return launch(
            configs,
            source,
            out,
            launcher,
            device=device,
            acceleration=acceleration,
            saving=saving,
            loggers=loggers,
            log_graphs=log_graphs,
            only=only,
            on_run=on_run,
            on_wait=on_wait,
        )


def _conclude(outcome: SweepOutcome, configs: Sequence[RunConfig], out: Path, as_json: bool) -> int:
    """Say what came of it; return the exit code."""
    rows = rows_of(configs, out)
    if as_json:
        print_json(rows)
    if outcome.skipped:
        console.print(
            f"{outcome.skipped} of {len(configs)} runs were finished already in {out}.", soft_wrap=True
        )
    if outcome.left:
        console.print(f"{outcome.left} runs go on by themselves: graph2nn status {out}", soft_wrap=True)
    if rows:
        console.print(f"{len(rows)} runs, table {out / 'runs.parquet'}", soft_wrap=True)
        console.print(f"Look at them: graph2nn analyze {out} --out report", soft_wrap=True)
    if outcome.failed:
        console.print(f"graph2nn: {outcome.complaint(out)}", soft_wrap=True, markup=False)
        return 1
    return 0

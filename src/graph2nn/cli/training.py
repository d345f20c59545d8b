"""``graph2nn train`` and ``graph2nn sweep``: one network, or thousands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from graph2nn.cli.common import (
    Amp,
    Cache,
    ChannelsLast,
    Compile,
    CudaGraphs,
    Data,
    Device,
    EngineName,
    Graph,
    Json,
    Settings,
    Threads,
    Workers,
    WSFlex,
    console,
    number_of_workers,
    parse_ws_flex,
    pick_device,
    print_json,
    progress,
    use_threads,
)
from graph2nn.cli.train_runs import Training, summary, train_each
from graph2nn.cli.watching import CheckpointEvery, KeepCheckpoints, LogEvery, LoggerNames, LogGraphs
from graph2nn.errors import UserError, unknown

if TYPE_CHECKING:
    from graph2nn.data.dataset import Dataset
    from graph2nn.experiments.config import GraphSpec, RunConfig
    from graph2nn.experiments.presets import Preset
    from graph2nn.training.acceleration import Acceleration
    from graph2nn.training.loop import Epoch

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of results; runs in it are kept.")]
PresetName = Annotated[
    str, typer.Argument(metavar="PRESET", help="mlp-cifar10, mlp-cifar10-bio or mlp-digits.")
]


def train(
    preset: PresetName,
    select: Annotated[
        str | None, typer.Option(help="baseline, best, or anything that names one graph.")
    ] = None,
    ws_flex: WSFlex = None,
    graph: Graph = None,
    seed: Annotated[int, typer.Option(min=0, help="Of initialisation, order and augmentation.")] = 1,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train N seeds, from --seed on, one after the other.")
    ] = None,
    settings: Settings = [],  # noqa: B006
    data: Data = None,
    cache: Cache = None,
    out: Out = Path("runs"),
    device: Device = "auto",
    threads: Threads = None,
    engine: EngineName = "auto",
    amp: Amp = None,
    channels_last: ChannelsLast = False,
    compiled: Compile = False,
    cuda_graphs: CudaGraphs = False,
    checkpoint_every: CheckpointEvery = "5m",
    keep_checkpoints: KeepCheckpoints = False,
    log_every: LogEvery = 0,
    logger: LoggerNames = [],  # noqa: B006
    log_graphs: LogGraphs = None,
    as_json: Json = False,
) -> None:
    """Train one network, and keep its config, metrics and weights in a folder of its own.

    Stopped in the middle, by Ctrl-C, a scheduler or a power cut, the same command goes on from its last
    checkpoint and ends with the same weights.

    [bold]Examples[/bold]

    graph2nn train mlp-digits --select baseline
    graph2nn train mlp-cifar10 --select best --set recipe.epochs=5 --data cifar10-jpeg.tar.xz
    graph2nn train mlp-cifar10 --ws-flex 64,0.2,0.3,1 --seeds 5 --logger tensorboard
    graph2nn train mlp-digits --graph my-graph.graphml --checkpoint-every 10epochs
    """
    from graph2nn.experiments.presets import preset as look_up
    from graph2nn.training.acceleration import Acceleration
    from graph2nn.training.checkpoints import Saving

    known = look_up(preset)
    how = Acceleration(cast(Any, amp), channels_last, compiled, cuda_graphs, cast(Any, engine))
    saving = Saving.parse(checkpoint_every, keep=None if keep_checkpoints else 2)
    graphs = [_one_graph(known, select, graph, ws_flex, data)]
    numbers = range(seed, seed + (seeds or 1))
    use_threads(threads)
    configs, loaded = _plan(known, graphs, numbers, settings, data, cache, how, device)
    task = Training(out, pick_device(device), how, saving, tuple(logger), log_graphs, log_every)
    rows = train_each(configs, loaded, task)
    if as_json:
        print_json(rows if seeds else rows[0])
    for row in rows:
        console.print(f"Config, metrics and weights: {out / 'runs' / row['run']}", soft_wrap=True)
    if len(rows) > 1:
        console.print(summary(rows), soft_wrap=True)


def _one_graph(
    preset: Preset, select: str | None, graph: str | None, ws_flex: str | None, data: Path | None
) -> GraphSpec | None:
    """Return the graph that the options name; the baseline where they name none."""
    from graph2nn.experiments.planning import select as choose

    words = [word for word in (select, graph) if word]
    if len(words) + bool(ws_flex) > 1:
        raise UserError("train: give one of --select, --graph and --ws-flex.")
    if ws_flex:
        return parse_ws_flex(ws_flex)
    # --data names the data set; connectomes may lie beside it, in GRAPH2NN_DATA, or are downloaded.
    graphs = choose(preset, words or ["baseline"], data=data)
    if len(graphs) > 1:
        raise UserError(f"train: {words[0]!r} names {len(graphs)} graphs, train takes one; use graph2nn sweep.")
    return graphs[0]


def _plan(
    preset: Preset,
    graphs: Sequence[GraphSpec | None],
    seeds: Sequence[int],
    settings: Sequence[str],
    data: Path | None,
    cache: Path | None,
    acceleration: Acceleration,
    device: str,
) -> tuple[list[RunConfig], Dataset]:
    """Return the runs and their data, having complained of what can be told before the data are read."""
    from graph2nn.data.registry import load_dataset
    from graph2nn.experiments.planning import plan

    plan(preset, graphs, seeds, data="", settings=settings)
    acceleration.check(pick_device(device))
    loaded = load_dataset(preset.data, path=data, cache=cache)
    return plan(preset, graphs, seeds, data=loaded.label, settings=settings), loaded


def sweep(
    preset: PresetName,
    select: Annotated[
        list[str] | None, typer.Option(help="all, baseline, best, a catalogue, a graph; may be repeated.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds 1…N of each graph.")] = None,
    settings: Settings = [],  # noqa: B006
    data: Data = None,
    cache: Cache = None,
    out: Out = Path("runs"),
    launcher: Annotated[str, typer.Option(help="local: on this machine.")] = "local",
    workers: Workers = "1",
    device: Device = "auto",
    threads: Threads = None,
    engine: EngineName = "auto",
    amp: Amp = None,
    channels_last: ChannelsLast = False,
    compiled: Compile = False,
    cuda_graphs: CudaGraphs = False,
    as_json: Json = False,
) -> None:
    """Train many networks: graphs × seeds. Stopped and called again, it goes on with the runs that are missing.

    [bold]Examples[/bold]

    graph2nn sweep mlp-digits --select n64-52 --select baseline --seeds 3
    graph2nn sweep mlp-cifar10 --select n64-52 --workers auto
    graph2nn sweep mlp-cifar10 --select all --data cifar10-jpeg.tar.xz     [dim]3,943 × 5 runs[/dim]
    """
    from graph2nn.experiments.presets import preset as look_up

    if launcher != "local":
        raise unknown("sweep: launcher", launcher, ["local"])
    count = number_of_workers(workers)
    known = look_up(preset)
    how = _acceleration(engine, amp, channels_last, compiled, cuda_graphs)
    graphs = _select(known, select or ["all"], data)
    numbers = range(1, (seeds or known.seeds) + 1)
    rows = _launch(
        known, graphs, numbers, settings, data, cache, out, device, threads, how, workers=count, verbose=False
    )
    if as_json:
        print_json(rows)
    console.print(f"{len(rows)} runs, table {out / 'runs.parquet'}", soft_wrap=True)
    console.print(f"Look at them: graph2nn analyze {out} --out report", soft_wrap=True)


def _select(preset: Preset, words: Sequence[str], data: Path | None) -> list[GraphSpec | None]:
    from graph2nn.experiments.planning import select

    # --data names the data set; connectomes may lie beside it, in GRAPH2NN_DATA, or are downloaded.
    return select(preset, words, data=data)


def _acceleration(
    engine: Any, amp: Any, channels_last: bool, compiled: bool, cuda_graphs: bool
) -> Acceleration:
    from graph2nn.training.acceleration import Acceleration

    return Acceleration(amp, channels_last, compiled, cuda_graphs, engine)


def _launch(
    preset: Preset,
    graphs: Sequence[GraphSpec | None],
    seeds: Sequence[int],
    settings: Sequence[str],
    data: Path | None,
    cache: Path | None,
    out: Path,
    device: str,
    threads: int | None,
    acceleration: Acceleration,
    *,
    workers: int = 1,
    verbose: bool,
) -> list[dict[str, Any]]:
    """Plan and carry out runs with a bar; return the rows of all of them, new and old."""
    from graph2nn.data.registry import load_dataset
    from graph2nn.experiments.launchers.local import launch
    from graph2nn.experiments.planning import plan
    from graph2nn.experiments.results import read_runs

    plan(preset, graphs, seeds, data="", settings=settings)  # complain before the data are read
    use_threads(threads)
    where = pick_device(device)
    acceleration.check(where)
    loaded = load_dataset(preset.data, path=data, cache=cache)
    configs = plan(preset, graphs, seeds, data=loaded.label, settings=settings)
    with progress(
        "epochs" if verbose else "runs", sum(c.recipe.epochs if verbose else 1 for c in configs)
    ) as bar:

        def on_epoch(config: RunConfig, epoch: Epoch) -> None:
            if verbose:
                bar.advance(bar.task_ids[0])
                console.print(_line(config, epoch), soft_wrap=True)

        def on_run(row: dict[str, Any]) -> None:
            if not verbose:
                bar.advance(bar.task_ids[0])

        outcome = launch(
            configs,
            loaded,
            out,
            device=where,
            acceleration=acceleration,
            workers=workers,
            threads=threads or 1,
            on_epoch=on_epoch,
            on_run=on_run,
        )
    if outcome.skipped:
        console.print(f"{outcome.skipped} of {len(configs)} runs were finished already in {out}.")
    names = {config.folder for config in configs}
    table = read_runs(out)
    chosen = table[table["run"].isin(names)].astype(object)
    return [
        {str(key): value for key, value in row.items()}
        for row in chosen.where(chosen.notna(), None).to_dict("records")
    ]


def _line(config: RunConfig, epoch: Epoch) -> str:
    return (
        f"{config.graph_name} seed {config.seed}  epoch {epoch.epoch:3d}/{config.recipe.epochs}"
        f"  rate {epoch.lr:.4f}  loss {epoch.train_loss:.4f}  train error {epoch.train_error:5.2f} %"
        f"  test error {epoch.test_error:5.2f} %  {epoch.seconds:.1f} s"
    )

"""``graph2nn train``: one network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    WSFlex,
    console,
    parse_ws_flex,
    pick_device,
    print_json,
    progress,
    use_threads,
)
from graph2nn.cli.launching import pick_acceleration, rows_of
from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.data.dataset import Dataset
    from graph2nn.experiments.config import RunConfig
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
    as_json: Json = False,
) -> None:
    """Train one network, and keep its config, metrics and weights in a folder of its own.

    [bold]Examples[/bold]

    graph2nn train mlp-digits --select baseline
    graph2nn train mlp-cifar10 --select best --set recipe.epochs=5 --data cifar10-jpeg.tar.xz
    graph2nn train mlp-cifar10 --ws-flex 64,0.2,0.3,1 --seed 2
    graph2nn train mlp-digits --graph my-graph.graphml
    """
    from graph2nn.data.registry import load_dataset
    from graph2nn.experiments.planning import plan
    from graph2nn.experiments.planning import select as choose
    from graph2nn.experiments.presets import preset as look_up

    known = look_up(preset)
    how = pick_acceleration(engine, amp, channels_last, compiled, cuda_graphs)
    words = [word for word in (select, graph) if word]
    if len(words) + bool(ws_flex) > 1:
        raise UserError("train: give one of --select, --graph and --ws-flex.")
    # --data names the data set; connectomes may lie beside it, in GRAPH2NN_DATA, or are downloaded.
    graphs = [parse_ws_flex(ws_flex)] if ws_flex else choose(known, words or ["baseline"], data=data)
    if len(graphs) > 1:
        raise UserError(f"train: {words[0]!r} names {len(graphs)} graphs, train takes one; use graph2nn sweep.")
    plan(known, graphs, [seed], data="", settings=settings)  # complain before the data are read
    use_threads(threads)
    where = pick_device(device)
    how.check(where)
    loaded = load_dataset(known.data, path=data, cache=cache)
    config = plan(known, graphs, [seed], data=loaded.label, settings=settings)[0]
    row = _train(config, loaded, out, where, how)
    if as_json:
        print_json(row)
    console.print(f"Config, metrics and weights: {out / 'runs' / row['run']}", soft_wrap=True)


def _train(
    config: RunConfig, data: Dataset, out: Path, device: str, acceleration: Acceleration
) -> dict[str, Any]:
    """Train one network with a bar, unless it is trained already; return its row."""
    from graph2nn.experiments.results import is_finished, write_table
    from graph2nn.experiments.run import execute

    if is_finished(out, config.folder):
        console.print(f"The run was finished already in {out}.", soft_wrap=True)
    else:
        with progress("epochs", config.recipe.epochs) as bar:

            def on_epoch(epoch: Epoch) -> None:
                bar.advance(bar.task_ids[0])
                console.print(_line(config, epoch), soft_wrap=True)

            execute(config, data, out, device=device, acceleration=acceleration, on_epoch=on_epoch)
    write_table(out)
    return rows_of([config], out)[0]


def _line(config: RunConfig, epoch: Epoch) -> str:
    return (
        f"{config.graph_name} seed {config.seed}  epoch {epoch.epoch:3d}/{config.recipe.epochs}"
        f"  rate {epoch.lr:.4f}  loss {epoch.train_loss:.4f}  train error {epoch.train_error:5.2f} %"
        f"  test error {epoch.test_error:5.2f} %  {epoch.seconds:.1f} s"
    )

"""``graph2nn train``: one network, from one seed or several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

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
    Graph,
    Json,
    Settings,
    Threads,
    WSFlex,
    console,
    parse_ws_flex,
    pick_device,
    print_json,
    use_threads,
)
from graph2nn.cli.completion import complete_preset, complete_selection
from graph2nn.cli.connectome_options import Inputs, Outputs, with_ends
from graph2nn.cli.data_options import OwnData, reads_own_data, source_of
from graph2nn.cli.launcher_options import check_acceleration
from graph2nn.cli.train_devices import Devices, SyncBN, train_on
from graph2nn.cli.train_progress import (
    CheckpointEvery,
    KeepCheckpoints,
    LogEvery,
    LoggerNames,
    LogGraphs,
    check_log_graphs,
)
from graph2nn.cli.train_runs import TrainingJob, summary
from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.data.dataset import Dataset
    from graph2nn.experiments.launchers import Source
    from graph2nn.experiments.presets import Preset
    from graph2nn.results.config import GraphSpec, RunConfig
    from graph2nn.training.acceleration import Acceleration

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of results; runs in it are kept.")]
PresetName = Annotated[str, typer.Argument(metavar="PRESET", help=PRESET_HELP, autocompletion=complete_preset)]


@reads_own_data
def train(
    preset: PresetName,
    select: Annotated[
        str | None,
        typer.Option(
            help="baseline, best, or anything that names one graph.", autocompletion=complete_selection
        ),
    ] = None,
    ws_flex: WSFlex = None,
    graph: Graph = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Of initialisation, order and augmentation. Default: the preset's first, 1."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train N seeds, from --seed on, one after the other.")
    ] = None,
    inputs: Inputs = None,
    outputs: Outputs = None,
    settings: Settings = [],  # noqa: B006
    data: Data = None,
    cache: Cache = None,
    own_data: OwnData = None,
    out: Out = Path("runs"),
    device: Device = "auto",
    devices: Devices = None,
    sync_bn: SyncBN = False,
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
    graph2nn train mlp-cifar10 --devices 2
    graph2nn train mlp --data table.csv --target price --select n64-52:7
    graph2nn train connectome-rnn --graph larva --inputs "celltype == 'sensory'" --outputs "celltype == 'RGN'"
    """
    from graph2nn.experiments.presets import preset as look_up
    from graph2nn.experiments.presets.definition import OWN
    from graph2nn.training.acceleration import Acceleration
    from graph2nn.training.checkpoints import Saving

    chosen_preset = look_up(preset)
    check_log_graphs(log_graphs, logger)
    acceleration = Acceleration(cast(Any, amp), channels_last, compiled, cuda_graphs, cast(Any, engine))
    saving = Saving.parse(checkpoint_every, keep=None if keep_checkpoints else 2)
    graphs = [
        _one_graph(chosen_preset, select, graph, ws_flex, None if chosen_preset.data_of(data) == OWN else data)
    ]
    first = chosen_preset.first_seed if seed is None else seed
    numbers = range(first, first + (seeds or 1))
    use_threads(threads)
    job = TrainingJob(
        out, pick_device(device), acceleration, saving, tuple(logger), log_graphs, log_every, threads
    )
    settings = with_ends(settings, inputs, outputs)
    source = source_of(chosen_preset, data, cache, own_data)
    plan = partial(_plan, chosen_preset, graphs, numbers, settings, source, acceleration, job.device)
    rows = train_on(devices, sync_bn, plan, job)
    if rows is None:  # another process talks
        return
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
    # --data names the data set; connectomes may lie next to it, in GRAPH2NN_DATA, or are downloaded.
    graphs = choose(preset, words or ["baseline"], data=data)
    if len(graphs) > 1:
        raise UserError(f"train: {words[0]!r} names {len(graphs)} graphs, train takes one; use graph2nn sweep.")
    return graphs[0]


def _plan(
    preset: Preset,
    graphs: Sequence[GraphSpec | None],
    seeds: Sequence[int],
    settings: Sequence[str],
    source: Source,
    acceleration: Acceleration,
    device: str,
) -> tuple[list[RunConfig], Dataset]:
    """Return the runs and their data, having complained of what can be told before the data are read."""
    from graph2nn.experiments.connectome_networks import check_runs
    from graph2nn.experiments.dense_width import fit_dense_widths
    from graph2nn.experiments.network import check_networks
    from graph2nn.experiments.planning import plan
    from graph2nn.experiments.presets import fitted

    check_runs(plan(preset, graphs, seeds, data="", settings=settings))
    check_acceleration(acceleration, device)
    loaded = source.load()
    configs = fit_dense_widths(
        plan(fitted(preset, loaded), graphs, seeds, data=loaded.label, settings=settings), settings
    )
    check_networks(configs, loaded, engine=acceleration.engine)
    return configs, loaded

"""One run: build, match, train, write."""

from __future__ import annotations

import math
import shutil
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import nn

from graph2nn.budget.matching import Match, match
from graph2nn.data.dataset import Dataset
from graph2nn.errors import UserError
from graph2nn.experiments.config import RunConfig
from graph2nn.experiments.journal import Journal, OnEpoch, Watch
from graph2nn.experiments.results import RunFolder, writing
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.models.registry import build_model
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.checkpoints import Checkpoints, Saving
from graph2nn.training.distributed.ranks import ALONE, Ranks
from graph2nn.training.epoch import Epoch
from graph2nn.training.loop import train
from graph2nn.training.preemption import Stop, signals_caught
from graph2nn.wiring import Dense, Engine, Relational, Wiring


class Network(NamedTuple):
    """A network as a config asks for it, the graph it runs on, and how its widths were found.

    C and L of a directed graph are quoted on the symmetrised one, as in the paper; the baseline's are those
    of the complete graph. Where ``reachable``, the share of pairs of nodes with a path, is below 1, the graph
    falls into parts and is off the (C, L) plane; its L is then over these pairs.
    """

    model: nn.Module
    graph: RelationalGraph | None
    match: Match
    clustering: float
    path_length: float
    reachable: float


def build(config: RunConfig, data: Dataset, *, engine: Engine = "auto") -> Network:
    """Build the network of a run, at the budget of its dense baseline on the same data, layers by ``engine``.

    Raises:
        UserError: a graph, an architecture or a budget that cannot be.
    """
    graph = None if config.graph is None else config.graph.build()
    wiring: Wiring = Dense() if graph is None else Relational(graph, engine, symmetric=config.symmetric)
    spec = config.model
    shape: dict[str, Any] = {"num_classes": data.num_classes, "input_size": data.image_shape, **spec.options}
    found = match(spec.name, wiring, method=config.match, widths=spec.widths or None, **shape)
    model = build_model(spec.name, wiring, found.widths, **shape)
    quoted = graph.symmetrised() if graph and graph.directed else graph
    if quoted is None:
        return Network(model, graph, found, 1.0, 1.0, 1.0)
    return Network(model, graph, found, quoted.clustering, quoted.paths.mean, quoted.reachable)


EVERY_FIVE_MINUTES = Saving()
UNWATCHED = Watch()


def execute(
    config: RunConfig,
    data: Dataset,
    out: Path,
    *,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    on_epoch: OnEpoch | None = None,
    saving: Saving = EVERY_FIVE_MINUTES,
    stop: Stop | None = None,
    watch: Watch = UNWATCHED,
    ranks: Ranks = ALONE,
) -> dict[str, Any]:
    """Train one network and leave its folder in ``out/runs``; return its row of the table.

    Where the folder has a checkpoint of an earlier attempt, training goes on from it. While it trains, the
    signals of schedulers and Ctrl-C make it save itself and end.

    Args:
        config: the run.
        data: its data set.
        out: folder of results.
        device: where to train.
        acceleration: how to compute.
        on_epoch: called after each epoch with its numbers.
        saving: when checkpoints are written. They are deleted when the run has finished, unless all are kept.
        stop: asked after each batch instead of listening to signals.
        watch: who else is told.
        ranks: the processes that call this together, a device each. The first one writes and tells; all return
            the row once the folder is in its place.

    Raises:
        UserError: the config does not fit the data, or cannot be built; an acceleration the device cannot give;
            a checkpoint of another run, or one that cannot be written.
        Preempted: a scheduler wants the machine back; the state is saved. KeyboardInterrupt after Ctrl-C.
    """
    if config.data != data.label:
        raise UserError(f"run: the config asks for {config.data!r}, the data loaded is {data.label!r}.")
    acceleration.check(device, ranks)
    ranks.check(config.recipe)
    network = build(config, data, engine=acceleration.engine_on(device))
    watch = replace(watch, on_epoch=on_epoch) if on_epoch else watch
    with ExitStack() as stack:
        if stop is None and not saving.off:
            stop = stack.enter_context(signals_caught())
        how: dict[str, Any] = {"device": device, "acceleration": acceleration, "stop": stop, "ranks": ranks}
        row: dict[str, Any] = {}
        if ranks.first:
            folder = stack.enter_context(writing(out, config.folder))
            row = carry_out(folder, config, network, data, saving=saving, watch=watch, **how)
        else:
            train(network.model, data, config.recipe, seed=config.seed, **how)
    return {"run": config.folder, **ranks.of_first(row)}


def carry_out(
    folder: RunFolder,
    config: RunConfig,
    network: Network,
    data: Dataset,
    *,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    saving: Saving = EVERY_FIVE_MINUTES,
    stop: Stop | None = None,
    watch: Watch = UNWATCHED,
    ranks: Ranks = ALONE,
) -> dict[str, Any]:
    """Train a network in its folder, from the checkpoint there if there is one; return the row of the table.

    Of several ranks this is the first; the others train alone.
    """
    begin = time.perf_counter()
    folder.write_config(config.model_copy(update={"threads": torch.get_num_threads()}))
    checkpoints = Checkpoints(folder.path / "checkpoints", {"config": config.digest}, saving)
    with ExitStack() as stack:
        journal = Journal(folder, config, network.model, network.graph, watch, stack)
        history = train(
            network.model,
            data,
            config.recipe,
            seed=config.seed,
            device=device,
            acceleration=acceleration,
            on_epoch=journal.note,
            on_batch=watch.on_batch,
            on_start=journal.start,
            checkpoints=checkpoints,
            stop=stop,
            ranks=ranks,
        )
    state = {name: value.cpu().contiguous() for name, value in network.model.state_dict().items()}
    save_file(state, folder.path / "weights.safetensors", metadata={"digest": config.digest})
    row = _row(config, network, history, journal.earlier + time.perf_counter() - begin)
    row |= {"device": ranks.named(device), "acceleration": str(acceleration)}
    folder.write_result(row)
    if saving.keep is not None:
        shutil.rmtree(checkpoints.folder, ignore_errors=True)
    return row


def _row(config: RunConfig, network: Network, history: list[Epoch], seconds: float) -> dict[str, Any]:
    last, graph, found = history[-1], network.graph, network.match
    drawn = config.graph.ws_flex if config.graph else None
    finite = math.isfinite(last.train_loss)
    return {
        "experiment": config.experiment,
        "preset": config.preset,
        "model": config.model.name,
        "data": config.data,
        "kind": "baseline" if graph is None else "relational",
        "graph": config.graph_name,
        "null_of": config.graph.null_of if config.graph else None,
        "n": None if graph is None else graph.n,
        "sparsity": 1.0 if graph is None else (drawn.sparsity if drawn else graph.sparsity),
        "p": drawn.p if drawn else None,
        "graph_seed": drawn.seed if drawn else None,
        "clustering": network.clustering,
        "path_length": network.path_length,
        "reachable": network.reachable,
        "widths": ",".join(map(str, found.widths)),
        "macs": found.macs,
        "params": found.params,
        "target_macs": found.target,
        "match": found.method,
        "seed": config.seed,
        "epochs": len(history),
        "status": "finished" if finite else "diverged",
        "test_error": last.test_error if finite else float("nan"),
        "test_error_top5": last.test_error_top5 if finite else float("nan"),
        "test_loss": last.test_loss,
        "train_error": last.train_error,
        "train_loss": last.train_loss,
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "recipe": " ".join(
            f"{key}={value}"
            for key, value in config.recipe.model_dump(mode="json", exclude_defaults=True).items()
        ),
    }

"""One run: build, match, train, write."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from graph2nn.data.dataset import Dataset
from graph2nn.errors import UserError
from graph2nn.experiments.callbacks import OnEpoch, RunCallbacks, Watch
from graph2nn.experiments.network import build
from graph2nn.experiments.start import starting_weights
from graph2nn.preemption import Stop, signals_caught
from graph2nn.results.config import RunConfig
from graph2nn.results.data_card import weights_metadata
from graph2nn.results.row import NetworkOfRun, result_row
from graph2nn.results.run_folder import RunFolder, writing
from graph2nn.tasks.registry import chance_score, task_of
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.checkpoints import Checkpoints, Saving
from graph2nn.training.distributed.ranks import ALONE, Ranks
from graph2nn.training.loop import train

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

    Returns:
        The row of the runs table.

    Raises:
        UserError: the config does not fit the data, or cannot be built; an acceleration the device cannot give;
            a checkpoint of another run, or one that cannot be written.
        Preempted: a scheduler wants the machine back; the state is saved. KeyboardInterrupt after Ctrl-C.

    Example:
        >>> from graph2nn.data import load_dataset
        >>> from graph2nn.experiments import plan, preset, select
        >>> data, digits = load_dataset("digits"), preset("mlp-digits")
        >>> settings = ["recipe.epochs=1"]
        >>> config, = plan(digits, select(digits, ["baseline"]), [1], data=data.label, settings=settings)
        >>> row = execute(config, data, Path("runs"))
        >>> row["graph"], row["epochs"]
        ('baseline', 1)
    """
    if config.data != data.label:
        raise UserError(f"run: the config asks for {config.data!r}, the data loaded is {data.label!r}.")
    acceleration.check(device, ranks)
    ranks.check(config.recipe)
    network = build(config, data, engine=acceleration.engine_on(device))
    weights = None if config.start is None else starting_weights(Path(config.start), network.model)
    watch = replace(watch, on_epoch=on_epoch) if on_epoch else watch
    with ExitStack() as stack:
        if stop is None and not saving.off:
            stop = stack.enter_context(signals_caught())
        row: dict[str, Any] = {}
        if ranks.first:
            folder = stack.enter_context(writing(out, config.folder))
            row = train_in_folder(
                folder,
                config,
                network,
                data,
                device=device,
                acceleration=acceleration,
                saving=saving,
                stop=stop,
                watch=watch,
                ranks=ranks,
                weights=weights,
            )
        else:
            train(
                network.model,
                data,
                config.recipe,
                seed=config.seed,
                device=device,
                acceleration=acceleration,
                stop=stop,
                ranks=ranks,
                weights=weights,
            )
    return {"run": config.folder, **ranks.of_first(row)}


def train_in_folder(
    folder: RunFolder,
    config: RunConfig,
    network: NetworkOfRun,
    data: Dataset,
    *,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    saving: Saving = EVERY_FIVE_MINUTES,
    stop: Stop | None = None,
    watch: Watch = UNWATCHED,
    ranks: Ranks = ALONE,
    weights: Mapping[str, Tensor] | None = None,
) -> dict[str, Any]:
    """Train a network in its folder, from the checkpoint there if there is one; return the row of the table.

    Of several ranks this is the first; the others train alone.

    Args:
        folder: of the run.
        config: of the run.
        network: to train.
        data: to train on.
        device: where to compute.
        acceleration: how to compute.
        saving: when to save a checkpoint.
        stop: says when to make room.
        watch: is told of each epoch.
        ranks: the processes that train together.
        weights: to start from; None for those of the seed.

    Returns:
        The row.
    """
    begin = time.perf_counter()
    folder.write_config(config.model_copy(update={"threads": torch.get_num_threads()}))
    checkpoints = Checkpoints(folder.path / "checkpoints", {"config": config.digest}, saving)
    with ExitStack() as stack:
        callbacks = RunCallbacks(folder, config, network.model, network.graph, watch, stack)
        history = train(
            network.model,
            data,
            config.recipe,
            seed=config.seed,
            device=device,
            acceleration=acceleration,
            on_epoch=callbacks.note,
            on_batch=watch.on_batch,
            on_start=callbacks.start,
            checkpoints=checkpoints,
            stop=stop,
            ranks=ranks,
            weights=weights,
        )
    state = {name: value.cpu().contiguous() for name, value in network.model.state_dict().items()}
    metadata = weights_metadata(config.digest, data)
    with folder.writing("weights.safetensors") as file:
        save_file(state, file, metadata=metadata)
    seconds = callbacks.earlier + time.perf_counter() - begin
    row = result_row(
        config, network, history, seconds, score=task_of(data).score, chance=chance_score(data)
    )  # fmt: skip
    row |= {"device": ranks.named(device), "acceleration": acceleration.computed(network.model, device)}
    folder.write_result(row)
    if saving.keep is not None:
        shutil.rmtree(checkpoints.folder, ignore_errors=True)
    return row

"""Recording a training run from a loop of the user's own as a run folder, as ``train`` leaves it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from graph2nn.arguments import checked_arguments
from graph2nn.budget.matching import Match
from graph2nn.budget.trace import macs, parameters
from graph2nn.data.dataset import Dataset
from graph2nn.errors import UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.results.config import GraphSpec, ModelSpec, RunConfig
from graph2nn.results.data_card import weights_metadata
from graph2nn.results.row import NetworkOfRun, quoted_measures, result_row
from graph2nn.results.run_folder import is_finished, writing
from graph2nn.results.runs_table import write_table
from graph2nn.tasks import Score
from graph2nn.tasks.registry import chance_score, task_of
from graph2nn.training.epoch import Epoch
from graph2nn.training.recipe import Recipe

#: Numbers of an epoch that may be given; ``test_error`` must be, and is the score of the data's task.
_KEYS = {each.name for each in fields(Epoch)} - {"epoch"}


@checked_arguments
def record(
    out: Path | str,
    model: nn.Module,
    data: Dataset,
    history: Sequence[Mapping[str, float]],
    *,
    graph: RelationalGraph | None = None,
    null_of: str | None = None,
    seed: int = 1,
    name: str = "own-loop",
    settings: Mapping[str, bool | int | float | str] | None = None,
    score: Score | None = None,
    target_macs: int | None = None,
) -> Path:
    """Write the folder of a training run that was not trained by :func:`graph2nn.train`.

    ``graph2nn analyze``, ``status`` and ``pack`` then read it like any other. Runs that are to be compared
    share ``name``, ``settings``, data and number of epochs, and differ in graph and seed.

    Args:
        out: folder of results, which ``analyze`` is given.
        model: the trained network.
        data: what it was trained on; names the score and the data in the report.
        history: one mapping per epoch. ``test_error`` is the score on the test part in the unit of the task
            (percent for classes, RMSE for numbers); ``train_loss``, ``train_error``, ``test_loss``,
            ``validation_error``, ``lr``, ``seconds`` and the other fields of :class:`graph2nn.Epoch` may be
            given.
        graph: of the network's layers; None for the dense baseline.
        null_of: name of the graph that ``graph`` is a null of, if it is one.
        seed: of the run.
        name: of the experiment; the report calls it the task.
        settings: what else distinguishes the loop, for its digest: optimiser, rates, versions.
        score: what ``test_error`` is; that of the data's task if left out.
        target_macs: multiply-adds that the widths were matched to; the network's own if left out.

    Returns:
        The folder, ``out/runs/<run>``.

    Raises:
        UserError: no epochs, an epoch without ``test_error`` or with an unknown number, a run that is there
            already, or ``out`` cannot be written to.

    Example:
        >>> import tempfile
        >>> import graph2nn as g
        >>> data = g.load_dataset("digits")
        >>> model = g.build_model("mlp3", None, [64], input_size=data.image_shape, stem=64)
        >>> folder = g.record(tempfile.mkdtemp(), model, data, [{"test_error": 90.0}])
        >>> sorted(file.name for file in folder.iterdir())[1:4]
        ['config.yaml', 'metrics.csv', 'result.json']
    """
    out = Path(out)
    epochs = [_epoch(number, entry) for number, entry in enumerate(history, start=1)]
    if not epochs:
        raise UserError("record: history is empty; give one mapping per epoch, with test_error at least.")
    spec = None if graph is None else GraphSpec.of(graph).model_copy(update={"null_of": null_of})
    config = RunConfig(
        preset=name,
        model=ModelSpec(name=type(model).__name__, options=dict(settings or {})),
        graph=spec,
        data=data.label,
        recipe=Recipe(epochs=len(epochs)),
        seed=seed,
        threads=torch.get_num_threads(),
    )
    if is_finished(out, config.folder):
        raise UserError(
            f"record: {out / 'runs' / config.folder} is there already; give another seed or name, or delete it."
        )
    spent = macs(model, input_size=data.image_shape)
    match = Match(type(model).__name__, [], spent, parameters(model), target_macs or spent, "own")
    network = NetworkOfRun(model, graph, match, *quoted_measures(graph))
    seconds = sum(epoch.seconds for epoch in epochs)
    finite = math.isfinite(epochs[-1].test_error)
    # Of a score of the user's own nobody knows what a constant answer gets.
    chance = chance_score(data) if score is None else None
    row = result_row(
        config, network, epochs, seconds, score=score or task_of(data).score, chance=chance, finite=finite
    )
    row["recipe"] = " ".join(f"{key}={value}" for key, value in (settings or {}).items())
    with writing(out, config.folder) as folder:
        folder.write_config(config)
        for epoch in epochs:
            folder.append(epoch)
        state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
        with folder.writing("weights.safetensors") as file:
            save_file(state, file, metadata=weights_metadata(config.digest, data))
        folder.write_result(row)
    write_table(out)
    return out / "runs" / config.folder


def _epoch(number: int, entry: Mapping[str, float]) -> Epoch:
    """Fill an epoch with what was given; what was not is NaN, or absent where it is optional."""
    for key in entry:
        if key not in _KEYS:
            raise unknown(f"record: epoch {number}: key", key, _KEYS)
    if "test_error" not in entry:
        raise UserError(f"record: epoch {number} has no test_error; it has {', '.join(entry) or 'nothing'}.")
    required = ("lr", "train_loss", "train_error", "test_loss", "test_error", "test_error_top5")
    values = {key: float(entry.get(key, math.nan)) for key in required}
    optional = {key: float(entry[key]) for key in _KEYS - set(required) - {"seconds"} if key in entry}
    return Epoch(epoch=number, seconds=float(entry.get("seconds", 0.0)), **values, **optional)

"""Trained networks of finished runs: load one with its graph, its classes and its normalisation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from graph2nn.arguments import checked_arguments
from graph2nn.data.dataset import Dataset
from graph2nn.data.own.precision import lies_far
from graph2nn.errors import UserError
from graph2nn.experiments.connectome_networks import CONNECTOME_RNN, connectome_network
from graph2nn.files import path_in_utf8
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.models.registry import build_model
from graph2nn.results.config import RunConfig, wiring_of_config
from graph2nn.results.data_card import METADATA_KEY, DataCard
from graph2nn.training.batch_norm import set_norms
from graph2nn.wiring import Engine


@checked_arguments
def load_run(folder: str | Path, *, data: Dataset | None = None, engine: Engine = "auto") -> nn.Module:
    """Load the trained network of a finished run.

    Args:
        folder: of one run (``runs/runs/<name>``), or a results folder that holds a single run.
        data: the dataset of the run, for runs of older versions, which did not store what is needed of it.
        engine: how relational layers compute; see :class:`graph2nn.Relational`.

    Returns:
        The network in evaluation mode, on the CPU, with these attributes: ``graph`` (its
        :class:`graph2nn.RelationalGraph`, None for the baseline), ``classes`` (names, in the order of the
        outputs), ``normalise`` (a function from samples in stored units, images 0 … 255, to the network's
        input), ``config`` and ``card`` (:class:`DataCard`).

    Raises:
        UserError: not the folder of a finished run, one without weights, damaged files.

    Example:
        >>> from graph2nn.experiments import execute, plan, preset, select
        >>> from graph2nn.data import load_dataset
        >>> data = load_dataset("digits")
        >>> digits = preset("mlp-digits")
        >>> settings = ["recipe.epochs=1"]
        >>> config, = plan(digits, select(digits, ["baseline"]), [1], data=data.label, settings=settings)
        >>> row = execute(config, data, Path("runs"))
        >>> network = load_run("runs")
        >>> scores = network(network.normalise(data.test.images))
        >>> len(network.classes), scores.shape[1]
        (10, 10)
    """
    path = _run_folder(Path(folder))
    card = read_card(path) if data is None else DataCard.of(data)
    config, widths = _config(path), _widths(path)
    graph = None if config.graph is None else config.graph.build()
    network = _network(config, graph, card, widths, engine)
    set_norms(network, config.recipe)
    try:
        with path_in_utf8(path / "weights.safetensors") as weights:
            network.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise _damaged(path / "weights.safetensors", error) from None
    network.eval()
    for name, value in {"graph": graph, "classes": card.classes, "normalise": card.normalise}.items():
        object.__setattr__(network, name, value)
    object.__setattr__(network, "config", config)
    object.__setattr__(network, "card", card)
    return network


class Deployed(nn.Module):
    """A trained network with its normalisation in front: takes samples in stored units, gives scores.

    The scores of a regression are in the units of its targets.

    Args:
        network: from :func:`load_run`.
        card: of its data.
    """

    mean: Tensor
    sd: Tensor
    target_mean: Tensor
    target_sd: Tensor

    def __init__(self, network: nn.Module, card: DataCard) -> None:
        super().__init__()
        self.network = network
        shape = (1, -1, 1, 1) if len(card.image_shape) == 3 else (-1,)
        kind = torch.float64 if card.double else torch.float32
        self.register_buffer("mean", torch.tensor(card.mean, dtype=kind).reshape(shape))
        self.register_buffer("sd", torch.tensor(card.sd, dtype=kind).reshape(shape))
        numbers = bool(card.targets)
        target_mean, target_sd = (card.target_mean, card.target_sd) if numbers else ((0.0,), (1.0,))
        kind = torch.float64 if lies_far(np.array(target_mean), np.array(target_sd)) else torch.float32
        self.register_buffer("target_mean", torch.tensor(target_mean, dtype=kind))
        self.register_buffer("target_sd", torch.tensor(target_sd, dtype=kind))
        self.rescale = numbers

    def forward(self, x: Tensor) -> Tensor:
        """Map samples ``[batch, …]`` (float64 where the card says ``double``) to scores ``[batch, out]``."""
        scores: Tensor = self.network(((x - self.mean) / self.sd).float())
        return scores * self.target_sd + self.target_mean if self.rescale else scores


def _network(
    config: RunConfig,
    graph: RelationalGraph | None,
    card: DataCard,
    widths: Sequence[int],
    engine: Engine,
) -> nn.Module:
    if config.model.name == CONNECTOME_RNN:
        tokens = card.task == "language"
        return connectome_network(
            graph, card.image_shape, card.num_classes, config.model.options, tokens=tokens
        )[0]
    wiring = wiring_of_config(config, graph, engine)
    return build_model(
        config.model.name, wiring, widths, card.num_classes, input_size=card.image_shape,
        **config.model.options,
    )  # fmt: skip


def _run_folder(path: Path) -> Path:
    if (path / "config.yaml").is_file():
        return path
    if not path.is_dir():
        raise UserError(f"load_run: {path} does not exist; name the folder of a finished run.")
    runs = sorted(entry.parent for entry in (path / "runs").glob("*/config.yaml"))
    if len(runs) == 1:
        return runs[0]
    if not runs:
        why = "packed results have no weights" if (path / "packed").is_dir() else "it has no config.yaml"
        raise UserError(f"load_run: {path} is not the folder of a finished run ({why}).")
    raise UserError(f"load_run: {path} holds {len(runs)} runs; name one of them, such as {runs[0]}.")


def _config(path: Path) -> RunConfig:
    try:
        return RunConfig.from_yaml((path / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path / "config.yaml", error) from None


def _widths(path: Path) -> Sequence[int]:
    """Widths that were trained: a later version might match others."""
    try:
        row = json.loads((path / "result.json").read_text(encoding="utf-8"))
        return [int(width) for width in str(row["widths"]).split(",")]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path / "result.json", error) from None


def read_card(path: Path) -> DataCard:
    """Read what the weights of a run say about its data.

    Args:
        path: folder of the run.

    Raises:
        UserError: no weights, damaged ones, or those of a version that stored nothing about data.
    """
    file = path / "weights.safetensors"
    if not file.is_file():
        raise UserError(f"load_run: {file} is missing: this run was kept without its weights.")
    try:
        with path_in_utf8(file) as readable, safe_open(readable, framework="pt") as opened:
            metadata = opened.metadata() or {}
        if METADATA_KEY in metadata:
            return DataCard.from_json(json.loads(metadata[METADATA_KEY])["data"])
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(file, error) from None
    raise UserError(
        f"load_run: {path} was trained by a version that did not store classes and normalisation; "
        "give its dataset: load_run(folder, data=load_dataset(...))."
    )


def _damaged(file: Path, error: object) -> UserError:
    reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
    return UserError(f"load_run: {file} is missing or damaged ({reason}); train the run again.")

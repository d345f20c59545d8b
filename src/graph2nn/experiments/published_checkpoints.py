"""Checkpoints of the published code (``model_epoch_0200.pyth``): the trained network they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from torch import nn

from graph2nn.errors import UserError
from graph2nn.experiments.planning import plan, select
from graph2nn.experiments.presets.convert import convert, flat
from graph2nn.experiments.start import load_published, read_checkpoint
from graph2nn.models.registry import architecture, build_model
from graph2nn.results.config import RunConfig, wiring_of_config
from graph2nn.training.batch_norm import set_norms
from graph2nn.yaml_values import read_yaml


def read_published_checkpoint(path: str | Path, *, data: str | Path | None = None) -> nn.Module:
    """Build the network of a published checkpoint, with its weights, from the config that lies in the file.

    Args:
        path: ``….pyth``, as the published ``tools/train_net.py`` writes it.
        data: a folder that may hold the connectomes, for a network wired as one.

    Returns:
        The network in evaluation mode, on the CPU, with masked layers. Like the published one it takes images
        normalised by the published means and deviations, their channels in the published order (for ImageNet,
        blue, green, red).

    Raises:
        UserError: not such a file, a config without counterpart, or weights that do not fit it.
    """
    file = Path(path)
    checkpoint = read_checkpoint(file)
    try:
        tree = read_yaml(str(checkpoint.get("cfg", "")))
    except yaml.YAMLError:
        tree = None
    if not isinstance(tree, dict):
        raise UserError(f"checkpoint: {file} holds no config; build the network and use load_published.")
    # The widths in the file are those that the match had found.
    given = {**flat(tree), "TRAIN.AUTO_MATCH": False}
    preset = convert(given, name=file.stem)
    relational = "talk" in str(given.get("RESNET.TRANS_FUN"))
    words = (["best"] if preset.best else list(preset.graphs)) if relational else ["baseline"]
    graphs = select(preset, words, data=None if data is None else Path(data))
    (config,) = plan(preset, graphs, (preset.first_seed,), data=preset.data)
    # MobileNet and VGG have 1,024 outputs, whatever the classes are: the last entry, a bias, tells.
    outputs = len(list(checkpoint["model_state"].values())[-1])
    network = _built(config, outputs)
    load_published(network, checkpoint["model_state"], where=str(file))
    return network.eval()


def _built(config: RunConfig, outputs: int) -> nn.Module:
    described = architecture(config.model.name)
    graph = None if config.graph is None else config.graph.build()
    widths = config.model.widths or described.widths
    options: dict[str, Any] = dict(config.model.options)
    network = build_model(
        config.model.name, wiring_of_config(config, graph, "masked"), widths, outputs, **options
    )
    set_norms(network, config.recipe)
    return network

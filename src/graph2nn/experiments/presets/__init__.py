"""The experiments by name: a model, its data, its recipe, its graphs and its seeds."""

from __future__ import annotations

from pathlib import Path

from graph2nn.errors import unknown
from graph2nn.experiments.presets import cifar, published_imagenet, user_data
from graph2nn.experiments.presets.definition import Preset, read_preset
from graph2nn.experiments.presets.user_data import fitted

__all__ = ["PRESETS", "Preset", "fitted", "preset", "read_preset"]

PRESETS = {preset.name: preset for preset in (*cifar.PRESETS, *published_imagenet.PRESETS, *user_data.PRESETS)}


def preset(name: str) -> Preset:
    """Look a preset up: one of :data:`PRESETS`, or a YAML file that holds one.

    Raises:
        UserError: no such preset; a file that holds none.

    Example:
        >>> preset("mlp-digits").model.name
        'mlp5'
    """
    if name in PRESETS:
        return PRESETS[name]
    if name.endswith((".yaml", ".yml")):
        return read_preset(Path(name))
    raise unknown("preset", name, PRESETS)

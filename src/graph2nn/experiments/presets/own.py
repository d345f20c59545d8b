"""Presets for a user's own data, and how they adapt to its shape and size."""

from __future__ import annotations

from math import gcd

from graph2nn.data.dataset import Dataset
from graph2nn.errors import UserError
from graph2nn.experiments.presets.preset import OWN, Preset
from graph2nn.results.config import ModelSpec
from graph2nn.training.recipe import Recipe

#: AdamW, which needs no rate of its own for each task: SGD at the paper's rate diverges on many regressions.
_RECIPE = Recipe(epochs=30, batch_size=64, optimiser="adamw", lr=2e-3, weight_decay=0.01)
_TRANSFORMER = _RECIPE.model_copy(update={"lr": 1e-3, "weight_decay": 0.05, "weight_decay_on": "weights"})

PRESETS = (
    Preset(
        name="mlp",
        about="MLP-5 of width 128 on your own data: images, tables or arrays, classes or numbers.",
        model=ModelSpec(name="mlp5", widths=(128,), options={"stem": 128}),
        data=OWN,
        recipe=_RECIPE,
        seeds=3,
        match="exact",
    ),
    Preset(
        name="cnn",
        about="CNN of three 3×3 convolutions on your own images.",
        model=ModelSpec(name="cnn3-cifar"),
        data=OWN,
        recipe=_RECIPE,
        seeds=3,
        match="exact",
    ),
    Preset(
        name="resnet",
        about="Residual network of eight layers, 64 to 256 channels, on your own images.",
        model=ModelSpec(name="resnet8-cifar", widths=(64, 128, 256)),
        data=OWN,
        recipe=_RECIPE,
        seeds=3,
        match="exact",
    ),
    Preset(
        name="vit",
        about="Vision transformer of four layers of width 128 on your own images.",
        model=ModelSpec(name="vit-tiny", widths=(128,), options={"depth": 4, "heads": 4}),
        data=OWN,
        recipe=_TRANSFORMER,
        seeds=3,
        match="exact",
    ),
)


def fitted(preset: Preset, data: Dataset) -> Preset:
    """Return a preset for own data as it fits these; presets for other data stay as they are.

    A batch is at most a sixteenth of the training part (at least 8 samples), and a vision transformer gets
    the patches that tile the images into some 64. What is chosen here stands in the config of every run, and
    ``--set`` overrules it.

    Args:
        preset: any preset.
        data: the loaded data set.

    Raises:
        UserError: a network for images on samples that are not images.

    Example:
        >>> from graph2nn.data import load_dataset
        >>> from graph2nn.experiments import preset
        >>> fitted(preset("mlp"), load_dataset("digits")) == preset("mlp")
        True
    """
    if preset.data != OWN:
        return preset
    model, recipe = preset.model, preset.recipe
    shape = data.image_shape
    if data.sequences:
        raise UserError(
            f"{preset.name}: does not read sequences, and {data.label} is one; use preset connectome-rnn."
        )
    if len(shape) != 3 and not model.name.startswith("mlp"):
        raise UserError(
            f"{preset.name}: reads images, and a sample of {data.label} is {shape[0]} features; use preset mlp."
        )
    if model.name.startswith("vit") and "patch" not in model.options:
        model = model.model_copy(update={"options": {**model.options, "patch": _patch(shape[1], shape[2])}})
    batch = min(recipe.batch_size, max(8, len(data.train) // 16))
    batch -= batch % recipe.accumulate
    return preset.model_copy(update={"model": model, "recipe": recipe.model_copy(update={"batch_size": batch})})


def _patch(height: int, width: int) -> int:
    """Side of the patches that come closest to tiling an image into 64."""
    common = gcd(height, width)
    sides = [side for side in range(1, common + 1) if common % side == 0]
    return min(sides, key=lambda side: abs((height // side) * (width // side) - 64))

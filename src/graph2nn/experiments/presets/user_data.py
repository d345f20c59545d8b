"""Presets for a user's own data, translation and connectomes, and how they adapt to shape and size of data."""

from __future__ import annotations

from math import gcd

from graph2nn.data.dataset import Dataset
from graph2nn.errors import UserError
from graph2nn.experiments.presets.definition import OWN, Preset
from graph2nn.results.config import ModelSpec
from graph2nn.training.recipe import Recipe

#: AdamW, which needs no rate of its own for each task: SGD at the paper's rate diverges on many regressions.
_RECIPE = Recipe(epochs=30, batch_size=64, optimiser="adamw", lr=2e-3, weight_decay=0.01)
_TRANSFORMER = _RECIPE.model_copy(update={"lr": 1e-3, "weight_decay": 0.05, "weight_decay_on": "weights"})
_TEXT = Recipe(
    epochs=10, batch_size=32, optimiser="adamw", lr=1e-3, beta2=0.95, weight_decay=0.1,
    weight_decay_on="weights", clip=1.0, warmup_epochs=1, precise_bn=0,
)  # fmt: skip

#: Models of the presets for texts.
_READ_TEXT = ("gpt", "connectome-rnn")

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
    Preset(
        name="gpt-text",
        about="GPT of four layers of width 128 on the bytes of your own text file.",
        model=ModelSpec(name="gpt", widths=(128,), options={"aligned_heads": True}),
        data=OWN,
        recipe=_TEXT,
        seeds=3,
        match="exact",
    ),
    Preset(
        name="transformer-multi30k",
        about="Transformer, 3 + 3 layers of width 256, Multi30k English to German, or --data SRC,TGT.",
        model=ModelSpec(
            name="translator",
            widths=(256,),
            options={
                "depth": 3,
                "heads": 4,
                "ratio": 2.0,
                "pre_norm": True,
                "dropout": 0.2,
                "aligned_heads": True,
            },
        ),
        data="multi30k",
        recipe=Recipe(
            epochs=30,
            batch_size=64,
            optimiser="adamw",
            lr=1e-3,
            beta2=0.98,
            weight_decay=1e-4,
            weight_decay_on="weights",
            label_smoothing=0.1,
            clip=1.0,
            schedule="inverse-sqrt",
            warmup_epochs=4,
            precise_bn=0,
        ),
        seeds=3,
        match="exact",
    ),
    Preset(
        name="connectome-rnn",
        about="A connectome as a recurrent network of rate neurons, one weight per connection (8 rounds).",
        model=ModelSpec(name="connectome-rnn", options={"rounds": 8, "baseline_width": 333}),
        data="digits",
        own_data=True,
        recipe=Recipe(epochs=12, batch_size=64, optimiser="adamw", lr=1e-3, weight_decay=0.0),
        graphs=("larva",),
        seeds=5,
        notes=(
            "Arms differ in their wiring alone: encoder, order of the data and the rule that draws the initial "
            "weights are those of the seed, and a network has as many weights as its graph has connections. "
            "The dense baseline has as many recurrent weights as the connectome that is swept has connections "
            "(333 × 333 for the larva). Digits are a smoke test; --data names your own data or a task of "
            "sequences.",
        ),
    ),
    Preset(
        name="connectome-text",
        about="A connectome as a language model on the bytes of your own text file, one round per byte.",
        model=ModelSpec(name="connectome-rnn", options={"baseline_width": 333}),
        data=OWN,
        recipe=_TEXT.model_copy(update={"weight_decay": 0.0}),
        graphs=("larva",),
        seeds=5,
        notes=(
            "The state after a byte is the activity of all neurons; each of the next bytes moves signals on by "
            "one synapse. --context says how many bytes a window has.",
        ),
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
    reads_text = model.name in _READ_TEXT
    if data.task == "language" and not reads_text:
        raise UserError(f"{preset.name}: {data.label} is a text; use preset gpt-text or connectome-text.")
    if data.task != "language" and reads_text:
        raise UserError(f"{preset.name}: reads a text (.txt), and {data.label} is none; use preset mlp.")
    if data.sequences:
        raise UserError(
            f"{preset.name}: does not read sequences, and {data.label} is one; use preset connectome-rnn."
        )
    if len(shape) != 3 and not reads_text and not model.name.startswith("mlp"):
        raise UserError(
            f"{preset.name}: reads images, and a sample of {data.label} is {shape[0]} features; use preset mlp."
        )
    if model.name.startswith("vit") and "patch" not in model.options:
        model = model.model_copy(update={"options": {**model.options, "patch": _patch(shape[1], shape[2])}})
    batch = min(recipe.batch_size, max(8, len(data.train) // 16))
    batch -= batch % recipe.accumulate
    return preset.model_copy(update={"model": model, "recipe": recipe.model_copy(update={"batch_size": batch})})


def own_data_of(preset: Preset) -> str:
    """Say which data of one's own a preset reads, for whoever gave it none.

    Args:
        preset: one for data of one's own.

    Returns:
        What ``--data`` may name.

    Example:
        >>> from graph2nn.experiments import preset
        >>> own_data_of(preset("gpt-text"))
        'a text (.txt)'
    """
    if preset.model.name in _READ_TEXT:
        return "a text (.txt)"
    images = "class folders of images, .npz, or the word mnist, fashion-mnist or cifar100"
    return f"a table (.csv, .tsv, .parquet), {images}" if preset.model.name.startswith("mlp") else images


def _patch(height: int, width: int) -> int:
    """Side of the patches that come closest to tiling an image into 64."""
    common = gcd(height, width)
    sides = [side for side in range(1, common + 1) if common % side == 0]
    return min(sides, key=lambda side: abs((height // side) * (width // side) - 64))

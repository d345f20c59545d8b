"""The experiments by name: a model, its data, its recipe, its graphs and its seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from graph2nn.errors import unknown
from graph2nn.experiments.config import GraphSpec, ModelSpec
from graph2nn.training.recipe import Recipe


@dataclass(frozen=True)
class Preset:
    """An experiment of the paper, or one like it.

    ``seeds`` is how many seeds the paper trained; ``graphs`` are the words ``--select all`` stands for, beside
    the baseline; ``best`` is the graph ``--select best`` stands for.
    """

    name: str
    about: str
    model: ModelSpec
    data: str
    recipe: Recipe
    graphs: tuple[str, ...]
    seeds: int
    best: GraphSpec | None = None
    match: Literal["auto", "published", "exact"] = "published"
    notes: tuple[str, ...] = field(default=())


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="mlp-cifar10",
            about="MLP-5 on CIFAR-10, the paper's largest experiment: 3,942 graphs × 5 seeds, 200 epochs.",
            model=ModelSpec(name="mlp5"),
            data="cifar10",
            recipe=Recipe(flip=True, pad=4),
            graphs=("n64-3942",),
            seeds=5,
            # Third of a stable sort by mean error over the published results: 32.05 ± 0.14 %.
            best=GraphSpec.of_ws_flex(64, 0.1280008781103134, 0.1280634444804868, 4),
        ),
        Preset(
            name="mlp-cifar10-bio",
            about="MLP-5 on CIFAR-10, wired as three cortices, each directed as it was traced.",
            model=ModelSpec(name="mlp5"),
            data="cifar10",
            recipe=Recipe(flip=True, pad=4),
            graphs=("mcwhole", "mcvisual", "cat"),
            seeds=5,
        ),
        Preset(
            name="mlp-digits",
            about="MLP-5 on scikit-learn's 8×8 digits: a smoke test of the whole way, in minutes.",
            model=ModelSpec(name="mlp5", widths=(128,), options={"stem": 128}),
            data="digits",
            recipe=Recipe(epochs=12, batch_size=64, lr=0.05),
            graphs=("n64-52",),
            seeds=3,
            match="exact",
            notes=(
                "Digits are a smoke test of the whole way from graph to report. 1,797 images of 8×8 pixels, "
                "nearly all of them classified correctly by any network, are not evidence for or against "
                "the paper.",
            ),
        ),
    )
}


def preset(name: str) -> Preset:
    """Look a preset up.

    Raises:
        UserError: no such preset.
    """
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]

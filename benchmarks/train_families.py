"""A short, real training of each family of networks: does its loss fall, dense and relational?

    python -m benchmarks.train_families --data PATH [--steps 300] [--families gru lstm]

Dense and relational networks cost equally many multiply-adds and take the same recipe: the published one for
CIFAR-10 but for the rate, the batch, a warm-up and images as they are, over ten short epochs. Each epoch draws
its images from the whole training split, so most that are seen are seen once: of the MLP, which sees the most,
two thirds. Networks made for ImageNet see 32 × 32 pixels, which their strides bring down to 1 × 1. The
Transformer has a task of its own: ``backwards``. Rates were tried by hand, and none is tuned: the table shows
how far a loss falls, and does not say which family is better.

Rates that were tried for whole runs, last tenth dense / relational: separable ResNet .005 2.06 / 2.08, .02
1.53 / 1.57; bottlenecks .004 2.11 / 2.12 (360 steps), .015 2.09 / 2.10 (600), .05 2.01 / 2.07 (360, after a
loss of 10.6); MobileNet .006 1.96 / 2.01, .02 1.92 / 1.97 (after 3.0); EfficientNet .01 1.96 / 1.97, .03 1.95
/ 1.87 (after 2.8). The others had shorter trials and one run.

Results are written after each family to ``benchmarks/results/families.json``; at the end what failed is named.
With ``--families`` the others' results are kept, each with the command and the date that it came from.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from benchmarks import record
from benchmarks.record import birth_certificate, write
from benchmarks.short_runs import LEVELS, Drawn, OnPairs, Task, backwards, classify, losses_into
from graph2nn import Dense, Relational, Wiring, build_model, load_dataset, match, train, ws_flex
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split
from graph2nn.experiments import preset

#: What is looked at is the loss of the training: nothing is spent on evaluations but on the one at the end.
RECIPE = preset("mlp-cifar10").recipe.model_copy(
    update={"epochs": 10, "warmup_epochs": 2, "precise_bn": 0, "eval_every": 10, "flip": False, "pad": 0}
)
BLOCKS, TEST_IMAGES = 30, 100


@dataclass(frozen=True)
class Family:
    """A network to train; ``nodes`` is the width of its narrowest wired layer, or the 64 of the paper."""

    model: str
    lr: float
    batch: int = 32
    nodes: int = 64
    steps: float = 1.0  # of those asked for, times this
    task: Task = classify
    build: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name, and how the network differs from the one of that name."""
        return ", ".join([self.model, *(f"{key} {value}" for key, value in self.build.items())])


FAMILIES = {
    "MLP": Family("mlp5", 0.03, batch=128),
    "CNN": Family("cnn3-cifar", 0.05),
    "ResNet, basic": Family("resnet20-cifar", 0.03, nodes=16, steps=0.6),
    "ResNet, separable": Family("resnet18-sep", 0.02, steps=2),
    "ResNet, bottleneck": Family("resnet50", 0.015, steps=2, build={"blocks": [1, 1, 1, 1]}),
    "VGG": Family("vgg11-pool", 0.005, steps=0.3),
    "MobileNet": Family("mobilenet-v1", 0.006, nodes=32),
    "EfficientNet": Family("efficientnet-b0", 0.01, nodes=16, steps=0.8),
    "ViT": Family("vit-tiny", 0.02, steps=0.5, build={"patch": 8, "depth": 6}),
    "Transformer": Family(
        "transformer",
        0.05,
        steps=0.3,
        task=backwards,
        build={"widths": [128], "depth": 2, "num_classes": LEVELS + 1},
    ),
    "RNN": Family("rnn", 0.02, batch=64),
    "GRU": Family("gru", 0.2, batch=64, steps=0.6),
    "LSTM": Family("lstm", 0.3, batch=64, steps=0.6),
}


def train_one(family: Family, wiring: Wiring, data: Dataset, steps: int) -> dict[str, Any]:
    """Train one network for ``steps`` steps, a multiple of the recipe's epochs."""
    each = steps // RECIPE.epochs
    options = dict(family.build)
    size: tuple[int, ...] = data.image_shape
    if family.task is backwards:
        size = (size[1] // 4 * (size[2] // 4),) * 2
    else:
        options["num_classes"] = data.num_classes
    found = match(family.model, wiring, input_size=size, **options)
    options["widths"] = found.widths
    model = build_model(family.model, wiring, input_size=size, **options)
    assert isinstance(data.train, Split)
    assert isinstance(data.test, Split)
    test = Split(data.test.images[:TEST_IMAGES], data.test.labels[:TEST_IMAGES])
    drawn = replace(
        data,
        train=Drawn(data.train, each * family.batch, family.task),
        test=Drawn(test, len(test), family.task),
    )
    recipe = RECIPE.model_copy(update={"batch_size": family.batch, "lr": family.lr})
    losses: list[float] = []
    history = train(
        OnPairs(model) if family.task is backwards else model,
        drawn,
        recipe,
        seed=1,
        on_batch=losses_into(losses),
    )
    return {
        "widths": found.widths,
        "multiply_adds": found.macs,
        "parameters": found.params,
        "seconds": round(sum(epoch.seconds for epoch in history), 1),
        **summary(losses),
    }


def summary(losses: list[float]) -> dict[str, Any]:
    """Means over the first and the last tenth of the steps, and over equal blocks of them."""
    blocks = min(BLOCKS, len(losses))
    cuts = [round(i * len(losses) / blocks) for i in range(blocks + 1)]
    tenth = max(1, len(losses) // 10)
    return {
        "first_tenth": round(mean(losses[:tenth]), 4),
        "last_tenth": round(mean(losses[-tenth:]), 4),
        "curve": [round(mean(losses[start:stop]), 4) for start, stop in pairwise(cuts)],
    }


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def run(families: Mapping[str, Family], data: Dataset, steps: int, result: dict[str, Any]) -> list[str]:
    """Train families and write ``result`` after each; return those that failed."""
    result["data"] = data.label
    rows = result.setdefault("families", {})
    failed = []
    for name, family in families.items():
        # Neither a complete graph nor a ring: a quarter of all edges, a quarter of them rewired.
        graph = ws_flex(family.nodes, max(2, family.nodes / 4), 0.25, seed=1)
        own = max(1, round(family.steps * steps / RECIPE.epochs)) * RECIPE.epochs
        row: dict[str, Any] = {"network": family.label, "steps": own, "batch": family.batch, "lr": family.lr}
        row["graph"] = graph.name
        rows[name] = row
        try:
            for which, wiring in (("dense", Dense()), ("relational", Relational(graph))):
                row[which] = train_one(family, wiring, data, own)
        except Exception as error:  # one family's trouble is not the others'
            traceback.print_exc()
            row["failed"] = f"{type(error).__name__}: {error}"
            failed.append(name)
        write("families", result)
    return failed


def earlier(rows: Path) -> dict[str, Any]:
    """Return the families of an earlier call, each with that call's certificate under ``birth``."""
    if not rows.exists():
        return {}
    found = json.loads(rows.read_text(encoding="utf-8"))
    families: dict[str, Any] = found.pop("families")
    return {name: {**row, "birth": row.get("birth", found)} for name, row in families.items()}


def main() -> int:
    networks = [family.model for family in FAMILIES.values()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="as in graph2nn train")
    parser.add_argument(
        "--steps", type=int, default=300, help="of each network; some families take a share or a multiple"
    )
    parser.add_argument("--families", nargs="+", choices=networks, help="the families of these alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = birth_certificate("train_families", ["torch", "numpy"])
    # Where the file lies says nothing on another machine.
    result["command"] = result["command"].replace(str(options.data), options.data.name)
    data = load_dataset("cifar10", path=options.data)
    chosen = FAMILIES
    if options.families:
        chosen = {name: family for name, family in FAMILIES.items() if family.model in options.families}
        result["families"] = earlier(record.RESULTS / "families.json")
    if failed := run(chosen, data, options.steps, result):
        print(f"train_families: failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""One and five epochs of mlp-cifar10 as the published loader feeds them, to compare with its numbers.

    python -m benchmarks.published_epochs --data PATH [--epochs 1] [--graph best] [--seeds 8] [--workers 4]

graph2nn does not reproduce three defects of the published code: crops never reach the last offset; the loader's
workers replay one augmentation stream, each the same one and again in every epoch; and precise batch norm skips
the norms of an MLP, which then evaluates with running averages. Here they are put back, and nothing else is
changed. Although the published precise batch norm finds no norm to set in an MLP, it still runs 1,024 samples
through the network in training mode, which moves the running averages by eight more batches; --no-extra-batches
leaves these out. One line per seed; with --out NAME the results go to benchmarks/results/NAME.json as well.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.record import birth_certificate, write
from graph2nn.budget import match_widths
from graph2nn.data import load_dataset, normalise
from graph2nn.data.augment import gather
from graph2nn.data.dataset import Dataset
from graph2nn.experiments import preset
from graph2nn.models import build_model, initialise
from graph2nn.training import Recipe, evaluate
from graph2nn.training.loop import stream, train_epoch
from graph2nn.wiring import Dense, Relational, Wiring


def replayed(
    data: Dataset, recipe: Recipe, order: torch.Generator, seed: int, workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch: in a new order, but with the same augmentation draws, worker by worker, as in every epoch."""
    draws = stream(seed, "worker")  # restarts with each epoch
    shuffled = torch.randperm(len(data.train), generator=order)
    size = recipe.batch_size
    for batch in range(len(shuffled) // size):
        if batch % workers == 0:  # each worker draws this for its own next batch
            flips = torch.randint(0, 2, (size,), generator=draws)
            offsets = torch.randint(0, 2 * recipe.pad, (2, size), generator=draws)
        chosen = shuffled[batch * size : (batch + 1) * size]
        images = normalise(data.train.images.index_select(0, chosen), data.mean, data.sd)
        yield gather(images, flips, offsets, recipe.pad), data.train.labels.index_select(0, chosen)


@torch.no_grad()
def move_running_averages(
    model: torch.nn.Module, samples: Iterator[tuple[Tensor, Tensor]], batches: int
) -> None:
    """Run the first batches of a pass in training mode, as the published precise batch norm does."""
    model.train()
    for images, _ in islice(samples, batches):
        model(images)


def errors(
    wiring: Wiring, data: Dataset, recipe: Recipe, seed: int, workers: int, extra_batches: bool
) -> list[float]:
    """Test error in percent after each epoch."""
    widths = match_widths("mlp5", wiring)
    model = build_model("mlp5", wiring, widths)
    initialise(model, stream(seed, "initialise"))
    optimiser = torch.optim.SGD(
        model.parameters(), recipe.lr, momentum=recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
    )
    order, by_epoch = stream(seed, "batches"), []
    for epoch in range(recipe.epochs):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * recipe.rate_factor(epoch)
        train_epoch(model, replayed(data, recipe, order, seed, workers), optimiser)
        if extra_batches:
            samples = replayed(data, recipe, order, seed, workers)
            move_running_averages(model, samples, recipe.precise_bn // recipe.batch_size)
        by_epoch.append(round(evaluate(model, data).error, 2))
    return by_epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--graph", choices=("baseline", "best"), default="baseline")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--no-extra-batches", action="store_true")
    parser.add_argument("--out")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    task = preset("mlp-cifar10")
    best = task.best
    assert best is not None
    wiring: Wiring = Dense() if chosen.graph == "baseline" else Relational(best.build())
    data = load_dataset("cifar10", path=chosen.data, cache=chosen.cache)
    recipe = task.recipe.model_copy(update={"epochs": chosen.epochs})
    runs: dict[int, list[float]] = {}
    for seed in range(1, chosen.seeds + 1):
        runs[seed] = errors(wiring, data, recipe, seed, chosen.workers, not chosen.no_extra_batches)
        print(chosen.graph, chosen.epochs, seed, runs[seed], flush=True)
    last = [run[-1] for run in runs.values()]
    result: dict[str, Any] = birth_certificate("published_epochs", ["torch", "numpy"])
    result |= {"data": data.label, "graph": chosen.graph, "epochs": chosen.epochs, "test_error_by_epoch": runs}
    result |= {"extra_batches": not chosen.no_extra_batches}
    result |= {"mean": round(statistics.mean(last), 2), "sd": round(statistics.stdev(last), 2)}
    if chosen.out:
        write(chosen.out, result)


if __name__ == "__main__":
    main()

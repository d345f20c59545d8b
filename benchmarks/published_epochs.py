"""Epochs of mlp-cifar10 as the published code trains them, draw by draw, to compare with its numbers.

    python -m benchmarks.published_epochs --data PATH [--epochs 5] [--graph best] [--seeds 1] [--engine block]

graph2nn does not reproduce these habits of the published code: weights, order and augmentation come from
the global streams of torch and NumPy; crops never reach the last offset; the loader's workers start every
epoch from the NumPy state of their parent, so all of them replay one stream of augmentation; and precise
batch norm, which finds no norm to set in an MLP, still runs 1,024 samples through the network in training
mode, which moves the running averages that the evaluation uses by eight more batches (--no-extra-batches
leaves these out). Here they are put back; layers, norms, loss and evaluation are those of graph2nn. From
the same seed the published code and this one then give the same errors; see docs/log.md. One line per seed;
with --out NAME the results go to benchmarks/results/NAME.json as well. --engine block computes the same
layers three times as fast as the published masks do, with other rounding.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import RandomSampler

from benchmarks.record import birth_certificate, write
from graph2nn.budget import match_widths
from graph2nn.data import load_dataset, normalise
from graph2nn.data.augment import gather
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import resident
from graph2nn.experiments import preset
from graph2nn.layers.masked import RelationalLinear
from graph2nn.models import build_model
from graph2nn.training import Recipe, evaluate
from graph2nn.training.loop import train_epoch
from graph2nn.training.optimiser import sgd
from graph2nn.wiring import Dense, Relational, Wiring


class PublishedRun(NamedTuple):
    """Test errors in percent before training and after each epoch, and the training loss of each epoch."""

    errors: list[float]
    losses: list[float]


def start_from(model: nn.Module, seed: int) -> None:
    """Draw the weights of an MLP from torch's global stream in the published order.

    There each layer is built as ``nn.Linear``, which draws weights and bias that are then drawn again.
    """
    torch.manual_seed(seed)
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | RelationalLinear)]
    built = [nn.Linear(layer.in_features, layer.out_features, layer.bias is not None) for layer in layers]
    with torch.no_grad():
        for layer, source in zip(layers, built, strict=True):
            source.weight.normal_(mean=0.0, std=0.01)
            if isinstance(layer, RelationalLinear):
                layer.set_weight(source.weight)
            else:
                layer.weight.copy_(source.weight)
            if layer.bias is not None:
                layer.bias.zero_()


def state_of_workers(wiring: Wiring, seed: int) -> np.random.RandomState:
    """NumPy's global stream as the published workers inherit it: relational layers seed it with 1."""
    if isinstance(wiring, Dense):
        return np.random.RandomState(seed)
    assert isinstance(wiring, Relational)
    state = np.random.RandomState(1)
    state.permutation(wiring.graph.n)  # the sizes of the nodes of the last layer
    return state


def iterate(
    state: np.random.RandomState, data: Dataset, recipe: Recipe, workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over the training data: a new order, and the augmentation of every other pass."""
    _draw_base_seed()
    train = resident(data.train, "published_epochs")
    shuffled = torch.tensor(list(RandomSampler(range(len(train)))))
    streams = [np.random.RandomState() for _ in range(workers)]
    for stream in streams:
        stream.set_state(state.get_state())
    size, most = recipe.batch_size, 2 * recipe.pad
    for batch in range(len(shuffled) // size):
        stream = streams[batch % workers]
        draws = [
            (stream.uniform() < 0.5, stream.randint(0, most), stream.randint(0, most)) for _ in range(size)
        ]
        flips, *offsets = torch.tensor(draws, dtype=torch.int64).T
        chosen = shuffled[batch * size : (batch + 1) * size]
        images = normalise(train.images.index_select(0, chosen), data.mean, data.sd)
        yield gather(images, flips.clone(), torch.stack(offsets), recipe.pad), train.labels[chosen]


def _draw_base_seed() -> None:
    """Advance torch's global stream as each pass of a DataLoader does."""
    torch.empty((), dtype=torch.int64).random_()


@torch.no_grad()
def move_running_averages(model: nn.Module, samples: Iterator[tuple[Tensor, Tensor]], batches: int) -> None:
    """Run the first batches of a pass in training mode, as the published precise batch norm does."""
    model.train()
    for images, _ in islice(samples, batches):
        model(images)


def published_run(
    model: nn.Module,
    wiring: Wiring,
    data: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    workers: int = 4,
    extra_batches: bool = True,
) -> PublishedRun:
    """Train an MLP of ours as the published code would."""
    start_from(model, seed)
    state = state_of_workers(wiring, seed)
    optimiser = sgd(model.parameters(), recipe)

    def test_error() -> float:
        _draw_base_seed()
        return evaluate(model, data).error

    errors, losses = [test_error()], []
    for epoch in range(recipe.epochs):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * recipe.rate_factor(epoch)
        losses.append(train_epoch(model, iterate(state, data, recipe, workers), optimiser)[0])
        if extra_batches:
            samples = iterate(state, data, recipe, workers)
            move_running_averages(model, samples, recipe.precise_bn // recipe.batch_size)
        errors.append(test_error())
    return PublishedRun(errors, losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--graph", choices=("baseline", "best"), default="baseline")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--engine", choices=("masked", "block"), default="masked")
    parser.add_argument("--no-extra-batches", action="store_true")
    parser.add_argument("--out")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    task = preset("mlp-cifar10")
    best = task.best
    assert best is not None
    wiring: Wiring = Dense() if chosen.graph == "baseline" else Relational(best.build(), chosen.engine)
    widths = match_widths("mlp5", wiring)
    data = load_dataset("cifar10", path=chosen.data, cache=chosen.cache)
    recipe = task.recipe.model_copy(update={"epochs": chosen.epochs})
    certificate = birth_certificate("published_epochs", ["torch", "numpy"])
    runs: dict[int, list[float]] = {}
    for seed in range(1, chosen.seeds + 1):
        model = build_model("mlp5", wiring, widths)
        run = published_run(
            model, wiring, data, recipe,
            seed=seed, workers=chosen.workers, extra_batches=not chosen.no_extra_batches,
        )  # fmt: skip
        runs[seed] = [round(error, 2) for error in run.errors]
        print(
            chosen.graph, chosen.epochs, seed, runs[seed], [round(loss, 6) for loss in run.losses], flush=True
        )
        if chosen.out:  # after each seed: a long run that is stopped keeps what it has
            write(chosen.out, certificate | summary(chosen, data.label, runs), echo=False)


def summary(chosen: argparse.Namespace, data: str, runs: dict[int, list[float]]) -> dict[str, Any]:
    """Return what was run and its errors: by seed and epoch, and over the seeds after the last epoch."""
    last = [run[-1] for run in runs.values()]
    engine = {} if chosen.graph == "baseline" else {"engine": chosen.engine}
    spread = {"sd": round(statistics.stdev(last), 2)} if len(last) > 1 else {}
    return {
        "data": data, "graph": chosen.graph, **engine, "epochs": chosen.epochs, "test_error_by_epoch": runs,
        "extra_batches": not chosen.no_extra_batches, "mean": round(statistics.mean(last), 2), **spread,
    }  # fmt: skip


if __name__ == "__main__":
    main()

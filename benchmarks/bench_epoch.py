"""What the data cost: a training epoch of mlp-cifar10 against its forward, backward and optimiser alone.

    python -m benchmarks.bench_epoch --data PATH      # --data as in graph2nn train; left out: random images

Three ways to feed the same network take turns, a stretch of steps each: one fixed batch that is there already
(the compute alone), whole batches augmented on the device (what graph2nn does), and one sample at a time in
NumPy (what the published loader does, here without its worker processes, behind which it hid part of its cost).
For the best graph the block engine is also compared with the published technique as a whole: weights multiplied
by a mask, samples one at a time. Times are medians over the rounds, ratios medians of those within a round.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.record import birth_certificate, write
from graph2nn.budget import match_widths
from graph2nn.data import Augment, load_dataset, normalise
from graph2nn.data.augment import augment, gather
from graph2nn.data.dataset import Dataset, Split
from graph2nn.experiments import preset
from graph2nn.models import build_model
from graph2nn.training.loop import stream, train_epoch, training_batches
from graph2nn.training.optimiser import sgd
from graph2nn.wiring import Dense, Relational

Batches = Iterator[tuple[Tensor, Tensor]]
Feed = Callable[[int], Batches]
RECIPE = preset("mlp-cifar10").recipe


def random_images(count: int = 50_000) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (count,), generator=generator)
    split = Split(images, labels)
    classes = tuple(map(str, range(10)))
    return Dataset("random", "random images", split, split, classes, (125.3, 123.0, 113.9), (63.0, 62.1, 66.7))


def one_by_one(data: Dataset, batch_size: int) -> Batches:
    """The published transform, sample by sample: normalise, flip, pad, crop."""
    rng = np.random.default_rng(0)
    mean, sd = (np.array(v, dtype=np.float32)[:, None, None] for v in (data.mean, data.sd))
    images, labels = data.train.images.numpy(), data.train.labels
    order = rng.permutation(len(labels))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        chosen, batch = order[start : start + batch_size], []
        for index in chosen:
            image = (images[index].astype(np.float32) - mean) / sd
            if rng.random() < 0.5:
                image = image[:, :, ::-1]
            image = np.pad(image, ((0, 0), (4, 4), (4, 4)))
            y, x = rng.integers(0, 9, 2)
            batch.append(image[:, y : y + 32, x : x + 32])
        yield torch.from_numpy(np.stack(batch)), labels[torch.from_numpy(chosen)]


def compare(
    model: nn.Module, published: nn.Module, data: Dataset, *, steps: int, rounds: int
) -> dict[str, Any]:
    """Time ``model`` fed in three ways, and the ``published`` technique fed one sample at a time."""
    fixed = next(training_batches(data, RECIPE, stream(0, "fixed")))
    ours, theirs = (sgd(network.parameters(), RECIPE) for network in (model, published))
    theirs.param_groups[0]["fused"] = False  # as the published code has it
    samples: Feed = lambda _: itertools.islice(one_by_one(data, RECIPE.batch_size), steps)  # noqa: E731
    contenders: dict[str, tuple[nn.Module, torch.optim.Optimizer, Feed]] = {
        "compute alone": (model, ours, lambda _: itertools.repeat(fixed, steps)),
        "graph2nn": (
            model,
            ours,
            lambda turn: itertools.islice(training_batches(data, RECIPE, stream(turn, "bench")), steps),
        ),
        "one sample at a time": (model, ours, samples),
        "weight × mask, one sample at a time": (published, theirs, samples),
    }
    if published is model:
        contenders.popitem()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, (network, optimiser, feed) in contenders.items():
            begin = time.perf_counter()
            train_epoch(network, feed(turn), optimiser)
            if turn:  # the first round warms up
                times[name].append((time.perf_counter() - begin) / steps)
    return {
        name: {
            "ms_per_step": round(1e3 * statistics.median(values), 3),
            "seconds_per_epoch_of_390_steps": round(390 * statistics.median(values), 2),
            "times_compute": ratio(values, times["compute alone"]),
            "times_graph2nn": ratio(values, times["graph2nn"]),
        }
        for name, values in times.items()
    }


def ratio(values: list[float], base: list[float]) -> float:
    return round(statistics.median(v / b for v, b in zip(values, base, strict=True)), 3)


def augmentation(data: Dataset, *, batches: int = 200) -> dict[str, Any]:
    """Milliseconds a batch: compiled in one pass, by torch's gather, one sample at a time."""
    generator, order, size = stream(0, "draws"), torch.randperm(len(data.train)), RECIPE.batch_size
    how = Augment(RECIPE.flip, RECIPE.pad)
    one = one_by_one(data, size)

    def by_gather(chosen: Tensor) -> None:
        values = normalise(data.train.images.index_select(0, chosen), data.mean, data.sd)
        flips = torch.randint(0, 2, (size,), generator=generator)
        gather(values, flips, torch.randint(0, 2 * how.pad + 1, (2, size), generator=generator), how.pad)

    ways: dict[str, Callable[[Tensor], object]] = {
        "compiled": lambda chosen: augment(
            data.train.images, data.mean, data.sd, how, generator, chosen=chosen
        ),
        "torch gather": by_gather,
        "one sample at a time": lambda _: next(one),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(batches):
        chosen = order[turn * size : (turn + 1) * size]
        for name, way in ways.items():
            begin = time.perf_counter()
            way(chosen)
            if turn > 2:
                times[name].append(time.perf_counter() - begin)
    return {
        name: {
            "ms_per_batch": round(1e3 * statistics.median(values), 3),
            "times_compiled": ratio(values, times["compiled"]),
        }
        for name, values in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=60, help="optimiser steps a turn")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    data = load_dataset("cifar10", path=options.data) if options.data else random_images()
    best = preset("mlp-cifar10").best
    assert best is not None
    graph = best.build()
    result = birth_certificate("bench_epoch", ("torch", "numpy"))
    result |= {"data": data.label, "steps": options.steps, "rounds": options.rounds}
    for threads in options.threads:
        torch.set_num_threads(threads)
        many = f"{threads} thread{'s' * (threads > 1)}"
        result[f"augmentation, {many}"] = augmentation(data)
        dense, widths = build_model("mlp5", Dense()), match_widths("mlp5", graph)
        block, masked = (
            build_model("mlp5", Relational(graph, engine), widths) for engine in ("block", "masked")
        )
        how = {"steps": options.steps, "rounds": options.rounds}
        result[f"baseline, {many}"] = compare(dense, dense, data, **how)
        result[f"best graph, {many}"] = compare(block, masked, data, **how)
    write("epoch", result)


if __name__ == "__main__":
    main()

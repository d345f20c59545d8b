"""What the data cost: a training epoch of mlp-cifar10 against its forward, backward and optimiser alone.

    python -m benchmarks.bench_epoch --data PATH      # --data as in graph2nn train; left out: random images

Three ways to feed the same network take turns, a stretch of steps each: one fixed batch that is there already
(the compute alone), whole batches augmented on the device (what graph2nn does), and one sample at a time in
NumPy (what the published loader does, here without its worker processes). Times are medians over the rounds,
ratios medians of the ratios within a round. The published loader also hid part of its cost behind workers.
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
from graph2nn.data import load_dataset
from graph2nn.data.dataset import Dataset, Split
from graph2nn.experiments import preset
from graph2nn.models import build_model
from graph2nn.training.loop import stream, train_epoch, training_batches
from graph2nn.wiring import Dense, Relational

Batches = Iterator[tuple[Tensor, Tensor]]
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


def compare(model: nn.Module, data: Dataset, *, steps: int, rounds: int) -> dict[str, Any]:
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    fixed = next(training_batches(data, RECIPE, stream(0, "fixed")))
    feeds: dict[str, Callable[[int], Batches]] = {
        "compute alone": lambda _: itertools.repeat(fixed, steps),
        "graph2nn": lambda turn: itertools.islice(training_batches(data, RECIPE, stream(turn, "bench")), steps),
        "one sample at a time": lambda _: itertools.islice(one_by_one(data, RECIPE.batch_size), steps),
    }
    times: dict[str, list[float]] = {name: [] for name in feeds}
    for turn in range(rounds + 1):
        for name, feed in feeds.items():
            begin = time.perf_counter()
            train_epoch(model, feed(turn), optimiser)
            if turn:  # the first round warms up
                times[name].append((time.perf_counter() - begin) / steps)
    base = times["compute alone"]
    return {
        name: {
            "ms_per_step": round(1e3 * statistics.median(values), 3),
            "seconds_per_epoch_of_390_steps": round(390 * statistics.median(values), 2),
            "times_compute": round(statistics.median(v / b for v, b in zip(values, base, strict=True)), 3),
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
        for name, wiring, widths in (
            ("baseline", Dense(), [512]),
            ("best graph", Relational(graph), match_widths("mlp5", graph)),
        ):
            model = build_model("mlp5", wiring, widths)
            key = f"{name}, {threads} thread{'s' * (threads > 1)}"
            result[key] = compare(model, data, steps=options.steps, rounds=options.rounds)
    write("epoch", result)


if __name__ == "__main__":
    main()

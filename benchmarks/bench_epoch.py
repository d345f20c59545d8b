"""What the data cost: a training epoch of mlp-cifar10 against its forward, backward and optimiser alone.

    python -m benchmarks.bench_epoch --data PATH      # --data as in graph2nn train; left out: random images

Three ways to feed the same network take turns, a stretch of steps each: one fixed batch that is there already
(the compute alone), whole batches augmented on the device (what graph2nn does), and one sample at a time in
NumPy (what the published loader does, here without its worker processes, behind which it hid part of its cost).
For the best graph the block engine is also compared with the published technique as a whole: weights multiplied
by a mask, samples one at a time. The compute of the dense baseline takes part in every form that torch offers
(default product, oneDNN's, bf16 autocast), and graph2nn's feed also under bf16 autocast; ``times_dense`` is the
ratio to the fastest of these forms of the same precision. Times are medians over the rounds, ratios medians of
those within a round; GFLOP/s and their share of the peak of :mod:`benchmarks.peak`, measured in the same run.

    python -m benchmarks.bench_epoch --quick          # few steps, under a minute; its times say nothing
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.bench_layers import chosen_precisions
from benchmarks.dense_forms import precision_of
from benchmarks.peak import machine
from benchmarks.record import birth_certificate, write
from benchmarks.step_cases import RECIPE, dense_forms
from benchmarks.timing import Contender, summarise, take_turns
from graph2nn.budget import cost, match_widths
from graph2nn.data import Augment, load_dataset, normalise
from graph2nn.data.augment import augment, gather
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split
from graph2nn.experiments import preset
from graph2nn.models import build_model
from graph2nn.training import Acceleration
from graph2nn.training.loop import stream, train_epoch, training_batches
from graph2nn.training.optimiser import sgd
from graph2nn.wiring import Dense, Relational

Batches = Iterator[tuple[Tensor, Tensor]]
Feed = Callable[[int], Batches]


@dataclass(frozen=True)
class Fed:
    """A network, its optimiser, and what feeds it; ``kind`` is ``dense`` for the forms to divide by."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    feed: Feed
    kind: str = ""


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
    assert isinstance(data.train, Split)
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


def contenders(
    model: nn.Module, published: nn.Module | None, data: Dataset, steps: int, precisions: tuple[str, ...]
) -> dict[str, Fed]:
    """Return what takes turns: ``model`` by each feed, the dense forms, and the ``published`` technique."""
    fixed = next(training_batches(data, RECIPE, stream(0, "fixed")))
    ours = sgd(model.parameters(), RECIPE)
    alone: Feed = lambda _: itertools.repeat(fixed, steps)  # noqa: E731
    samples: Feed = lambda _: itertools.islice(one_by_one(data, RECIPE.batch_size), steps)  # noqa: E731
    batches: Feed = lambda turn: itertools.islice(  # noqa: E731
        training_batches(data, RECIPE, stream(turn, "bench")), steps
    )
    found = {
        "compute alone": Fed(model, ours, alone),
        "graph2nn": Fed(model, ours, batches),
        "one sample at a time": Fed(model, ours, samples),
    }
    if "bf16" in precisions:
        found["graph2nn, bf16"] = Fed(Acceleration("bf16").apply(model, "cpu"), ours, batches)
    if published is not None:
        theirs = sgd(published.parameters(), RECIPE)
        theirs.param_groups[0]["fused"] = False  # as the published code has it
        found["weight × mask, one sample at a time"] = Fed(published, theirs, samples)
    for name, form in dense_forms("mlp5", precisions).items():
        optimiser = sgd(form.parameters(), RECIPE)
        found[f"compute alone, {name}"] = Fed(form, optimiser, alone, kind="dense")
    return found


def compare(
    fed: Mapping[str, Fed], gflop: float, peaks: Mapping[str, float], *, steps: int, rounds: int
) -> dict[str, Any]:
    """Time the contenders in turn, ``steps`` optimiser steps each; ``gflop`` is that of one step."""
    turns = dict.fromkeys(fed, 0)

    def stretch(name: str) -> Callable[[], None]:
        def run() -> None:
            one = fed[name]
            train_epoch(one.network, one.feed(turns[name]), one.optimiser)
            turns[name] += 1

        return run

    times = take_turns({name: stretch(name) for name in fed}, rounds, 1)
    each = {name: [value / steps for value in values] for name, values in times.items()}
    # The work is in the stretches; here only what a contender is counts.
    plain = {
        name: Contender(lambda: None, precision_of(name), gflop, dense=one.kind == "dense")
        for name, one in fed.items()
    }
    rows = summarise(plain, each, peaks)
    for name, values in each.items():
        rows[name] |= {
            "ms_per_step": round(1e3 * statistics.median(values), 3),
            "seconds_per_epoch_of_390_steps": round(390 * statistics.median(values), 2),
            "times_compute": ratio(values, each["compute alone"]),
            "times_graph2nn": ratio(values, each["graph2nn"]),
        }
    return rows


def ratio(values: list[float], base: list[float]) -> float:
    return round(statistics.median(v / b for v, b in zip(values, base, strict=True)), 3)


def augmentation(data: Dataset, *, batches: int = 200) -> dict[str, Any]:
    """Milliseconds a batch: compiled in one pass, by torch's gather, one sample at a time."""
    assert isinstance(data.train, Split)
    pixels = data.train.images
    generator, order, size = stream(0, "draws"), torch.randperm(len(data.train)), RECIPE.batch_size
    how = Augment(RECIPE.flip, RECIPE.pad)
    one = one_by_one(data, size)

    def by_gather(chosen: Tensor) -> None:
        values = normalise(pixels.index_select(0, chosen), data.mean, data.sd)
        flips = torch.randint(0, 2, (size,), generator=generator)
        gather(values, flips, torch.randint(0, 2 * how.pad + 1, (2, size), generator=generator), how.pad)

    ways: dict[str, Callable[[Tensor], object]] = {
        "compiled": lambda chosen: augment(pixels, data.mean, data.sd, how, generator, chosen=chosen),
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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--steps", type=int, help="optimiser steps per turn")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--precisions", nargs="+", choices=["float32", "bf16"], help="default: what pays here")
    parser.add_argument("--quick", action="store_true", help="few steps: is everything there?")
    parser.add_argument("--out", type=Path, help="folder of the result; --quick writes nowhere without it")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.steps = options.steps or (1 if options.quick else 60)
    return options


def main() -> None:
    options = arguments()
    count = 2_000 if options.quick else 50_000
    data = load_dataset("cifar10", path=options.data) if options.data else random_images(count)
    best = preset("mlp-cifar10").best
    assert best is not None
    graph = best.build()
    widths = match_widths("mlp5", graph)
    gflop = [6e-9 * RECIPE.batch_size * cost("mlp5", on).macs for on in (None, graph)]
    result = birth_certificate("bench_epoch", ("torch", "numpy"))
    result |= {"data": data.label, "steps": options.steps, "rounds": options.rounds, "quick": options.quick}
    how = {"steps": options.steps, "rounds": options.rounds}
    for threads in options.threads:
        torch.set_num_threads(threads)
        many = f"{threads} thread{'s' * (threads > 1)}"
        limits = machine(quick=options.quick)
        result.setdefault("machine", {})[many] = limits
        peaks = limits["peak_gflops"]
        precisions, why = chosen_precisions(options.precisions, peaks)
        if why:
            result["bf16_left_out"] = why
        result[f"augmentation, {many}"] = augmentation(data, batches=10 if options.quick else 200)
        block, masked = (
            build_model("mlp5", Relational(graph, engine), widths) for engine in ("block", "masked")
        )
        networks = {"baseline": (build_model("mlp5", Dense()), None), "best graph": (block, masked)}
        for (name, pair), each in zip(networks.items(), gflop, strict=True):
            fed = contenders(*pair, data, options.steps, precisions)
            result[f"{name}, {many}"] = compare(fed, each, peaks, **how)
    write("epoch", result, options.out, quick=options.quick)


if __name__ == "__main__":
    main()

"""Populations: 16 perceptrons of the published budget at once, against one after the other with two threads.

    python -m benchmarks.bench_population             # on a quiet machine, some 15 minutes

The members are graphs far apart in n64-52, matched to the budget of mlp-cifar10, on random images. Each method
trains them twice, for one epoch and for several; what the further steps take is its time a step, and what is
left of the first, start-up: starting processes, importing torch, building networks, warming up. One by one
with one thread tells how much a second thread, or a second process, adds. Methods take turns; times are medians
over the rounds, ratios medians of the ratios within a round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch

from benchmarks.bench_epoch import random_images
from benchmarks.record import birth_certificate, write
from benchmarks.step_cases import RECIPE
from graph2nn import Dataset, Member, Relational, build_model, match_widths, train_population
from graph2nn.data.samples import Split
from graph2nn.experiments.planning import spread
from graph2nn.training.processes import usable_cores

Engine = Literal["auto", "masked"]
BASE = "one by one, 2 threads"


def members(count: int, epochs: int, engine: Engine) -> list[Member]:
    recipe = RECIPE.model_copy(update={"epochs": epochs, "precise_bn": 0, "lr": 0.01})
    found = []
    for seed, spec in enumerate(spread("n64-52", count), start=1):
        graph = spec.build()
        widths = match_widths("mlp5", graph)
        build = partial(build_model, "mlp5", Relational(graph, engine=engine), widths)
        found.append(Member(build, recipe, seed, spec.name))
    return found


def wall(population: Sequence[Member], data: Dataset, **how: Any) -> float:
    begin = time.perf_counter()
    outcomes = train_population(population, data, **how)
    seconds = time.perf_counter() - begin
    bad = [outcome for outcome in outcomes if outcome.status != "finished"]
    assert not bad, bad
    return seconds


def measure(options: argparse.Namespace, data: Dataset) -> dict[str, Any]:
    """Time the methods in turn: steps a second of all members together, and seconds of start-up."""
    cores = usable_cores()
    ways: dict[str, tuple[dict[str, Any], int, Engine]] = {
        BASE: ({"method": "one by one"}, 2, options.engine),
        "one by one, 1 thread": ({"method": "one by one"}, 1, options.engine),
        f"{cores} processes, 1 thread each": ({"method": "processes"}, 1, options.engine),
    }
    if options.stacked:
        ways[f"stacked, {cores} threads"] = ({"method": "stacked"}, cores, "masked")
    short, long = ({e: members(options.members, n, e) for e in ("auto", "masked")} for n in (1, options.epochs))
    steps = options.members * options.steps * (options.epochs - 1)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    starts: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, (how, threads, engine) in ways.items():
            torch.set_num_threads(threads)
            once, often = wall(short[engine], data, **how), wall(long[engine], data, **how)
            rates[name].append(steps / (often - once))
            starts[name].append(once - (often - once) / (options.epochs - 1))
    return {
        name: {
            "steps_per_second": round(statistics.median(values), 1),
            "times_one_by_one": round(
                statistics.median(v / b for v, b in zip(values, rates[BASE], strict=True)), 3
            ),
            "start_up_seconds": round(statistics.median(starts[name]), 1),
        }
        for name, values in rates.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--steps", type=int, default=40, help="steps an epoch")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of the longer training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=["auto", "masked"], default="auto", help="stacks are masked")
    parser.add_argument("--no-stacked", dest="stacked", action="store_false")
    options = parser.parse_args()
    images = random_images(options.steps * RECIPE.batch_size)
    assert isinstance(images.test, Split)
    few = Split(images.test.images[:128], images.test.labels[:128])  # steps are measured, not evaluations
    data = replace(images, test=few)
    result = birth_certificate("bench_population", ("torch", "numpy"))
    kept = ("members", "steps", "epochs", "rounds", "engine")
    result |= {"cores_used": usable_cores()} | {name: getattr(options, name) for name in kept}
    write("population", result | measure(options, data))


if __name__ == "__main__":
    main()

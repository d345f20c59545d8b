"""Runs an hour of a sweep, against the mask-multiply technique fed one sample at a time.

    python -m benchmarks.bench_sweep --data PATH      # --data as in graph2nn train; left out: random images

A handful of graphs of the coarse catalogue, far apart on the plane. For each, in turns and on one thread: a
whole run as ``graph2nn sweep`` does it (building, matching, training, evaluating, writing its folder), and the
same network as the published technique has it: weights multiplied by a mask in every forward, plain SGD, images
augmented one at a time in NumPy, evaluated after each epoch. Runs an hour are of one core.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.bench_epoch import one_by_one, random_images
from benchmarks.record import birth_certificate, write
from graph2nn.data import load_dataset
from graph2nn.data.dataset import Dataset
from graph2nn.experiments import RunConfig, execute, plan, preset
from graph2nn.experiments.network import build
from graph2nn.experiments.planning import spread
from graph2nn.training import evaluate
from graph2nn.training.loop import train_epoch
from graph2nn.training.optimiser import sgd


def ours(config: RunConfig, data: Dataset) -> None:
    with tempfile.TemporaryDirectory() as folder:
        execute(config, data, Path(folder))


def technique(config: RunConfig, data: Dataset) -> None:
    model = build(config, data, engine="masked").model
    optimiser = sgd(model.parameters(), config.recipe)
    optimiser.param_groups[0]["fused"] = False  # as the published code has it
    for _ in range(config.recipe.epochs):
        train_epoch(model, one_by_one(data, config.recipe.batch_size), optimiser)
        evaluate(model, data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--graphs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_dataset("cifar10", path=options.data, cache=options.cache) if options.data else random_images()
    settings = [f"recipe.epochs={options.epochs}", "recipe.initialisation=shared"]
    graphs = spread("n64-52", options.graphs)
    configs = plan(preset("mlp-cifar10"), graphs, (1,), data=data.label, settings=settings)
    ours(configs[0], data)  # kernels compile once a machine
    seconds: dict[str, list[float]] = {"graph2nn": [], "weight × mask, one sample at a time": []}
    for config in configs:
        for name, way in zip(seconds, (ours, technique), strict=True):
            begin = time.perf_counter()
            way(config, data)
            seconds[name].append(time.perf_counter() - begin)
    slow, fast = reversed(seconds.values())
    ratios = sorted(s / f for s, f in zip(slow, fast, strict=True))
    result: dict[str, Any] = birth_certificate("bench_sweep", ("torch", "numba", "numpy"))
    result |= {"data": data.label, "epochs": options.epochs, "runs": len(configs), "threads": 1}
    result["runs_an_hour"] = {name: round(3600 / statistics.mean(times), 1) for name, times in seconds.items()}
    result["ratio"] = {"median": round(statistics.median(ratios), 2), "all": [round(r, 2) for r in ratios]}
    write("sweep", result)


if __name__ == "__main__":
    main()

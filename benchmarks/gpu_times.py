"""Times on a device: training steps, populations, convolutions, a Transformer block, training runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.gpu_checks import ENGINES, graph_of
from benchmarks.gpu_options import Options, timed, usable
from benchmarks.layer_cases import DENSITIES
from benchmarks.timing import Work
from graph2nn import (
    Dense,
    Member,
    Recipe,
    Relational,
    Wiring,
    build_model,
    match_widths,
    relationalize,
    train_population,
)
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split
from graph2nn.experiments import preset
from graph2nn.experiments.planning import spread
from graph2nn.models import architecture
from graph2nn.training import Acceleration, Epoch
from graph2nn.training.optimiser import sgd

RECIPE: Recipe = preset("mlp-cifar10").recipe
#: Networks of a population, and the catalogue that their graphs come from.
POPULATIONS = {1: "n64-52", 16: "n64-52", 128: "n64-449"}
#: Networks of the experiment's plan that train at once.
AT_ONCE = 32


def step(model: nn.Module, how: Acceleration, size: tuple[int, ...], batch: int, device: str) -> Work:
    """A training step, forward, backward and Nesterov SGD, on a batch that is on the device already."""
    model.to(device).train()
    optimiser = sgd(model.parameters(), RECIPE)
    x, y = torch.randn(batch, *size, device=device), torch.randint(0, 10, (batch,), device=device)
    advance = how.step(how.apply(model, device), optimiser, torch.device(device))
    return lambda: advance(x, y)


def ways(options: Options) -> dict[str, Acceleration]:
    """Eager, compiled, CUDA graphs; a dry run takes eager alone."""
    if options.device == "cpu":
        return {"eager": Acceleration()}
    return {
        "eager": Acceleration(),
        "CUDA graph": Acceleration(cuda_graphs=True),
        "compiled": Acceleration(compile=True),
    }


def steps(options: Options) -> dict[str, Any]:
    """MLP-5, batch 128: dense, the mask multiplied, masked in place, Triton's kernels; by acceleration."""
    tables: dict[str, Any] = {}
    size, batch = architecture("mlp5").input_size, 16 if options.quick else 128
    for density in [".144"] if options.quick else DENSITIES:
        if options.seconds_left() <= 0:
            tables["left_out"] = "no time left for the other densities"
            break
        graph = graph_of(density)
        widths = match_widths("mlp5", graph)
        make: dict[str, Callable[[], Work]] = {}
        for way, how in ways(options).items():
            make[f"dense, {way}"] = partial(_mlp_step, None, None, how, size, batch, options.device)
            for engine in ENGINES[:2] if options.device == "cpu" else ENGINES:
                wiring = Relational(graph, engine)
                make[f"{engine}, {way}"] = partial(_mlp_step, wiring, widths, how, size, batch, options.device)
        works, refused = usable(make)
        table = timed(works, options, options.repeats(50))
        tables[f"density {density}, batch {batch}"] = {"times": table, "refused": refused}
    return {"model": "mlp5", "tables": tables}


def _mlp_step(
    wiring: Relational | None,
    widths: list[int] | None,
    how: Acceleration,
    size: tuple[int, ...],
    batch: int,
    device: str,
) -> Work:
    return step(build_model("mlp5", wiring, widths), how, size, batch, device)


# --- populations -------------------------------------------------------------------------------------------


def random_images(count: int) -> Dataset:
    """CIFAR-shaped noise; steps are measured, so that its test split is small."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.arange(count) % 10
    splits = Split(images, labels), Split(images[:128], labels[:128])
    return Dataset("noise", "noise", *splits, tuple("0123456789"), (125.0,) * 3, (63.0,) * 3)


def rates(options: Options) -> dict[str, Any]:
    """Networks × steps per second of populations, from what further epochs take beyond the first two."""
    batch = RECIPE.batch_size
    data, further = random_images(batch * options.repeats(50)), 1 if options.quick else 3
    table: dict[str, Any] = {}
    for count, catalogue in ({2: "n64-52"} if options.quick else POPULATIONS).items():
        if options.seconds_left() <= 0:
            table["left_out"] = "no time left for larger populations"
            break
        graphs = [spec.build() for spec in spread(catalogue, count)]
        builds = [
            partial(build_model, "mlp5", Relational(graph, "masked"), match_widths("mlp5", graph))
            for graph in graphs
        ]
        seconds = []
        for epochs in (1, 1, 1 + further):  # the first one warms up
            recipe = RECIPE.model_copy(update={"epochs": epochs, "precise_bn": 0, "lr": 0.01})
            members = [Member(build, recipe, seed) for seed, build in enumerate(builds)]
            begin = time.perf_counter()
            train_population(members, data, device=options.device, method="stacked")
            seconds.append(time.perf_counter() - begin)
        spent = max(seconds[2] - seconds[1], 1e-9)
        table[f"{count} networks"] = round(count * further * (len(data.train) // batch) / spent, 1)
    return {"model": "mlp5", "batch": batch, "networks_steps_per_second": table}


# --- convolutions and attention ----------------------------------------------------------------------------


def resnet(options: Options) -> dict[str, Any]:
    """ResNet-34, relational against dense of equal multiply-adds, channels-last bf16."""
    name = "resnet20-cifar" if options.quick else "resnet34"
    batch = 2 if options.quick else 64
    graph = spread("n16-48", 1)[0].build() if options.quick else graph_of(".144")
    size, widths = architecture(name).input_size, match_widths(name, graph)
    hows = {"bf16, channels last": Acceleration("bf16", channels_last=True)}
    if options.device == "cuda":
        hows["bf16, channels last, CUDA graph"] = Acceleration("bf16", channels_last=True, cuda_graphs=True)
    tables: dict[str, Any] = {}
    for label, how in hows.items():
        if options.seconds_left() <= 0:
            tables["left_out"] = "no time left for the other accelerations"
            break

        def on(wiring: Wiring, widths: Any, how: Acceleration = how) -> Work:
            return step(build_model(name, wiring, widths), how, size, batch, options.device)

        make: dict[str, Callable[[], Work]] = {"dense": partial(on, Dense(), None)}
        for engine in ENGINES[:2]:
            make[engine] = partial(on, Relational(graph, engine), widths)
        works, refused = usable(make)
        tables[label] = {"times": timed(works, options, options.repeats(5), "bf16"), "refused": refused}
    return {"model": name, "batch": batch, "widths": widths, "tables": tables}


def transformer_block(options: Options) -> dict[str, Any]:
    """A Transformer block, relational at d = 1024 against dense of the same width and of about equal cost."""
    width, tokens, batch = (64, 8, 2) if options.quick else (1024, 128, 16)
    graph = graph_of(".144")
    equal = max(16, round(width * graph.density**0.5 / 16) * 16)
    dtype = torch.bfloat16 if options.device == "cuda" else torch.float32

    def block(features: int) -> nn.Module:
        return nn.TransformerEncoderLayer(features, 16, 4 * features, dropout=0.0, batch_first=True)

    def work(module: nn.Module, features: int) -> Work:
        module = module.to(device=options.device, dtype=dtype)
        x = torch.randn(batch, tokens, features, device=options.device, dtype=dtype, requires_grad=True)
        parameters = [x, *(p for p in module.parameters() if p.requires_grad)]
        return lambda: torch.autograd.grad(module(x).float().square().mean(), parameters)

    make: dict[str, Callable[[], Work]] = {
        f"dense, d = {width}": lambda: work(block(width), width),
        f"dense of equal cost, d = {equal}": lambda: work(block(equal), equal),
        f"relational, d = {width}": lambda: work(relationalize(block(width), graph).module, width),
    }
    works, refused = usable(make)
    times = timed(works, options, options.repeats(10), str(dtype).removeprefix("torch."))
    return {
        "width": width,
        "tokens": batch * tokens,
        "density": graph.density,
        "times": times,
        "refused": refused,
    }


# --- training runs of the experiment -----------------------------------------------------------------------


class _TimeIsUpError(Exception):
    """Raised from a callback, which is how a population is stopped."""


def runs(options: Options) -> dict[str, Any]:
    """Train the first networks of the experiment's plan as one population, until done or the time is up.

    The errors are those after the last epoch reached, to compare with the CPU's curves at that epoch.
    """
    if options.data is None:
        return {"left_out": "needs --data"}
    from graph2nn import load_dataset
    from graph2nn.experiments.network import build
    from graph2nn.experiments.plans import planned_runs, read_plan

    plan = read_plan(Path(__file__).parents[1] / "results" / "cifar10-mlp-200" / "plan.yaml")
    data = load_dataset("cifar10", path=options.data)
    if options.quick:
        assert isinstance(data.train, Split)
        data = replace(data, train=Split(data.train.images[:256], data.train.labels[:256]))
    configs = [run.config for run in planned_runs(plan, data=data.label)][: 2 if options.quick else AT_ONCE]
    short = {"epochs": 1, "precise_bn": 0} if options.quick else {}
    members = [
        Member(
            build(config, data, engine="masked").model,
            config.recipe.model_copy(update=short),
            config.seed,
            config.folder,
        )
        for config in configs
    ]
    reached: dict[str, Any] = {}

    def keep(member: Member, epoch: Epoch) -> None:
        reached[member.label] = {"epoch": epoch.epoch, "test_error": epoch.test_error}
        if options.seconds_left() <= 0 and len({row["epoch"] for row in reached.values()}) == 1:
            raise _TimeIsUpError

    with suppress(_TimeIsUpError):
        train_population(members, data, device=options.device, method="stacked", on_epoch=keep)
    return {"plan": plan.title, "networks": len(members), "reached": reached}

"""Engines, accelerations and populations on a CUDA device. Never run on one yet.

    python -m benchmarks.bench_gpu                          # all, some minutes
    python -m benchmarks.bench_gpu --sections mlp layers    # a part

``layers``: one linear layer, forward and backward, batch 128, by engine and type. ``mlp``: a training step of
MLP-5, batch 128: baseline, published masked technique, each engine, eager and as a CUDA graph. ``population``:
networks trained at once, in networks · steps a second. ``resnet``: a training step of ResNet-34, batch 64.

Contenders take turns within a round; each turn is a stretch of steps ended by a synchronisation. Times are
medians over the rounds, ratios medians of the ratios within a round to the faster dense contender, with their
quartiles. Results are written after each section to ``benchmarks/results/gpu.json``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.bench_epoch import RECIPE, random_images
from benchmarks.bench_layers import graph_of
from benchmarks.bench_population import wall
from benchmarks.layer_cases import DENSITIES
from benchmarks.record import birth_certificate, write
from benchmarks.timing import Contender, Work, compare
from graph2nn import Member, Relational, build_model, match_widths
from graph2nn.data.dataset import Split
from graph2nn.experiments.planning import spread
from graph2nn.layers import RelationalLinear
from graph2nn.layers.engines import Engine
from graph2nn.models import architecture
from graph2nn.training import Acceleration
from graph2nn.training.optimiser import sgd

ENGINES: tuple[Engine, ...] = ("masked", "masked-in-place", "triton")
#: Networks of a population, and the catalogue their graphs come from.
POPULATIONS = {1: "n64-52", 16: "n64-52", 128: "n64-449"}


def synchronised(work: Work, repeats: int, device: str) -> Work:
    def run() -> None:
        for _ in range(repeats):
            work()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def timed(contenders: dict[str, Work], rounds: int, repeats: int, device: str) -> dict[str, Any]:
    stretches = {
        name: Contender(synchronised(work, repeats, device), dense=name.startswith("dense"))
        for name, work in contenders.items()
    }
    found = compare(stretches, rounds, 1, {})
    return {name: {**row, "ms": round(row["ms"] / repeats, 4)} for name, row in found.items()}


# --- one layer ---------------------------------------------------------------------------------------------


def gradients(layer: nn.Module, width: int, dtype: torch.dtype, batch: int, device: str) -> Work:
    layer = layer.to(device=device, dtype=dtype)
    x = torch.randn(batch, width, device=device, dtype=dtype, requires_grad=True)
    y = torch.randn_like(layer(x))
    return lambda: torch.autograd.grad(layer(x), [x, *layer.parameters()], y)


def layers(options: argparse.Namespace) -> dict[str, Any]:
    tables = {}
    for density, (_, width) in DENSITIES.items():
        graph = graph_of(density)
        on = RelationalLinear(graph, width, width).weights_in_use()
        side = round(on**0.5)
        for dtype in (torch.float32, torch.bfloat16):
            works = {"dense": gradients(nn.Linear(side, side, bias=False), side, dtype, 128, options.device)}
            for engine in ENGINES:
                layer = Relational(graph, engine).linear(width, width)
                works[engine] = gradients(layer, width, dtype, 128, options.device)
            name = f"linear, density {density}, width {width}, batch 128, {str(dtype).removeprefix('torch.')}"
            tables[name] = timed(works, options.rounds, options.repeats, options.device)
    return tables


# --- training steps ----------------------------------------------------------------------------------------


def step(
    model: nn.Module, how: Acceleration, size: tuple[int, ...], batch: int, device: str, *, plain: bool = False
) -> Work:
    """A training step on a batch that is there already; ``plain`` as published, its optimiser not fused."""
    model.to(device).train()
    optimiser = sgd(model.parameters(), RECIPE)
    if plain:
        optimiser.param_groups[0]["fused"] = False
    x, y = torch.randn(batch, *size, device=device), torch.randint(0, 10, (batch,), device=device)
    advance = how.step(how.apply(model, device), optimiser, device)
    return lambda: advance(x, y)


def ways(device: str) -> dict[str, Acceleration]:
    """Eager and recorded; on a CPU, where this file is only tried out, eager alone."""
    eager = {"eager": Acceleration()}
    return eager | {"graph": Acceleration(cuda_graphs=True)} if device == "cuda" else eager


def mlp(options: argparse.Namespace) -> dict[str, Any]:
    tables, size, device = {}, architecture("mlp5").input_size, options.device
    for density in DENSITIES:
        graph = graph_of(density)
        widths = match_widths("mlp5", graph)
        works = {}
        for way, how in ways(device).items():
            works[f"dense, {way}"] = step(build_model("mlp5"), how, size, 128, device)
            for engine in ENGINES:
                model = build_model("mlp5", Relational(graph, engine), widths)
                works[f"{engine}, {way}"] = step(model, how, size, 128, device)
        published = build_model("mlp5", Relational(graph, "masked"), widths)
        works["published technique"] = step(published, Acceleration(), size, 128, device, plain=True)
        tables[f"MLP-5 training step, density {density}, batch 128"] = timed(
            works, options.rounds, options.repeats, device
        )
    return tables


def resnet(options: argparse.Namespace) -> dict[str, Any]:
    name, graph, device = "resnet34", graph_of(".144"), options.device
    size, widths = architecture(name).input_size, match_widths(name, graph)
    hows = {"float32": Acceleration(), "bf16, channels last": Acceleration("bf16", channels_last=True)}
    if device == "cuda":
        hows["bf16, channels last, graph"] = Acceleration("bf16", channels_last=True, cuda_graphs=True)
        hows["bf16, channels last, compiled"] = Acceleration("bf16", channels_last=True, compile=True)
    tables = {}
    for label, how in hows.items():
        works = {"dense": step(build_model(name), how, size, options.images, device)}
        for engine in ("masked", "masked-in-place"):
            model = build_model(name, Relational(graph, engine), widths)
            works[engine] = step(model, how, size, options.images, device)
        tables[f"ResNet-34 training step, density .144, batch {options.images}, {label}"] = timed(
            works, options.rounds, max(1, options.repeats // 10), device
        )
    return tables


# --- populations -------------------------------------------------------------------------------------------


def population(options: argparse.Namespace) -> dict[str, Any]:
    """What further epochs take beyond the first, whose start-up and recording is left out."""
    images = random_images(options.repeats * RECIPE.batch_size)
    few = Split(images.test.images[:128], images.test.labels[:128])  # steps are measured, not evaluations
    data, long = replace(images, test=few), 4
    table = {}
    for count, catalogue in POPULATIONS.items():
        graphs = [spec.build() for spec in spread(catalogue, count)]
        builds = [
            partial(build_model, "mlp5", Relational(graph, "masked"), match_widths("mlp5", graph))
            for graph in graphs
        ]
        for method in ("stacked", "one by one") if count < 128 else ("stacked",):
            seconds = []
            for epochs in (1, 1, long):  # the first warms up
                recipe = RECIPE.model_copy(update={"epochs": epochs, "precise_bn": 0, "lr": 0.01})
                members = [Member(build, recipe, seed) for seed, build in enumerate(builds)]
                seconds.append(wall(members, data, device=options.device, method=method))
            rate = count * options.repeats * (long - 1) / (seconds[2] - seconds[1])
            table[f"{count} networks, {method}"] = {"networks_steps_per_second": round(rate, 1)}
    return {"MLP-5 population, batch 128": table}


SECTIONS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "mlp": mlp,
    "layers": layers,
    "population": population,
    "resnet": resnet,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--repeats", type=int, default=100, help="steps of a turn; ResNet takes a tenth")
    parser.add_argument("--images", type=int, default=64, help="batch of ResNet-34")
    return parser.parse_args(namespace=argparse.Namespace(device="cuda"))


def main() -> int:
    options = arguments()
    if not torch.cuda.is_available():
        print(
            "bench_gpu: this machine has no CUDA device that torch can use; nothing was measured.",
            file=sys.stderr,
        )
        return 2
    result = birth_certificate("bench_gpu", ("torch", "triton", "numpy"))
    result |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    result |= {"rounds": options.rounds, "repeats": options.repeats}
    for name in options.sections:
        result |= SECTIONS[name](options)
        write("gpu", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Relational layers against dense layers of as many multiply-adds, by engine and precision.

    python -m benchmarks.bench_layers              # on a quiet machine, about half an hour
    python -m benchmarks.bench_layers --quick      # small shapes, under a minute; its times say nothing

Per case one graph of 64 nodes: the published best one (density .144), WS-flex with p = 0.2 otherwise. The dense
layer is square with as many weights, a dense network the baseline whose budget is matched. The dense side takes
part in every form that torch offers (:mod:`benchmarks.dense_forms`): the default product, oneDNN's, bf16
autocast; with images contiguous and channels last. Ratios are to the fastest form of the same precision in the
same run. All networks take the fused optimiser's step, except the masked one, which stands for the published
technique.

In bf16 a layer gets bf16 activations and float32 weights, as under autocast. On a CPU whose bf16 product is
slower than half its float32 product bf16 is left out, and the result says so. Next to each ratio are GFLOP/s of
useful multiply-adds (forward + backward counts three products, a training step likewise) and their share of the
peak that :mod:`benchmarks.peak` measures in the same run.

Freed memory is kept for the next step, as training runs do. Contenders take turns, so that other work of the
machine falls on all of them; times are medians over the rounds, ratios medians of the ratios within a round,
with quartiles.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.layer_cases import CONVOLUTIONS, DENSITIES, Case, convolution_case, linear_case
from benchmarks.peak import machine
from benchmarks.record import birth_certificate, write
from benchmarks.step_cases import network_steps
from benchmarks.timing import compare
from graph2nn.experiments import preset
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.training.acceleration import keep_memory

#: Images of a step of an ImageNet network.
IMAGES = 4
#: bf16 takes part where its peak is at least this share of float32's.
WORTH = 0.5


def graph_of(density: str) -> RelationalGraph:
    """The published best graph, or a WS-flex one of another density."""
    best = preset("mlp-cifar10").best
    assert best is not None
    return best.build() if density == ".144" else ws_flex(64, DENSITIES[density][0], 0.2, 1)


def main() -> None:
    options = arguments()
    keep_memory()
    result = birth_certificate("bench_layers", ("torch", "numba", "numpy"))
    result |= {"rounds": options.rounds, "quick": options.quick}
    for threads in options.threads:
        torch.set_num_threads(threads)
        name = f"{threads} thread{'s' * (threads > 1)}"
        limits = machine(quick=options.quick)
        result.setdefault("machine", {})[name] = limits
        precisions, why = chosen_precisions(options.precisions, limits["peak_gflops"])
        if why:
            result["bf16_left_out"] = why
        print(f"{name}: {limits}", flush=True)
        result[name] = tables(options, precisions, limits["peak_gflops"])
    write("layers", result, options.out, quick=options.quick)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--precisions", nargs="+", choices=["float32", "bf16"], help="default: what pays here")
    parser.add_argument("--quick", action="store_true", help="small shapes, few rounds: is everything there?")
    parser.add_argument("--out", type=Path, help="folder of the result; --quick writes nowhere without it")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 11)
    return options


def chosen_precisions(
    asked: list[str] | None, peaks: Mapping[str, float]
) -> tuple[tuple[str, ...], str | None]:
    """Return the precisions to measure, and why bf16 is not among them where it was not asked for by name."""
    if asked is not None:
        return tuple(asked), None
    if peaks["bf16"] >= WORTH * peaks["float32"]:
        return ("float32", "bf16"), None
    return ("float32",), f"its product reaches {peaks['bf16']} GFLOP/s, float32's {peaks['float32']}"


def tables(
    options: argparse.Namespace, precisions: tuple[str, ...], peaks: Mapping[str, float]
) -> dict[str, Any]:
    """Time every case with torch's present number of threads."""
    found: dict[str, Any] = {}

    def add(name: str, row: dict[str, Any]) -> None:
        found[name] = row
        print(f"{name}: { ({who: entry['ms'] for who, entry in row.items()}) } ms", flush=True)

    def layer(name: str, case: Case, repeats: int) -> None:
        for kind in ("forward", "forward + backward"):
            add(f"{name}, {kind}", compare(case.contenders(kind), options.rounds, repeats, peaks))

    densities = list(DENSITIES)[:1] if options.quick else list(DENSITIES)
    for density in densities:
        width = 128 if options.quick else DENSITIES[density][1]
        case = linear_case(graph_of(density), width, 128, precisions)
        layer(f"linear, density {density}, width {width}, batch 128", case, 1 if options.quick else 10)
        steps = network_steps("mlp5", graph_of(density), 8 if options.quick else 128, precisions)
        add(
            f"MLP-5 training step, density {density}",
            compare(steps, options.rounds, 1 if options.quick else 5, peaks),
        )
    for name, shape in CONVOLUTIONS.items():
        if options.quick:
            shape = shape.small()
        case = convolution_case(graph_of(".144"), shape, precisions)
        layer(f"{name}, density .144", case, 1)
    for name in () if options.quick else ("resnet34-sep", "resnet34"):
        steps = network_steps(name, graph_of(".144"), IMAGES, precisions)
        add(
            f"{name} training step, density .144, batch {IMAGES}",
            compare(steps, min(5, options.rounds), 1, peaks),
        )
    return found


if __name__ == "__main__":
    main()

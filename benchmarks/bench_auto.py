"""Training steps of whole networks with ``engine="auto"`` next to each engine alone: does it choose well?

    python -m benchmarks.bench_auto            # some minutes
    python -m benchmarks.bench_auto --quick    # one small network, seconds; its times say nothing

Networks have the dense one's multiply-adds; the dense one is timed in both layouts. One thread; contenders take
turns; times are divided by those of the faster engine, and of the faster dense form, within a round.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from benchmarks.record import birth_certificate, write
from benchmarks.step_cases import step
from benchmarks.timing import Contender, Work, fastest_dense, ratios, take_turns
from graph2nn import Relational, build_model, match, ws_flex
from graph2nn.layers.engines import Engine
from graph2nn.training.acceleration import keep_memory

ENGINES: tuple[Engine, ...] = ("auto", "block", "masked")


class Case(NamedTuple):
    """A network on images of a side, and the graph of its layers."""

    model: str
    nodes: int
    degree: float
    side: int = 32
    batch: int = 32
    options: dict[str, Any] = {}  # noqa: RUF012 - never written to

    def __str__(self) -> str:
        return f"{self.model}, {self.nodes} nodes of degree {self.degree:g}"


CASES = [
    Case("mlp5", 64, 9, batch=128),
    Case("mlp5", 64, 40, batch=128),
    Case("cnn3-cifar", 16, 6),
    Case("cnn3-cifar", 64, 9),
    Case("cnn3-cifar", 64, 40),
    Case("resnet20-cifar", 16, 6),
    Case("resnet20-cifar", 16, 10),
    Case("resnet20-cifar", 16, 14),
    Case("resnet18-sep", 16, 6, side=64, batch=8),
    Case("resnet50", 16, 6, side=64, batch=4, options={"blocks": [1, 1, 1, 1]}),
    Case("mobilenet-v1", 32, 8),
    Case("mobilenet-v1", 32, 28),
    Case("efficientnet-b0", 16, 6),
    Case("vgg11-pool", 64, 9, batch=16),
    Case("vit-tiny", 64, 9, batch=16, options={"patch": 8, "depth": 4}),
]


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small network: is everything there?")
    parser.add_argument("--out", type=Path, help="folder of the result; --quick writes nowhere without it")
    options = parser.parse_args()
    keep_memory()
    torch.set_num_threads(1)
    result: dict[str, Any] = birth_certificate("bench_auto", ("torch", "numba", "numpy"))
    result |= {"quick": options.quick, "networks": {}}
    for case in [Case("resnet20-cifar", 16, 6, batch=2)] if options.quick else CASES:
        result["networks"][str(case)] = measure(case, 2 if options.quick else options.rounds)
    write("auto", result, options.out, quick=options.quick)


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Return by engine: ms, time ÷ the faster engine's, time ÷ dense."""
    contenders = {name: Contender(work, dense="dense" in name) for name, work in steps(case).items()}
    times = take_turns({name: contender.work for name, contender in contenders.items()}, rounds, 1)
    dense = fastest_dense(contenders, times)
    assert dense is not None
    best = min(("block", "masked"), key=lambda engine: sorted(times[engine])[rounds // 2])
    found: dict[str, Any] = {"fastest dense": dense, "faster engine": best}
    for engine in ENGINES:
        over_best, quartiles = ratios(times[engine], times[best])
        found[engine] = {
            "ms": round(1e3 * sorted(times[engine])[rounds // 2], 2),
            "times_faster_engine": over_best,
            "quartiles": quartiles,
            "times_dense": ratios(times[engine], times[dense])[0],
        }
    return found


def steps(case: Case) -> dict[str, Work]:
    """The training steps by name: dense in both layouts, and each engine."""
    size, graph = (3, case.side, case.side), ws_flex(case.nodes, case.degree, 0.2, 1)
    widths = match(case.model, graph, input_size=size, **case.options).widths

    def model(engine: Engine | None) -> nn.Module:
        wiring = None if engine is None else Relational(graph, engine)
        sizes = None if engine is None else widths
        return build_model(case.model, wiring, sizes, input_size=size, **case.options).train()

    made = {"dense": step(model(None), size, case.batch)}
    last = model(None).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    made["dense, channels last"] = step(last, size, case.batch, last=True)
    return made | {engine: step(model(engine), size, case.batch) for engine in ENGINES}


if __name__ == "__main__":
    main()

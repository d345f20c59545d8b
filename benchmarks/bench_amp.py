"""Training steps with ``--amp bf16``: as graph2nn computes them, in float32, and by torch's autocast alone.

    python -m benchmarks.bench_amp            # some minutes
    python -m benchmarks.bench_amp --quick    # small batches, seconds; its times say nothing

On a CPU without instructions for bf16 torch's autocast emulates every product; ``--amp bf16`` does not. On one
with them the two are the same. One thread; contenders take turns; each is divided by the step in float32.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.bench_edges import made
from benchmarks.bench_text import DEGREES, step, step_of, translator
from benchmarks.record import birth_certificate, write
from benchmarks.step_cases import step as step_of_classes
from benchmarks.timing import Work, ratios, take_turns
from graph2nn import ConnectomeRNN, Dense, Relational, RelationalGraph, Wiring, build_model, match, ws_flex
from graph2nn.layers import bf16_support
from graph2nn.models import architecture
from graph2nn.training.acceleration import Acceleration, keep_memory

IMAGES = {"mlp5": 128, "resnet20-cifar": 32}
WAYS = ("float32", "--amp bf16", "torch's autocast")


class Autocast(nn.Module):
    """A network under torch's autocast, dense layers of our own included, whatever the CPU has."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Scores in float32."""
        with patch.object(bf16_support, "cpu_has_bf16", lambda: True), torch.autocast("cpu", torch.bfloat16):
            scores: torch.Tensor = self.model(*inputs).float()
        return scores


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small batches, two rounds: is everything there?")
    parser.add_argument("--out", type=Path, help="folder of the result; --quick writes nowhere without it")
    options = parser.parse_args()
    keep_memory()
    torch.set_num_threads(1)
    result: dict[str, Any] = birth_certificate("bench_amp", ("torch", "numba", "numpy"))
    result |= {"quick": options.quick, "bf16_instructions": bf16_support.cpu_has_bf16(), "steps": {}}
    for name, works in cases(quick=options.quick).items():
        times = take_turns(works, 2 if options.quick else options.rounds, 1)
        result["steps"][name] = {
            way: dict(zip(("times", "quartiles"), ratios(values, times["float32"]), strict=True))
            | {"ms": round(1e3 * sorted(values)[len(values) // 2], 2)}
            for way, values in times.items()
        }
    write("amp", result, options.out, quick=options.quick)


def cases(*, quick: bool) -> dict[str, dict[str, Work]]:
    """Return, by network, its training step in each of :data:`WAYS`."""
    graphs: dict[str, Wiring] = {"dense": Dense(), "relational": Relational(ws_flex(16, 6, 0.2, 1))}
    found = {}
    for name, batch in IMAGES.items():
        for kind, wiring in graphs.items():
            found[f"{name}, {kind}"] = image_steps(name, wiring, 2 if quick else batch)
    found["connectome of 2,952 neurons"] = connectome_steps(2 if quick else 32)
    graphs["relational"] = Relational(ws_flex(64, DEGREES[0], 0.2, 1))
    for kind, wiring in graphs.items():
        found[f"translator, {kind}"] = text_steps(wiring, 2 if quick else 64)
    return found


def image_steps(name: str, wiring: Wiring, batch: int) -> dict[str, Work]:
    """The steps of a network of images at the dense one's multiply-adds."""
    size = architecture(name).input_size
    widths = match(name, wiring).widths
    return steps(lambda: build_model(name, wiring, widths), size, batch)


def connectome_steps(batch: int) -> dict[str, Work]:
    """The steps of a network of as many neurons and connections as the larva's, drawn at random."""
    edges, n = made(2952, 110_677)
    graph = RelationalGraph.from_edge_index(edges, n, name="made larva")

    def network() -> nn.Module:
        return ConnectomeRNN(graph, 1024, 10, inputs=range(500), outputs=range(500, 800), rounds=6)

    return steps(network, (1024,), batch)


def steps(build: Callable[[], nn.Module], size: tuple[int, ...], batch: int) -> dict[str, Work]:
    """The training steps of a network in each of :data:`WAYS`."""

    def model() -> nn.Module:
        torch.manual_seed(0)
        return build().train()

    ways = {
        "float32": model(),
        "--amp bf16": Acceleration(amp="bf16").apply(model(), "cpu"),
        "torch's autocast": Autocast(model()),
    }
    return {way: step_of_classes(ways[way], size, batch) for way in WAYS}


def text_steps(wiring: Wiring, batch: int) -> dict[str, Work]:
    """The steps of the translation model."""
    model, _ = translator(wiring)
    return {
        "float32": step(wiring, batch, bf16=False)[0],
        "--amp bf16": step(wiring, batch, bf16=True)[0],
        "torch's autocast": step_of(model, Autocast(model), batch),
    }


if __name__ == "__main__":
    main()

"""A training step of the translation model on graphs, in float32 and under bf16 autocast, against dense.

    python -m benchmarks.bench_text            # some minutes
    python -m benchmarks.bench_text --quick    # a small batch, seconds; its times say nothing

The model, its options and its graphs are those of the study of Multi30k (``results/multi30k/plan.yaml``): every
network has the dense one's multiply-adds on a pair of 16 tokens each. A batch has 64 pairs of random tokens
without padding. A step is forward, loss, backward, clipping and AdamW. Contenders take turns in one run; each
is divided by the dense network of its precision, and by the faster dense one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import peak
from benchmarks.record import birth_certificate, write
from benchmarks.timing import Contender, Work, compare
from graph2nn import Dense, Relational, Wiring, build_model, match, ws_flex
from graph2nn.data.text.vocabulary import SIZE
from graph2nn.experiments import preset
from graph2nn.layers.block.bf16_arithmetic import has_instruction
from graph2nn.tasks.translation import Translation
from graph2nn.training.acceleration import Acceleration, keep_memory
from graph2nn.training.optimiser import optimiser_of

WIDTH, LENGTH, BATCH, VOCABULARY = 128, 16, 64, SIZE
OPTIONS: dict[str, Any] = {
    "depth": 2,
    "heads": 4,
    "ratio": 2.0,
    "pre_norm": True,
    "dropout": 0.1,
    "aligned_heads": True,
}
#: Average degrees of the graphs of 64 nodes; p = 0.2.
DEGREES = (9, 20, 40)


def main() -> None:
    """Measure on each number of threads and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="a small batch, few rounds: is everything there?")
    parser.add_argument("--out", type=Path, help="folder of the result; --quick writes nowhere without it")
    options = parser.parse_args()
    keep_memory()
    result: dict[str, Any] = birth_certificate("bench_text", ("torch", "numba", "numpy"))
    result |= {"batch": 4 if options.quick else BATCH, "length": LENGTH, "width": WIDTH, "quick": options.quick}
    result["bf16_instructions"] = has_instruction()
    for threads in (1,) if options.quick else (1, 2):
        torch.set_num_threads(threads)
        machine = peak.machine(quick=options.quick)
        cases = contenders(result["batch"], degrees=DEGREES[:1] if options.quick else DEGREES)
        rows = compare(cases, 2 if options.quick else options.rounds, 1, machine["peak_gflops"])
        result[f"{threads} thread{'s' * (threads > 1)}"] = {"machine": machine, "steps": rows}
    write("text", result, options.out, quick=options.quick)


def contenders(batch: int, *, degrees: tuple[int, ...] = DEGREES) -> dict[str, Contender]:
    """Return training steps by name: dense, each graph by ``auto``, the sparsest also by masks.

    Args:
        batch: pairs of sentences.
        degrees: of the graphs.
    """
    wirings: dict[str, Wiring] = {"dense": Dense()}
    for degree in degrees:
        wirings[f"degree {degree}"] = Relational(ws_flex(64, degree, 0.2, 1))
    wirings[f"degree {degrees[0]}, masked"] = Relational(ws_flex(64, degrees[0], 0.2, 1), "masked")
    made = {}
    for name, wiring in wirings.items():
        for precision in ("float32", "bf16"):
            work, macs = step(wiring, batch, bf16=precision == "bf16")
            # Forward, and the gradients of inputs and of weights.
            gflop = 3 * 2e-9 * macs * batch
            made[f"{name}, {precision}"] = Contender(work, precision, gflop, dense=name == "dense")
    return made


def step(wiring: Wiring, batch: int, *, bf16: bool) -> tuple[Work, int]:
    """Return a training step of the translation model, and its multiply-adds on a pair.

    Args:
        wiring: dense or relational.
        batch: pairs of sentences.
        bf16: with ``--amp bf16``.
    """
    model, macs = translator(wiring)
    return step_of(model, Acceleration(amp="bf16" if bf16 else None).apply(model, "cpu"), batch), macs


def translator(wiring: Wiring) -> tuple[nn.Module, int]:
    """Return the translation model at the dense one's multiply-adds, and these on a pair."""
    torch.manual_seed(0)
    size = (2, LENGTH)
    matched = match("translator", wiring, widths=[WIDTH], num_classes=VOCABULARY, input_size=size, **OPTIONS)
    model = build_model("translator", wiring, matched.widths, VOCABULARY, input_size=size, **OPTIONS)
    return model.train(), matched.macs


def step_of(model: nn.Module, computed: nn.Module, batch: int) -> Work:
    """Return a training step on random pairs.

    Args:
        model: whose parameters are trained.
        computed: the same, as it is computed.
        batch: pairs of sentences.
    """
    recipe = preset("transformer-multi30k").recipe
    one_step = Acceleration().step(
        computed, optimiser_of(model, recipe), "cpu", loss=Translation().loss(recipe), clip=1.0
    )
    pairs = torch.randint(1, VOCABULARY, (batch, 2, LENGTH))
    targets = torch.randint(1, VOCABULARY, (batch, LENGTH))
    return lambda: one_step(pairs, targets)


if __name__ == "__main__":
    main()

"""Memory of training steps of ResNet-34: dense, relational by the block engine, relational by the mask.

    python -m benchmarks.bench_memory

Relational networks have the published best graph (density .144) at matched widths. Parameters and momentum are
counted; the peak is that of a fresh process from building the network to the end of its first step on two
images, or of its third on sixteen, less what the process had before: imports, and tiny layers of the same kind,
for the kernels that these compile or load.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.bench_layers import graph_of
from benchmarks.record import birth_certificate, write
from benchmarks.step_cases import RECIPE
from graph2nn.budget import match_widths
from graph2nn.models import architecture, build_model
from graph2nn.training.optimiser import sgd
from graph2nn.wiring import Dense, Relational

MODEL, DENSITY = "resnet34", ".144"
KINDS = ("dense", "masked", "block")
#: Images of a batch, and steps: the first alone, or enough that later ones add nothing.
CASES = ((2, 1), (16, 3))
MIB = 1 << 20


def network(kind: str) -> nn.Module:
    if kind == "dense":
        return build_model(MODEL, Dense())
    graph = graph_of(DENSITY)
    return build_model(
        MODEL, Relational(graph, engine="block" if kind == "block" else "masked"), match_widths(MODEL, graph)
    )


def peak() -> float:
    """Highest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1 << 10)


def train(kind: str, images: int, steps: int) -> dict[str, float]:
    """Build the network and train it for some steps, in this process; memory in MiB."""
    torch.set_num_threads(1)
    size = architecture(MODEL).input_size
    # What every process has: libraries, and machine code for this kind of layer.
    warm(kind)
    before = peak()
    model = network(kind)
    optimiser = sgd(model.parameters(), RECIPE)
    for _ in range(steps):
        labels = torch.randint(0, 1000, (images,))
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(images, *size)), labels).backward()
        optimiser.step()
    held: list[Tensor] = [*model.parameters()]
    held += [value for state in optimiser.state.values() for value in state.values() if torch.is_tensor(value)]
    stored = sum(tensor.numel() * tensor.element_size() for tensor in held)
    return {"parameters_and_momentum_mib": stored / MIB, "peak_mib": peak() - before}


def warm(kind: str) -> None:
    from graph2nn.layers import RelationalConv2d
    from graph2nn.layers.block import BlockConv2d
    from graph2nn.models.conv_parts import norm_relu

    graph = graph_of(DENSITY)
    for kernel, padding in ((3, 1), (1, 0)):
        layer: nn.Module
        if kind == "dense":
            layer = nn.Conv2d(64, 64, kernel, padding=padding)
        else:
            layer = (BlockConv2d if kind == "block" else RelationalConv2d)(
                graph, 64, 64, kernel, padding=padding
            )
        x = torch.randn(2, 64, 8, 8, requires_grad=True)
        norm_relu(layer, 64)(x).sum().backward()
        layer(x).sum().backward()
        sgd(layer.parameters(), RECIPE).step()


def fresh(kind: str, case: tuple[int, int]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_memory", "--one", kind, *map(str, case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compared(case: tuple[int, int], rounds: int) -> dict[str, Any]:
    """Networks of each kind in turns, in fresh processes: medians and the range of the peaks."""
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            runs[kind].append(fresh(kind, case))
    networks: dict[str, Any] = {}
    for kind, found in runs.items():
        networks[kind] = {name: round(statistics.median(run[name] for run in found), 1) for name in found[0]}
        peaks = [run["peak_mib"] for run in found]
        networks[kind]["peak_range_mib"] = [round(min(peaks), 1), round(max(peaks), 1)]
    return {"images": case[0], "steps": case[1], "networks": networks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--one", nargs=3, metavar=("KIND", "IMAGES", "STEPS"), help="measure this, and print it"
    )
    options = parser.parse_args()
    if options.one:
        kind, images, steps = options.one
        print(json.dumps(train(kind, int(images), int(steps))))
        return
    result = birth_certificate("bench_memory", ("torch", "numba", "numpy"))
    result |= {"model": MODEL, "density": DENSITY, "rounds": options.rounds}
    write("memory", result | {"cases": [compared(case, options.rounds) for case in CASES]})


if __name__ == "__main__":
    main()

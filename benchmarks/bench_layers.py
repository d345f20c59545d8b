"""Relational layers against dense layers of as many multiply-adds, by engine.

    python -m benchmarks.bench_layers

Per case one graph of 64 nodes: the published best one (density .144), WS-flex with p = 0.2 otherwise. The
dense layer is square with as many weights, a dense network the baseline whose budget is matched. All networks
take the fused optimiser's step, but for the masked one, which stands for the published technique. What has
images is also timed dense in torch's other memory layout, and the faster one is what the others are divided by.
Freed memory is kept for the next step, as trainings do. Contenders take turns, so that what else the machine
does falls on all of them; times are medians over the rounds, ratios medians of the ratios within a round, with
their quartiles.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.record import birth_certificate, write
from graph2nn.allocation import keep_memory
from graph2nn.budget import match_widths
from graph2nn.experiments import preset
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.layers import RelationalConv2d, RelationalLinear
from graph2nn.layers.block import BlockConv2d, BlockLinear
from graph2nn.models import architecture, build_model
from graph2nn.training.optimiser import sgd
from graph2nn.wiring import Relational

#: Degrees whose densities with self-reads are .144, .30 and .52, and the widths that match MLP-5 there.
DENSITIES = {".144": (8.2, 1522), ".30": (18.2, 993), ".52": (32.3, 753)}
#: Name: channels, kernel, stride, padding, side of the image, batch. With few images what a call costs shows.
CONVOLUTIONS = {
    "3×3, 338 channels at 28²": (338, 3, 1, 1, 28, 8),
    "3×3 stride 2, 338 channels at 28²": (338, 3, 2, 1, 28, 8),
    "1×1, 576 channels at 14²": (576, 1, 1, 0, 14, 128),
    "1×1, 576 channels at 14², few images": (576, 1, 1, 0, 14, 16),
}

#: Images of a step of an ImageNet network.
IMAGES = 4
RECIPE = preset("mlp-cifar10").recipe

Work = Callable[[], object]


def graph_of(density: str) -> RelationalGraph:
    """The published best graph, or a WS-flex one of another density."""
    best = preset("mlp-cifar10").best
    assert best is not None
    return best.build() if density == ".144" else ws_flex(64, DENSITIES[density][0], 0.2, 1)


def gradients(layer: nn.Module, x: Tensor) -> Work:
    """Forward and backward, both gradients."""
    x = x.detach().requires_grad_()
    gradient = torch.randn_like(layer(x))
    return lambda: torch.autograd.grad(layer(x), [x, *layer.parameters()], gradient)


def forward(layer: nn.Module, x: Tensor) -> Work:
    def run() -> None:
        with torch.no_grad():
            layer(x)

    return run


def step(
    model: nn.Module, size: tuple[int, ...], batch: int, *, plain: bool = False, last: bool = False
) -> Work:
    """A training step: forward, backward, Nesterov SGD; fused, or ``plain`` as the published code has it."""
    optimiser = sgd(model.parameters(), RECIPE)
    if plain:
        optimiser.param_groups[0]["fused"] = False
    x, y = torch.randn(batch, *size), torch.randint(0, 10, (batch,))
    x = x.to(memory_format=torch.channels_last) if last else x

    def run() -> None:
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()

    return run


def compare(contenders: dict[str, Work], rounds: int, repeats: int) -> dict[str, Any]:
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, work in contenders.items():
            begin = time.perf_counter()
            for _ in range(repeats):
                work()
            if turn:  # the first round warms up
                times[name].append((time.perf_counter() - begin) / repeats)
    dense = min((name for name in times if name.startswith("dense")), key=lambda n: statistics.median(times[n]))
    found = {}
    for name, values in times.items():
        ratios = sorted(v / d for v, d in zip(values, times[dense], strict=True))
        low, _, high = statistics.quantiles(ratios, n=4)
        found[name] = {
            "ms": round(1e3 * statistics.median(values), 3),
            "times_dense": round(statistics.median(ratios), 2),
            "quartiles": [round(low, 2), round(high, 2)],
        }
    return found


class SparseLinear(nn.Module):
    """torch's own sparse product (CSR), without the structure of blocks."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        weight = torch.randn(mask.shape) * mask
        self.weight = nn.Parameter(weight.to_sparse_csr())

    def forward(self, x: Tensor) -> Tensor:
        return torch.sparse.mm(self.weight, x.T).T


def linear_case(density: str) -> dict[str, tuple[nn.Module, Tensor]]:
    graph, width = graph_of(density), DENSITIES[density][1]
    block = BlockLinear(graph, width, width)
    side = round(block.weight.numel() ** 0.5)
    return {
        "dense": (nn.Linear(side, side, bias=False), torch.randn(128, side)),
        "masked": (RelationalLinear(graph, width, width), torch.randn(128, width)),
        "CSR": (SparseLinear(block.mask), torch.randn(128, width)),
        "block": (block, torch.randn(128, width)),
    }


def convolution_case(name: str) -> dict[str, tuple[nn.Module, Tensor]]:
    channels, kernel, stride, padding, size, batch = CONVOLUTIONS[name]
    graph, options = graph_of(".144"), {"stride": stride, "padding": padding, "bias": False}
    block = BlockConv2d(graph, channels, channels, kernel, **options)
    side = round((block.weight.numel() / kernel**2) ** 0.5)
    x, dense_x = (torch.randn(batch, c, size, size) for c in (channels, side))
    last = {"memory_format": torch.channels_last}
    return {
        "dense": (nn.Conv2d(side, side, kernel, **options), dense_x),
        "dense, channels last": (nn.Conv2d(side, side, kernel, **options).to(**last), dense_x.to(**last)),
        "masked": (RelationalConv2d(graph, channels, channels, kernel, **options), x),
        "block": (block, x),
    }


def steps(name: str, graph: RelationalGraph, batch: int) -> dict[str, Work]:
    """Training steps of a network at matched widths."""
    size, widths = architecture(name).input_size, match_widths(name, graph)
    works = {
        "dense": step(build_model(name), size, batch),
        "masked": step(build_model(name, Relational(graph, engine="masked"), widths), size, batch, plain=True),
        "block": step(build_model(name, Relational(graph, engine="block"), widths), size, batch),
    }
    if len(size) == 3 and size[1] > 32:
        model = build_model(name).to(memory_format=torch.channels_last)
        works["dense, channels last"] = step(model, size, batch, last=True)
    return works


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    keep_memory()
    result = birth_certificate("bench_layers", ("torch", "numba", "numpy"))
    result |= {"rounds": options.rounds}
    for threads in options.threads:
        torch.set_num_threads(threads)
        tables: dict[str, Any] = {}
        for density in DENSITIES:
            case = linear_case(density)
            name = f"linear, density {density}, width {DENSITIES[density][1]}, batch 128"
            for kind, make in (("forward", forward), ("forward + backward", gradients)):
                works = {contender: make(*given) for contender, given in case.items()}
                tables[f"{name}, {kind}"] = compare(works, options.rounds, 10)
            tables[f"MLP-5 training step, density {density}"] = compare(
                steps("mlp5", graph_of(density), 128), options.rounds, 5
            )
        for name in CONVOLUTIONS:
            case = convolution_case(name)
            for kind, make in (("forward", forward), ("forward + backward", gradients)):
                works = {contender: make(*given) for contender, given in case.items()}
                tables[f"{name}, density .144, {kind}"] = compare(works, options.rounds, 1)
        for name in ("resnet34-sep", "resnet34"):
            works = steps(name, graph_of(".144"), IMAGES)
            tables[f"{name} training step, density .144, batch {IMAGES}"] = compare(works, 5, 1)
        result[f"{threads} thread{'s' * (threads > 1)}"] = tables
    write("layers", result)


if __name__ == "__main__":
    main()

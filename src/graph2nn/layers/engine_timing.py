"""Measurement of the engines on this machine: the table that ``engine="auto"`` uses."""

from __future__ import annotations

import datetime
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.layers.block import BlockConv2d, BlockLinear
from graph2nn.layers.edge import EdgeLinear
from graph2nn.layers.engines import EngineTable, Kind, Point
from graph2nn.layers.masked import RelationalConv2d, RelationalLinear

#: Square layers, by kind: widths, and the batch and the side of the image they are measured on.
WIDTHS: dict[Kind, tuple[int, ...]] = {
    "linear": (32, 64, 128, 160, 192, 224, 256, 320, 384, 512, 768, 1024, 1536),
    "conv1x1": (16, 24, 32, 64, 128, 256, 512),
    "conv3x3": (16, 24, 32, 48, 64, 128, 256, 384),
    "edge": (64, 256, 1024, 2048),
}
DENSITIES = (0.07, 0.14, 0.25, 0.4, 0.6, 1.0)
#: Graphs have 64 nodes. More of them make smaller blocks, which are slower; in wide layers it hardly matters,
#: and the others are measured up to this width.
OTHER_NODES: dict[Kind, tuple[int, ...]] = {"linear": (16, 32, 256), "conv1x1": (16, 32), "conv3x3": (16, 32)}
WIDEST: dict[Kind, int] = {"linear": 512, "conv1x1": 128, "conv3x3": 128}
#: Of layers with one feature per node.
EDGE_DENSITIES = (0.005, 0.02, 0.07, 0.2, 0.5)
BATCH = 128
#: Rows of a linear layer: samples of a batch, tokens of a batch of texts. A layer is not told which it gets.
ROWS = (BATCH, 1024)
#: Number and side of the images of a convolution, for the same reason; the larger ones in narrow layers alone:
#: in wide ones they take long and differ little.
IMAGES, SIDES, NARROW = (8, 32), (14, 32), 64
#: Seconds from which a call is timed once per round.
LONG = 0.01


class Case(NamedTuple):
    """What is measured at a time."""

    kind: Kind
    width: int
    density: float
    nodes: int


def cases() -> list[Case]:
    """List what is measured: nodes are at most as many as features, and as many for the edge engine."""
    listed = []
    for kind, widths in WIDTHS.items():
        for width in widths:
            densities = EDGE_DENSITIES if kind == "edge" else DENSITIES
            others = OTHER_NODES[kind] if kind != "edge" and width <= WIDEST[kind] else ()
            nodes = [width] if kind == "edge" else [n for n in (64, *others) if n <= width]
            listed += [Case(kind, width, density, n) for n in nodes for density in densities]
    return listed


def measure(rounds: int = 5, *, on_case: Callable[[], None] | None = None) -> EngineTable:
    """Time forward and backward of both engines in turn, on the CPU, with torch's present number of threads.

    Args:
        rounds: repetitions; the speed-up of a case is the median over them.
        on_case: called after each case.
    """
    points = []
    for case in cases():
        points.append(_measure(case, rounds))
        if on_case:
            on_case()
    about = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch": {
            "linear": ROWS,
            "convolutions": [[n, side, side] for n, side in zip(IMAGES, SIDES, strict=True)],
        },
        "rounds": rounds,
    }
    return EngineTable(tuple(points), about)


def _measure_edge(width: int, density: float, rounds: int) -> Point:
    """Time layers of one feature per node on a random directed graph: masked, block and edge in turn."""
    numbers = np.random.default_rng(1)
    on = numbers.random((width, width)) < density
    np.fill_diagonal(on, False)
    graph = RelationalGraph(on, directed=True)
    trio: list[nn.Module] = [
        layer(graph, width, width) for layer in (RelationalLinear, BlockLinear, EdgeLinear)
    ]
    times = _times(trio, torch.randn(BATCH, width), rounds)
    ratios = [min(masked, block) / edge for masked, block, edge in times]
    return Point("edge", width, round(graph.density, 4), round(statistics.median(ratios), 3), width)


def _measure(case: Case, rounds: int) -> Point:
    kind, width, density, n = case
    if kind == "edge":
        return _measure_edge(width, density, rounds)
    graph = ws_flex(n, min(float(n), max(2.0, density * n - 1)), 0.2, 1)
    sizes = list(zip(IMAGES, SIDES, strict=True))[: 1 + (width <= NARROW)]
    inputs = [torch.randn(images, width, side, side) for images, side in sizes]
    if kind == "linear":
        pair: list[nn.Module] = [RelationalLinear(graph, width, width), BlockLinear(graph, width, width)]
        inputs = [torch.randn(rows, width) for rows in ROWS]
    else:
        side = 1 if kind == "conv1x1" else 3
        pair = [
            layer(graph, width, width, side, padding=side // 2) for layer in (RelationalConv2d, BlockConv2d)
        ]
    layer = pair[0]
    assert isinstance(layer, RelationalLinear | RelationalConv2d)
    speedups = [statistics.median(masked / block for masked, block in _times(pair, x, rounds)) for x in inputs]
    return Point(kind, width, round(layer.density(), 4), round(statistics.geometric_mean(speedups), 3), n)


def _times(pair: list[nn.Module], x: Tensor, rounds: int) -> Iterator[list[float]]:
    x = x.requires_grad_()
    gradient = torch.randn_like(pair[0](x))

    def seconds(layer: nn.Module) -> float:
        begin = time.perf_counter()
        torch.autograd.grad(layer(x), [x, *layer.parameters()], gradient)
        return time.perf_counter() - begin

    for layer in pair:
        seconds(layer)  # compiles and warms up
    # Short layers are timed several times, or the clock's own noise would decide.
    repeats = 3 if max(seconds(layer) for layer in pair) < LONG else 1
    for _ in range(rounds):
        yield [min(seconds(layer) for _ in range(repeats)) for layer in pair]

"""Which engine computes a relational layer: chosen from ratios that ``graph2nn bench engines`` measures."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from graph2nn.errors import UserError
from graph2nn.files import cache_root

if TYPE_CHECKING:
    from graph2nn.layers.masked import RelationalConv2d, RelationalLinear

Engine = Literal["auto", "masked", "masked-in-place", "block", "edge", "triton"]
Chosen = Literal["masked", "masked-in-place", "block", "edge", "triton"]
#: ``"edge"``: linear layers with one feature per node, timed against the faster of masked and block.
Kind = Literal["linear", "conv1x1", "conv3x3", "edge"]

#: The block engine must be this much faster to be chosen: below that, copies in and out decide.
MARGIN = 1.1
#: In networks of our own a convolution of that engine takes over the rows of the one before, and its batch norm
#: with it: whole ResNets, MobileNets and VGGs took as long as masked ones where single layers took 1.2 times.
MARGIN_IN_NETWORKS = 0.8
FILE = "engines.json"


class Point(NamedTuple):
    """One measurement: forward and backward of a square layer, masked time divided by block time.

    Of kind ``"edge"``: the shorter of these two, divided by the edge engine's time. The nodes are those of the
    graph: blocks of three features are slower than blocks of eight.
    """

    kind: Kind
    width: int
    density: float
    speedup: float
    nodes: int = 64


@dataclass(frozen=True)
class EngineTable:
    """Measured ratios, and where and when they were measured."""

    points: tuple[Point, ...]
    about: dict[str, Any]

    def speedup(self, kind: Kind, width: float, density: float, nodes: int = 64) -> float:
        """Return how many times faster the block engine was, interpolated between the measured layers.

        For the kind ``"edge"`` it is the edge engine, and a table without it (an older one) says 0.

        Among the layers on graphs of about as many nodes (all for ``"edge"``), logarithms are interpolated over
        the density and then over the width; beyond the outermost measurements these count. Layers narrower than
        any that was measured count as 0: what a call costs decides there.

        Args:
            kind: of layer.
            width: features of the layer.
            density: share of the weights in use.
            nodes: of the graph.

        Returns:
            A ratio; 0 where the masked engine is to be taken.
        """
        points = [point for point in self.points if point.kind == kind]
        if kind != "edge" and points:
            near = min({point.nodes for point in points}, key=lambda n: (abs(math.log(n / nodes)), -n))
            points = [point for point in points if point.nodes == near]
        widths = sorted({point.width for point in points})
        if not points or width < widths[0]:
            return 0.0
        at_width = []
        for measured in widths:
            row = sorted((p.density, p.speedup) for p in points if p.width == measured)
            densities, speedups = np.log(np.array(row).T)
            at_width.append(np.interp(math.log(density), densities, speedups))
        return float(np.exp(np.interp(math.log(width), np.log(widths), at_width)))


def choose(
    engine: Engine,
    kind: Kind,
    in_features: int,
    out_features: int,
    density: float,
    *,
    nodes: int | None = None,
    in_network: bool = False,
) -> Chosen:
    """Return the engine of a layer: the one asked for, or for ``"auto"`` the one that was measured faster.

    Args:
        engine: ``"auto"`` takes the block engine where the table says that it pays, on the CPU; layers made on
            another device (``with torch.device("cuda")``) are masked. ``"triton"`` and ``"edge"`` have linear
            layers only, so their convolutions are masked; ``"auto"`` never takes ``"triton"``, which was not
            measured.
        kind: of layer; larger kernels count as 3×3.
        in_features: before the layer.
        out_features: after it.
        density: share of the weights in use.
        nodes: of the graph; None for 64. A linear layer with one feature per node is computed by the edge
            engine where the table says that it pays.
        in_network: the layer is built into a network of ours, between layers that are chosen in the same way.

    Returns:
        The engine.
    """
    if engine in ("triton", "edge") and kind != "linear":
        return "masked"
    if engine != "auto":
        return engine
    import torch

    if torch.get_default_device().type not in ("cpu", "meta"):
        return "masked"
    width = math.sqrt(in_features * out_features)
    single = kind == "linear" and nodes == in_features == out_features
    if single and table().speedup("edge", width, density) >= MARGIN:
        return "edge"
    faster = table().speedup(kind, width, density, nodes or 64)
    margin = MARGIN_IN_NETWORKS if in_network and kind != "linear" else MARGIN
    return "block" if faster >= margin else "masked"


def linear_class(engine: Chosen) -> type[RelationalLinear]:
    """Return the class of linear layers of an engine; what it needs is imported now."""
    if engine == "block":
        from graph2nn.layers.block import BlockLinear

        return BlockLinear
    if engine == "edge":
        from graph2nn.layers.edge import EdgeLinear

        return EdgeLinear
    if engine == "triton":
        from graph2nn.layers.triton import TritonLinear

        return TritonLinear
    if engine == "masked-in-place":
        from graph2nn.layers.in_place import InPlaceLinear

        return InPlaceLinear
    from graph2nn.layers.masked import RelationalLinear

    return RelationalLinear


def conv2d_class(engine: Chosen) -> type[RelationalConv2d]:
    """Return the class of convolutions of an engine that has them, see :func:`choose`."""
    if engine == "block":
        from graph2nn.layers.block import BlockConv2d

        return BlockConv2d
    if engine == "masked-in-place":
        from graph2nn.layers.in_place import InPlaceConv2d

        return InPlaceConv2d
    from graph2nn.layers.masked import RelationalConv2d

    return RelationalConv2d


@lru_cache(maxsize=1)
def table() -> EngineTable:
    """Return the table of this machine if ``graph2nn bench engines`` has made one, else the one shipped.

    Raises:
        UserError: the machine's own table is damaged.
    """
    file = own_file()
    if file.is_file():
        return parse(file.read_text(encoding="utf-8"), str(file))
    return parse((files("graph2nn.layers") / FILE).read_text(encoding="utf-8"), FILE)


def own_file() -> Path:
    """Where the table of this machine is kept."""
    return cache_root(None) / FILE


def parse(text: str, where: str) -> EngineTable:
    """Read a table written by :func:`dump`.

    Raises:
        UserError: it is damaged.
    """
    try:
        tree = json.loads(text)
        points = tuple(
            Point(p["kind"], int(p["width"]), float(p["density"]), float(p["speedup"]), int(p.get("nodes", 64)))
            for p in tree["points"]
        )
        kinds = {point.kind for point in points}
        if not kinds >= {"linear", "conv1x1", "conv3x3"}:
            raise ValueError("a kind of layer is missing")
        return EngineTable(points, tree["about"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"engines: {where} is damaged ({error}); delete it, or remake it with graph2nn bench engines."
        ) from None


def dump(measured: EngineTable) -> str:
    """Return a table as JSON."""
    points = [point._asdict() for point in measured.points]
    return json.dumps({"about": measured.about, "points": points}, indent=1) + "\n"

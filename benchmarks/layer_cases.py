"""Single layers to time: dense in every form, masked, CSR, block; what each computes and must move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.dense_forms import Autocast, image_forms, image_input, linear_forms, precision_of
from benchmarks.timing import Contender, Work
from graph2nn.graphs import RelationalGraph
from graph2nn.layers import RelationalConv2d, RelationalLinear
from graph2nn.layers.block import BlockConv2d, BlockLinear

#: Degrees whose densities with self-reads are .144, .30 and .52, and the widths that match MLP-5 there.
DENSITIES = {".144": (8.2, 1522), ".30": (18.2, 993), ".52": (32.3, 753)}


@dataclass(frozen=True)
class Convolution:
    """A square convolution, and the batch it gets."""

    channels: int
    kernel: int
    stride: int
    padding: int
    side: int
    batch: int

    def small(self) -> Convolution:
        """Return the same kind of convolution in milliseconds."""
        return replace(self, channels=64, side=8, batch=2)

    def out_side(self) -> int:
        """Side of the image that comes out."""
        return (self.side + 2 * self.padding - self.kernel) // self.stride + 1


#: With few images the cost of a call shows.
CONVOLUTIONS = {
    "3×3, 338 channels at 28²": Convolution(338, 3, 1, 1, 28, 8),
    "3×3 stride 2, 338 channels at 28²": Convolution(338, 3, 2, 1, 28, 8),
    "1×1, 576 channels at 14²": Convolution(576, 1, 1, 0, 14, 128),
    "1×1, 576 channels at 14², few images": Convolution(576, 1, 1, 0, 14, 16),
}


@dataclass(frozen=True)
class Size:
    """What a layer's call counts: values in and out of the whole batch, weights in use, output positions."""

    inputs: int
    outputs: int
    weights: int
    positions: int

    def gflop(self, kind: str) -> float:
        """Useful operations of one call; forward + backward is three products."""
        return 2e-9 * self.weights * self.positions * (1 if kind == "forward" else 3)

    def mbyte(self, kind: str, precision: str) -> float:
        """Least memory traffic: each operand of each product read once, each result written once."""
        values = self.inputs + self.outputs + self.weights
        return 1e-6 * values * (1 if kind == "forward" else 3) * (2 if precision == "bf16" else 4)


@dataclass(frozen=True)
class Case:
    """Layers of equal multiply-adds by contender's name, each with its input and what it counts."""

    layers: dict[str, tuple[nn.Module, Tensor, Size]]

    def contenders(self, kind: str) -> dict[str, Contender]:
        """Return what to time: ``kind`` is ``"forward"`` or ``"forward + backward"``."""
        work: Callable[[nn.Module, Tensor], Work] = forward if kind == "forward" else gradients
        found = {}
        for name, (layer, x, size) in self.layers.items():
            precision = precision_of(name)
            found[name] = Contender(
                work(layer, x),
                precision,
                size.gflop(kind),
                size.mbyte(kind, precision),
                dense=name.startswith("dense"),
            )
        return found


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


class SparseLinear(nn.Module):
    """torch's own sparse product (CSR), without the structure of blocks."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        weight = torch.randn(mask.shape) * mask
        self.weight = nn.Parameter(weight.to_sparse_csr())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.sparse.mm(self.weight, x.T).T
        return y


def linear_case(graph: RelationalGraph, width: int, batch: int, precisions: tuple[str, ...]) -> Case:
    """Return square linear layers of equal multiply-adds."""
    relational = RelationalLinear(graph, width, width)
    on = relational.weights_in_use()
    side = round(on**0.5)
    x, dense_x = torch.randn(batch, width), torch.randn(batch, side)
    dense_size = Size(dense_x.numel(), dense_x.numel(), side * side, batch)
    size = Size(x.numel(), x.numel(), on, batch)
    dense = linear_forms(nn.Linear(side, side, bias=False), precisions)
    layers = {name: (form, cast(dense_x, name), dense_size) for name, form in dense.items()}
    if "float32" in precisions:
        layers["masked"] = (relational, x, size)
        layers["CSR"] = (SparseLinear(relational.mask), x, size)
        layers["block"] = (BlockLinear(graph, width, width), x, size)
    if "bf16" in precisions:
        layers["block, bf16"] = (Autocast(BlockLinear(graph, width, width)), cast(x, "bf16"), size)
    return Case(layers)


def convolution_case(graph: RelationalGraph, shape: Convolution, precisions: tuple[str, ...]) -> Case:
    """Return square convolutions of equal multiply-adds."""
    channels, kernel = shape.channels, shape.kernel
    options: dict[str, Any] = {"stride": shape.stride, "padding": shape.padding, "bias": False}
    relational = RelationalConv2d(graph, channels, channels, kernel, **options)
    on = relational.weights_in_use()
    side = round((on / kernel**2) ** 0.5)
    x, dense_x = (torch.randn(shape.batch, c, shape.side, shape.side) for c in (channels, side))
    pixels = shape.batch * shape.out_side() ** 2
    dense_size = Size(dense_x.numel(), side * pixels, side * side * kernel**2, pixels)
    size = Size(x.numel(), channels * pixels, on, pixels)
    dense = image_forms(nn.Conv2d(side, side, kernel, **options), precisions)
    layers = {name: (form, image_input(cast(dense_x, name), name), dense_size) for name, form in dense.items()}
    if "float32" in precisions:
        layers["masked"] = (relational, x, size)
        layers["block"] = (BlockConv2d(graph, channels, channels, kernel, **options), x, size)
    if "bf16" in precisions:
        block = BlockConv2d(graph, channels, channels, kernel, **options)
        layers["block, bf16"] = (Autocast(block), cast(x, "bf16"), size)
    return Case(layers)


def cast(x: Tensor, name: str) -> Tensor:
    """Return activations in the precision that a contender's name ends with."""
    return x.bfloat16() if precision_of(name) == "bf16" else x

"""The masked engine: weight × mask in every forward. Slow where the mask is empty, and always right.

This is the published technique and the oracle of every faster engine: gradients outside the mask are zero
because the product says so, on any device, under ``torch.compile`` and under ``functional_call``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.partition import mask


class RelationalLinear(nn.Module):
    """Linear layer whose weight follows a graph (paper, section 3.2).

    Shapes: ``[…, in_features]`` to ``[…, out_features]``; ``weight`` and the buffer ``mask`` (bool, part of
    ``state_dict``) are ``[out_features, in_features]``.

    Args:
        graph: node i of the output reads node j of the input where the graph has the edge, or i = j.
        in_features: features before the layer, at least ``graph.n``.
        out_features: features after it, at least ``graph.n``.
        bias: add a learnt bias ``[out_features]``.
        device: where the parameters are made.
        dtype: of the parameters.

    Raises:
        UserError: a width smaller than the number of nodes.
    """

    mask: Tensor

    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        *,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.graph = graph
        on = torch.from_numpy(mask(graph, in_features, out_features)).to(device)
        self.register_buffer("mask", on)
        self.weight = nn.Parameter(torch.empty(on.shape, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights anew: N(0, 0.01) on the mask, zero off it and in the bias."""
        nn.init.normal_(self.weight, std=0.01, generator=generator)
        _finish(self.weight, self.mask, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[…, in_features]`` to ``[…, out_features]``."""
        return F.linear(x, self.weight * self.mask, self.bias)

    def extra_repr(self) -> str:
        """Graph, density, widths and engine, for ``print(model)``."""
        return f"{self.in_features} → {self.out_features}, {describe(self.graph, self.mask)}"


class RelationalConv2d(nn.Module):
    """2-d convolution whose channels follow a graph (paper, section 3.2).

    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``; ``weight`` is
    ``[out, in, kernel, kernel]``, the buffer ``mask`` (bool, part of ``state_dict``) ``[out, in, 1, 1]``.

    Args:
        graph: as for :class:`RelationalLinear`.
        in_channels: channels before the layer, at least ``graph.n``.
        out_channels: channels after it, at least ``graph.n``.
        kernel_size: side of the square kernel.
        stride: step of the kernel.
        padding: zeros added on each side.
        bias: add a learnt bias ``[out_channels]``.
        device: where the parameters are made.
        dtype: of the parameters.

    Raises:
        UserError: a width smaller than the number of nodes.
    """

    mask: Tensor

    def __init__(
        self,
        graph: RelationalGraph,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = (kernel_size, kernel_size)
        self.stride = stride
        self.padding = padding
        self.graph = graph
        on = torch.from_numpy(mask(graph, in_channels, out_channels)).to(device)[:, :, None, None]
        self.register_buffer("mask", on)
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights anew: N(0, √(2/(k²·out·density))) on the mask, zero off it and in the bias."""
        density = float(self.mask.sum()) / self.mask.numel()
        fan_out = self.kernel_size[0] * self.kernel_size[1] * self.out_channels * density
        nn.init.normal_(self.weight, std=(2.0 / fan_out) ** 0.5, generator=generator)
        _finish(self.weight, self.mask, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``."""
        return F.conv2d(x, self.weight * self.mask, self.bias, self.stride, self.padding)

    def extra_repr(self) -> str:
        """Graph, density, widths, kernel and engine, for ``print(model)``."""
        kernel = "×".join(map(str, self.kernel_size))
        shape = f"{self.in_channels} → {self.out_channels}, {kernel}, stride {self.stride}"
        return f"{shape}, {describe(self.graph, self.mask)}"


def describe(graph: RelationalGraph, on: Tensor) -> str:
    """The part of a layer's ``repr`` that tells its wiring."""
    density = "?" if on.is_meta else f"{float(on.sum()) / on.numel():.4f}"
    return f"graph={graph.name} (n={graph.n}), density={density}, engine=masked"


@torch.no_grad()
def _finish(weight: Tensor, on: Tensor, bias: Tensor | None) -> None:
    weight.mul_(on)
    if bias is not None:
        bias.zero_()

"""Relational convolution of the block engine."""

from __future__ import annotations

import torch
from torch import Tensor

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.compact import Compact
from graph2nn.layers.masked import RelationalConv2d


class BlockConv2d(Compact, RelationalConv2d):
    """The function of a :class:`RelationalConv2d`, computed on its blocks alone, at any density.

    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``, as the masked layer; ``weight``
    is flat, see :class:`Compact` for what that means to checkpoints, devices and derivatives.

    Args:
        graph: as for :class:`RelationalConv2d`; directed graphs and nodes that read only themselves too.
        in_channels: channels before the layer, at least ``graph.n``.
        out_channels: channels after it, at least ``graph.n``.
        kernel_size: side of the square kernel.
        stride: step of the kernel.
        padding: zeros added on each side.
        bias: add a learnt bias ``[out_channels]``.
        symmetric: not available here.
        device: where the parameters are made; the kernels compute on the CPU.
        dtype: of the parameters; the kernels take float32 and float64.

    Raises:
        UserError: a width smaller than the number of nodes, or symmetric weights.
    """

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
        symmetric: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.refuse(symmetric)
        # Weights are drawn, which takes their shape, before the masked layer comes to set this.
        self.kernel_size = (kernel_size, kernel_size)
        super().__init__(
            graph, in_channels, out_channels, kernel_size,
            stride=stride, padding=padding, bias=bias, device=device, dtype=dtype,
        )  # fmt: skip
        self.make_compact()

    @property
    def kernel(self) -> tuple[int, ...]:
        """``[k, k]``."""
        return self.kernel_size

    def standard_deviation(self) -> float:
        """√(2 / (k²·out·density)), as published."""
        out, _, *kernel = self.shape
        return float((2.0 / (kernel[0] * kernel[1] * out * self.density())) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``."""
        fits = x.ndim == 4 and x.shape[1] == self.in_channels
        fits = fits and min(x.shape[2:]) + 2 * self.padding >= self.kernel_size[0]
        if not fits or not self.computes(x):
            return super().forward(x)
        y = self.multiply(x)
        return self.rounded(y if self.bias is None else y + self.bias[:, None, None], x)

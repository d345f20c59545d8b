"""Relational convolution of the block engine."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.compact import Compact
from graph2nn.layers.block.conv_norm import convolve_normed
from graph2nn.layers.block.geometry import geometry
from graph2nn.layers.block.product import supported
from graph2nn.layers.masked import Init, RelationalConv2d, Symmetric


class BlockConv2d(Compact, RelationalConv2d):
    """The function of a :class:`RelationalConv2d`, computed on its blocks alone, at any density.

    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``, as the masked layer; ``weight``
    is stored compactly, see :class:`Compact` for what that means to checkpoints, devices and derivatives.

    Args:
        graph: as for :class:`RelationalConv2d`; directed graphs and nodes that read only themselves too.
        in_channels: channels before the layer, at least ``graph.n``.
        out_channels: channels after it, at least ``graph.n``.
        kernel_size: side of the square kernel.
        stride: step of the kernel.
        padding: zeros added on each side.
        bias: add a learnt bias ``[out_channels]``.
        symmetric: not available here.
        init: as for the masked layer.
        device: where the parameters are made; the kernels compute on the CPU.
        dtype: of the parameters; the kernels take float32 and float64.

    Raises:
        UserError: a width smaller than the number of nodes, symmetric weights, or ``init="weights"``
            for a graph without weights.

    Example:
        >>> import torch
        >>> from graph2nn import ws_flex
        >>> layer = BlockConv2d(ws_flex(16, 4, 0.1, seed=1), 16, 32, kernel_size=3, padding=1)
        >>> layer(torch.zeros(2, 16, 8, 8)).shape
        torch.Size([2, 32, 8, 8])
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
        symmetric: Symmetric = False,
        init: Init = "published",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.refuse(symmetric)
        # Weights are drawn, which takes their shape, before the masked layer comes to set this.
        self.kernel_size = (kernel_size, kernel_size)
        super().__init__(
            graph, in_channels, out_channels, kernel_size,
            stride=stride, padding=padding, bias=bias, init=init, device=device, dtype=dtype,
        )  # fmt: skip

    @property
    def kernel(self) -> tuple[int, ...]:
        """``[k, k]``."""
        return self.kernel_size

    def standard_deviation(self) -> float:
        """√(2 / (k²·out·density)), as published."""
        out, _, *kernel = self.shape
        return float((2.0 / (kernel[0] * kernel[1] * out * self.density())) ** 0.5)

    def compute(self, x: Tensor) -> Tensor:
        """Compute ``forward`` by the kernels where they can."""
        if not self._fits(x) or not self.computes(x):
            return super().compute(x)
        y = self.multiply(x)
        return self.rounded(y if self.bias is None else y + self.bias[:, None, None], x)

    def _fits(self, x: Tensor) -> bool:
        fits = x.ndim == 4 and x.shape[1] == self.in_channels
        return fits and min(x.shape[2:]) + 2 * self.padding >= self.kernel_size[0]

    def normed_relu(self, x: Tensor, norm: nn.BatchNorm2d) -> Tensor | None:
        """Return what ``norm`` in training and ReLU make of this layer; None where that takes them one by one.

        Args:
            x: ``[batch, in_channels, H, W]``.
            norm: batch norm of the outputs; its running averages move.
        """
        return self.normed(x, norm, relu=True)

    def normed(self, x: Tensor, norm: nn.BatchNorm2d, *, relu: bool = False) -> Tensor | None:
        """Return what ``norm`` in training makes of this layer; None where that takes them one by one.

        Args:
            x: ``[batch, in_channels, H, W]``.
            norm: batch norm of the outputs; its running averages move.
            relu: whether ReLU follows.

        Returns:
            ``[batch, out_channels, H′, W′]``, or None.
        """
        numbers = [norm.weight, norm.bias, norm.running_mean, norm.running_var]
        used = [number for number in numbers if number is not None]
        if self.bias is not None or not norm.training or not norm.track_running_stats:
            return None
        if not isinstance(norm, nn.BatchNorm2d) or not self._fits(x) or norm.num_features != self.out_channels:
            return None
        if len(used) < len(numbers) or not supported(x, self.weight, *used):
            return None
        images, _, height, width = x.shape
        g = geometry(
            self.blocks, self.kernel_size[0], self.stride, self.padding, images, height, width, x.element_size()
        )
        # A single number has no variance, as torch says; samples of one pixel are laid out as rows.
        if g.rowwise or images * g.out_height * g.out_width < 2:
            return None
        return convolve_normed(x, self.weight, norm, g, relu=relu)

"""Depthwise convolutions of our own models: torch's, by kernels where these are faster."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.layers.dense import plain_tensors

#: Pixels of an output from which the kernels are faster than torch: what a plane costs is spread over them.
PIXELS = 100


class DepthwiseConv2d(nn.Conv2d):
    """A convolution of each channel by itself: ``nn.Conv2d`` with as many groups as channels, and no bias.

    Shapes: ``[N, channels, H, W]`` to ``[N, channels, H′, W′]``; ``weight`` is ``[channels, 1, k, k]``. The
    padding keeps the size where the stride is 1. Results are those of ``nn.Conv2d`` to rounding. Contiguous
    float32 and float64 on the CPU are computed by kernels, plane by plane; other devices and layouts, small
    images, autocast, ``torch.compile``, tracing and ``torch.func`` by torch.

    Args:
        channels: before and after.
        kernel_size: odd side of the kernel.
        stride: step of the kernel.

    Example:
        >>> DepthwiseConv2d(8, 3, stride=2)(torch.zeros(2, 8, 28, 28)).shape
        torch.Size([2, 8, 14, 14])
    """

    def __init__(self, channels: int, kernel_size: int, *, stride: int = 1) -> None:
        super().__init__(
            channels,
            channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            groups=channels,
            bias=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, channels, H, W]`` to ``[N, channels, H′, W′]``."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        else:  # noqa: RET505 - a scripted layer compiles what follows a return
            return self._compute(x)

    def _compute(self, x: Tensor) -> Tensor:
        if not self._fits(x):
            return super().forward(x)
        from graph2nn.layers.block.depthwise_planes import convolve

        return convolve(x, self.weight, self.stride[0], self.kernel_size[0] // 2)

    def _fits(self, x: Tensor) -> bool:
        # First of all, as a proxy of torch.fx answers no question.
        if type(x) is not Tensor or torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return False
        if x.ndim != 4 or x.shape[1] != self.in_channels or not len(x):
            return False
        height, width = ((side - 1) // self.stride[0] + 1 for side in x.shape[2:])
        large = self.kernel_size[0] > 1 and height * width >= PIXELS
        return large and x.is_contiguous() and self.weight.is_contiguous() and plain_tensors(x, self.weight)

"""Max-pooling of our own models: torch's, by kernels where these are faster."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.layers.dense import plain_tensors

#: Pixels of an output from which the kernels are faster than torch: what a plane costs is spread over them.
PIXELS = 16


class MaxPool2d(nn.MaxPool2d):
    """``nn.MaxPool2d`` with square windows, faster on contiguous images.

    Shapes: ``[N, C, H, W]`` to ``[N, C, H′, W′]``. Results and gradients are those of ``nn.MaxPool2d``.
    Contiguous float32 and float64 on the CPU are computed by kernels, plane by plane; other devices and
    layouts, small images, autocast, ``torch.compile``, tracing and ``torch.func`` by torch.

    Args:
        kernel_size: side of the window.
        stride: step of the window; the window's side if None.
        padding: on each side, at most half of the window.

    Example:
        >>> MaxPool2d(3, stride=2, padding=1)(torch.zeros(2, 8, 28, 28)).shape
        torch.Size([2, 8, 14, 14])
    """

    kernel_size: int
    stride: int
    padding: int

    def __init__(self, kernel_size: int, *, stride: int | None = None, padding: int = 0) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Map ``[N, C, H, W]`` to ``[N, C, H′, W′]``."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return F.max_pool2d(input, self.kernel_size, self.stride, self.padding)
        else:  # noqa: RET505 - a scripted layer compiles what follows a return
            return self._compute(input)

    def _compute(self, x: Tensor) -> Tensor:
        if not self._fits(x):
            pooled: Tensor = super().forward(x)
            return pooled
        from graph2nn.layers.block.pool_planes import pool

        return pool(x, self.kernel_size, self.stride, self.padding)

    def _fits(self, x: Tensor) -> bool:
        # First of all, as a proxy of torch.fx answers no question.
        if type(x) is not Tensor or torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return False
        from graph2nn.layers.block.pool_planes import LARGEST_KERNEL

        if not max(2, 2 * self.padding) <= self.kernel_size <= LARGEST_KERNEL:
            return False
        if x.ndim != 4 or not x.numel() or not x.is_contiguous() or not plain_tensors(x):
            return False
        height, width = (
            (side + 2 * self.padding - self.kernel_size) // self.stride + 1 for side in x.shape[2:]
        )
        return min(height, width) > 0 and height * width >= PIXELS

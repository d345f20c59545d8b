"""Weights of ``nn.Linear`` and ``nn.Conv2d`` stored and multiplied by the block engine."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.autocast import autocast_type
from graph2nn.layers.block.compact import Compact
from graph2nn.layers.block.operator import graph_as_text
from graph2nn.layers.block.product import supported
from graph2nn.layers.compact_weight import (
    CompactMask,
    linear_fits,
    may_be_compact,
    store_compactly,
    weight_in_use,
)
from graph2nn.layers.weight_layout import Layout
from graph2nn.layers.weight_mask import WeightMask


class BlockMask(CompactMask, Compact):
    """Parametrisation of a weight whose blocks alone are stored.

    Args:
        graph: what the mask was made from.
        mask: bool ``[out, in]`` or ``[out, in, 1, 1]``.
        layout: of the weight; one part, outputs first.
        scale: as for :class:`WeightMask`.
        off: as for :class:`WeightMask`.
        stride: of the convolution.
        padding: of the convolution.
    """

    engine = "block"

    def __init__(
        self,
        graph: RelationalGraph,
        mask: Tensor,
        layout: Layout,
        *,
        scale: float = 1.0,
        off: Tensor | None = None,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        super().__init__(graph, mask, layout, scale=scale, off=off)
        # Kept, as compilers do not trace how they are made.
        self.graph_text = graph_as_text(graph)
        self.stored_shape = self._stored_shape
        self.stride = stride
        self.padding = padding

    @property
    def kernel(self) -> tuple[int, ...]:
        """Shape of the kernel; none in a linear layer."""
        assert self.layout is not None
        return self.layout.kernel

    def __prepare_scriptable__(self) -> BlockMask:
        """Return the mask: a scripted module holds its weight, and never looks in here."""
        return self

    def linear(self, x: Tensor, stored: Tensor, bias: Tensor | None) -> Tensor | None:
        """Compute a linear layer by the kernels.

        Args:
            x: ``[…, in]``.
            stored: the compact weight.
            bias: ``[out]``.

        Returns:
            The output ``[…, out]``; None where the kernels cannot compute it.
        """
        *leading, features = x.shape
        y = self.product(x.reshape(x.numel() // features, features, 1, 1), stored, bias)
        return None if y is None else y.reshape(*leading, self.shape[0])

    def product(self, x: Tensor, stored: Tensor, bias: Tensor | None) -> Tensor | None:
        """Return the layer's output ``[N, out, H′, W′]``; None where the kernels cannot compute it.

        Args:
            x: ``[N, in, H, W]``, at least as large as the kernel with its padding.
            stored: the compact weight.
            bias: ``[out]``.

        Returns:
            The output, or None.
        """
        if stored.shape != self.stored_shape or not (supported(x, stored) or autocast_type(x, stored)):
            return None
        y = self.multiply_by(x, stored)
        return self.rounded(y if bias is None else y + bias.to(y.dtype)[:, None, None], x, stored)


def blocks_fit(module: nn.Module, tensor: str, layout: Layout) -> bool:
    """Whether the block engine can compute ``module`` with its weight laid over a graph.

    That takes an ``nn.Linear``, or an ``nn.Conv2d`` in one group with square kernel, stride and zero padding,
    whose forward nobody has changed, and whose weight is float32 or float64 on the CPU.

    Args:
        module: that holds the weight.
        tensor: name of the weight.
        layout: of the weight; stacked weights do not fit.

    Returns:
        Whether it can.
    """
    if not isinstance(module, nn.Conv2d):
        return linear_fits(module, tensor, layout)
    padding = module.padding
    return (
        may_be_compact(module, tensor, layout)
        and type(module).forward is nn.Conv2d.forward
        and type(module)._conv_forward is nn.Conv2d._conv_forward
        and (module.groups, module.padding_mode, tuple(module.dilation)) == (1, "zeros", (1, 1))
        and module.kernel_size[0] == module.kernel_size[1]
        and module.stride[0] == module.stride[1]
        and not isinstance(padding, str)
        and padding[0] == padding[1]
    )


def store_blocks(module: nn.Module, mask: WeightMask, layout: Layout) -> None:
    """Store the weight of a module that :func:`blocks_fit`, and let the block kernels compute it.

    Args:
        module: changed in place.
        mask: as the masked engine would use it.
        layout: of the weight.
    """
    stride, padding = (
        (int(module.stride[0]), int(module.padding[0])) if isinstance(module, nn.Conv2d) else (1, 0)
    )
    step = BlockMask(
        mask.graph, mask.mask, layout, scale=mask.scale, off=mask.off, stride=stride, padding=padding
    )
    store_compactly(module, step, _conv2d_forward if isinstance(module, nn.Conv2d) else None)


def _conv2d_forward(self: Any, input: Tensor) -> Tensor:  # noqa: A002
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return self._conv_forward(input, self.weight, self.bias)  # type: ignore[no-any-return]
    else:  # noqa: RET505 - a scripted module compiles what follows a return
        return _conv2d(self, input)


def _conv2d(self: nn.Conv2d, input: Tensor) -> Tensor:  # noqa: A002
    if input.ndim == 4 and input.shape[1] == self.in_channels:
        height, width = input.shape[2:]
        chain: Any = weight_in_use(self)
        if chain is not None and min(height, width) + 2 * int(self.padding[0]) >= self.kernel_size[0]:
            y: Tensor | None = chain.step.product(input, chain.original, self.bias)
            if y is not None:
                return y
    return nn.Conv2d.forward(self, input)

"""Squeeze-excite: each channel is scaled by a gate that has seen the whole image (Hu et al., 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graph2nn.models.shapes import LayerShape


class SqueezeExcite(nn.Module):
    """Scale channels by ``σ(expand(swish(reduce(mean over the image))))``; dense in every network.

    Shapes: ``[batch, channels, H, W]`` to the same.

    Args:
        channels: channels to scale.
        squeezed: channels between the two 1×1 convolutions, which have biases.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.swish = nn.SiLU()
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``[batch, channels, H, W]``."""
        gate = self.expand(self.swish(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)


def squeeze_excite_shapes(channels: int, squeezed: int) -> list[LayerShape]:
    """Return the two layers of :class:`SqueezeExcite` as the budget sees them."""
    return [
        LayerShape(channels, squeezed, conv=True, bias=True, norm=False),
        LayerShape(squeezed, channels, conv=True, bias=True, norm=False),
    ]

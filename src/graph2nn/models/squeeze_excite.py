"""Squeeze-excite: each channel is scaled by a gate that has seen the whole image (Hu et al., 2018)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from graph2nn.models.layer_shapes import LayerShape

#: Swish (x · σ(x), the published default) or ReLU.
Activation = Literal["swish", "relu"]


def activation_of(name: Activation) -> nn.Module:
    """Return a new module of an activation, which may write over its input."""
    return nn.SiLU(inplace=True) if name == "swish" else nn.ReLU(inplace=True)


class SqueezeExcite(nn.Module):
    """Scale channels by ``σ(expand(act(reduce(mean over the image))))``; dense in every network.

    Shapes: ``[batch, channels, H, W]`` to the same.

    Args:
        channels: channels to scale.
        squeezed: channels between the two 1×1 convolutions, which have biases.
        activation: between the two convolutions.
    """

    def __init__(self, channels: int, squeezed: int, activation: Activation = "swish") -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation_of(activation)
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``[batch, channels, H, W]``."""
        gate = self.expand(self.activation(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)

    @torch.no_grad()
    def draw_biases(self, generator: torch.Generator | None = None) -> None:
        """Draw both biases uniformly within ±1/√fan-in.

        The published initialisation sets weights alone and leaves these biases at torch's default.

        Args:
            generator: of the random numbers; torch's own if left out.
        """
        for conv in (self.reduce, self.expand):
            assert conv.bias is not None
            bound = conv.in_channels**-0.5
            nn.init.uniform_(conv.bias, -bound, bound, generator=generator)


def squeeze_excite_shapes(channels: int, squeezed: int) -> list[LayerShape]:
    """Return the two layers of :class:`SqueezeExcite` as the budget sees them."""
    return [
        LayerShape(channels, squeezed, conv=True, bias=True, norm=False),
        LayerShape(squeezed, channels, conv=True, bias=True, norm=False),
    ]

"""Wirings: where a model gets its layers from. A model never knows which graph it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from torch import nn

from graph2nn.errors import unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.masked import RelationalConv2d, RelationalLinear
from graph2nn.layers.partition import weights_on

Engine = Literal["auto", "masked"]


class Wiring(Protocol):
    """Makes the layers a model asks for, and says how many of their weights are in use."""

    def linear(self, in_features: int, out_features: int, *, bias: bool = False) -> nn.Module:
        """Return a layer ``[…, in_features]`` to ``[…, out_features]``."""
        ...

    def conv2d(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padding: int = 0
    ) -> nn.Module:
        """Return a layer ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``, no bias."""
        ...

    def weights_on(self, in_features: int, out_features: int) -> int:
        """Return how many (output, input) pairs are connected, without building a layer."""
        ...


@dataclass(frozen=True)
class Dense:
    """Everything reads everything: torch's own layers. The baseline, and the complete graph."""

    def linear(self, in_features: int, out_features: int, *, bias: bool = False) -> nn.Module:
        """Return ``nn.Linear``."""
        return nn.Linear(in_features, out_features, bias=bias)

    def conv2d(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padding: int = 0
    ) -> nn.Module:
        """Return ``nn.Conv2d`` without bias."""
        return nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=False)

    def weights_on(self, in_features: int, out_features: int) -> int:
        """Return in × out."""
        return in_features * out_features


@dataclass(frozen=True)
class Relational:
    """Nodes read nodes along the edges of one graph, in every layer (paper, section 2.2).

    Args:
        graph: the relational graph.
        engine: how the layers compute. ``"masked"`` multiplies by the mask and is exact by construction;
            ``"auto"`` takes the best engine there is for the device, today the masked one.

    Raises:
        UserError: an engine that does not exist.
    """

    graph: RelationalGraph
    engine: Engine = "auto"

    def __post_init__(self) -> None:
        if self.engine not in get_args(Engine):
            raise unknown("wiring: engine", self.engine, get_args(Engine))

    def linear(self, in_features: int, out_features: int, *, bias: bool = False) -> nn.Module:
        """Return a linear layer that follows the graph; see :class:`RelationalLinear`."""
        return RelationalLinear(self.graph, in_features, out_features, bias=bias)

    def conv2d(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padding: int = 0
    ) -> nn.Module:
        """Return a convolution that follows the graph; see :class:`RelationalConv2d`."""
        return RelationalConv2d(
            self.graph, in_channels, out_channels, kernel_size, stride=stride, padding=padding
        )

    def weights_on(self, in_features: int, out_features: int) -> int:
        """Return how many entries of the mask are on.

        Raises:
            UserError: a width smaller than the number of nodes.
        """
        return weights_on(self.graph, in_features, out_features)

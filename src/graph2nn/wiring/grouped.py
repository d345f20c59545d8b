"""Grouped wiring, with or without a channel shuffle: the structured sparsity to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError, shown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.grouped_linear import ChannelShuffle, GroupedLinear
from graph2nn.wiring.relational import Relational

#: Most groups of a layer: the adjacency matrix of a graph with this many nodes takes 4 GB.
MOST = 65_536


@checked_arguments
@dataclass(frozen=True)
class Grouped:
    """Each group of features reads itself alone: a relational graph without edges.

    Widths that the groups divide take torch's grouped convolution and one small matrix product per group;
    others the mask of the graph without edges, with which both agree.

    Args:
        groups: number of groups, at least 2.
        shuffle: deal the features out to the groups in turn after each layer, so that information crosses over
            (:class:`~graph2nn.layers.grouped_linear.ChannelShuffle`). A number deals them out to this many
            groups, as the published code does (its ``GROUP_SIZE`` and ``GROUP_NUM``).

    Raises:
        UserError: fewer than two groups, or more than 65,536.

    Example:
        >>> Grouped(4).weights_on(64, 64)
        1024
    """

    groups: int
    shuffle: bool | int = False

    def __post_init__(self) -> None:
        if self.groups < 2:
            raise UserError(f"wiring: groups = {self.groups}, expected at least 2; one group is Dense().")
        if self.groups > MOST:
            raise UserError(f"wiring: groups = {shown(self.groups)}, expected at most {MOST:,}.")
        if self.shuffle is not True and (self.shuffle < 0 or self.shuffle == 1):
            raise UserError(
                f"wiring: shuffle = {self.shuffle}, expected True, False or a number of groups of at least 2."
            )

    @property
    def nodes(self) -> int:
        """Number of groups: each needs a feature."""
        return self.groups

    @property
    def graph(self) -> RelationalGraph:
        """The graph without edges, one node a group."""
        return RelationalGraph(np.zeros((self.groups, self.groups), dtype=bool), name=f"{self.groups} groups")

    def linear(self, in_features: int, out_features: int, *, bias: bool = False) -> nn.Module:
        """Return a linear layer in groups, followed by the shuffle if asked for.

        Args:
            in_features: features before the layer.
            out_features: features after it.
            bias: add a learnt bias.

        Returns:
            The layer of groups that read themselves alone.
        """
        if self._even(in_features, out_features):
            layer: nn.Module = GroupedLinear(in_features, out_features, self.groups, bias=bias)
        else:
            layer = Relational(self.graph).linear(in_features, out_features, bias=bias)
        return self._shuffled(layer, out_features, dim=-1)

    def conv2d(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = False,
    ) -> nn.Module:
        """Return a grouped convolution, followed by the shuffle if asked for.

        Args:
            in_channels: channels before the layer.
            out_channels: channels after it.
            kernel_size: side of the square kernel.
            stride: step of the kernel.
            padding: zeros added on each side.
            bias: add a learnt bias.

        Returns:
            The grouped convolution.
        """
        if self._even(in_channels, out_channels):
            layer: nn.Module = nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                stride=stride,
                padding=padding,
                groups=self.groups,
                bias=bias,
            )
        else:
            layer = Relational(self.graph).conv2d(
                in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias
            )
        return self._shuffled(layer, out_channels, dim=1)

    def weights_on(self, in_features: int, out_features: int) -> int:
        """Return how many pairs share a group.

        Raises:
            UserError: a width smaller than the number of groups.
        """
        return Relational(self.graph).weights_on(in_features, out_features)

    def free_weights(self, in_features: int, out_features: int) -> int:
        """Return the same: no weight is tied."""
        return self.weights_on(in_features, out_features)

    def _even(self, in_features: int, out_features: int) -> bool:
        return in_features % self.groups == 0 and out_features % self.groups == 0

    def _shuffled(self, layer: nn.Module, features: int, *, dim: int) -> nn.Module:
        if not self.shuffle:
            return layer
        dealt_to = self.groups if self.shuffle is True else int(self.shuffle)
        return nn.Sequential(layer, ChannelShuffle(features, dealt_to, dim=dim))

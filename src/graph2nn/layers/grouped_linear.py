"""Grouped linear layers and the shuffle that follows grouped layers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from graph2nn.layers.fixed_tables import FixedTables
from graph2nn.layers.partition import node_sizes


class GroupedLinear(nn.Module):
    """Linear layer in which each group of outputs reads its own group of inputs.

    Shapes: ``[…, in_features]`` to ``[…, out_features]``; ``weight`` is ``[groups, out/groups, in/groups]``.
    Equal to a :class:`RelationalLinear` on the graph without edges. Initial weights are N(0, 0.01).

    Args:
        in_features: a multiple of ``groups``.
        out_features: a multiple of ``groups``.
        groups: number of groups.
        bias: add a learnt bias ``[out_features]``.
    """

    def __init__(self, in_features: int, out_features: int, groups: int, *, bias: bool = False) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(groups, out_features // groups, in_features // groups))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights, with the published deviation; the bias starts at zero."""
        nn.init.normal_(self.weight, std=0.01, generator=generator)
        if self.bias is not None:
            self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[…, in_features]`` to ``[…, out_features]``."""
        grouped = x.reshape(-1, self.groups, self.in_features // self.groups).transpose(0, 1)
        y = torch.bmm(grouped, self.weight.transpose(1, 2)).transpose(0, 1)
        y = y.reshape(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """Widths and groups, for ``print(model)``."""
        return f"{self.in_features} → {self.out_features}, groups={self.groups}"


class ChannelShuffle(FixedTables):
    """Deal the features out to the groups in turn, as published: feature j goes to group ``j mod groups``.

    With G groups of S features, output ``g·S + p`` is input ``p·G + g``: the features seen as an S × G table
    and transposed. This is the inverse of ShuffleNet's shuffle of G groups, and equal to it where S = G.
    Shapes: any with ``features`` along ``dim``, to the same. Groups follow the node partition, so that widths
    they do not divide are shuffled too.

    Args:
        features: length of ``dim``.
        groups: number of groups, at most ``features``.
        dim: which dimension is permuted.
    """

    order: Tensor

    def __init__(self, features: int, groups: int, *, dim: int) -> None:
        super().__init__()
        sizes = node_sizes(features, groups)
        group = np.repeat(np.arange(groups), sizes)
        place = np.arange(features) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        order = np.argsort(np.lexsort((group, place)))
        self.add_table("order", torch.from_numpy(order))
        self.groups = groups
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Permute ``x`` along ``dim``."""
        return x.index_select(self.dim, self.order)

    def extra_repr(self) -> str:
        """Number of groups, for ``print(model)``."""
        return f"groups={self.groups}"

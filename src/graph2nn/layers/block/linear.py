"""Relational linear layer of the block engine."""

from __future__ import annotations

import torch
from torch import Tensor

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.compact import Compact
from graph2nn.layers.masked import RelationalLinear


class BlockLinear(Compact, RelationalLinear):
    """The function of a :class:`RelationalLinear`, computed on its blocks alone, at any density.

    Shapes: ``[…, in_features]`` to ``[…, out_features]``, as the masked layer; ``weight`` is flat, see
    :class:`Compact` for what that means to checkpoints, devices and derivatives.

    Args:
        graph: as for :class:`RelationalLinear`; directed graphs and nodes that read only themselves too.
        in_features: features before the layer, at least ``graph.n``.
        out_features: features after it, at least ``graph.n``.
        bias: add a learnt bias ``[out_features]``.
        symmetric: not available here.
        device: where the parameters are made; the kernels compute on the CPU.
        dtype: of the parameters; the kernels take float32 and float64.

    Raises:
        UserError: a width smaller than the number of nodes, or symmetric weights.
    """

    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        *,
        bias: bool = False,
        symmetric: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.refuse(symmetric)
        super().__init__(graph, in_features, out_features, bias=bias, device=device, dtype=dtype)
        self.make_compact()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[…, in_features]`` to ``[…, out_features]``."""
        if x.ndim == 0 or x.shape[-1] != self.in_features or not self.computes(x):
            return super().forward(x)
        *leading, features = x.shape
        y = self.multiply(x.reshape(x.numel() // features, features, 1, 1)).reshape(*leading, self.out_features)
        return y if self.bias is None else y + self.bias.to(y.dtype)

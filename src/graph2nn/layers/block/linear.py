"""Relational linear layer of the block engine."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.autocast import autocast_type, multiply_normed_autocast
from graph2nn.layers.block.compact import Compact
from graph2nn.layers.block.geometry import geometry
from graph2nn.layers.block.norm import multiply_normed
from graph2nn.layers.block.product import supported
from graph2nn.layers.masked import Init, RelationalLinear, Symmetric


class BlockLinear(Compact, RelationalLinear):
    """The function of a :class:`RelationalLinear`, computed on its blocks alone, at any density.

    Shapes: ``[…, in_features]`` to ``[…, out_features]``, as the masked layer; ``weight`` is stored
    compactly, see :class:`Compact` for what that means to checkpoints, devices and derivatives.

    Args:
        graph: as for :class:`RelationalLinear`; directed graphs and nodes that read only themselves too.
        in_features: features before the layer, at least ``graph.n``.
        out_features: features after it, at least ``graph.n``.
        bias: add a learnt bias ``[out_features]``.
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
        >>> layer = BlockLinear(ws_flex(16, 4, 0.1, seed=1), 64, 32)
        >>> layer(torch.zeros(2, 64)).shape
        torch.Size([2, 32])
    """

    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        *,
        bias: bool = False,
        symmetric: Symmetric = False,
        init: Init = "published",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.refuse(symmetric)
        super().__init__(graph, in_features, out_features, bias=bias, init=init, device=device, dtype=dtype)

    def compute(self, x: Tensor) -> Tensor:
        """Compute ``forward`` by the kernels where they can."""
        if x.ndim == 0 or x.shape[-1] != self.in_features or not self.computes(x):
            return super().compute(x)
        *leading, features = x.shape
        y = self.multiply(x.reshape(x.numel() // features, features, 1, 1)).reshape(*leading, self.out_features)
        return self.rounded(y if self.bias is None else y + self.bias.to(y.dtype), x)

    def normed_relu(self, x: Tensor, norm: nn.BatchNorm1d) -> Tensor | None:
        """Return what ``norm`` in training and ReLU make of this layer; None where that takes them one by one.

        Args:
            x: ``[batch, in_features]``; two samples at least, and no more than the kernels keep side by side.
            norm: batch norm of the outputs; its running averages move.
        """
        numbers = [norm.weight, norm.bias, norm.running_mean, norm.running_var]
        used = [number for number in numbers if number is not None]
        if self.bias is not None or not norm.training or not norm.track_running_stats:
            return None
        if (
            not isinstance(norm, nn.BatchNorm1d)
            or x.ndim != 2
            or x.shape[1] != self.in_features
            or len(x) < 2
            or norm.num_features != self.out_features
        ):
            return None
        reduced = autocast_type(x, self.weight, *used) is not None
        if len(used) < len(numbers) or not (reduced or supported(x, self.weight, *used)):
            return None
        g = geometry(self.blocks, 1, 1, 0, len(x), 1, 1, self.weight.element_size())
        if g.groups > 1:
            return None
        return (multiply_normed_autocast if reduced else multiply_normed)(x, self.weight, norm, g)

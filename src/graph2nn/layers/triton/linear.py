"""Relational linear layer of the Triton engine."""

from __future__ import annotations

import torch
from torch import Tensor

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.layout import Blocks
from graph2nn.layers.block.linear import BlockLinear
from graph2nn.layers.masked import Symmetric
from graph2nn.layers.triton.available import require
from graph2nn.layers.triton.product import multiply, supported


class TritonLinear(BlockLinear):
    """A :class:`BlockLinear` whose kernels are Triton's, for CUDA. Tested under its interpreter, not on a GPU.

    Shapes, arguments and what a compact ``weight`` means are those of :class:`BlockLinear`. The kernels take
    float32, and 16-bit numbers with sums in float32; for other types, and on the CPU without Triton's
    interpreter, the layer computes as the masked one. There are no second derivatives.

    Raises:
        UserError: Triton is not installed, or the machine has no CUDA device and the interpreter is off; and as
            :class:`BlockLinear` does.
    """

    engine = "triton"

    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        *,
        bias: bool = False,
        symmetric: Symmetric = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require()
        super().__init__(
            graph, in_features, out_features, bias=bias, symmetric=symmetric, device=device, dtype=dtype
        )

    def computes(self, x: Tensor) -> bool:
        """Whether the kernels can compute on ``x``."""
        return supported(x, self.weight)

    def multiply(self, x: Tensor) -> Tensor:
        """Return ``[N, out, 1, 1]`` for ``[N, in, 1, 1]`` by the kernels; compilers break their graph there."""
        return _outside_the_graph(x.flatten(1), self.weight, self.blocks)[:, :, None, None]


# Not torch.compiler.disable, which would load all of torch.compile when this module is imported.
@torch._disable_dynamo  # type: ignore[attr-defined]
def _outside_the_graph(x: Tensor, weight: Tensor, blocks: Blocks) -> Tensor:
    return multiply(x, weight, blocks)

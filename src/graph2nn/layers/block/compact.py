"""Compact weights: what the layers of the block engine share."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.geometry import geometry
from graph2nn.layers.block.layout import Blocks, blocks_of
from graph2nn.layers.block.operator import block_multiply, graph_as_text
from graph2nn.layers.block.product import multiply, supported

#: What is stored compactly: the weight, and what ``prune`` and ``weight_norm`` of torch make of it.
STORED = ("weight", "weight_orig", "weight_mask", "weight_v")


class Compact(nn.Module):
    """Mixed into a masked layer, keeps its weight flat: only the entries on the mask, in their order.

    Outside nothing changes: ``state_dict`` holds ``weight`` ``[out, in, *k]`` and ``mask`` and takes them back,
    so checkpoints move between engines both ways; the same generator draws the same weights. Where the kernels
    cannot compute (another device, another type, autocast, ``torch.func`` transforms) the layer computes as the
    masked one, and so do ``torch.jit.trace`` and ONNX export. ``torch.compile`` and ``torch.export`` see the
    kernels as one operator. There are no second derivatives. An input that is infinite or not a number reaches
    only the nodes that read it; in the masked layer 0 · ∞ makes every output of that sample not a number.
    """

    graph: RelationalGraph
    mask: Tensor
    weight: nn.Parameter
    bias: nn.Parameter | None
    stride: int = 1
    padding: int = 0
    engine = "block"
    #: The graph as the operator of compiled graphs takes it; kept, as compilers do not trace its making.
    graph_text: str

    def reset_mask(self) -> None:
        """Make the mask from the graph again."""
        super().reset_mask()  # type: ignore[misc]

    @property
    def kernel(self) -> tuple[int, ...]:
        """Shape of the kernel; none in a linear layer."""
        return ()

    def refuse(self, symmetric: bool) -> None:
        """Raise a UserError for symmetric weights."""
        if symmetric:
            raise UserError(
                f"layer: the {self.engine} engine has no symmetric weights; use engine='masked' for them."
            )

    def make_compact(self) -> None:
        """Replace the masked weight by its entries on the mask."""
        self.graph_text = graph_as_text(self.graph)
        self.weight = nn.Parameter(self.compact(self.weight.detach()))

    @property
    def blocks(self) -> Blocks:
        """Sizes and places of the blocks."""
        out, into = self.mask.shape[:2]
        return blocks_of(self.graph, into, out)

    @property
    def shape(self) -> torch.Size:
        """Shape of the masked weight, ``[out, in, *k]``."""
        return torch.Size((*self.mask.shape[:2], *self.kernel))

    def compact(self, weight: Tensor) -> Tensor:
        """Return the entries on the mask of a tensor shaped like the masked weight, in its order, flat.

        Also for what an optimiser keeps beside the weight, such as momentum.
        """
        if weight.is_meta:
            return weight.new_empty(self.blocks.weights * self.shape[2:].numel())
        return weight[self.mask.expand(self.shape)]

    def expand(self, values: Tensor) -> Tensor:
        """Return ``[out, in, *k]``, flat ``values`` on the mask and zero off it; undoes :meth:`compact`."""
        return values.new_zeros(self.shape).masked_scatter(self.mask, values)

    def effective_weight(self) -> Tensor:
        """The weight as the masked engine has it, ``[out, in, *k]``, differentiable."""
        # The product changes nothing, but shows the mask to whoever counts multiply-adds.
        return self.expand(self.weight) * self.mask

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Take the weights on the mask from a tensor ``[out, in, *k]``."""
        self.weight.copy_(self.compact(weight))

    def density(self) -> float:
        """Share of the weights in use."""
        return self.blocks.weights / self.mask.numel()

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights anew, as the masked layer does from the same generator; the bias starts at zero."""
        if self.weight.is_meta:
            return
        self.reset_mask()
        drawn = self.weight.new_empty(self.shape)
        nn.init.normal_(drawn, std=self.standard_deviation(), generator=generator)
        # The constructor of the masked layer calls this before the weight is made compact.
        self.weight.copy_(drawn if self.weight.shape == self.shape else self.compact(drawn))
        if self.bias is not None:
            self.bias.zero_()

    def standard_deviation(self) -> float:
        """Standard deviation of the initial weights."""
        deviation: float = super().standard_deviation()  # type: ignore[misc]
        return deviation

    def computes(self, x: Tensor) -> bool:
        """Whether the kernels can compute on ``x``."""
        return supported(x, self.weight)

    def multiply(self, x: Tensor) -> Tensor:
        """Return the output ``[N, out, H′, W′]`` without bias for an input ``[N, in, H, W]``."""
        return self.multiply_by(x, self.weight)

    def multiply_by(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the output without bias for compact weights, eager or as an operator in a compiler's graph."""
        side = self.kernel[0] if self.kernel else 1
        if torch.compiler.is_compiling():
            out, into = self.mask.shape[:2]
            call = self.graph_text, into, out, side, self.stride, self.padding
            return cast(Tensor, block_multiply(x, weight, *call))
        images, _, height, width = x.shape
        shape = geometry(self.blocks, side, self.stride, self.padding, images, height, width, x.element_size())
        return multiply(x, weight, shape)

    def wiring_repr(self) -> str:
        """The part of ``repr`` that tells the wiring: graph, density, engine."""
        return f"graph={self.graph.name} (n={self.graph.n}), density={self.density():.4f}, engine={self.engine}"

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name in STORED:
            if (stored := destination.get(f"{prefix}{name}")) is not None:
                destination[f"{prefix}{name}"] = self.expand(stored)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        state = dict(state_dict)
        mask = state.get(f"{prefix}mask")
        if mask is not None and not same_mask(mask, self.mask):
            error_msgs.append(
                f"{prefix}mask is not that of {self.graph.name!r} on {self.shape[1]} → {self.shape[0]} "
                f"features; a {self.engine} layer computes with the graph it was made for."
            )
            return
        for name in STORED:
            weight = state.get(f"{prefix}{name}")
            if weight is not None and weight.shape == self.shape:
                state[f"{prefix}{name}"] = self.compact(weight.detach())
        super()._load_from_state_dict(
            state, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def same_mask(mask: Tensor, own: Tensor) -> bool:
    """Whether a mask, of a checkpoint perhaps, is that of a layer."""
    if mask.shape != own.shape:
        return False
    return mask.is_meta or own.is_meta or torch.equal(mask.to(own.device), own)

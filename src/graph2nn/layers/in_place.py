"""The masked engine with its weights masked in place: no product in the forward, one on the gradient.

The published technique multiplies the weight by the mask in every forward, and its gradient in every backward:
on a GPU, where a small layer is bound by bandwidth, that is a large part of the layer. Here the stored weight
is zero off the mask, and only the gradient is multiplied by the mask. What is zero then stays zero: weight
decay, momentum and Adam's moments have nothing to move. Evaluation costs what a dense layer costs. Untested on
GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function

from graph2nn.layers.masked import RelationalConv2d, RelationalLinear


class _KeepOff(Function):
    """The weight as it is; its gradient times the mask.

    A function and not a hook on the parameter, which ``deepcopy`` and ``functional_call`` would lose.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(weight: Tensor, mask: Tensor) -> Tensor:
        return weight.view_as(weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (mask,) = ctx.saved_tensors
        return gradients[0] * mask, None


class _InPlace(nn.Module):
    """Mixed into a masked layer, trusts that the stored weight is zero off the mask, and keeps it so.

    Construction, ``reset_parameters``, ``set_weight`` and ``load_state_dict`` mask what they store, so the
    layer computes what the masked one does, with the same ``state_dict``; ``deepcopy``, ``torch.compile``,
    ``torch.func`` and second derivatives work. Two things do not: weights written by hand or handed to
    ``functional_call`` are used as they are, off the mask too; and an optimiser that moves a weight whose value
    and gradient are zero, by adding noise for example, leaves the mask.
    """

    if TYPE_CHECKING:
        mask: Tensor
        weight: nn.Parameter
    engine = "masked-in-place"

    def masked(self, weight: Tensor) -> Tensor:
        """Return ``weight`` itself, which is zero off the mask; only its gradient is masked."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return weight * self.mask
        elif weight.is_meta:  # noqa: RET505 - a scripted layer compiles what follows a return
            # Without data there is nothing to save; who counts multiply-adds follows the product with the mask.
            return weight * self.mask
        else:
            return cast(Tensor, _KeepOff.apply(weight, self.mask))  # type: ignore[no-untyped-call]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state = dict(state_dict)
        weight, mask = state.get(f"{prefix}weight"), state.get(f"{prefix}mask", self.mask)
        if weight is not None and weight.shape == self.weight.shape and mask.shape == self.mask.shape:
            with torch.no_grad():
                state[f"{prefix}weight"] = weight * mask.to(weight.device)
        super()._load_from_state_dict(state, prefix, *rest)


class InPlaceLinear(_InPlace, RelationalLinear):
    """A :class:`RelationalLinear` whose stored weight is masked; arguments, shapes and errors are the same."""


class InPlaceConv2d(_InPlace, RelationalConv2d):
    """A :class:`RelationalConv2d` whose stored weight is masked; arguments, shapes and errors are the same."""

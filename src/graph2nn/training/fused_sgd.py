"""torch's fused SGD, called once per group of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class FusedSGD(torch.optim.SGD):
    """``torch.optim.SGD`` with ``fused=True``: the same numbers, ``state_dict`` and options.

    torch groups the parameters by device and type at every step, which takes longer than moving those of a
    small network. Here parameters of one device and type go to the kernel directly; everything else (loss
    scaling, a closure, sparse gradients, the first step of some parameters) is left to torch.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> weight.grad = torch.ones(2)
        >>> FusedSGD([weight], lr=0.5, fused=True).step()
        >>> weight.data
        tensor([0.5000, 0.5000])
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters; see ``torch.optim.SGD.step``."""
        # GradScaler leaves its numbers here for torch's step.
        scaled = any(getattr(self, name, None) is not None for name in ("grad_scale", "found_inf"))
        if closure is not None or scaled:
            return super().step(closure)
        ready = [self._ready(group) for group in self.param_groups]
        if None in ready:
            return super().step()
        for group, tensors in zip(self.param_groups, ready, strict=True):
            if tensors is not None and tensors[0]:
                _move(group, *tensors)
        return None

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; see ``torch.optim.Optimizer.zero_grad``."""
        if not set_to_none:
            super().zero_grad(set_to_none=False)
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _ready(self, group: dict[str, Any]) -> tuple[list[Tensor], list[Tensor], list[Tensor]] | None:
        """Parameters, gradients and momenta for one call of the kernel; None where torch has to sort them."""
        parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
        gradients = [parameter.grad for parameter in parameters]
        momenta: list[Tensor] = []
        if group["momentum"]:
            kept = [self.state[parameter].get("momentum_buffer") for parameter in parameters]
            momenta = [momentum for momentum in kept if momentum is not None]
            if len(momenta) < len(kept):  # a first step
                return None
        # Momenta and strided gradients are of their parameter's device and type, as torch sees to.
        kinds = {(parameter.device, parameter.dtype) for parameter in parameters}
        sparse = any(gradient.layout is not torch.strided for gradient in gradients)
        return (parameters, gradients, momenta) if group["fused"] and len(kinds) < 2 and not sparse else None


def _move(
    group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor], momenta: list[Tensor]
) -> None:
    torch._fused_sgd_(
        parameters,
        gradients,
        momenta,
        weight_decay=group["weight_decay"],
        momentum=group["momentum"],
        lr=group["lr"],
        dampening=group["dampening"],
        nesterov=group["nesterov"],
        maximize=group["maximize"],
        is_first_step=False,
        grad_scale=None,
        found_inf=None,
    )

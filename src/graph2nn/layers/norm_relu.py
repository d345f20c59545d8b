"""A layer, its batch norm and ReLU: one after the other, or in one where the layer's engine can."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as _module


class NormReLU(nn.Sequential):
    """Layer, batch norm and ReLU; a sequence like any other, its children and ``state_dict`` too.

    Layers of the block engine compute all three in one where nobody looks between them, in training, on the
    CPU: same numbers to rounding, and running averages as torch's. See ``BlockLinear.normed_relu`` and
    ``BlockConv2d.normed_relu``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map what the layer takes to what ReLU leaves."""
        if self._in_one():
            layer: Any = self[0]
            found: Tensor | None = layer.normed_relu(x, self[1])
            if found is not None:
                return found
        y: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return y

    def _in_one(self) -> bool:
        if torch.compiler.is_compiling() or len(self) != 3 or not hasattr(self[0], "normed_relu"):
            return False
        if type(self[1]) not in (nn.BatchNorm1d, nn.BatchNorm2d) or type(self[2]) is not nn.ReLU:
            return False
        return unwatched(*self)


def unwatched(*modules: nn.Module) -> bool:
    """Whether calling these modules does no more than their forward: no hooks, no tracing."""
    watched = torch._C._get_tracing_state() is not None or _module._has_any_global_hook()  # type: ignore[no-untyped-call]
    return not (watched or any(map(_hooked, modules)))


def _hooked(module: nn.Module) -> bool:
    """Whether calling a module does more than its forward."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in module.__dict__
    )

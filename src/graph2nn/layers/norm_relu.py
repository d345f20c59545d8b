"""Batch norm with ReLU, and sequences whose convolution and norm are computed together."""

from __future__ import annotations

from collections.abc import Iterator
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
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            for part in self:
                x = part(x)
            return x
        else:  # noqa: RET505 - a scripted sequence compiles what follows a return
            return self._compute(x)

    def _compute(self, x: Tensor) -> Tensor:
        if self._in_one():
            layer: Any = self[0]
            fused: Tensor | None = layer.normed_relu(x, self[1])
            if fused is not None:
                return fused
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


class NormedSequential(nn.Sequential):
    """A sequence like any other, its children and ``state_dict`` too, for paths that end with a norm.

    Where a convolution of the block engine is followed by batch norm in training, on the CPU, both are computed
    in one: same numbers to rounding, and running averages as torch's. See ``BlockConv2d.normed``.

    Example:
        >>> path = NormedSequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
        >>> path(torch.zeros(2, 3, 5, 5)).shape
        torch.Size([2, 8, 3, 3])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map what the first child takes to what the last one returns."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            for part in self:
                x = part(x)
            return x
        else:  # noqa: RET505 - a scripted sequence compiles what follows a return
            return self._compute(x)

    def _compute(self, x: Tensor) -> Tensor:
        layers = iter(self)
        for layer in layers:
            x = self._next(x, layer, layers)
        return x

    def _next(self, x: Tensor, layer: nn.Module, behind: Iterator[nn.Module]) -> Tensor:
        if torch.compiler.is_compiling() or not hasattr(layer, "normed"):
            return layer(x)  # type: ignore[no-any-return]
        norm = next(behind, None)
        fused: Tensor | None = None
        if isinstance(norm, nn.BatchNorm2d) and type(norm).forward is nn.BatchNorm2d.forward:
            engine: Any = layer
            fused = engine.normed(x, norm) if unwatched(layer, norm) else None
        if fused is None:
            fused = layer(x)
            return fused if norm is None else self._next(fused, norm, behind)
        return fused

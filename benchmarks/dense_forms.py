"""The forms that torch offers of one dense network: by product, by memory layout, by precision.

A ratio is quoted against the fastest of them. oneDNN's float32 product is reached by a private operator of
torch; where torch does not have it, that form is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Multiply = Callable[[Tensor, Tensor], Tensor]
#: Name of each form to its layout and precision.
LAYOUTS = {
    "dense": (False, None),
    "dense, channels last": (True, None),
    "dense, bf16": (False, "bf16"),
    "dense, channels last, bf16": (True, "bf16"),
}


def onednn_linear() -> Multiply | None:
    """Return ``(x, w) → x wᵀ`` by oneDNN in float32, or None where this torch does not have it."""
    if not torch.backends.mkldnn.is_available():
        return None
    try:
        operator: Any = torch.ops.mkldnn._linear_pointwise
    except AttributeError:
        return None

    def multiply(x: Tensor, w: Tensor) -> Tensor:
        y: Tensor = operator(x, w, None, "none", [], "")
        return y

    return multiply


class _OneDnnProduct(torch.autograd.Function):
    """``x wᵀ`` and both gradients by oneDNN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return _multiply(x, w)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor]:
        x, w = ctx.saved_tensors
        (gradient,) = gradients
        dx = _multiply(gradient, w.t()) if ctx.needs_input_grad[0] else None
        return dx, _multiply(gradient.t(), x.t())


def _multiply(x: Tensor, w: Tensor) -> Tensor:
    multiply = onednn_linear()
    assert multiply is not None
    return multiply(x, w)


class OneDnnLinear(nn.Linear):
    """A dense linear layer whose three products are oneDNN's in float32."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_features]`` to ``[batch, out_features]``."""
        y: Tensor = _OneDnnProduct.apply(x, self.weight)
        return y if self.bias is None else y + self.bias


def with_linears(model: nn.Module, kind: type[nn.Linear]) -> nn.Module:
    """Return a copy of a dense network whose linear layers are all of exactly one class, with its weights."""
    found = copy.deepcopy(model)
    if isinstance(found, nn.Linear):
        return _converted(found, kind)
    for name, module in list(found.named_modules()):
        if isinstance(module, nn.Linear):
            parent, _, child = name.rpartition(".")
            setattr(found.get_submodule(parent), child, _converted(module, kind))
    return found


def _converted(layer: nn.Linear, kind: type[nn.Linear]) -> nn.Linear:
    fresh = kind(layer.in_features, layer.out_features, bias=layer.bias is not None)
    fresh.load_state_dict(layer.state_dict())
    return fresh


def linear_forms(model: nn.Module, precisions: tuple[str, ...]) -> dict[str, nn.Module]:
    """Return the forms of a network of linear layers, by name; each has the weights of ``model``.

    Args:
        model: a dense network, or one ``nn.Linear``.
        precisions: ``"float32"``, ``"bf16"`` or both.
    """
    found: dict[str, nn.Module] = {}
    if "float32" in precisions:
        found["dense"] = with_linears(model, nn.Linear)
        if onednn_linear() is not None:
            found["dense, oneDNN"] = with_linears(model, OneDnnLinear)
    if "bf16" in precisions:
        found["dense, bf16"] = Autocast(with_linears(model, nn.Linear))
    return found


def image_forms(model: nn.Module, precisions: tuple[str, ...]) -> dict[str, nn.Module]:
    """Return the forms of a network of images, by name; each has the weights of ``model``."""
    found: dict[str, nn.Module] = {}
    for name, (last, amp) in LAYOUTS.items():
        if (amp or "float32") in precisions:
            form = copy.deepcopy(model)
            if last:
                form = form.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            found[name] = Autocast(form) if amp else form
    return found


class Autocast(nn.Module):
    """A network under bf16 autocast on the CPU: float32 weights, what comes out is as the network leaves it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Map what the network takes."""
        with torch.autocast("cpu", torch.bfloat16):
            y: Tensor = self.model(x)
            return y


def precision_of(name: str) -> str:
    """Return the precision that the name of a contender ends with; float32 where it names none."""
    return "bf16" if name.endswith("bf16") else "float32"


def image_input(x: Tensor, name: str) -> Tensor:
    """Return a batch of images in the layout that a contender's name says."""
    return x.contiguous(memory_format=torch.channels_last) if "channels last" in name else x

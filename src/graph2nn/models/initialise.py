"""Initialisation as published: convolutions N(0, √(2/(k²·out))), linear layers N(0, 0.01), norms 1 and 0."""

from __future__ import annotations

import math

import torch
from torch import nn

from graph2nn.layers.masked import RelationalConv2d, RelationalLinear
from graph2nn.models.squeeze_excite import SqueezeExcite


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draw every weight of ``model`` from ``generator``, in the order of ``model.modules()``.

    Biases start at zero, except those of squeeze-excite, which the published code leaves at torch's default.

    A relational convolution divides its fan-out by its density; see its ``reset_parameters``. A model that has
    a method ``initialise(generator)`` of its own, as those without batch norm do, is left to it.

    Example:
        >>> model = nn.Linear(200, 300)
        >>> initialise(model, torch.Generator().manual_seed(1))
        >>> model.bias.abs().max().item()
        0.0
    """
    if draw := getattr(model, "initialise", None):
        draw(generator)
        return
    for module in model.modules():
        if isinstance(module, RelationalLinear | RelationalConv2d):
            module.reset_parameters(generator)
        elif isinstance(module, nn.Conv2d):
            fan_out = math.prod(module.kernel_size) * module.out_channels
            nn.init.normal_(module.weight, std=math.sqrt(2.0 / fan_out), generator=generator)
            _zero(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01, generator=generator)
            _zero(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            # Norms know their start: the last one of a residual block may begin at zero.
            module.reset_parameters()
    for module in model.modules():  # last, so that all other draws stay what they were without it
        if isinstance(module, SqueezeExcite):
            module.draw_biases(generator)


def _zero(bias: torch.Tensor | None) -> None:
    if bias is not None:
        nn.init.zeros_(bias)


@torch.no_grad()
def draw_by_fan_in(model: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw every linear layer, patch convolution and embedding of ``model`` again; biases start at zero.

    A weight is N(0, 1/√fan-in), where the fan-in is the mean number of features that an output reads: a sparse
    layer keeps the scale of its outputs (LeCun et al., "Efficient BackProp", 1998). An embedding is
    N(0, 1/√width); layer norms start as the identity.

    Args:
        model: dense layers and those of any wiring; modules of other kinds are left alone.
        generator: of the random numbers; torch's own if left out.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5, generator=generator)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=module.embedding_dim**-0.5, generator=generator)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
        elif hasattr(module, "out_features"):
            _draw_wired(module, generator)


def _draw_wired(layer: nn.Module, generator: torch.Generator | None) -> None:
    """Let a wired layer draw what it uses and nothing else, then give that its scale."""
    layer.reset_parameters(generator)  # type: ignore[operator]
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    if not weight.is_meta:
        used = int(weight.count_nonzero())
        fan_in = used / layer.out_features  # type: ignore[operator]
        weight.mul_((used / fan_in) ** 0.5 / weight.norm())

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
    """
    if own := getattr(model, "initialise", None):
        own(generator)
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

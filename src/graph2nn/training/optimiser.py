"""The optimiser of a recipe: torch's SGD, in one pass over each weight where torch has that for the device."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from graph2nn.training.fused_sgd import FusedSGD
from graph2nn.training.recipe import Recipe


def sgd(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.SGD:
    """Return SGD as the recipe has it.

    Fused where it can be, which decays, adds momentum and moves the weights in one pass instead of several;
    the numbers are the same to rounding. With the block engine zeros are not stored, so none is touched.
    """
    weights = list(parameters)
    fusable = all(weight.is_floating_point() and weight.device.type in ("cpu", "cuda") for weight in weights)
    kind = FusedSGD if fusable else torch.optim.SGD
    return kind(
        weights,
        lr=recipe.lr,
        momentum=recipe.momentum,
        dampening=recipe.dampening,
        nesterov=recipe.nesterov and recipe.momentum > 0,
        weight_decay=recipe.weight_decay,
        fused=fusable or None,
    )

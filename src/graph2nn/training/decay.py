"""Weight decay per parameter: all of them, as published, or weights only."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from graph2nn.training.optimiser import make
from graph2nn.training.recipe import Recipe

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def optimiser_of(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser of a network, without decay of norms and biases where the recipe says so."""
    spared = [] if recipe.weight_decay_on == "all" else norms_and_biases(model)
    if not spared:
        return make(model.parameters(), recipe)
    spared_ids = {id(parameter) for parameter in spared}
    decaying = [parameter for parameter in model.parameters() if id(parameter) not in spared_ids]
    if not decaying:
        return make(spared, recipe.model_copy(update={"weight_decay": 0.0}))
    return make(decaying, recipe, spared)


def norms_and_biases(model: nn.Module) -> list[nn.Parameter]:
    """List gains and shifts of norms, and all biases, each once."""
    spared: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, _NORMS) or "bias" in name:  # recurrent layers call theirs bias_ih_l0
                spared[id(parameter)] = parameter
    return list(spared.values())

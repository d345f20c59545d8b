"""The optimiser of a recipe: torch's own, in one pass over each weight where torch has that for the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from graph2nn.errors import UserError
from graph2nn.training.fused_sgd import FusedSGD
from graph2nn.training.recipe import Recipe


def sgd(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.SGD:
    """Return SGD as the recipe has it.

    Fused where it can be, which decays, adds momentum and moves the weights in one pass instead of several;
    the numbers are the same to rounding. With the block engine zeros are not stored, so none is touched.
    """
    weights = list(parameters)
    fusable = _fusable(weights)
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


def adamw(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW as the recipe has it, fused where it can be, on the CPU as on CUDA."""
    weights = list(parameters)
    return torch.optim.AdamW(
        weights,
        lr=recipe.lr,
        betas=(recipe.beta1, recipe.beta2),
        weight_decay=recipe.weight_decay,
        fused=_fusable(weights) or None,
    )


def make(
    parameters: Iterable[nn.Parameter], recipe: Recipe, spared: Sequence[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Return the optimiser that the recipe names.

    Args:
        parameters: those that decay.
        recipe: of the training run.
        spared: those that do not decay.

    Returns:
        The optimiser.

    Raises:
        UserError: Muon, with a torch that does not have it.
    """
    if recipe.optimiser != "muon":
        optimiser = (sgd if recipe.optimiser == "sgd" else adamw)(parameters, recipe)
        if spared:
            optimiser.add_param_group({"params": list(spared), "weight_decay": 0.0})
        return optimiser
    if not hasattr(torch.optim, "Muon"):
        raise UserError(
            f"recipe: optimiser = 'muon' needs torch 2.9 or newer, this is {torch.__version__}; use adamw."
        )
    from graph2nn.training.muon import MuonAdamW

    return MuonAdamW(parameters, recipe, spared)


def _fusable(weights: Iterable[nn.Parameter]) -> bool:
    return all(weight.is_floating_point() and weight.device.type in ("cpu", "cuda") for weight in weights)


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

"""Example inputs of a module, and the order in which a forward pass uses its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.budget.trace import Inputs, call_arguments
from graph2nn.conversion.weights import Weight
from graph2nn.errors import UserError


def example_inputs(input_size: Sequence[int] | None, inputs: Inputs | None, module: nn.Module) -> Inputs | None:
    """Return the arguments for one call of the module, if the caller said enough to know them.

    Raises:
        UserError: both an input size and inputs.
    """
    if inputs is not None and input_size is not None:
        raise UserError("relationalize: give input_size or inputs, not both.")
    if inputs is not None:
        return inputs if isinstance(inputs, Tensor | Mapping) else tuple(inputs)
    if input_size is None:
        return None
    like = next(module.parameters())
    return torch.zeros(1, *input_size, device=like.device, dtype=like.dtype)


def run_order(module: nn.Module, weights: Sequence[Weight], inputs: Inputs) -> list[str]:
    """Names of ``weights`` in the order in which one call on ``inputs`` first runs their modules.

    The module is run in evaluation mode, without gradients; those that are never called themselves (the output
    projection of an attention) take the place of the module around them.
    """
    args, kwargs = call_arguments(inputs)
    called: dict[str, int] = {}
    names = {part: name for name, part in module.named_modules()}

    def note(part: nn.Module, _inputs: Any) -> None:
        called.setdefault(names[part], len(called))

    hooks = [part.register_forward_pre_hook(note) for part in names]
    was_training = {part: part.training for part in names}
    module.eval()
    try:
        with torch.no_grad():
            module(*args, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
        for part, training in was_training.items():
            part.training = training
    placed = [
        (place, weight.name) for weight in weights if (place := _place(weight.module_name, called)) is not None
    ]
    return [name for _, name in sorted(placed, key=lambda pair: pair[0])]


def _place(name: str, called: dict[str, int]) -> int | None:
    if name in called:
        return called[name]
    parent = name.rpartition(".")[0]
    # Only an attention computes with the weight of a child that it does not call.
    return called.get(parent) if name.endswith("out_proj") else None

"""Counting what a module really does: multiply-adds by tracing it, parameters by reading it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from graph2nn.layers.masked import RelationalConv2d, RelationalLinear


def macs(model: nn.Module, input_size: Sequence[int] = (3, 224, 224)) -> int:
    """Multiply-adds of linear layers and convolutions for one sample, zeros of a mask not counted.

    The module is run once on meta tensors: nothing is computed, and its state stays as it was.

    Args:
        model: any module; what is neither a linear layer nor a convolution costs nothing here.
        input_size: shape of one sample, without the batch.
    """
    calls: list[tuple[nn.Module, int]] = []

    def count(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        if isinstance(module, nn.Linear | RelationalLinear):
            calls.append((module, output.numel() // module.out_features))
        else:
            calls.append((module, math.prod(output.shape[2:])))

    counted = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, RelationalLinear, RelationalConv2d)
    hooks = [module.register_forward_hook(count) for module in model.modules() if isinstance(module, counted)]
    state = {name: value.to("meta") for name, value in [*model.named_parameters(), *model.named_buffers()]}
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            functional_call(model, state, (torch.empty(1, *input_size, device="meta"),))
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in was_training.items():
            module.training = training
    # Only now are the masks real tensors again.
    return sum(positions * _weights_on(module) for module, positions in calls)


def parameters(model: nn.Module) -> int:
    """Number of learnt parameters in use: a masked weight counts only where its mask is on."""
    total = sum(parameter.numel() for parameter in model.parameters())
    for module in model.modules():
        if isinstance(module, RelationalLinear | RelationalConv2d):
            total -= module.weight.numel() - _weights_on(module)
    return total


def _weights_on(module: nn.Module) -> int:
    weight = module.weight
    assert isinstance(weight, Tensor)
    if isinstance(module, RelationalLinear | RelationalConv2d):
        return int(module.mask.sum()) * math.prod(weight.shape[2:])
    return weight.numel()

"""Precise batch norm: population statistics from whole training samples, not a running average."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def precise_bn(model: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Replace the running statistics of every batch norm by their mean over ``inputs``.

    Unlike the published code this includes ``BatchNorm1d``, the only norm of an MLP. The mode and the
    momentum of each module are left as they were; without inputs, so are the statistics.

    Args:
        model: any module.
        inputs: batches, as the model takes them.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    inputs = list(inputs)
    if not norms or not inputs:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = {module: module.training for module in model.modules()}
    # Only the norms need batch statistics: dropout and its like stay quiet.
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch: cumulative average, every batch counts the same
        norm.train()
    for batch in inputs:
        model(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for module, training in was_training.items():
        module.training = training

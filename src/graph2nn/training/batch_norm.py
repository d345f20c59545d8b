"""Precise batch norm: population statistics from whole training samples, not a running average."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from graph2nn.training.distributed.ranks import ALONE, Ranks


@torch.no_grad()
def precise_bn(model: nn.Module, inputs: Iterable[Tensor], ranks: Ranks = ALONE) -> None:
    """Replace the running statistics of every batch norm by their mean over ``inputs``.

    Unlike the published code this includes ``BatchNorm1d``, the only norm of an MLP. The mode and the
    momentum of each module are left as they were; without inputs, so are the statistics. Of several ranks each
    brings its turn of the batches, perhaps none, and all get the mean over all of them, equal to one rank's.

    Args:
        model: any module.
        inputs: batches, as the model takes them; with ``ranks.sync_bn`` this rank's share of each.
        ranks: that bring inputs.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    inputs = list(inputs)
    if not norms or (not inputs and ranks.alone):
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
    if not (ranks.alone or ranks.sync_bn):  # synced norms have seen all batches already
        _combine(norms, len(inputs), ranks)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for module, training in was_training.items():
        module.training = training


def _combine(norms: list[_BatchNorm], batches: int, ranks: Ranks) -> None:
    """Average statistics over ranks, each counting as often as it had batches."""
    moments = [
        moment for norm in norms for moment in (norm.running_mean, norm.running_var) if moment is not None
    ]
    if not moments:
        return
    count = moments[0].new_tensor([batches], dtype=torch.float64)
    summed = ranks.total(torch.cat([count, *(moment.double() * batches for moment in moments)]))
    everywhere, means = summed[0], summed[1:] / summed[0]
    for moment, mean in zip(moments, torch.split(means, [len(moment) for moment in moments]), strict=True):
        moment.copy_(mean)
    for norm in norms:
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.fill_(int(everywhere))

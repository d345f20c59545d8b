"""Precise batch norm: population statistics from whole training samples, not a running average."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from graph2nn.budget.trace import evaluating
from graph2nn.training.distributed.ranks import ALONE, Ranks
from graph2nn.training.recipe import Recipe


def set_norms(model: nn.Module, recipe: Recipe) -> None:
    """Give every batch norm the recipe's ``bn_eps`` and ``bn_momentum``, where it has them.

    Args:
        model: any module; changed in place.
        recipe: left out, a value leaves each norm as it is.
    """
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eps = module.eps if recipe.bn_eps is None else recipe.bn_eps
            module.momentum = module.momentum if recipe.bn_momentum is None else recipe.bn_momentum


@torch.no_grad()
def precise_bn(model: nn.Module, inputs: Iterable[Tensor], ranks: Ranks = ALONE) -> None:
    """Replace the running statistics of every batch norm by those of all ``inputs`` together.

    The mean is E[m] and the variance E[v + m²] − E[m]², over batches of mean m and population variance v. For
    batches of equal size this is the variance of all samples, as published: the mean of the variances alone
    would leave out the spread of the batch means.

    Unlike the published code this includes ``BatchNorm1d``, the only norm of an MLP. The mode and the
    momentum of each module are left as they were; without inputs, so are the statistics. Of several ranks each
    brings its turn of the batches, perhaps none, and all get the statistics of all of them, as one rank would.

    Args:
        model: any module.
        inputs: batches, as the model takes them; with ``ranks.sync_bn`` this rank's share of each.
        ranks: that bring inputs.

    Example:
        >>> norm = nn.BatchNorm1d(1)
        >>> precise_bn(norm, [torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])])
        >>> norm.running_mean.item(), norm.running_var.item()
        (3.0, 5.0)
    """
    norms = [
        module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    inputs = list(inputs)
    if not norms or (not inputs and ranks.alone):
        return
    momenta = [norm.momentum for norm in norms]
    moments = [_Moments.of(norm, ranks) for norm in norms]
    hooks = [norm.register_forward_hook(each.add) for norm, each in zip(norms, moments, strict=True)]
    try:
        # Only the norms need batch statistics: dropout and its like stay quiet.
        with evaluating(model):
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = 1.0  # the running statistics are those of the last batch
                norm.train()
            for batch in inputs:
                model(batch)
    finally:
        for hook in hooks:
            hook.remove()
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    if not (ranks.alone or ranks.sync_bn):  # synced norms have seen all batches already
        _combine(moments, ranks)
    for norm, each in zip(norms, moments, strict=True):
        each.write(norm)


def add_batch(moments: Sequence[Tensor], mean: Tensor, variance: Tensor, number: int) -> None:
    """Add one batch to running moments, in place, so that no large sums cancel.

    Args:
        moments: the mean and the variance over the batches so far, and the sum of squared distances of the
            batch means from their mean; the first two plus the third over ``number`` are the statistics of all.
        mean: of the batch.
        variance: population variance of the batch.
        number: of this batch, from 1.

    Example:
        >>> moments = [torch.zeros(1) for _ in range(3)]
        >>> add_batch(moments, torch.tensor([1.0]), torch.tensor([1.0]), 1)
        >>> add_batch(moments, torch.tensor([5.0]), torch.tensor([1.0]), 2)
        >>> [moment.item() for moment in moments]
        [3.0, 1.0, 8.0]
    """
    average, within, spread = moments
    ahead = mean - average
    average += ahead / number
    spread += ahead * (mean - average)
    within += (variance - within) / number


@dataclass
class _Moments:
    """The moments of the batches that one norm has seen; see :func:`add_batch`."""

    mean: Tensor
    variance: Tensor
    spread: Tensor
    ranks: Ranks
    batches: int = 0

    @classmethod
    def of(cls, norm: _BatchNorm, ranks: Ranks) -> _Moments:
        """Start with no batch."""
        assert norm.running_mean is not None
        mean, variance, spread = (torch.zeros_like(norm.running_mean) for _ in range(3))
        return cls(mean, variance, spread, ranks)

    def add(self, norm: nn.Module, args: tuple[Any, ...], _output: Any) -> None:
        """Add the batch that ``norm`` has just seen, whose statistics it holds."""
        assert isinstance(norm, _BatchNorm)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        count = args[0].new_tensor([args[0].numel() // norm.num_features], dtype=torch.float32)
        if self.ranks.sync_bn:
            count = self.ranks.total(count)
        population = norm.running_var * ((count - 1) / count)  # torch keeps the unbiased variance
        self.batches += 1
        add_batch((self.mean, self.variance, self.spread), norm.running_mean, population, self.batches)

    def write(self, norm: _BatchNorm) -> None:
        """Give the norm the statistics of all batches; a norm that saw none is as a new one."""
        norm.reset_running_stats()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.fill_(self.batches)
        if self.batches:
            norm.running_mean.copy_(self.mean)
            norm.running_var.copy_(self.variance + self.spread / self.batches)


def _combine(moments: list[_Moments], ranks: Ranks) -> None:
    """Put together what the ranks have seen, each counting as often as it had batches."""
    parts = []
    for each in moments:
        count = each.mean.new_tensor([each.batches], dtype=torch.float64)
        mean, variance, spread = (value.double() for value in (each.mean, each.variance, each.spread))
        parts += [count, count * mean, count * variance, spread + count * mean**2]
    summed = torch.split(ranks.total(torch.cat(parts)), [len(part) for part in parts])
    for each, (count, mean, variance, square) in zip(
        moments, zip(*(iter(summed),) * 4, strict=True), strict=True
    ):
        each.batches = int(count)
        if each.batches:
            each.mean.copy_(mean / count)
            each.variance.copy_(variance / count)
            each.spread.copy_((square - mean**2 / count).clamp_min_(0))

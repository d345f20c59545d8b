"""What keeps the ranks equal between two steps, beside the gradients that torch averages."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from graph2nn.training.distributed.ranks import ALONE, Ranks


class Lockstep:
    """Keeps sums and running averages equal on all ranks; a process alone pays nothing.

    Each rank's batch norm moves its running averages by its own part of the batch. As they are linear in what
    they average, their mean over the ranks after every step is the average of all parts; torch's own answer,
    the first rank's averages for all, would leave the other parts out.

    Args:
        model: the network itself.
        ranks: that train it.
        seed: of the training.
    """

    def __init__(self, model: nn.Module, ranks: Ranks = ALONE, seed: int = 0) -> None:
        self._ranks, self._seed = ranks, seed
        norms = (module for module in model.modules() if isinstance(module, _BatchNorm))
        both = (average for norm in norms for average in (norm.running_mean, norm.running_var))
        self._averages = [] if ranks.alone else [average for average in both if average is not None]

    def before(self, epoch: int, batch: int) -> None:
        """Give dropout and its like numbers of this rank's own, which depend on the place in the data alone.

        A training that goes on from a checkpoint, or with another number of ranks, needs no state of theirs.
        """
        if self._ranks.alone:
            return
        place = f"dropout/{self._seed}/{epoch}/{batch}/{self._ranks.rank}"
        torch.manual_seed(int.from_bytes(hashlib.sha256(place.encode()).digest()[:8], "little") >> 1)

    def after(self, loss: Tensor, wrong: Tensor, images: int) -> tuple[Tensor, Tensor, int]:
        """Return mean loss, wrong answers and images of the whole batch from those of this rank's part."""
        if self._ranks.alone:
            return loss, wrong, images
        with torch.no_grad():
            numbers = [loss.reshape(1), wrong.reshape(1), *(average.reshape(-1) for average in self._averages)]
            summed = self._ranks.total(torch.cat([number.double() for number in numbers]))
            world = self._ranks.world
            start = 2
            for average in self._averages:
                average.copy_((summed[start : start + average.numel()] / world).view_as(average))
                start += average.numel()
            missed = summed[1] if wrong.is_floating_point() else summed[1].long()
            return summed[0] / world, missed, images * world

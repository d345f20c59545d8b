"""Ranks: the processes that train one network together; a single process is the simplest case.

All ranks draw the same random numbers for initialisation, order and augmentation, and hold the same weights,
momenta and sums; each computes its part of every batch. What training leaves behind is therefore the same
whichever rank writes it, and the first one does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from graph2nn.errors import UserError
from graph2nn.training.distributed.sync_bn import synced
from graph2nn.training.recipe import Recipe

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is; alone, everything here does nothing.

    Args:
        rank: number of this process, from 0.
        world: how many there are; more than one need torch's process group, see
            :func:`graph2nn.training.distributed.joined`.
        sync_bn: batch norm sees the whole batch, as in one process, and not this rank's part of it.
    """

    rank: int = 0
    world: int = 1
    sync_bn: bool = False

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and talks."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.world == 1

    def named(self, device: torch.device | str) -> str:
        """Return how tables call the devices of all ranks, one of which is ``device``: ``2×cpu``."""
        if self.alone:
            return str(device)
        return f"{self.world}×{torch.device(device).type}" + ("+sync_bn" if self.sync_bn else "")

    def check(self, recipe: Recipe) -> None:
        """Complain about batches that cannot be dealt out.

        Raises:
            UserError: the batch, or a part of it (``recipe.accumulate``), has no equal share for each rank.
        """
        parts = self.world * recipe.accumulate
        size = recipe.batch_size
        # Batch norm has no variance of a single image.
        if self.alone or (size % parts == 0 and size >= 2 * parts):
            return
        cut = f"{self.world} devices" + (f" × {recipe.accumulate} parts" if recipe.accumulate > 1 else "")
        near = max(2, round(size / parts)) * parts
        raise UserError(
            f"train: recipe.batch_size = {size} is that of all devices together and cannot be cut for {cut} "
            f"into equal pieces of at least 2 images; use a multiple of {parts}, for example {near}."
        )

    def share(self, batch: int, size: int) -> slice:
        """Return this rank's samples of each batch; see :data:`graph2nn.data.dataset.Part`."""
        return slice(self.rank * size // self.world, (self.rank + 1) * size // self.world)

    def turn(self, batch: int, size: int) -> slice:
        """Return all samples of every batch that is this rank's turn, none of the others."""
        return slice(0, size if batch % self.world == self.rank else 0)

    @contextmanager
    def parallel(self, computing: nn.Module) -> Iterator[nn.Module]:
        """Give the network to take steps with, for the block: its gradients are means over all ranks.

        Args:
            computing: already on its device; it stays the network to evaluate.
        """
        if self.alone:
            yield computing
            return
        device = next(computing.parameters()).device
        parameters = signature(DistributedDataParallel.__init__).parameters
        # Running averages are kept equal by Lockstep, and masks never change. Newer versions of torch have
        # another name for it.
        options: dict[str, Any] = {
            "forward_sync_buffers" if "forward_sync_buffers" in parameters else "broadcast_buffers": False
        }
        device_ids = [device] if device.type == "cuda" else None
        learner = DistributedDataParallel(
            computing, device_ids=device_ids, gradient_as_bucket_view=True, **options
        )
        try:
            yield learner
        finally:
            # It sits in cycles and in tracebacks, and would keep gloo's threads past destroy_process_group, up
            # to the end of the interpreter, where one that lets go of a tensor aborts the process.
            del learner.reducer, learner.logger, learner.process_group

    def norms(self, model: nn.Module, device: torch.device) -> None:
        """Let the batch norms inside ``model`` see the whole batch, where that is asked for."""
        if self.sync_bn and not self.alone:
            synced(model, device)

    def images_normed(self, recipe: Recipe) -> int:
        """How many images batch norm sees at once."""
        return recipe.batch_size // recipe.accumulate // (1 if self.sync_bn else self.world)

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of ``value`` over all ranks; in place where there are several."""
        if not self.alone:
            dist.all_reduce(value)
        return value

    def of_first(self, value: T) -> T:
        """Return the first rank's ``value``, which can be pickled; all ranks wait for it."""
        return self._of(0, value)

    def agreed(self, reason: str | None) -> str | None:
        """Return the reason of the last rank that has one, the same on all ranks; None if none has."""
        if self.alone:
            return reason
        # On the CPU: a GPU would have to finish its work first.
        speaker = torch.tensor(self.rank + 1 if reason else 0)
        dist.all_reduce(speaker, dist.ReduceOp.MAX)
        return self._of(int(speaker) - 1, reason) if speaker else None

    def one_first(self, do: Callable[[], T]) -> T:
        """Do it on the first rank, then on the others: what it leaves on disk is found there."""
        if self.first:
            done = do()
        self.of_first(None)
        return done if self.first else do()

    def _of(self, rank: int, value: T) -> T:
        if self.alone:
            return value
        content = [value]
        dist.broadcast_object_list(content, src=rank, device=torch.device("cpu"))
        return content[0]


#: One process, which trains by itself.
ALONE = Ranks()


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
        """Return mean loss, wrong answers and images of the whole batch from those of this rank's part.

        Args:
            loss: mean over this rank's part.
            wrong: wrong answers in it.
            images: in it.

        Returns:
            The three of the whole batch.
        """
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

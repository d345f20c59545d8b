"""Mixup and cutout: what happens to a training batch as a whole, drawn from its place in the data alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.training.distributed.ranks import Ranks
from graph2nn.training.recipe import Recipe


@dataclass(frozen=True)
class Mixing:
    """What a recipe does to batches beyond flips and crops.

    Args:
        recipe: its ``mixup`` and ``cutout``.
        seed: of the training run.
        classes: number of classes, 0 for a regression.
    """

    recipe: Recipe
    seed: int
    classes: int

    def check(self, image_shape: tuple[int, ...], ranks: Ranks, *, sequences: bool = False) -> None:
        """Refuse what cannot be done to these samples, or by several processes.

        Args:
            image_shape: of one sample.
            ranks: the processes that train together.
            sequences: whether samples are sequences.

        Raises:
            UserError: cutout of vectors, mixup of sequences, or a batch that several ranks share.
        """
        if self.recipe.mixup and sequences:
            raise UserError("recipe: mixup mixes whole samples and these are sequences; leave it out.")
        if self.recipe.cutout and len(image_shape) != 3:
            raise UserError("recipe: cutout is for images and these samples are not; leave it out.")
        if (self.recipe.mixup or self.recipe.cutout) and not ranks.alone:
            raise UserError(
                "recipe: mixup and cutout are for one device; leave out --devices, or set both to 0."
            )

    def __call__(self, x: Tensor, y: Tensor, epoch: int, batch: int) -> tuple[Tensor, Tensor]:
        """Return the batch with its changes; targets of a mixed classification become shares ``[B, classes]``.

        What is drawn depends on seed, epoch and batch, so that a run resumed from a checkpoint draws the same.
        """
        if not (self.recipe.mixup or self.recipe.cutout):
            return x, y
        rng = np.random.default_rng((self.seed, epoch, batch))
        if self.recipe.cutout:
            x = _cut(x, self.recipe.cutout, rng)
        if self.recipe.mixup:
            share = float(rng.beta(self.recipe.mixup, self.recipe.mixup))
            partner = torch.from_numpy(rng.permutation(len(x))).to(x.device)
            soft = F.one_hot(y, self.classes).to(x.dtype) if self.classes else y
            x, y = torch.lerp(x[partner], x, share), torch.lerp(soft[partner], soft, share)
        return x, y


def _cut(x: Tensor, side: int, rng: np.random.Generator) -> Tensor:
    """Set a square of each image to 0, the mean colour, around a uniform centre; it may reach over an edge."""
    height, width = x.shape[2:]
    rows, columns = (
        torch.arange(extent) - torch.from_numpy(rng.integers(0, extent, len(x)))[:, None] + side // 2
        for extent in (height, width)
    )
    inside = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
    return x.masked_fill(inside[:, None].to(x.device), 0.0)

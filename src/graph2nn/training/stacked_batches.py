"""Batches for many networks at once, each from its own stream of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graph2nn.data.augment import gather
from graph2nn.data.compiled import byte_table, crop
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import resident
from graph2nn.training.recipe import Recipe


class Draws(NamedTuple):
    """Which images make the batches of M networks, and how they are augmented.

    Shapes: ``chosen`` int64 ``[steps, M, batch]``; ``flips`` likewise, 1 = mirror; ``offsets`` int64
    ``[steps, 2, M, batch]``, row and column of the crop in the image padded by ``pad``. None where no network
    asks for it.
    """

    chosen: Tensor
    flips: Tensor | None
    offsets: Tensor | None

    def at(self, step: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the draws of one step."""
        flips, offsets = (None if drawn is None else drawn[step] for drawn in (self.flips, self.offsets))
        return self.chosen[step], flips, offsets


def draw(
    recipes: Sequence[Recipe],
    generators: Sequence[torch.Generator],
    images: int,
    *,
    steps: int | None = None,
    device: torch.device,
) -> Draws:
    """Draw what :func:`graph2nn.training.loop.training_batches` would, network by network.

    Args:
        recipes: of equal batch size; whether to flip and how far to crop may differ.
        generators: one a network, on the CPU; each is drawn from as that function draws from it.
        images: size of the training split.
        steps: batches wanted, at most an epoch; an epoch if left out.
        device: where the draws are wanted.

    Returns:
        The draws of all networks.
    """
    batch, pad = recipes[0].batch_size, widest_pad(recipes)
    steps = min(images // batch, images if steps is None else steps)
    each = [
        _one(recipe, generator, images, steps, pad)
        for recipe, generator in zip(recipes, generators, strict=True)
    ]
    chosen, flips, offsets = zip(*each, strict=True)
    flipped = any(recipe.flip for recipe in recipes)
    return Draws(
        torch.stack(chosen, dim=1).to(device),
        torch.stack(flips, dim=1).to(device) if flipped else None,
        torch.stack(offsets, dim=2).to(device) if pad else None,
    )


def widest_pad(recipes: Sequence[Recipe]) -> int:
    """Return the padding that all networks share: what one of them does not use, its offsets skip."""
    return max(recipe.pad for recipe in recipes)


def _one(
    recipe: Recipe, generator: torch.Generator, images: int, steps: int, pad: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw for one network in the order of ``data.augment``: the epoch, then flips and offsets a batch."""
    batch = recipe.batch_size
    order = torch.randperm(images, generator=generator)[: steps * batch].view(steps, batch)
    flips = torch.zeros(steps, batch, dtype=torch.int64)
    offsets = torch.full((steps, 2, batch), pad)
    for step in range(steps):
        if recipe.flip:
            flips[step] = torch.randint(0, 2, (batch,), generator=generator)
        if recipe.pad:
            shifts = torch.randint(0, 2 * recipe.pad + 1, (2, batch), generator=generator)
            offsets[step] = shifts + (pad - recipe.pad)
    return order, flips, offsets


class Feed:
    """Makes batches out of draws, from images that stay on the device as uint8.

    Args:
        data: on the device.
        pad: see :func:`widest_pad`.
        dtype: of the networks.
    """

    def __init__(self, data: Dataset, pad: int, dtype: torch.dtype) -> None:
        split = resident(data.train, "population")
        device = split.images.device
        self._split, self._pad, self._dtype = split, pad, dtype
        self._table = byte_table(data.mean, data.sd)
        # Made once: while a CUDA graph is captured, nothing may be copied from the host.
        self._mean, self._sd = (
            torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]
            for values in (data.mean, data.sd)
        )

    def __call__(self, chosen: Tensor, flips: Tensor | None, offsets: Tensor | None) -> tuple[Tensor, Tensor]:
        """Make one batch a network.

        Shapes: ``chosen`` and ``flips`` ``[M, batch]``, ``offsets`` ``[2, M, batch]``; to
        ``[M, features, batch]`` and labels ``[M, batch]``.
        """
        members, batch = chosen.shape
        flat = chosen.flatten()
        mirror = None if flips is None else flips.flatten()
        place = None if offsets is None else offsets.flatten(1)
        if flat.device.type == "cpu":
            x = crop(self._split.images, flat, self._table, flips=mirror, offsets=place, pad=self._pad)
        else:
            pixels = self._split.images.index_select(0, flat).to(torch.float32)
            x = gather(pixels.sub_(self._mean).div_(self._sd), mirror, place, self._pad)
        y = self._split.labels.index_select(0, flat).view(members, batch)
        return x.to(self._dtype).view(members, batch, -1).transpose(1, 2), y

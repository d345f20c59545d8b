"""Datasets: labelled images in two splits, held whole in memory as uint8, or streamed from disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Protocol

import torch

from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.data.augment import Augment

Device = torch.device | str

#: From the number of a batch and its size to the samples of it that are wanted here; perhaps none.
Part = Callable[[int, int], slice]


def whole(batch: int, size: int) -> slice:
    """Return the :data:`Part` that is every batch from its first sample to its last."""
    return slice(0, size)


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    Shapes: ``images`` uint8 ``[N, channels, height, width]`` in 0..255, ``labels`` int64 ``[N]``.
    Treat both as read-only: they may be views of the cache file.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        # Programming errors, not user input: readers check what users bring before they build a split.
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise TypeError(
                f"images must be uint8 [N, C, H, W], not {self.images.dtype} {list(self.images.shape)}"
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise TypeError(f"labels must be int64 [N], not {self.labels.dtype} {list(self.labels.shape)}")

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: Device) -> Split:
        """Copy to a device; the split itself when it is already there."""
        images, labels = self.images.to(device), self.labels.to(device)
        return self if images is self.images and labels is self.labels else Split(images, labels)


class Streamed(Protocol):
    """A split whose images stay on disk: it makes its own batches, of the same shapes and types."""

    def __len__(self) -> int:
        """Number of images."""

    def to(self, device: Device) -> Streamed:
        """Say where batches shall go."""

    @property
    def size(self) -> int:
        """Side of the square images of a batch."""

    def batches(
        self,
        batch_size: int,
        *,
        mean: Sequence[float],
        sd: Sequence[float],
        augment: Augment,
        generator: torch.Generator,
        shuffle: bool = True,
        drop_last: bool = True,
        skip: int = 0,
        limit: int | None = None,
        part: Part = whole,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One epoch of training batches; see :func:`graph2nn.data.augment.batches`."""

    def eval_batches(
        self, batch_size: int, *, mean: Sequence[float], sd: Sequence[float], part: Part = whole
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Every image once, in stored order; see :func:`graph2nn.data.augment.eval_batches`."""


def resident(split: Split | Streamed, what: str) -> Split:
    """Return a split that is held in memory.

    Raises:
        UserError: it is streamed from disk, and ``what`` needs all images at hand.
    """
    if isinstance(split, Split):
        return split
    raise UserError(f"{what}: needs a data set held in memory, such as cifar10; photos stay on disk.")


@dataclass(frozen=True)
class Dataset:
    """A training and a test split, with what a report and a network need to know about them.

    ``label`` names the exact source for reports ("CIFAR-10", "CIFAR-10 (JPEG copy)"); ``mean`` and
    ``sd`` are per channel, in units of the stored values (0..255).
    """

    name: str
    label: str
    train: Split | Streamed
    test: Split | Streamed
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def to(self, device: Device) -> Dataset:
        """Copy both splits to a device."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        if isinstance(self.train, Split):
            channels, height, width = self.train.images.shape[1:]
            return channels, height, width
        return 3, self.train.size, self.train.size

    @property
    def in_features(self) -> int:
        """Values in one image: the input width of a perceptron."""
        return prod(self.image_shape)

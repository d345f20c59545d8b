"""Samples of a split, in memory or streamed from disk, and how a training image may be augmented."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from graph2nn.errors import UserError

Device = torch.device | str
#: From the number of a batch and its size to the samples of it that are wanted here; perhaps none.
Part = Callable[[int, int], slice]


def whole(batch: int, size: int) -> slice:
    """Return the :data:`Part` that is every batch from its first sample to its last."""
    return slice(0, size)


@dataclass(frozen=True)
class Augment:
    """What may happen to a training image.

    ``flip``: mirror left and right with probability 1/2. ``pad``: surround the normalised image with
    this many pixels of zero, which is the mean colour, and crop it back to its size at a uniformly
    drawn offset in 0..2·pad, both ends included.

    Photos on disk take no ``pad`` but two others. ``resized``: crop a rectangle whose area is uniform in this
    range of shares of the photo's and scale it to the network's size; None takes the central crop.
    ``lighting``: shift the colours along ImageNet's principal components by normal draws of this spread.
    """

    flip: bool = False
    pad: int = 0
    resized: tuple[float, float] | None = None
    lighting: float = 0.0

    def __post_init__(self) -> None:
        if self.pad < 0:
            raise UserError(
                f"augment: pad = {self.pad} is negative; give the pixels added on each side, e.g. 4."
            )


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    Shapes: ``images`` uint8 ``[N, channels, height, width]`` in 0..255, ``labels`` int64 ``[N]``.
    Treat both as read-only: they may be views of the cache file.

    Example:
        >>> split = Split(torch.zeros(4, 3, 32, 32, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
        >>> len(split)
        4
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
        moved = images is not self.images or labels is not self.labels
        return replace(self, images=images, labels=labels) if moved else self


@dataclass(frozen=True)
class Samples(Split):
    """Samples of a user's own data, of more types than a :class:`Split` has.

    Shapes: ``images`` uint8 or float32 ``[N, channels, height, width]``, float32 vectors of features
    ``[N, F]`` or sequences ``[N, time, F]``; ``labels`` int64 ``[N]`` (classes) or float32 ``[N, T]``
    (numbers, in their own units), of sequences int64 ``[N, time]`` or float32 ``[N, time, T]``. Numbers far
    from zero are float64, so that none is rounded before it is standardised.
    """

    def __post_init__(self) -> None:
        kind = (_single(self.images.dtype), self.images.ndim)
        if kind not in (
            (torch.uint8, 4), (torch.float32, 4), (torch.float32, 3), (torch.float32, 2), (torch.uint8, 2),
        ):  # fmt: skip
            raise TypeError(
                "samples must be uint8 or float32 [N, C, H, W], float32 [N, F] or [N, time, F], or bytes of "
                f"text uint8 [N, T], not {self.images.dtype} {list(self.images.shape)}"
            )
        targets = (_single(self.labels.dtype), self.labels.ndim - (self.images.ndim == 3))
        kinds = ((torch.int64, 1), (torch.float32, 2), (torch.uint8, 2))
        if targets not in kinds or len(self.labels) != len(self.images):
            raise TypeError(
                "labels must be int64 [N], float32 [N, T] or uint8 [N, T], "
                f"not {self.labels.dtype} {list(self.labels.shape)}"
            )

    def to(self, device: Device) -> Split:
        """Copy to a device; the samples themselves when they are already there.

        Raises:
            UserError: the device is of Apple's MPS, which has no float64, and the samples are float64.
        """
        if torch.device(device).type == "mps" and torch.float64 in (self.images.dtype, self.labels.dtype):
            raise UserError(
                "data: numbers that lie far from zero are kept in float64, which mps lacks; subtract a "
                "constant from them, or use --device cpu (device='cpu' in Python)."
            )
        return super().to(device)


def _single(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype == torch.float64 else dtype


class Streamed(Protocol):
    """A split whose images stay on disk: it makes its own batches, of the same shapes and types."""

    def __len__(self) -> int:
        """Number of images."""

    def to(self, device: Device) -> Streamed:
        """Say where batches shall go."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch."""

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
        """One epoch of training batches; see :func:`graph2nn.data.augment.batches`.

        Args:
            batch_size, mean, sd, augment, generator, shuffle, drop_last, skip, limit, part: as there.

        Returns:
            Images and targets, batch by batch.
        """

    def eval_batches(
        self, batch_size: int, *, mean: Sequence[float], sd: Sequence[float], part: Part = whole
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Every image once, in stored order; see :func:`graph2nn.data.augment.eval_batches`.

        Args:
            batch_size, mean, sd, part: as there.

        Returns:
            Images and targets, batch by batch.
        """


def resident(split: Split | Streamed, what: str) -> Split:
    """Return a split that is held in memory.

    Raises:
        UserError: it is streamed from disk, and ``what`` needs all images at hand.
    """
    if isinstance(split, Split):
        return split
    raise UserError(f"{what}: needs a data set held in memory, such as cifar10; photos stay on disk.")

"""Datasets: labelled uint8 images in two splits, held whole in memory. Values, never loaders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import torch

Device = torch.device | str


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


@dataclass(frozen=True)
class Dataset:
    """A training and a test split, with what a report and a network need to know about them.

    ``label`` names the exact source for reports ("CIFAR-10", "CIFAR-10 (JPEG copy)"); ``mean`` and
    ``sd`` are per channel, in units of the stored values (0..255).
    """

    name: str
    label: str
    train: Split
    test: Split
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
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    @property
    def in_features(self) -> int:
        """Values in one image: the input width of a perceptron."""
        return prod(self.image_shape)

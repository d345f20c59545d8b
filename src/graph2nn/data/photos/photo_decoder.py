"""One photo, from its bytes to pixels of the network's size; runs in worker processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from graph2nn.data.image_files import open_image, to_rgb
from graph2nn.data.photos.index import Index
from graph2nn.data.photos.transforms import Pixels, central_box, cut, lighting, random_box

#: Photos tried in place of one that cannot be decoded, before giving up.
SUBSTITUTES = 10


class Photos(NamedTuple):
    """A batch as the workers give it: uint8 ``[B, 3, S, S]``, float32 ``[B, 3]`` shifts, int64 ``[B]``."""

    pixels: torch.Tensor
    shifts: torch.Tensor
    labels: torch.Tensor
    damaged: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reader:
    """How photos are read: ``__getitem__`` takes a photo's number and the key of its random numbers.

    The key decides everything that is drawn for a photo, so a batch is the same whichever worker makes it,
    and after a resume. ``resized`` is the range of areas of a random crop; None takes the central crop.

    Args:
        index: which photos.
        size: side of the square the network sees.
        resize: what the shorter side is scaled to before a central crop.
        resized, flip, lighting: see :class:`graph2nn.data.augment.Augment`.
        antialias: average over the pixels that scaling down merges; see :func:`cut`.
    """

    index: Index
    size: int = 224
    resize: int = 256
    resized: tuple[float, float] | None = None
    flip: bool = False
    lighting: float = 0.0
    antialias: bool = True

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(
        self, item: tuple[int, int]
    ) -> tuple[Pixels, npt.NDArray[np.float32], int, list[tuple[str, str]]]:
        photo, key = item
        damaged = []
        for step in range(SUBSTITUTES):
            # A neighbour stands in for a damaged photo, so that the batch keeps its size.
            number = (photo + step) % len(self.index)
            try:
                pixels, shift = self._read(number, np.random.default_rng(key))
            except Exception as error:  # a damaged photo may fail anywhere in its decoder
                damaged.append((self.index.name(number), " ".join(str(error).split()) or type(error).__name__))
                continue
            return pixels, shift, int(self.index.labels[number]), damaged
        empty = np.zeros((3, self.size, self.size), np.uint8)
        return empty, np.zeros(3, np.float32), int(self.index.labels[photo]), damaged

    def _read(self, number: int, rng: np.random.Generator) -> tuple[Pixels, npt.NDArray[np.float32]]:
        with open_image(self.index.read(number)) as image:
            rgb = to_rgb(image)
        if self.resized is None:
            box = central_box(*rgb.size, resize=self.resize, size=self.size)
        else:
            box = random_box(*rgb.size, self.resized, rng)
        flip = self.flip and bool(rng.integers(0, 2))
        shift = lighting(self.lighting, rng) if self.lighting else np.zeros(3, np.float32)
        return cut(rgb, box, self.size, flip=flip, antialias=self.antialias), shift


def collate(items: list[tuple[Pixels, npt.NDArray[np.float32], int, list[tuple[str, str]]]]) -> Photos:
    """Stack what the reader gave for each photo of a batch."""
    pixels, shifts, labels, damaged = zip(*items, strict=True)
    return Photos(
        torch.from_numpy(np.stack(pixels)),
        torch.from_numpy(np.stack(shifts)),
        torch.tensor(labels, dtype=torch.int64),
        tuple(entry for entries in damaged for entry in entries),
    )

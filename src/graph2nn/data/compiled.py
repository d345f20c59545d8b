"""Augmentation on the CPU, compiled: stored bytes to a normalised, flipped and cropped batch in one pass."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graph2nn.compiling import compiled


@compiled
def _crop(
    images: npt.NDArray[Any],
    chosen: npt.NDArray[Any],
    table: npt.NDArray[Any],
    flips: npt.NDArray[Any],
    offsets: npt.NDArray[Any],
    pad: int,
    out: npt.NDArray[Any],
) -> None:
    """Write ``out[b] = crop(pad(flip(table[images[chosen[b]]])))``.

    ``images`` uint8 ``[N, C, H, W]``, ``table`` float32 ``[C, 256]`` (what each byte becomes), ``flips``
    ``[B]``, ``offsets`` ``[2, B]`` (row, column) in the padded image, ``out`` float32 ``[B, C, H, W]``.
    """
    channels, height, width = images.shape[1], images.shape[2], images.shape[3]
    for b in range(len(chosen)):
        down, right = offsets[0, b] - pad, offsets[1, b] - pad
        left = min(max(0, -right), width)
        stop = max(left, min(width, width - right))
        for c in range(channels):
            values = table[c]
            for y in range(height):
                row = y + down
                target = out[b, c, y]
                if row < 0 or row >= height:
                    target[:] = 0
                    continue
                source = images[chosen[b], c, row]
                target[:left] = 0
                target[stop:] = 0
                inside = target[left:stop]
                count = len(inside)
                # Indices that cannot be negative: numba's check for negative ones halves the speed.
                if flips[b]:
                    piece = source[width - stop - right : width - left - right]
                    for i in range(count):
                        inside[i] = values[piece[np.uint64(count - 1) - np.uint64(i)]]
                else:
                    piece = source[left + right : stop + right]
                    for i in range(count):
                        inside[i] = values[piece[i]]


def crop(
    images: Tensor,
    chosen: Tensor,
    table: Tensor,
    *,
    flips: Tensor | None,
    offsets: Tensor | None,
    pad: int,
) -> Tensor:
    """Return the augmented samples ``chosen`` of ``images``, float32 ``[B, C, H, W]``, on the CPU.

    Args:
        images: uint8 ``[N, C, H, W]``.
        chosen: int64 ``[B]``.
        table: float32 ``[C, 256]``, what each byte of a channel becomes.
        flips: int64 ``[B]``, 1 = mirror; None for none.
        offsets: int64 ``[2, B]`` in 0 … 2·pad; None for the centre.
        pad: zeros around the image.

    Returns:
        The samples.
    """
    count = len(chosen)
    out = torch.empty(count, *images.shape[1:])
    flips = torch.zeros(count, dtype=torch.int64) if flips is None else flips
    offsets = torch.full((2, count), pad) if offsets is None else offsets
    _crop(images.numpy(), chosen.numpy(), table.numpy(), flips.numpy(), offsets.numpy(), pad, out.numpy())
    return out


@lru_cache(maxsize=16)
def byte_table(mean: tuple[float, ...], sd: tuple[float, ...]) -> Tensor:
    """Return the normalised value of every byte, float32 ``[C, 256]``, rounded as whole images are."""
    bytes_ = np.arange(256, dtype=np.float32)
    centre, scale = (np.array(v, dtype=np.float32)[:, None] for v in (mean, sd))
    return torch.from_numpy((bytes_ - centre) / scale)

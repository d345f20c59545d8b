"""Weights of the masked shape while a layer is made: for a moment, and without fragmenting the memory."""

from __future__ import annotations

import mmap

import torch
from torch import Tensor

#: Weights whose places are looked up at once; torch makes an index of 8 bytes per dimension for each of them.
_AT_ONCE = 1 << 18


def pick(weight: Tensor, mask: Tensor, stored: Tensor | None, out: Tensor) -> Tensor:
    """Write the entries of each row of a weight that are on its mask to the places where they are stored.

    Args:
        weight: ``[out, in, *k]``.
        mask: bool, broadcastable over the weight; one row per output feature.
        stored: where a row of ``out`` has weights, bool, zero elsewhere; None for everywhere.
        out: ``[out, pitch]``, overwritten.

    Returns:
        ``out``.
    """
    step = max(1, _AT_ONCE // max(1, weight[0].numel()))
    for first in range(0, len(weight), step):
        rows = slice(first, first + step)
        part = weight[rows]
        values = part[mask[rows].expand(part.shape)]
        if stored is None:
            out[rows] = values.view(len(part), -1)
        else:
            out[rows].zero_().masked_scatter_(stored[rows], values)
    return out


def passing(shape: torch.Size, like: Tensor) -> Tensor:
    """Return an uninitialised tensor of the type of ``like`` that will soon be dropped.

    On the CPU it comes straight from the system and goes back there. glibc's ``malloc`` would take the largest
    block it ever freed for the size below which freed memory is kept, and later fragment what it keeps: a
    training step of ResNet-34 then holds a quarter more memory than it needs.
    """
    if like.device.type != "cpu":
        return like.new_empty(shape)
    pages = mmap.mmap(-1, shape.numel() * like.element_size())
    return torch.frombuffer(pages, dtype=like.dtype).view(shape)

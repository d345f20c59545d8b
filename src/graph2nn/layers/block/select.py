"""Picking the weights on a mask a few rows at a time: indices of all of them would be larger than the weights."""

from __future__ import annotations

import torch
from torch import Tensor

#: Weights whose places are looked up at once; torch makes an index of 8 bytes per dimension for each of them.
_AT_ONCE = 1 << 18


def on_mask(weight: Tensor, mask: Tensor) -> Tensor:
    """Return ``weight[mask.expand(weight.shape)]``, flat, without an index of the whole weight.

    Args:
        weight: ``[out, in, *k]``.
        mask: bool, broadcastable over the weight; one row per output feature.
    """
    rows = max(1, _AT_ONCE // max(1, weight[0].numel()))
    parts = zip(weight.split(rows), mask.split(rows), strict=True)
    return torch.cat([part[on.expand(part.shape)] for part, on in parts])

"""Activations that backward computes again rather than keeps: images behind a batch norm and ReLU.

A convolution needs its input once more for the gradient of its weights. Where the input is what norm and ReLU
made of the convolution before, that convolution's output is kept in any case, and norm and ReLU are cheap: a
third to a quarter of what a residual network keeps for backward need not be kept. Chen et al., "Training Deep
Nets with Sublinear Memory Cost" (arXiv 1604.06174), is the general form, which computes layers again as well.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.copying import gather_plane, spans_of
from graph2nn.layers.block.layout import Integers, Planes
from graph2nn.layers.block.norm_rows import N, norm_relu
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed


class Origin(NamedTuple):
    """What an image is computed from, with the same bits each time: ``ReLU(z · slope + shift)``."""

    z: Tensor  # [N, C, H, W], contiguous
    slope: Tensor  # [C]
    shift: Tensor  # [C]


#: What a function keeps of an image for its backward, as it goes to ``save_for_backward``: the image, or what
#: it is computed from.
Kept: TypeAlias = tuple[Tensor, ...]
#: What images were made of, and their version then; not attributes of theirs, which ``torch.save`` would keep.
_ORIGINS: MutableMapping[Tensor, tuple[Origin, int]] = WeakTensorKeyDictionary()


def remember(image: Tensor, origin: Origin) -> None:
    """Note what an image was made of, for whoever would keep it for a backward.

    Not under hooks on saved tensors: a checkpoint drops ``z``, and would keep it with the image it cuts at.

    Args:
        image: ``ReLU(z · slope + shift)``.
        origin: its ``z``, which something keeps for the backward of ``image`` in any case.
    """
    if not _saved_elsewhere():
        _ORIGINS[image] = origin, image._version


def to_keep(image: Tensor) -> Kept:
    """Return what to keep of an image: what it was made of where that is known, else the image.

    Args:
        image: ``[N, C, H, W]``.

    Returns:
        Tensors for ``save_for_backward``; :func:`kept_image` reads them.
    """
    # Hooks get what the layer reads, as from torch's own layers.
    if image not in _ORIGINS or _saved_elsewhere():
        return (image,)
    origin, version = _ORIGINS[image]
    return tuple(origin) if image._version == version else (image,)


def kept_image(kept: Kept) -> Tensor | Origin:
    """Return the image that :func:`to_keep` was given, or what it is computed from."""
    return kept[0] if len(kept) == 1 else Origin(*kept)


def _saved_elsewhere() -> bool:
    """Whether hooks take care of what is saved: of ``torch.utils.checkpoint``, ``save_on_cpu`` or a user."""
    return torch._C._autograd._top_saved_tensors_default_hooks(True) is not None


@compiled
def lay_out_normed(
    part: Int, ranges: Integers, z: Any, slope: Any, shift: Any, p: Planes, as_it_lies: Int, out: Any
) -> None:
    """Compute images behind norm and ReLU where a convolution reads them, for a range of (group, channel).

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last unit of each part, ``[parts, 2]``.
        z: images before the norm ``[N, C, H, W]``, flat.
        slope, shift: of the norm, ``[C]``.
        p: planes of the result.
        as_it_lies: whether the result lies as ``z`` does rather than in planes.
        out: flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    z, slope, shift, out = borrowed((z, slope, shift, out))
    numbers = np.zeros(N.many, dtype=z.dtype)
    pixels = p.height * p.width
    normed = np.empty(pixels, dtype=z.dtype)
    spans = spans_of(p)
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, c = unit // p.channels, unit % p.channels
        numbers[N.scale], numbers[N.shift] = slope[c], shift[c]
        start = g * p.group_step + c * p.channel_step
        if not as_it_lies:
            out[start : start + p.channel_step] = 0
        for i in range(min(p.group, p.images - g * p.group)):
            image = ((g * p.group + i) * p.channels + c) * pixels
            if as_it_lies:
                norm_relu((pixels, z, z, image, out, numbers, image))
                continue
            norm_relu((pixels, z, z, image, normed, numbers, i - i))
            for phase, span in enumerate(spans):
                plane = start + phase * p.phase_step + p.front + i * p.rows * p.pitch
                gather_plane(normed, i - i, p, span, out, plane)

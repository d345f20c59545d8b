"""Augmentation of whole batches on the device: normalise, flip, pad and crop, compiled on the CPU.

Random numbers are drawn on the device of the generator and only the small index tensors move to
the images. With a CPU generator the same seed therefore gives the same batches on every device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
import torch.nn.functional as F

from graph2nn.data.compiled import byte_table, crop
from graph2nn.data.samples import Augment, Part, Split, Streamed, whole
from graph2nn.errors import UserError


def normalise(images: torch.Tensor, mean: Sequence[float], sd: Sequence[float]) -> torch.Tensor:
    """Return ``(images - mean) / sd`` per channel, as new float32 on the device of the images.

    Shapes: uint8, float32 or float64 ``[B, C, H, W]`` to float32 ``[B, C, H, W]``; vectors ``[B, F]`` and
    sequences ``[B, time, F]`` likewise, per feature. Float64 is rounded at the end. The stored values are left
    as they are.

    Args:
        images: ``[B, C, H, W]``, vectors ``[B, F]``, or sequences ``[B, time, F]``.
        mean: per channel or feature, in stored units.
        sd: likewise.

    Returns:
        A new float32 tensor of the same shape.

    Example:
        >>> normalise(torch.full((1, 1, 2, 2), 128, dtype=torch.uint8), [64.0], [32.0]).flatten().tolist()
        [2.0, 2.0, 2.0, 2.0]
    """
    _check_channels(images, mean, sd)
    shape = (-1, 1, 1) if images.ndim == 4 else (-1,)
    kind = torch.float64 if images.dtype == torch.float64 else torch.float32
    centre, scale = (torch.tensor(v, dtype=kind, device=images.device).view(shape) for v in (mean, sd))
    return images.to(kind, copy=True).sub_(centre).div_(scale).float()


def augment(
    images: torch.Tensor,
    mean: Sequence[float],
    sd: Sequence[float],
    augment: Augment,
    generator: torch.Generator,
    *,
    chosen: torch.Tensor | None = None,
    part: slice = slice(None),
) -> torch.Tensor:
    """Normalise a batch, then flip and crop each sample by its own draw.

    Draws, in this order and only where asked for: ``randint(0, 2, [B])`` (1 = flip), then
    ``randint(0, 2·pad + 1, [2, B])`` (row offsets, column offsets).

    Shapes: uint8 ``[B, C, H, W]`` to float32 ``[B, C, H, W]``. The stored images are left as they are.

    Args:
        images: of the batch, or those it is chosen from.
        mean: of each channel.
        sd: of each channel.
        augment: what may happen.
        generator: of the draws.
        chosen: which images make the batch, int64 ``[B]``; all of them if left out.
        part: which samples of the batch are returned. The draws are those of all.

    Returns:
        float32 ``[part of B, C, H, W]``.
    """
    if chosen is None:
        chosen = torch.arange(len(images), device=images.device)
    batch, pad = len(chosen), augment.pad
    flips = _draw(2, (batch,), generator) if augment.flip else None
    offsets = _draw(2 * pad + 1, (2, batch), generator) if pad else None
    chosen = chosen[part]
    if is_text(images):
        if augment.flip or augment.pad:
            raise UserError("augment: flip and pad are for images, these are texts; leave both out.")
        return images.index_select(0, chosen).long()
    flips = None if flips is None else flips[part]
    offsets = None if offsets is None else offsets[:, part].contiguous()
    if images.ndim < 4 and (augment.flip or augment.pad):
        raise UserError("augment: flip and pad are for images, and these are not; leave both out.")
    if images.device.type == "cpu" and images.dtype == torch.uint8:
        _check_channels(images, mean, sd)
        table = byte_table(tuple(mean), tuple(sd))
        flips, offsets = (None if t is None else t.cpu() for t in (flips, offsets))
        return crop(images, chosen, table, flips=flips, offsets=offsets, pad=pad)
    # index_select copies rows; images[chosen] would be 3x slower.
    values = normalise(images.index_select(0, chosen), mean, sd)
    return gather(values, flips, offsets, pad)


def gather(
    values: torch.Tensor, flips: torch.Tensor | None, offsets: torch.Tensor | None, pad: int
) -> torch.Tensor:
    """Flip and crop a normalised batch ``[B, C, H, W]`` by one gather, on any device.

    Slower where it was tried, on a CPU: a slice per sample (6x), advanced indexing (3x), a strided window per
    sample (1.5x), gathering uint8 and masking the border (1.1x).

    Args:
        values: float32 ``[B, C, H, W]``.
        flips: int64 ``[B]``, 1 = mirror; None for none.
        offsets: int64 ``[2, B]`` in 0 … 2·pad; None for the centre.
        pad: zeros around the image.

    Returns:
        float32 ``[B, C, H, W]``.
    """
    if flips is None and offsets is None:
        return values
    batch, channels, height, width = values.shape
    home = (flips if flips is not None else offsets).device  # type: ignore[union-attr]
    columns = torch.arange(width, device=home).expand(batch, width)
    rows = torch.arange(height, device=home).expand(batch, height)
    if offsets is not None:
        rows, columns = rows + offsets[0, :, None], columns + offsets[1, :, None]
    padded_height, padded_width = height + 2 * pad, width + 2 * pad
    if flips is not None:
        # The padding is symmetric, so mirroring the padded image equals padding the mirrored one.
        columns = torch.where(flips[:, None] == 1, padded_width - 1 - columns, columns)
    rows, columns = rows.to(values.device), columns.to(values.device)
    index = (rows[:, :, None] * padded_width + columns[:, None, :]).view(batch, 1, height * width)
    padded = F.pad(values, (pad, pad, pad, pad)).view(batch, channels, padded_height * padded_width)
    return padded.gather(2, index.expand(-1, channels, -1)).view(batch, channels, height, width)


def batches(
    split: Split | Streamed,
    batch_size: int,
    *,
    mean: Sequence[float],
    sd: Sequence[float],
    augment: Augment | None,
    generator: torch.Generator,
    shuffle: bool = True,
    drop_last: bool = True,
    skip: int = 0,
    limit: int | None = None,
    part: Part = whole,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One epoch of training batches: float32 ``[B, C, H, W]`` and int64 ``[B]`` on the split's device.

    The generator is drawn from for the order first (``randperm``), then for each batch's augmentation. With
    ``skip`` the first batches are left out, and the generator is where it would be after them; with ``limit``
    the epoch ends after this many, those left out included. With ``part`` each batch is cut down to some of its
    samples, augmented as in the whole one; where none is left, the batch is left out.

    Args:
        split: the samples.
        batch_size: samples per batch.
        mean: per channel, in stored units.
        sd: likewise.
        augment: how each batch is changed; None leaves the samples as they are.
        generator: of the order and of the augmentation.
        shuffle: False keeps the stored order.
        drop_last: leave out a last batch that is smaller.
        skip: batches left out at the start.
        limit: the epoch ends after this many batches.
        part: which samples of a batch this process takes.

    Returns:
        Pairs of samples and labels.

    Raises:
        UserError: the batch size is below 1, or so large that ``drop_last`` would leave no batch.

    Example:
        >>> split = Split(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.zeros(10, dtype=torch.int64))
        >>> epoch = batches(split, 4, mean=[0.0], sd=[1.0], augment=None, generator=torch.Generator())
        >>> [len(labels) for _, labels in epoch]
        [4, 4]
    """
    _check_batch_size(batch_size)
    if drop_last and len(split) < batch_size:
        raise UserError(
            f"batches: batch size {batch_size} exceeds the {len(split)} training images; choose a smaller one."
        )
    settings = augment or Augment()
    if not isinstance(split, Split):
        return split.batches(
            batch_size, mean=mean, sd=sd, augment=settings, generator=generator, shuffle=shuffle,
            drop_last=drop_last, skip=skip, limit=limit, part=part,
        )  # fmt: skip
    if settings.resized or settings.lighting:
        raise UserError("augment: resized crops and lighting are for photos on disk; leave them out here.")
    made = _batches(split, batch_size, mean, sd, settings, generator, shuffle, drop_last, limit, part)
    # Making a batch costs far less than training on it, and draws what it always draws.
    for _ in islice(made, skip):
        pass
    return (batch for batch in made if len(batch[1]))


def eval_batches(
    split: Split | Streamed,
    batch_size: int,
    *,
    mean: Sequence[float],
    sd: Sequence[float],
    part: Part = whole,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Every image once, in stored order and only normalised; the last batch may be smaller.

    With ``part`` only those samples of each batch; where none is left, the batch is left out.

    Args:
        split: the samples.
        batch_size: samples per batch.
        mean: per channel, in stored units.
        sd: likewise.
        part: which samples of a batch this process takes.

    Returns:
        Pairs of samples and labels.

    Raises:
        UserError: the batch size is below 1.

    Example:
        >>> split = Split(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.zeros(10, dtype=torch.int64))
        >>> [len(labels) for _, labels in eval_batches(split, 4, mean=[0.0], sd=[1.0])]
        [4, 4, 2]
    """
    _check_batch_size(batch_size)
    if not isinstance(split, Split):
        return split.eval_batches(batch_size, mean=mean, sd=sd, part=part)
    chunks = zip(torch.split(split.images, batch_size), torch.split(split.labels, batch_size), strict=True)
    parts = ((chunk, part(number, len(chunk[1]))) for number, chunk in enumerate(chunks))
    cut = ((images[wanted], labels[wanted]) for (images, labels), wanted in parts)
    return (
        (images.long() if is_text(images) else normalise(images, mean, sd), _targets(labels))
        for images, labels in cut
        if len(labels)
    )


def is_text(samples: torch.Tensor) -> bool:
    """Whether samples are texts, one byte per token, uint8 ``[N, T]``."""
    return samples.dtype == torch.uint8 and samples.ndim == 2


def _targets(labels: torch.Tensor) -> torch.Tensor:
    """Return targets as losses want them: next bytes of texts are stored as bytes."""
    return labels.long() if labels.dtype == torch.uint8 else labels


def _batches(
    split: Split,
    batch_size: int,
    mean: Sequence[float],
    sd: Sequence[float],
    settings: Augment,
    generator: torch.Generator,
    shuffle: bool,
    drop_last: bool,
    limit: int | None,
    part: Part,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    count, device = len(split), split.images.device
    stop = count - count % batch_size if drop_last else count
    order = torch.arange(count)
    if shuffle:
        order = torch.randperm(count, generator=generator, device=generator.device)
    order = order.to(device)
    for number, chosen in enumerate(torch.split(order[:stop], batch_size)[:limit]):
        wanted = part(number, len(chosen))
        images = augment(split.images, mean, sd, settings, generator, chosen=chosen, part=wanted)
        yield images, _targets(split.labels.index_select(0, chosen[wanted]))


def _draw(below: int, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return torch.randint(0, below, shape, generator=generator, device=generator.device)


def _check_channels(images: torch.Tensor, mean: Sequence[float], sd: Sequence[float]) -> None:
    channels = images.shape[1] if images.ndim == 4 else images.shape[-1]
    if not channels == len(mean) == len(sd):
        raise UserError(
            f"normalise: {channels} channels but {len(mean)} means and {len(sd)} standard deviations; "
            "give one of each per channel."
        )


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise UserError(f"batches: batch size {batch_size} is not possible; give at least 1, e.g. 128.")

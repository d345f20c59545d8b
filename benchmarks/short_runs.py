"""What a short training needs next to the loop: short epochs, a task for sequences, losses of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.data.augment import batches, eval_batches
from graph2nn.data.samples import Device, Split
from graph2nn.training.epoch import EpochProgress

#: Of brightness, for :func:`backwards`; one token more begins a sequence.
LEVELS = 16

Task = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def classify(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return images, labels


def backwards(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Read an image as a sequence, the brightness of its 4 × 4 patches in levels, and write it back to front.

    Tokens ``[B, 2, T]``, what the encoder and what the decoder reads; and ``[B, T]``, what the decoder writes.
    """
    brightness = F.avg_pool2d(images.mean(1), 4).flatten(1)  # about -2 to 2, as images come normalised
    source = (LEVELS * (brightness + 2) / 4).long().clamp(0, LEVELS - 1)
    target = source.flip(1)
    started = F.pad(target[:, :-1], (1, 0), value=LEVELS)  # a token of its own begins a sequence
    return torch.stack([source, started], 1), target


@dataclass(frozen=True)
class Drawn:
    """A training split whose epochs are ``length`` images drawn from a whole one, as a task reads them."""

    whole: Split
    length: int
    task: Task

    def __len__(self) -> int:
        return self.length

    def to(self, device: Device) -> Drawn:
        return replace(self, whole=self.whole.to(device))

    @property
    def size(self) -> int:
        return self.whole.images.shape[-1]

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return tuple(self.whole.images.shape[1:])

    def batches(
        self, batch_size: int, *, limit: int | None = None, **how: Any
    ) -> Iterator[tuple[Tensor, Tensor]]:
        most = self.length // batch_size
        limit = most if limit is None else min(limit, most)
        return (self.task(*batch) for batch in batches(self.whole, batch_size, limit=limit, **how))

    def eval_batches(self, batch_size: int, **how: Any) -> Iterator[tuple[Tensor, Tensor]]:
        return (self.task(*batch) for batch in eval_batches(self.whole, batch_size, **how))


class OnPairs(nn.Module):
    """An encoder and decoder as the loop wants it: one tensor in, and classes behind the batch."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def initialise(self, generator: torch.Generator) -> None:
        self.network.initialise(generator)  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.network(x[:, 0], x[:, 1])
        return scores.transpose(1, 2)


def losses_into(losses: list[float]) -> Callable[[EpochProgress], None]:
    """Return what the loop calls after each batch: it knows the epoch's sums, of which these are the steps."""
    before = images = 0.0

    def on_batch(running: EpochProgress) -> None:
        nonlocal before, images
        if running.batches == 1:
            before = images = 0.0
        total = running.loss * running.images
        losses.append((total - before) / (running.images - images))
        before, images = total, running.images

    return on_batch

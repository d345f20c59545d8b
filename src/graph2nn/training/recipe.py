"""The recipe of a training run, as plain values: what is not here does not change the result."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Schedule = Literal["cosine", "step", "exponential"]
Initialisation = Literal["published", "shared"]


class Recipe(BaseModel):
    """How a network is trained. The defaults are the paper's MLP recipe (appendix, CIFAR-10).

    The rate is set per epoch. ``lr`` and ``weight_decay`` are those of SGD; ``steps`` are the epochs at
    which the schedule ``"step"`` multiplies the rate by ``gamma``, which is also the factor an epoch of
    ``"exponential"``; warm-up grows the factor linearly from ``warmup_factor`` to 1 over
    ``warmup_epochs``. ``precise_bn`` is the number of training samples from which batch norm statistics
    are recomputed before each evaluation, 0 for the running averages. ``flip`` and ``pad`` are the
    augmentation: mirror with probability 1/2, pad with the mean colour and crop at random. Photos on disk take
    ``resized_crop``, the range of areas of a random crop as shares of the photo's, and ``lighting``, the
    spread of random shifts along ImageNet's colour components, in place of ``pad``.
    ``initialisation`` is ``"published"``, or ``"shared"``: the same dense draws for every graph, then masked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(200, ge=1)
    batch_size: int = Field(128, ge=2)
    lr: float = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(5e-4, ge=0)
    schedule: Schedule = "cosine"
    steps: tuple[int, ...] = ()
    gamma: float = Field(0.1, gt=0, le=1)
    warmup_epochs: int = Field(0, ge=0)
    warmup_factor: float = Field(0.1, ge=0, le=1)
    precise_bn: int = Field(1024, ge=0)
    flip: bool = False
    pad: int = Field(0, ge=0)
    resized_crop: tuple[float, float] | None = None
    lighting: float = Field(0.0, ge=0)
    initialisation: Initialisation = "published"

    def rate_factor(self, epoch: int) -> float:
        """Return what ``lr`` is multiplied by during ``epoch`` (0-based)."""
        if self.schedule == "cosine":
            factor = 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        elif self.schedule == "step":
            factor = self.gamma ** sum(epoch >= step for step in self.steps)
        else:
            factor = self.gamma**epoch
        if epoch < self.warmup_epochs:
            done = epoch / self.warmup_epochs
            factor *= self.warmup_factor * (1 - done) + done
        return factor

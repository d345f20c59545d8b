"""What a task is: a loss to train by, and a score to judge by, with its name, unit and direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from graph2nn.tasks.score import Score


class LossOptions(Protocol):
    """What a task reads of a recipe; see :class:`graph2nn.training.Recipe`."""

    @property
    def label_smoothing(self) -> float:
        """Share of the target that is spread over all classes."""

    @property
    def class_weights(self) -> bool:
        """True weighs classes by their inverse frequency."""

    @property
    def regression_loss(self) -> str:
        """``"mse"`` or ``"huber"``."""


#: Outputs of a network and targets to the mean loss of a batch.
Loss = Callable[[Tensor, Tensor], Tensor]
#: How the training score follows from a sum over samples: percent of them, their mean, or the root of the mean.
Reduction = Literal["percent", "mean", "root"]


@dataclass(frozen=True)
class Measured:
    """What an evaluation gave.

    Args:
        loss: mean loss per sample.
        score: the score that the task minimises, in its unit.
        top5: top-5 error in percent; NaN where there are no classes.
        others: further metrics by name, such as ``balanced_error`` (%) or ``r2``.
    """

    loss: float
    score: float
    top5: float = math.nan
    others: Mapping[str, float] = field(default_factory=dict)


class Task(Protocol):
    """What a network is trained for.

    Everything that is measured is a sum over samples, so that batches and processes add up.
    """

    @property
    def score(self) -> Score:
        """The score that is minimised."""

    @property
    def reduction(self) -> Reduction:
        """How the training score follows from the sums of :meth:`missed`."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Further metrics of an evaluation, each a field of :class:`graph2nn.training.Epoch`."""

    def loss(self, recipe: LossOptions) -> Loss:
        """Return the training loss that a recipe asks for."""

    def missed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return what a training batch adds to the sum of its epoch: wrong answers, or squared errors."""

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return what a batch adds to an evaluation, float64 ``[K]`` with the same K for every batch."""

    def measured(self, sums: Tensor) -> Measured:
        """Return the evaluation that the added-up :meth:`sums` of all batches give."""


def counted(total: float, samples: int, reduction: Reduction) -> float:
    """Return the training score of ``samples`` samples from the sum of what they missed.

    Args:
        total: sum of what was missed.
        samples: how many.
        reduction: how the sum becomes a score.

    Returns:
        The score.

    Example:
        >>> counted(5, 20, "percent"), counted(80.0, 20, "root")
        (25.0, 2.0)
    """
    if reduction == "percent":
        # In this order, as populations and earlier results have it: 100 * (total / samples) rounds otherwise.
        return 100 * total / samples
    mean = total / samples
    return mean if reduction == "mean" else math.sqrt(max(0.0, mean))


def hard(targets: Tensor) -> Tensor:
    """Return class numbers ``[N]`` of targets that are numbers already, or mixed shares ``[N, K]``."""
    return targets if targets.dtype == torch.int64 else targets.argmax(dim=1)

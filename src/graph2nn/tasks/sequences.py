"""Tasks of sequences: classes or numbers at the steps that are asked for, and memory capacity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graph2nn.data.sequence_sets import asked
from graph2nn.data.sequence_tasks import (
    SEQUENCE_TASKS,
    Sequences,
    delayed_inputs,
    delayed_match,
    memory_capacity,
    n_back,
    narma10,
)
from graph2nn.tasks.classification import Classification
from graph2nn.tasks.regression import Regression
from graph2nn.tasks.score import Score
from graph2nn.tasks.task import Loss, LossOptions, Measured, Reduction

__all__ = [
    "SEQUENCE_TASKS",
    "MemoryCapacity",
    "SequenceClasses",
    "SequenceNumbers",
    "Sequences",
    "delayed_inputs",
    "delayed_match",
    "memory_capacity",
    "n_back",
    "narma10",
]


def _answers(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return outputs and targets of the steps that are asked for, one row per step."""
    chosen = asked(targets)
    return outputs[chosen], targets[chosen]


def _of_answers(loss: Loss) -> Loss:
    return lambda outputs, targets: loss(*_answers(outputs, targets))


@dataclass(frozen=True)
class SequenceClasses:
    """One class at each step that is asked for; the score is the share of wrong answers.

    Args:
        counts: steps of each class in the training part.
    """

    counts: tuple[int, ...]

    @property
    def score(self) -> Score:
        """Share of the answers that are wrong."""
        return Score("wrong answers", "%")

    @property
    def reduction(self) -> Reduction:
        """Training counts the share of wrong answers of each sequence."""
        return "percent"

    @property
    def metrics(self) -> tuple[str, ...]:
        """None besides the score."""
        return ()

    @cached_property
    def _steps(self) -> Classification:
        return Classification(self.counts)

    def loss(self, recipe: LossOptions) -> Loss:
        """Cross-entropy of the answers, as :meth:`Classification.loss` has it."""
        return _of_answers(self._steps.loss(recipe))

    def missed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Add up the shares of wrong answers of the sequences."""
        answers, right = _answers(outputs, targets)
        return (answers.argmax(dim=1) != right).double().mean() * len(targets)

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Those of a classification of the answers."""
        return self._steps.sums(*_answers(outputs, targets))

    def measured(self, sums: Tensor) -> Measured:
        """Loss and share of wrong answers."""
        measured = self._steps.measured(sums)
        return Measured(measured.loss, measured.score)


@dataclass(frozen=True)
class SequenceNumbers:
    """Numbers at each step that is asked for; the score is the root of the squared error over the variance.

    This is NRMSE: 1 for the best constant answer, 0 for the right one. Of several numbers it is the root of the
    mean of the squares. Networks learn targets standardised by the training part.

    Args:
        names: of the numbers.
        mean: of each in the training part.
        sd: of each in the training part, positive.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    @property
    def score(self) -> Score:
        """NRMSE, which has no unit."""
        return Score("NRMSE")

    @property
    def reduction(self) -> Reduction:
        """Training adds squared errors."""
        return "root"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The coefficient of determination."""
        return ("r2",)

    @cached_property
    def _steps(self) -> Regression:
        return Regression(self.names, (0.0,) * len(self.names), (1.0,) * len(self.names))

    def loss(self, recipe: LossOptions) -> Loss:
        """Mean squared error or Huber loss of the answers."""
        measure = self._steps.loss(recipe)
        return lambda outputs, targets: measure(*self._standardised(outputs, targets))

    def missed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Add up the mean squared errors of the sequences."""
        answers, right = self._standardised(outputs, targets)
        return (answers - right).square().double().mean() * len(targets)

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Those of a regression of the answers."""
        return self._steps.sums(*self._standardised(outputs, targets))

    def measured(self, sums: Tensor) -> Measured:
        """Mean squared error, NRMSE and the coefficient of determination."""
        measured = self._steps.measured(sums)
        r2 = measured.others["r2"]
        return Measured(measured.loss, math.sqrt(max(0.0, 1 - r2)) if r2 == r2 else math.nan, others={"r2": r2})

    def _standardised(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        answers, right = _answers(outputs, targets)
        mean, sd = (right.new_tensor(values) for values in (self.mean, self.sd))
        return answers, ((right - mean) / sd).float()


@dataclass(frozen=True)
class MemoryCapacity(SequenceNumbers):
    """The inputs of 1, 2, … steps before, all at once; the score is how many of them are lost.

    The memory capacity is the sum over delays of r² between answer and input (Jaeger, GMD report 152, 2001);
    its difference to the number of delays is the score, so that lower is better as everywhere.
    """

    @property
    def score(self) -> Score:
        """Number of delays minus memory capacity, in steps."""
        return Score("lost memory", "steps")

    @property
    def reduction(self) -> Reduction:
        """Training adds what the batches lost."""
        return "mean"

    @property
    def metrics(self) -> tuple[str, ...]:
        """None besides the score."""
        return ()

    def missed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What the batch lost, for each of its sequences."""
        return outputs.new_tensor(self.measured(self.sums(outputs.detach(), targets)).score) * len(targets)

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Steps, then of each delay the sums that squared error and correlation need."""
        a, b = (values.double() for values in self._standardised(outputs, targets))
        each = (a, b, a * a, b * b, a * b)
        return torch.cat([a.new_tensor([len(a)]), *(values.sum(dim=0) for values in each)])

    def measured(self, sums: Tensor) -> Measured:
        """Mean squared error, and the delays that are lost."""
        count = sums[0]
        a, b, aa, bb, ab = sums[1:].chunk(5)
        spread = (aa - a * a / count) * (bb - b * b / count)
        joint = ab - a * b / count
        r2 = torch.where(spread > 0, joint.square() / spread.clamp_min(1e-300), torch.zeros_like(joint))
        loss = float((aa - 2 * ab + bb).mean()) / float(count)
        return Measured(loss, len(r2) - float(r2.sum()))

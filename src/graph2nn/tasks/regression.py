"""Regression: mean squared error or Huber loss on standardised targets; RMSE in their own unit, and R²."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.tasks.score import Score
from graph2nn.tasks.task import Loss, LossOptions, Measured, Reduction


@dataclass(frozen=True)
class Regression:
    """One or several numbers per sample.

    Networks learn targets that are standardised by the training part. The score is the RMSE: of one target in
    its own unit; of several, the root of the mean over targets of their squared standardised errors, as
    numbers of different units do not add up.

    Args:
        names: of the targets.
        mean: of each in the training part.
        sd: of each in the training part, positive.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    @property
    def score(self) -> Score:
        """RMSE, with the unit of the target."""
        return Score("RMSE", f"units of {self.names[0]}" if len(self.names) == 1 else "standard deviations")

    @property
    def reduction(self) -> Reduction:
        """Training adds squared errors."""
        return "root"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The coefficient of determination."""
        return ("r2",)

    def loss(self, recipe: LossOptions) -> Loss:
        """Mean squared error, or Huber loss with its bend at one standard deviation.

        Raises:
            UserError: options of the recipe that are for classes.
        """
        if recipe.class_weights or recipe.label_smoothing:
            option = "class_weights" if recipe.class_weights else "label_smoothing"
            raise UserError(f"recipe: {option} is for classes and these targets are numbers; leave it out.")
        measure = F.huber_loss if recipe.regression_loss == "huber" else F.mse_loss

        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            return measure(outputs, self._standardised(targets))

        return loss

    def missed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Add up squared errors, in the unit of the score."""
        squared = (outputs - self._standardised(targets)).square().mean(dim=1).sum()
        return squared * self._unit**2

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Samples, then of each target the squared error, the values and their squares, standardised."""
        y = self._standardised(targets).double()
        each = [(outputs.double() - y).square().sum(dim=0), y.sum(dim=0), y.square().sum(dim=0)]
        return torch.cat([y.new_tensor([len(y)]), *each])

    def measured(self, sums: Tensor) -> Measured:
        """Mean squared standardised error as the loss, RMSE as the score, and R², the mean over targets."""
        samples = float(sums[0])
        residual, total, squares = sums[1:].chunk(3)
        spread = squares - total.square() / samples
        r2 = float((1 - residual / spread).mean()) if bool((spread > 0).all()) else math.nan
        loss = float(residual.mean()) / samples
        return Measured(loss, math.sqrt(loss) * self._unit, others={"r2": r2})

    @property
    def _unit(self) -> float:
        return self.sd[0] if len(self.names) == 1 else 1.0

    def _standardised(self, targets: Tensor) -> Tensor:
        mean, sd = (targets.new_tensor(values) for values in (self.mean, self.sd))
        return ((targets - mean) / sd).float()

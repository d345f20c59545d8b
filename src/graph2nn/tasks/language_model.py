"""Language model: the cross-entropy of the next byte, counted in bits per byte."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.tasks.score import Score
from graph2nn.tasks.task import Loss, LossOptions, Measured, Reduction

BITS = Score("bits per byte")


@dataclass(frozen=True)
class LanguageModel:
    """Predict each byte of a text from those before it.

    The score is the mean of −log₂ of the probability of each byte, so that 8 is knowing nothing and the size of
    an ideal compressed file is score / 8 of the text's. Outputs ``[batch, T, 256]``, targets ``[batch, T]``.
    """

    @property
    def score(self) -> Score:
        """Bits per byte."""
        return BITS

    @property
    def reduction(self) -> Reduction:
        """Training adds the bits per byte of each window."""
        return "mean"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Perplexity per byte, 2 to the power of the score."""
        return ("perplexity",)

    def loss(self, recipe: LossOptions) -> Loss:
        """Cross-entropy, the mean over all bytes of the batch.

        Raises:
            UserError: options of the recipe that are for classes of samples or for numbers.
        """
        if recipe.class_weights or recipe.regression_loss != "mse":
            option = "class_weights" if recipe.class_weights else "regression_loss"
            raise UserError(f"recipe: {option} is for classes or numbers, and this is a text; leave it out.")

        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            return F.cross_entropy(
                outputs.flatten(0, 1), targets.flatten(), label_smoothing=recipe.label_smoothing
            )

        return loss

    def missed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Add up the bits per byte of each window."""
        return _nats(outputs, targets) / (math.log(2) * targets.shape[1])

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Bytes, and the sum of their cross-entropies."""
        nats = _nats(outputs, targets).double()
        return torch.stack([nats.new_tensor(targets.numel()), nats])

    def measured(self, sums: Tensor) -> Measured:
        """Mean cross-entropy in nats as the loss, and the same in bits as the score."""
        loss = float(sums[1]) / float(sums[0])
        return Measured(loss, loss / math.log(2), others={"perplexity": math.exp(min(loss, 700.0))})


def _nats(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.flatten(0, 1).float(), targets.flatten(), reduction="sum")

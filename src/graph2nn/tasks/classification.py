"""Classification: cross-entropy, top-1 and top-5 error, and the balanced error for skewed classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.tasks.score import TOP1, Score
from graph2nn.tasks.task import Loss, LossOptions, Measured, Reduction, hard

BALANCED = Score("balanced error", "%")
#: Sums before those of the classes: samples, loss, wrong answers, answers wrong five times.
_HEAD = 4


@dataclass(frozen=True)
class Classification:
    """One class per sample.

    The balanced error is the mean over classes of each class's own error (100 minus the mean recall): with
    skewed classes the top-1 error hides what happens to the rare ones.

    Args:
        counts: training samples of each class.
        balanced: minimise the balanced error instead of the top-1 error.
    """

    counts: tuple[int, ...]
    balanced: bool = False

    @property
    def score(self) -> Score:
        """Top-1 error, or balanced error."""
        return BALANCED if self.balanced else TOP1

    @property
    def reduction(self) -> Reduction:
        """Training counts wrong answers."""
        return "percent"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The balanced error."""
        return ("balanced_error",)

    def loss(self, recipe: LossOptions) -> Loss:
        """Cross-entropy, smoothed and weighted by the inverse frequency of classes where the recipe says so.

        Raises:
            UserError: options of the recipe that are for numbers.
        """
        if recipe.regression_loss != "mse":
            raise UserError(
                f"recipe: regression_loss = {recipe.regression_loss!r} is for numbers and these targets are "
                "classes; leave it out."
            )
        if not recipe.class_weights:
            return partial(F.cross_entropy, label_smoothing=recipe.label_smoothing)
        counts = torch.tensor(self.counts, dtype=torch.float32).clamp_min(1)
        weights = counts.sum() / (len(counts) * counts)

        def weighted(outputs: Tensor, targets: Tensor) -> Tensor:
            class_weights = weights.to(outputs.device)
            return F.cross_entropy(
                outputs, targets, weight=class_weights, label_smoothing=recipe.label_smoothing
            )

        return weighted

    def missed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Count the wrong answers."""
        return (outputs.argmax(dim=1) != hard(targets)).sum()

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Samples, loss, wrong answers, wrong in five, then samples and wrong answers of each class."""
        classes = max(len(self.counts), outputs.shape[1])  # sequences have a vocabulary of their own
        hits = outputs.topk(min(5, outputs.shape[1]), dim=1).indices == targets[:, None]
        wrong = ~hits[:, 0]
        total = F.cross_entropy(outputs, targets, reduction="sum")
        head = torch.stack([total.double(), wrong.sum().double(), (~hits.any(dim=1)).sum().double()])
        each = [
            torch.bincount(chosen, minlength=classes).double() for chosen in (targets.flatten(), targets[wrong])
        ]
        return torch.cat([head.new_tensor([len(targets)]), head, *each])

    def measured(self, sums: Tensor) -> Measured:
        """Mean loss, errors in percent; classes without a sample do not enter the balanced error."""
        samples, loss, wrong, wrong_top5 = sums[:_HEAD].tolist()
        count, missed = sums[_HEAD:].chunk(2)
        there = count > 0
        balanced = 100 * float((missed[there] / count[there]).mean())
        top1 = 100 * wrong / samples
        score = balanced if self.balanced else top1
        return Measured(loss / samples, score, 100 * wrong_top5 / samples, {"balanced_error": balanced})

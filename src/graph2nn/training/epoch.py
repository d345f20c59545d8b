"""Metrics of an epoch, and the running sums of the epoch in progress."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from graph2nn.tasks.task import Reduction, counted


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: losses are means of cross-entropy, errors percent, ``seconds`` of training alone.

    The training loss and error are those of the batches as they came, augmented, while the weights moved. What
    was not evaluated (``recipe.eval_every``) is NaN. Of a task other than classification the errors are the
    score that it minimises, in its unit. None is what the data or the task do not have: a validation part,
    classes (``balanced_error``, percent), numbers (``r2``), a text
    (``perplexity``, per byte or token), translations (``bleu``, ``chrf``).

    Example:
        >>> from graph2nn import Recipe, build_model, load_dataset, train
        >>> data = load_dataset("digits")
        >>> model = build_model("mlp3", None, [16], input_size=(1, 8, 8), stem=16)
        >>> last = train(model, data, Recipe(epochs=1), seed=1)[-1]
        >>> last.epoch, 0 <= last.test_error <= 100
        (1, True)
    """

    epoch: int
    lr: float
    train_loss: float
    train_error: float
    test_loss: float
    test_error: float
    test_error_top5: float
    # By name only, and before the seconds, which are the last of the numbers wherever an epoch is listed.
    validation_loss: float | None = field(default=None, kw_only=True)
    validation_error: float | None = field(default=None, kw_only=True)
    balanced_error: float | None = field(default=None, kw_only=True)
    r2: float | None = field(default=None, kw_only=True)
    perplexity: float | None = field(default=None, kw_only=True)
    bleu: float | None = field(default=None, kw_only=True)
    chrf: float | None = field(default=None, kw_only=True)
    seconds: float


def final(history: Sequence[Epoch], patience: int = 0) -> Epoch:
    """Return the epoch that stands for a training run: the last one, or with early stopping the best.

    Args:
        history: of the run, at least one epoch.
        patience: of the recipe; above 0 the epoch of the lowest validation score counts, the first of equals.
    """
    scored = [epoch for epoch in history if _validated(epoch)]
    return min(scored, key=lambda epoch: epoch.validation_error or 0.0) if patience and scored else history[-1]


def stalled(history: Sequence[Epoch], patience: int) -> bool:
    """Whether the last ``patience`` evaluations have not improved the validation score."""
    scored = [epoch for epoch in history if _validated(epoch)]
    if not patience or not scored:
        return False
    best = final(history, patience)
    return len(scored) - 1 - scored.index(best) >= patience


def _validated(epoch: Epoch) -> bool:
    return epoch.validation_error is not None and epoch.validation_error == epoch.validation_error


@dataclass
class EpochProgress:
    """The epoch under way: how far it is, and its sums. Reading ``loss`` or ``error`` waits for the device.

    Args:
        epoch: counted from 1.
        order: state of the generator of its batches when it began; with ``batches`` the position in the data.
        batches: taken so far.
        images: in them.
        seconds: of training alone.
        reduction: how the training score follows from what the batches missed.
    """

    epoch: int = 1
    order: Tensor | None = None
    batches: int = 0
    images: int = 0
    seconds: float = 0.0
    reduction: Reduction = "percent"
    # Summed where they are computed: reading a number back at each step would stall a GPU.
    _loss: Tensor = field(default_factory=lambda: torch.zeros(()))
    _wrong: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.int64))
    _since: float = 0.0

    def start_clock(self) -> None:
        """Count seconds from now on."""
        self._since = time.perf_counter()

    def add(self, loss: Tensor, wrong: Tensor, images: int) -> None:
        """Count a batch: its mean loss, how many answers were wrong (or how far off), and of how many.

        Args:
            loss: mean over the batch.
            wrong: what the batch missed, in the units of ``reduction``.
            images: samples in the batch.
        """
        self._loss = self._loss + loss * images
        self._wrong = self._wrong + wrong
        self.images += images
        self.batches += 1
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now

    def close(self) -> tuple[float, float]:
        """Stop the clock; return mean loss, and top-1 error in percent or the score of another task."""
        totals = self.loss, self.error
        self.seconds += time.perf_counter() - self._since
        return totals

    @property
    def loss(self) -> float:
        """Mean loss so far."""
        return float(self._loss) / self.images

    @property
    def error(self) -> float:
        """Top-1 error so far, in percent; of another task its score."""
        return counted(self._wrong.item(), self.images, self.reduction)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the clock, as tensors and numbers."""
        return {name: value for name, value in vars(self).items() if name != "_since"}

    @classmethod
    def of(cls, state: dict[str, Any], device: torch.device | str) -> EpochProgress:
        """Make what :meth:`state_dict` came from, its sums on ``device``."""
        sums = {name: state[name].to(device) for name in ("_loss", "_wrong")}
        return cls(**{**state, **sums})

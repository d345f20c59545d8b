"""Held-out scores: repeated k-fold cross-validation over groups, and their spread over these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats, Longs
from graph2nn.errors import UserError

#: Trains on the rows of the first index and predicts those of the second.
Predictor = Callable[[Longs, Longs], Floats]


@dataclass(frozen=True)
class HeldOut:
    """Squared errors of what was held out, summed a group and averaged over the repeats.

    Attributes:
        names: of the models.
        squares: ``[models, groups]``.
        total: ``[groups]``, of the training folds' mean: a model that knows no more scores 0.
        rows: number of rows.
    """

    names: tuple[str, ...]
    squares: Floats
    total: Floats
    rows: int

    def r2(self) -> Floats:
        """Held-out R² of each model, ``[models]``; below 0 where the mean would have been better."""
        score: Floats = 1 - self.squares.sum(axis=1) / self.total.sum()
        return score

    def rmse(self) -> Floats:
        """Held-out root mean squared error of each model, ``[models]``."""
        error: Floats = np.sqrt(self.squares.sum(axis=1) / self.rows)
        return error

    def resampled(self, draws: int, seed: int) -> Floats:
        """R² of each model in bootstrap resamples of the groups, ``[models, draws]``.

        All models see the same resamples, so differences between them may be taken draw by draw. The models
        are not trained again, so this shows how much a score depends on single groups. It is not a confidence
        interval: see docs/statistics.md.
        """
        size = len(self.total)
        rng = np.random.default_rng([seed, size])
        counts = rng.multinomial(size, np.full(size, 1 / size), size=draws).T.astype(np.float64)
        score: Floats = 1 - (self.squares @ counts) / (self.total @ counts)
        return score


def held_out(
    models: Mapping[str, Predictor],
    y: Floats,
    groups: npt.ArrayLike,
    *,
    folds: int = 10,
    repeats: int = 4,
    seed: int = 0,
) -> HeldOut:
    """Score models by repeated grouped k-fold cross-validation.

    Args:
        models: by name.
        y: what is predicted, ``[rows]``.
        groups: ``[rows]``; rows of one group are never on both sides, so that near-duplicates cannot leak.
        folds: of each repeat; at most one a group.
        repeats: new divisions into folds.
        seed: of the divisions.

    Returns:
        Scores of the models.

    Raises:
        UserError: fewer than three groups, or ``folds`` or ``repeats`` too small.
    """
    names, at = np.unique(np.asarray(groups), return_inverse=True)
    size = len(names)
    if size < 3:
        raise UserError(f"cross-validation: {size} groups, expected at least 3.")
    if folds < 2 or repeats < 1:
        raise UserError(f"cross-validation: folds = {folds}, repeats = {repeats}; expected at least 2 and 1.")
    squares, total = np.zeros((len(models), size)), np.zeros(size)
    for train, test in _divisions(at, size, min(folds, size), repeats, seed):
        group_of = at[test]
        total += np.bincount(group_of, (y[test] - y[train].mean()) ** 2, minlength=size)
        for row, predict in enumerate(models.values()):
            squares[row] += np.bincount(group_of, (y[test] - predict(train, test)) ** 2, minlength=size)
    return HeldOut(tuple(models), squares / repeats, total / repeats, len(y))


def _divisions(at: Longs, size: int, folds: int, repeats: int, seed: int) -> Iterator[tuple[Longs, Longs]]:
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        fold_of = np.empty(size, dtype=np.int64)
        fold_of[rng.permutation(size)] = np.arange(size) % folds
        for fold in range(folds):
            inside = fold_of[at] == fold
            yield np.flatnonzero(~inside), np.flatnonzero(inside)

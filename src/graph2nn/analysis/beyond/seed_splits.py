"""Splits of the training seeds into those that choose the best graph and those that judge it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats, Longs

#: Splits that are tried at most; choosing on all of ten seeds but five has 252.
MOST_SPLITS = 1000


def splits(seeds: int, choose: int) -> Iterator[tuple[int, ...]]:
    """Every choice of ``choose`` of ``seeds`` seeds, up to :data:`MOST_SPLITS`."""
    return islice(combinations(range(seeds), choose), MOST_SPLITS)


def gains_held_out(
    errors: Floats, there: npt.NDArray[np.bool_], subsets: list[tuple[int, ...]]
) -> tuple[Floats, Longs]:
    """Mean error of the graphs chosen, on the seeds left out, ``[...]``; and who was chosen, ``[splits, ...]``.

    Args:
        errors: ``[..., graphs, seeds]``. there: ``[graphs, seeds]``, which of them count.

    Returns:
        Errors, and numbers of graphs.
    """
    filled = np.where(there, errors, 0.0)
    scores, picks = [], []
    for inside in subsets:
        judge = np.array([s not in inside for s in range(there.shape[1])])
        choosing, judging = (there & ~judge).sum(axis=1), (there & judge).sum(axis=1)
        # Only graphs with runs on both sides may be chosen, or there would be nothing to judge.
        able = np.flatnonzero((choosing > 0) & (judging > 0))
        if not len(able):
            continue
        mean = filled[..., able, :] @ (~judge).astype(np.float64) / choosing[able]
        pick = np.argmin(mean, axis=-1)
        score = filled[..., able, :] @ judge.astype(np.float64) / judging[able]
        scores.append(np.take_along_axis(score, pick[..., None], axis=-1)[..., 0])
        picks.append(able[pick])
    if not scores:
        return np.full(errors.shape[:-2], np.nan), np.empty(0, dtype=np.int64)
    return np.mean(scores, axis=0), np.array(picks, dtype=np.int64)

"""Percentile bootstrap of a mean (Efron and Tibshirani 1993, chapter 13)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graph2nn.arrays import Floats
from graph2nn.errors import UserError

#: Graphs resampled in one matrix product; bounds memory at 8 · CHUNK · draws bytes.
CHUNK = 128
_STREAM = 0


def intervals(samples: Sequence[Floats], *, draws: int, seed: int, confidence: float) -> Floats:
    """Bootstrap each sample's mean.

    The resamples depend on ``seed`` and on the size of the sample alone, so a graph's interval does not
    change when other graphs join the table. Gains get no bootstrap interval: for the best graph it would hold
    the true gain in about half of all cases (:mod:`graph2nn.analysis.split_seed`).

    Args:
        samples: errors of each graph, one array ``[seeds]`` a graph.
        draws: number of resamples, at least 100.
        seed: of the resampling.
        confidence: share of the resampled means inside an interval, in (0, 1).

    Returns:
        Low and high ends, ``[graphs, 2]``. NaN where a mean has fewer than two seeds behind it: one number has
        no spread to resample.

    Raises:
        UserError: ``draws`` or ``confidence`` outside their range.
    """
    if draws < 100:
        raise UserError(f"bootstrap: {draws} resamples are too few for an interval; take at least 100.")
    if not 0 < confidence < 1:
        raise UserError(f"bootstrap: confidence = {confidence:g} lies outside (0, 1).")
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    means = np.full((len(samples), 2), np.nan)
    sizes = np.array([len(sample) for sample in samples], dtype=np.int64)
    for size in np.unique(sizes[sizes > 1]):
        members = np.flatnonzero(sizes == size)
        for start in range(0, len(members), CHUNK):
            rows = members[start : start + CHUNK]
            resampled = _resampled(np.stack([samples[i] for i in rows]), draws, seed)
            means[rows] = np.quantile(resampled, ends, axis=1).T
    return means


def _resampled(values: Floats, draws: int, seed: int) -> Floats:
    """Means ``[rows, draws]`` of resamples of each row; rows share the draws of positions."""
    size = values.shape[1]
    rng = np.random.default_rng([seed, size, _STREAM])
    counts = rng.multinomial(size, np.full(size, 1 / size), size=draws)
    resampled: Floats = values @ counts.T.astype(np.float64) / size
    return resampled

"""Intervals of the mean errors of networks, from the scatter of runs pooled over all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from graph2nn.analysis.beyond.noise import without_seeds
from graph2nn.arrays import Floats
from graph2nn.errors import UserError


def mean_intervals(runs: pd.DataFrame, graphs: Sequence[str], *, confidence: float) -> Floats:
    """Work out Student's interval of each network's mean over training seeds.

    Every run scatters about its network's mean by its seed and by noise; the variance of both together is
    pooled over all networks. Networks trained with the same seeds share what these do, so they do not tell much
    more of it than one network does: the degrees of freedom are Satterthwaite's, of the sum of squares of the
    seeds and of what is left (a two-way analysis of variance).

    Args:
        runs: ``graph, seed, test_error``, one row per run.
        graphs: labels.
        confidence: of the intervals, in (0, 1).

    Returns:
        Low and high ends, ``[graphs, 2]``; NaN where a mean has fewer than two runs behind it, and where
        nothing scatters.

    Raises:
        UserError: a confidence outside (0, 1).

    Example:
        >>> runs = pd.DataFrame({"graph": ["a"] * 3, "seed": [1, 2, 3], "test_error": [32.0, 33.0, 34.0]})
        >>> mean_intervals(runs, ["a"], confidence=0.95).round(2).tolist()
        [[30.52, 35.48]]
    """
    from scipy import stats

    if not 0 < confidence < 1:
        raise UserError(f"intervals: confidence = {confidence:g} lies outside (0, 1).")
    groups = runs.groupby("graph", sort=False)["test_error"]
    size = groups.size().reindex(list(graphs)).to_numpy(dtype=np.float64)
    mean = groups.mean().reindex(list(graphs)).to_numpy(dtype=np.float64)
    variance, freedom = _scatter(runs)
    if freedom < 1:
        return np.full((len(size), 2), np.nan)
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * np.sqrt(variance / size)
    half[~(size > 1)] = np.nan
    return np.stack([mean - half, mean + half], axis=1)


def _scatter(runs: pd.DataFrame) -> tuple[float, float]:
    """Pooled variance of a run about its network's mean and its degrees of freedom; zeros without scatter."""
    groups = runs.groupby("graph")["test_error"]
    squares = float(((runs["test_error"] - groups.transform("mean")) ** 2).sum())
    freedom = float(len(runs) - groups.ngroups)
    if freedom < 1 or squares < 1e-12:
        return 0.0, 0.0
    errors, seeds_freedom = without_seeds(runs)
    left = pd.DataFrame({"graph": runs["graph"].to_numpy(), "error": errors})
    rest = float(((left["error"] - left.groupby("graph")["error"].transform("mean")) ** 2).sum())
    of_seeds, rest_freedom = max(0.0, squares - rest), freedom - seeds_freedom
    # The variance of a sum of squares is 2 · squares² / freedom, term by term.
    spread = rest**2 / rest_freedom if rest_freedom else 0.0
    spread += of_seeds**2 / seeds_freedom if seeds_freedom else 0.0
    return squares / freedom, squares**2 / spread

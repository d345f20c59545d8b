"""Seed noise: the spread of runs about their graph's mean, pooled over all graphs of a task, paired by seed.

Three seeds say little about one graph's spread, 52 graphs with three seeds say much about a common one. In
the published results the scatter is close to normal (excess kurtosis −0.3 to 0.8), much the same for good and
bad graphs, and a training seed moves all graphs together by 0.03 points or less. Where the graphs of one seed
share initial draws and order of images it may move them by more than they differ: such a shift tells no graph
from another, so it is estimated (two-way least squares: graph + seed) and taken off, and costs a degree of
freedom a seed. One task strains what is left: the means of EfficientNet lie closer to a quadratic in C and L
than such a scatter allows (0.42 of the variance, p = 0.0004), so its seeds balance each other and intervals are
too wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graph2nn.arrays import Floats


@dataclass(frozen=True)
class Noise:
    """Scatter of runs about their graph's mean.

    Attributes:
        sd: pooled standard deviation (points).
        freedom: degrees of freedom behind it: runs minus graphs, of graphs with two runs or more.
        residuals: deviations from the graph's mean, scaled up so that their spread is ``sd``.
    """

    sd: float
    freedom: int
    residuals: Floats

    @property
    def variance(self) -> float:
        """Of one run."""
        return self.sd**2


def paired(runs: pd.DataFrame) -> pd.DataFrame:
    """Take off each run's error what its training seed does to all graphs alike.

    With every graph trained with every seed no graph's mean changes; with gaps, as in a sweep under way, means
    over different seeds become comparable.

    Args:
        runs: ``graph, seed, test_error``, one row per run; other columns are kept.
    """
    return runs.assign(test_error=without_seeds(runs)[0])


def seed_noise(runs: pd.DataFrame) -> Noise | None:
    """Pool the scatter of several graphs, seeds taken off (:func:`paired`; a lone graph has nothing to pair).

    Args:
        runs: ``graph, seed, test_error``, one row per run.

    Returns:
        None if nothing is left to tell a scatter from, or if there is none.
    """
    errors, effects = without_seeds(runs)
    table = pd.DataFrame({"graph": runs["graph"].to_numpy(), "error": errors})
    groups = table.groupby("graph", sort=False)["error"]
    several = groups.transform("size").to_numpy() > 1
    residuals = (table["error"] - groups.transform("mean")).to_numpy(dtype=np.float64)[several]
    freedom = len(residuals) - int(table.loc[several, "graph"].nunique()) - effects
    if freedom < 1 or float(np.abs(residuals).max()) < 1e-12:
        return None
    # Deviations from fitted means are too small.
    scale = np.sqrt(len(residuals) / freedom)
    return Noise(float(np.sqrt((residuals**2).sum() / freedom)), freedom, residuals * scale)


def without_seeds(runs: pd.DataFrame) -> tuple[Floats, int]:
    """Take off what each training seed does to all graphs alike.

    Args:
        runs: ``graph, seed, test_error``, one row per run.

    Returns:
        Errors without their seeds' effects, ``[runs]``, and how many of these could be told from graphs' means.
    """
    errors = runs["test_error"].to_numpy(dtype=np.float64)
    graph, graphs = pd.factorize(runs["graph"])
    seed, seeds = pd.factorize(runs["seed"])
    if len(graphs) < 2 or len(seeds) < 2:
        return errors, 0
    has = np.zeros((len(graphs), len(seeds)))
    has[graph, seed] = 1
    size = has.sum(axis=1)
    deviations = errors - (np.bincount(graph, errors) / size)[graph]
    # Normal equations of the seeds, the graphs' means projected out: their sum is free, and set to 0.
    normal = np.diag(has.sum(axis=0)) - has.T @ (has / size[:, None])
    effect = np.linalg.pinv(normal, rcond=1e-9, hermitian=True) @ np.bincount(seed, deviations)
    return errors - effect[seed], int(np.linalg.matrix_rank(normal, tol=1e-9 * len(runs), hermitian=True))


def shrink(mean: Floats, variance: Floats) -> tuple[float, Floats, Floats]:
    """Empirical Bayes: true means as draws from one normal distribution, given noisy means.

    Args:
        mean: ``[graphs]``.
        variance: of each mean, ``[graphs]``.

    Returns:
        Standard deviation of the true means (moment estimate, 0 if noise explains all), and posterior mean
        and standard deviation of each, ``[graphs]``.
    """
    between = max(0.0, float(mean.var(ddof=1) - variance.mean())) if len(mean) > 1 else 0.0
    weight = between / (between + variance)
    centre = np.average(mean, weights=1 / (between + variance))
    return float(np.sqrt(between)), centre + weight * (mean - centre), np.sqrt(weight * variance)

"""How far runs of one graph scatter about its mean: one pool for all graphs of a task.

Three seeds say little about one graph's spread, 52 graphs with three seeds say much about a common one. In
the published results the scatter is close to normal (excess kurtosis −0.3 to 0.8), much the same for good and
bad graphs, and a training seed moves all graphs together by 0.03 points or less, so runs are taken as
independent. One task strains that: the means of EfficientNet lie closer to a quadratic in C and L than such a
scatter allows (0.42 of the variance, p = 0.0004), so its seeds balance each other and intervals are too wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


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


def seed_noise(samples: Sequence[Floats]) -> Noise | None:
    """Pool the scatter of several graphs.

    Args:
        samples: errors of each graph, one array ``[seeds]`` a graph.

    Returns:
        None if no graph has two runs, or none has any scatter.
    """
    several = [sample for sample in samples if len(sample) > 1]
    if not several:
        return None
    residuals = np.concatenate([sample - sample.mean() for sample in several])
    freedom = len(residuals) - len(several)
    sd = float(np.sqrt((residuals**2).sum() / freedom))
    if sd < 1e-12:
        return None
    # Deviations from a mean of S runs are too small by √(1 − 1/S).
    return Noise(sd, freedom, residuals * np.sqrt(len(residuals) / freedom))


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

"""Significance tests on samples of seeds, and corrections for testing hundreds of graphs at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats


def welch(samples: Sequence[Floats], baseline: Floats) -> Floats:
    """Two-sided p-value of Welch's unequal-variance t-test of each sample against the baseline.

    Args:
        samples: one array ``[seeds]`` a graph.
        baseline: ``[seeds]``.

    Returns:
        ``[graphs]``; NaN where either side has one seed or both have no spread, as then there is no test.
    """
    from scipy import stats

    size, mean, variance = moments(samples)
    (size0,), (mean0,), (variance0,) = moments([baseline])
    spread = np.sqrt(variance), np.sqrt(variance0)
    with np.errstate(divide="ignore", invalid="ignore"):
        counts = size.astype(np.int64), np.int64(size0)
        test = stats.ttest_ind_from_stats(
            mean, spread[0], counts[0], mean0, spread[1], counts[1], equal_var=False
        )
        p: Floats = np.array(test.pvalue, dtype=np.float64)
        p[~(variance / size + variance0 / size0 > 0)] = np.nan
    return p


def worse(samples: Sequence[Floats], best: Floats, *, alpha: float) -> npt.NDArray[np.bool_]:
    """Whether a one-sided equal-variance t-test says a sample's mean error is above that of ``best``.

    The published rule: t < 0 and half the two-sided p below ``alpha``. Without any spread on either side
    the larger mean is worse and an equal one is not, the limit of the test.

    Args:
        samples: errors of each graph's runs.
        best: errors of the best graph's runs.
        alpha: level of the test.

    Returns:
        ``[graphs]``; False where no test exists (one seed on both sides).
    """
    from scipy import stats

    size, mean, variance = moments(samples)
    (size0,), (mean0,), (variance0,) = moments([best])
    freedom = size + size0 - 2
    squares = np.nan_to_num(variance) * (size - 1) + np.nan_to_num(variance0) * (size0 - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (mean0 - mean) / np.sqrt(squares / freedom * (1 / size + 1 / size0))
        p = stats.t.sf(np.abs(t), freedom)
    verdict: npt.NDArray[np.bool_] = (freedom > 0) & (t < 0) & (p < alpha)
    return verdict


def moments(samples: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Size, mean and sample variance (n − 1; NaN for one value) of each sample, each ``[graphs]``.

    ``np.mean`` in the order given, on purpose: two published graphs tie exactly in it, an exactly rounded
    sum separates them, and the published "best" is the third of that order.
    """
    size = np.array([len(sample) for sample in samples], dtype=np.float64)
    mean = np.array([np.mean(sample) for sample in samples], dtype=np.float64)
    variance = np.array([np.var(sample, ddof=1) if len(sample) > 1 else np.nan for sample in samples])
    # Rounding gives 0.1, 0.1, 0.1 a variance of 1e-34, on which a test would find anything significant.
    flat = np.array([sample.min() == sample.max() for sample in samples], dtype=np.bool_)
    mean[flat] = [sample[0] for sample, same in zip(samples, flat, strict=True) if same]
    variance[flat & (size > 1)] = 0.0
    return size, mean, variance


def holm(p: Floats) -> Floats:
    """Holm's step-down adjustment (1979): no false finding at all with probability 1 − alpha. NaN stays NaN."""
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted


def benjamini_hochberg(p: Floats) -> Floats:
    """Benjamini and Hochberg's adjustment (1995): bounds the share of false findings. NaN stays NaN."""
    from scipy import stats

    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    if len(tested):
        adjusted[tested] = stats.false_discovery_control(p[tested], method="bh")
    return adjusted

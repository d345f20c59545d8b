"""Gain of the best graph over the baseline, free of the luck of being picked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graph2nn.analysis.arms import ArmComparison, contrast_arms
from graph2nn.analysis.beyond.selection import gain_of_the_best
from graph2nn.analysis.evidence import NEEDED, evidence_of
from graph2nn.analysis.table import Gap, checked_results, order_by_mean
from graph2nn.arrays import Floats
from graph2nn.errors import UserError

#: Draws behind the interval where each graph has one run.
DRAWS = 20_000


@dataclass(frozen=True)
class SplitSeedGain:
    """What the graph that looks best gains over the baseline, in points of error.

    Attributes:
        graph: the graph with the lowest mean error; :func:`order_by_mean` decides ties.
        estimate: its gain; positive: better than the baseline. low, high: interval. p_value: two-sided.
        method: ``split seeds``, or ``empirical Bayes`` where each graph has one run.

    Example:
        >>> import pandas as pd
        >>> errors = {"baseline": [33.4, 33.1, 33.6], "a": [32.3, 32.2, 32.6], "b": [33.0, 32.6, 33.1]}
        >>> kinds = {"baseline": "baseline", "a": "relational", "b": "relational"}
        >>> rows = [(g, kinds[g], s, e) for g, values in errors.items() for s, e in enumerate(values)]
        >>> runs = pd.DataFrame(rows, columns=["graph", "kind", "seed", "test_error"])
        >>> split_seed_gain(runs).method
        'split seeds'
    """

    graph: str
    estimate: float
    low: float
    high: float
    p_value: float
    method: str


def split_seed_gain(runs: pd.DataFrame, *, seed: int = 0, confidence: float = 0.95) -> SplitSeedGain:
    """Estimate the gain of the best graph over the baseline with its selection accounted for.

    The lowest of many noisy means is low partly by luck. So the graph is chosen on all training seeds but one
    and judged on the one left out, in turn; the interval comes from simulated repetitions of the experiment
    (:func:`graph2nn.analysis.beyond.selection.gain_of_the_best`), in which the baseline's error is that of a
    mixed model, whichever seeds it was trained with. Where each graph has one run, no seed can be left out:
    then the error of the best is drawn towards the mean of all graphs by how much of their spread is noise.

    Args:
        runs: one row per run, with ``graph, kind, seed, test_error``; nulls are not graphs of the choice.
        seed: of the simulated repetitions.
        confidence: of the interval.

    Returns:
        The gain in points of error; positive: better than the baseline.

    Raises:
        UserError: a malformed table, no baseline, no relational graph, one training seed on both sides, or no
            spread to judge by.

    Example:
        >>> import pandas as pd
        >>> errors = {"baseline": [33.4, 33.1, 33.6], "a": [32.3, 32.2, 32.6], "b": [33.0, 32.6, 33.1]}
        >>> kinds = {"baseline": "baseline", "a": "relational", "b": "relational"}
        >>> rows = [(g, kinds[g], s, e) for g, values in errors.items() for s, e in enumerate(values)]
        >>> runs = pd.DataFrame(rows, columns=["graph", "kind", "seed", "test_error"])
        >>> gain = split_seed_gain(runs)
        >>> gain.graph, round(gain.estimate, 2), gain.low < 1.0 < gain.high
        ('a', 1.0, True)
    """
    kept = evidence_of(runs)
    if "null_of" in kept:
        kept = kept[kept["null_of"].isna()].reset_index(drop=True)
    arms = [list(dict.fromkeys(kept.loc[kept["kind"] == kind, "graph"])) for kind in ("baseline", "relational")]
    for arm, missing in zip(arms, ("baseline", "relational graph"), strict=True):
        if not arm:
            raise UserError(f"split_seed_gain: the table has no finished run of a {missing}; train one.")
    if kept.groupby("kind")["seed"].nunique().max() == 1:
        raise UserError(
            "split_seed_gain: all graphs have the same one training seed, which cannot both choose a graph and "
            "judge it, and what it did to them and not to the baseline cannot be told. Train a second seed."
        )
    if kept[kept["kind"] == "relational"].groupby("graph").size().max() == 1:
        return _one_run_each(kept, arms, seed, confidence)
    selection = gain_of_the_best(checked_results(kept, columns=NEEDED), seed=seed, confidence=confidence)
    if isinstance(selection, Gap):
        raise UserError(f"split_seed_gain: {selection.reason}.")
    return SplitSeedGain(
        selection.best, selection.honest, selection.low, selection.high, selection.p_value, "split seeds"
    )


def _one_run_each(runs: pd.DataFrame, arms: list[list[str]], seed: int, confidence: float) -> SplitSeedGain:
    """Posterior of the best graph's gain under normal true means (Efron and Morris 1975)."""
    compared = contrast_arms(runs, arms, [1.0, -1.0], confidence=confidence)
    graphs = runs[runs["kind"] == "relational"]
    errors = graphs["test_error"].to_numpy(dtype=np.float64)
    first = int(order_by_mean(graphs, errors)[0])
    best, ahead = str(graphs["graph"].iloc[first]), float(errors.mean() - errors[first])
    # Unknown are the share, which lies between 0 and 1, the mean of all graphs, and the graph's own luck.
    rng = np.random.default_rng([seed, len(errors)])
    shares, noise = _shares(
        compared, one_seed=runs.loc[runs["kind"] == "relational", "seed"].nunique() == 1, rng=rng
    )
    freedom = float(np.clip(np.nan_to_num(compared.own_freedom, nan=1.0), 1.0, 1e6))
    level = compared.own_error * rng.standard_t(freedom, DRAWS)
    gains = compared.estimate + level + shares * ahead
    gains += np.sqrt(shares * noise) * rng.standard_normal(DRAWS)
    low, high = np.quantile(gains, [(1 - confidence) / 2, (1 + confidence) / 2])
    tail = min((gains <= 0).sum(), (gains >= 0).sum()) + 1
    estimate = compared.estimate + float(shares.mean()) * ahead
    p_value = min(1.0, 2 * float(tail) / (DRAWS + 1))
    return SplitSeedGain(best, estimate, float(low), float(high), p_value, "empirical Bayes")


def _shares(
    compared: ArmComparison, *, one_seed: bool, rng: np.random.Generator
) -> tuple[Floats, Floats | float]:
    """Draws of the share of a graph's lead that is true, and the variance of one run's noise."""
    names = list(compared.variances)
    theta = np.array([compared.variances[name] for name in names])
    true = np.array([name.startswith("network") for name in names], dtype=float)
    if one_seed:
        # One seed shifts all graphs alike, so their spread has none of it; how much of that spread is noise,
        # up to the scatter of the baseline's runs, nothing tells.
        total, most = max(float(true @ theta), 0.0), max(float((1 - true) @ theta), 0.0)
        if total <= 0:
            raise UserError("split_seed_gain: no run differs from another, so the spread cannot be estimated.")
        drawn = rng.uniform(0, min(most, total), DRAWS)
        return 1 - drawn / total, drawn
    noisy = 1 - true
    noise, between = max(float(noisy @ theta), 0.0), max(float(true @ theta), 0.0)
    total = noise + between
    if total <= 0:
        raise UserError("split_seed_gain: no run differs from another, so the spread cannot be estimated.")
    slope = (true * noise - noisy * between) / total**2
    doubt = max(float(slope @ compared.covariance @ slope), 0.0) ** 0.5
    return np.clip(between / total + doubt * rng.standard_normal(DRAWS), 0, 1), noise

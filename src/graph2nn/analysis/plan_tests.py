"""Planned tests, exactly as a plan names them: estimate, interval and p-value of each, Holm within each family.

A test's estimate is the error of its first arm minus that of its second: positive means that the second is
better. Tests whose runs are not complete are reported, but decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graph2nn.analysis.best_recipe import at_best_recipes
from graph2nn.analysis.mixed_model import student
from graph2nn.analysis.significance import holm
from graph2nn.analysis.table import score_of
from graph2nn.arrays import Floats

if TYPE_CHECKING:
    from graph2nn.experiments.plans.schema import ExperimentPlan, PlannedTest


#: Pairs of a gain per epoch from which its 95 % band was shown to hold the whole curve (docs/statistics.md).
FEWEST_OF_A_BAND = 4


@dataclass(frozen=True)
class PlannedResult:
    """A planned test.

    Attributes:
        name, kind, part, family: as planned. note: as planned.
        runs, planned_runs: of its arms, there and as planned.
        pairs: differences behind the estimate (for ``welch`` the smaller number of runs).
        estimate, low, high, p_value: in points; NaN where there are too few runs. For ``tost`` the interval has
            1 − 2 α, and a small p-value says that the arms are equivalent within ``margin``.
        p_holm: after Holm's correction over all planned tests of its family, of which those whose runs are not
            complete count as p = 1; NaN for these and for descriptive tests.
        unit: of the estimate: ``points`` of error, or that of another score or of the training loss.
        decided: true if the test is complete, not descriptive, and its corrected p-value is at most α.
    """

    name: str
    kind: str
    part: str
    family: str
    note: str
    runs: int
    planned_runs: int
    pairs: int
    estimate: float
    low: float
    high: float
    p_value: float
    p_holm: float
    decided: bool
    margin: float | None = None
    unit: str = "points"

    @property
    def complete(self) -> bool:
        """True if every planned run is there."""
        return self.runs >= self.planned_runs


def tost(differences: Floats, margin: float, *, alpha: float = 0.05) -> tuple[float, float, float, float]:
    """Test equivalence by two one-sided t-tests (Schuirmann 1987, doi:10.1007/BF01068419).

    Args:
        differences: paired differences, in points.
        margin: of equivalence, in points.
        alpha: level.

    Returns:
        Mean difference, ends of its 1 − 2 α interval, and the p-value: the larger of the two one-sided ones.

    Example:
        >>> estimate, low, high, p = tost(np.array([0.1, -0.1, 0.05, -0.02, 0.0]), 0.3)
        >>> -0.3 < low and high < 0.3, p < 0.05
        (True, True)
    """
    from scipy import stats

    count = len(differences)
    if count < 2 or np.ptp(differences) == 0:
        nan = float("nan")
        return (float(differences.mean()) if count else nan, nan, nan, nan)
    estimate, error = float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(count))
    reach = float(stats.t.ppf(1 - alpha, count - 1)) * error
    below, above = (stats.t.sf((margin + side * estimate) / error, count - 1) for side in (1, -1))
    return estimate, estimate - reach, estimate + reach, float(max(below, above))


def planned_tests(plan: ExperimentPlan, runs: pd.DataFrame) -> list[PlannedResult]:
    """Work out every test of a plan, family by family.

    Args:
        plan: the plan.
        runs: one row per run, with columns ``arm, graph, seed, test_error``, for nulls ``null_of``,
            and what tests measure.

    Returns:
        Primary tests first, then secondary and descriptive ones.
    """
    counts = {arm.name: arm.count for arm in plan.arms}
    parts = {name: runs[runs["arm"] == name] for name in counts}
    pooled = _pooled_contrasts(plan.tests, parts)
    made = [_tested(test, plan.rules.alpha, counts, parts, pooled) for test in plan.tests]
    answer: list[PlannedResult] = []
    for family in ("primary", "secondary", "descriptive"):
        of_family = [result for result in made if result.family == family]
        if family != "descriptive":
            complete = np.array(
                [result.p_value if result.complete else np.nan for result in of_family], dtype=np.float64
            )
            # A test whose runs are not complete counts, as one that may yet have any p-value: what is decided
            # now stays decided.
            waiting = np.isnan(complete)
            corrected = np.where(waiting, np.nan, holm(np.where(waiting, 1.0, complete)))
            of_family = [
                replace(result, p_holm=float(p), decided=bool(p <= plan.rules.alpha))
                for result, p in zip(of_family, corrected, strict=True)
            ]
        answer += of_family
    return answer


def _tested(
    test: PlannedTest,
    alpha: float,
    counts: Mapping[str, int],
    parts: Mapping[str, pd.DataFrame],
    pooled: Mapping[str, tuple[float, float]],
) -> PlannedResult:
    from scipy import stats

    tables = [parts[name] for name in test.arms]
    unit = _unit(test, tables)
    tables = [table.assign(test_error=table[test.measure]) for table in tables]
    nan = float("nan")
    if test.kind == "welch":
        one, other = (table["test_error"].to_numpy(dtype=np.float64) for table in tables)
        pairs, numbers = min(len(one), len(other)), (nan, nan, nan, nan)
        if pairs > 1:
            welch = stats.ttest_ind(one, other, equal_var=False)
            ends = welch.confidence_interval(1 - alpha)
            numbers = (float(one.mean() - other.mean()), float(ends.low), float(ends.high), float(welch.pvalue))
    elif test.kind == "best_recipe":
        differences, variance = at_best_recipes(tables)
        pairs, numbers = len(differences), _by_t(differences, variance, len(differences) - 1.0, alpha)
    else:
        differences = _differences(test, tables)
        pairs = len(differences)
        if test.kind == "tost":
            assert test.margin is not None  # the schema asks for it
            numbers = tost(differences, test.margin, alpha=alpha)
        else:
            variance, freedom = pooled.get(test.name, _variance(differences))
            numbers = _by_t(differences, variance / max(1, pairs), freedom, alpha)
    return PlannedResult(
        test.name,
        test.kind,
        test.part,
        test.family,
        test.note,
        sum(map(len, tables)),
        sum(counts[name] for name in test.arms),
        pairs,
        *numbers,
        p_holm=nan,
        decided=False,
        margin=test.margin,
        unit=unit,
    )


def _by_t(
    differences: Floats, variance: float, freedom: float, alpha: float
) -> tuple[float, float, float, float]:
    """Mean, interval and p-value of the mean of these differences, given its variance and freedom."""
    mean = float(differences.mean()) if len(differences) else float("nan")
    answer = student(mean, variance, freedom, 1 - alpha)
    return answer.estimate, answer.low, answer.high, answer.p_value


def _unit(test: PlannedTest, tables: Sequence[pd.DataFrame]) -> str:
    """What the estimate of a test is counted in."""
    if test.measure == "train_loss":
        return "of the loss"
    runs = pd.concat(list(tables))
    return "points" if runs.empty else score_of(runs).difference


def _variance(differences: Floats) -> tuple[float, float]:
    if len(differences) < 2:
        return float("nan"), 0.0
    return float(differences.var(ddof=1)), len(differences) - 1.0


def _pooled_contrasts(
    tests: Sequence[PlannedTest], parts: Mapping[str, pd.DataFrame]
) -> dict[str, tuple[float, float]]:
    """Variance of a difference, pooled over the plain contrasts of each part, and its freedom."""
    groups: dict[str, list[PlannedTest]] = {}
    for test in tests:
        if test.kind == "contrast" and not test.weights:
            groups.setdefault(test.part, []).append(test)
    made: dict[str, tuple[float, float]] = {}
    for group in groups.values():
        samples = [_differences(test, [parts[name] for name in test.arms]) for test in group]
        freedom = sum(max(0, len(sample) - 1) for sample in samples)
        if freedom:
            squares = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in samples if len(sample) > 1)
            made |= {test.name: (squares / freedom, float(freedom)) for test in group}
    return made


def _differences(test: PlannedTest, tables: Sequence[pd.DataFrame]) -> Floats:
    """Independent differences behind a test, one per seed or per pair of a graph and its null."""
    if test.kind in ("paired_t_over_graphs", "tost"):
        paired = _over_graphs(*tables)
        # One connectome with a fresh null per seed is one graph: its pairs are the seeds.
        if len(paired) > 1 or (len(paired) and test.kind != "tost"):
            return paired
    by_seed = pd.concat([table.groupby("seed")["test_error"].mean() for table in tables], axis=1).dropna()
    weights = np.array(test.weights or (1.0, -1.0))
    values: Floats = by_seed.to_numpy(dtype=np.float64) @ weights
    return values


def _over_graphs(first: pd.DataFrame, second: pd.DataFrame) -> Floats:
    """First minus second for each null and its graph, trained with the same seed."""
    for nulls, graphs, sign in ((first, second, 1.0), (second, first, -1.0)):
        if "null_of" in nulls and nulls["null_of"].notna().any():
            both = nulls.merge(
                graphs, left_on=["null_of", "seed"], right_on=["graph", "seed"], suffixes=("", "_of")
            )
            each = both.assign(difference=sign * (both["test_error"] - both["test_error_of"]))
            values: Floats = each.groupby("null_of")["difference"].mean().to_numpy(dtype=np.float64)
            return values
    return np.empty(0)


def gain_by_epoch(
    evaluations: pd.DataFrame, a: str, b: str, *, confidence: float = 0.95, draws: int = 4000, seed: int = 0
) -> pd.DataFrame:
    """Gain of arm ``b`` over arm ``a`` after each epoch, with a band that holds all epochs at once.

    The band is that of the largest studentised deviation over the epochs, from random signs of the seeds'
    residuals (multiplier bootstrap). Fewer seeds than :data:`FEWEST_OF_A_BAND` have too few patterns of signs,
    so the band would hold too seldom and its ends are NaN.

    Args:
        evaluations: one row per run and epoch, with ``arm, seed, epoch, test_error``.
        a, b: arms.
        confidence: that the whole curve lies in the band.
        draws: of the signs.
        seed: of the signs.

    Returns:
        ``epoch, gain, low, high, pairs``; gains in points, positive: ``b`` is better. Empty with fewer than
        two seeds in both arms.
    """
    arms = [evaluations[evaluations["arm"] == arm].pivot_table("test_error", "seed", "epoch") for arm in (a, b)]
    difference = (arms[0] - arms[1]).dropna(axis=1, how="all").dropna()
    count = len(difference)
    if count < 2:
        return pd.DataFrame(columns=["epoch", "gain", "low", "high", "pairs"])
    values = difference.to_numpy(dtype=np.float64)
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(count)
    residuals = values - mean
    signs = np.random.default_rng([seed, count]).choice([-1.0, 1.0], (draws, count))
    drawn = signs[:, :, None] * residuals
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = np.nanmax(np.abs(drawn.mean(axis=1)) / (drawn.std(axis=1, ddof=1) / np.sqrt(count)), axis=1)
    reach = (
        float(np.quantile(largest[np.isfinite(largest)], confidence)) if np.isfinite(largest).any() else np.nan
    )
    if count < FEWEST_OF_A_BAND:
        reach = float("nan")
    return pd.DataFrame(
        {
            "epoch": difference.columns,
            "gain": mean,
            "low": mean - reach * error,
            "high": mean + reach * error,
            "pairs": count,
        }
    )


def planned_power(
    plan: ExperimentPlan,
    *,
    run_sd: float,
    network_sd: float = 0.0,
    differences: Sequence[float] = (0.1, 0.2, 0.3, 0.5),
) -> pd.DataFrame:
    """Power of each test of a plan.

    Args:
        plan: the plan.
        run_sd: standard deviation of a run about its network's mean (points).
        network_sd: of the true means of the networks of one arm (points).
        differences: true differences (points); for ``tost`` the power is that of finding equivalence.

    Returns:
        One row per test but ``best_recipe``: ``test, kind, pairs, sd`` of a difference, and one column per
        difference.
    """
    from scipy import stats

    arms = {arm.name: arm for arm in plan.arms}
    rows: list[dict[str, Any]] = []
    for test in plan.tests:
        if test.kind == "best_recipe":
            continue
        test_arms = [arms[name] for name in test.arms]
        weights = np.array(test.weights or (1.0, -1.0))
        # Several networks with one seed each differ as well; a lone one does not.
        each = np.array([run_sd**2 + (network_sd**2 if len(arm.networks) > 1 else 0.0) for arm in test_arms])
        pairs = min(arm.count for arm in test_arms)
        sd = float(np.sqrt((weights**2 * each).sum()))
        error = sd / np.sqrt(pairs)
        same = [other for other in plan.tests if other.kind == "contrast" and other.part == test.part]
        pools = len(same) if test.kind == "contrast" and not test.weights else 1
        freedom = pools * (pairs - 1) if test.kind != "welch" else 2 * (pairs - 1)
        row: dict[str, Any] = {"test": test.name, "kind": test.kind, "pairs": pairs, "sd": sd}
        edge = float(stats.t.ppf(1 - plan.rules.alpha / 2, freedom))
        for difference in differences:
            if test.margin is not None:
                one_sided = float(stats.t.ppf(1 - plan.rules.alpha, freedom))
                ends = [stats.norm.cdf((test.margin + s * difference) / error - one_sided) for s in (1, -1)]
                power = max(0.0, float(sum(ends)) - 1)
            else:
                shift = difference / error
                power = float(stats.nct.sf(edge, freedom, shift) + stats.nct.cdf(-edge, freedom, shift))
            row[f"{difference:g}"] = power
        rows.append(row)
    return pd.DataFrame(rows)

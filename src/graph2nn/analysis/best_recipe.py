"""Difference of two arms, each at its own best recipe, without the luck of choosing by the runs that judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from graph2nn.arrays import Floats


def at_best_recipes(tables: Sequence[pd.DataFrame]) -> tuple[Floats, float]:
    """Choose each side's recipe by all seeds but one and judge it by that seed, for each seed in turn.

    Choices of different seeds rest on nearly the same runs, so the seeds' differences are not independent:
    where recipes hardly differ, a t-test over them finds a difference that is not there in up to 25 % of cases.
    The jackknife, which repeats the whole procedure without each seed (Efron and Stein 1981,
    doi:10.1214/aos/1176345462), allows for that, and for too much. The geometric mean of the two variances was
    found by simulation to have the right size from 3 to 20 seeds (docs/statistics.md). Where one recipe of each
    side stands out, all three are the variance of the paired t-test.

    Args:
        tables: runs of each arm, with columns ``seed, test_error``; the recipes of the first side, then as many
            of the second.

    Returns:
        Difference of each seed that all arms share, first side minus second, and the variance of their mean;
        NaN with fewer than three seeds.
    """
    errors = pd.concat([table.groupby("seed")["test_error"].mean() for table in tables], axis=1).dropna()
    sides = np.split(errors.to_numpy(dtype=np.float64), 2, axis=1)
    count = len(errors)
    if count < 2:
        return np.empty(0), float("nan")
    differences = _judged(sides[0]) - _judged(sides[1])
    if count < 3:
        return differences, float("nan")
    without = np.array(
        [np.mean(_judged(np.delete(sides[0], i, axis=0)) - _judged(np.delete(sides[1], i, axis=0)))
         for i in range(count)]
    )  # fmt: skip
    paired = differences.var(ddof=1) / count
    return differences, float(np.sqrt(paired * (count - 1) * without.var()))


def _judged(errors: Floats) -> Floats:
    """Error of each seed (a row) at the recipe (a column) that is best on all other seeds."""
    chosen = np.argmin(errors.sum(axis=0) - errors, axis=1)
    judged: Floats = errors[np.arange(len(errors)), chosen]
    return judged

"""Intervals of means: Student's for one network, pooled over several, and what they must not depend on."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graph2nn.analysis.mean_intervals import mean_intervals
from graph2nn.errors import UserError

#: Rows are networks, columns seeds.
ERRORS = np.array([[32.0, 33.0, 34.5], [31.0, 32.5, 33.0], [35.0, 35.5, 37.0]])


def runs(errors=ERRORS, seeds=None):
    """One row per run; ``seeds`` as ``[network][run]``, the same for all networks if left out."""
    rows = [
        (f"n{j}", i if seeds is None else seeds[j][i], error)
        for j, values in enumerate(errors)
        for i, error in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["graph", "seed", "test_error"])


def test_one_network_has_students_interval():
    values = [32.0, 33.0, 34.5, 33.1]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    found = mean_intervals(runs([values]), ["n0"], confidence=0.9)
    np.testing.assert_allclose(found, [[expected.low, expected.high]])


def test_networks_with_seeds_of_their_own_pool_all_their_scatter():
    table = runs(seeds=[[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    sd = np.sqrt(ERRORS.var(axis=1, ddof=1).mean())
    reach = stats.t.ppf(0.975, 6) * sd / np.sqrt(3)
    found = mean_intervals(table, ["n2", "n0"], confidence=0.95)
    np.testing.assert_allclose(found, [[m - reach, m + reach] for m in ERRORS.mean(axis=1)[[2, 0]]])


def test_seeds_that_move_all_networks_alike_count_once():
    """Three copies of one network, shifted, know no more about seeds than one of them."""
    copies = ERRORS[0] + np.array([[0.0], [1.0], [3.0]])
    alone = mean_intervals(runs(ERRORS[:1]), ["n0"], confidence=0.95)
    np.testing.assert_allclose(mean_intervals(runs(copies), ["n0"], confidence=0.95), alone)


def test_degrees_of_freedom_are_those_of_seeds_and_rest():
    """Balanced: by hand from the two-way analysis of variance."""
    networks, seeds = ERRORS.shape
    deviations = ERRORS - ERRORS.mean(axis=1, keepdims=True)
    of_seeds = networks * (deviations.mean(axis=0) ** 2).sum()
    rest = (deviations**2).sum() - of_seeds
    freedom = (of_seeds + rest) ** 2 / (of_seeds**2 / (seeds - 1) + rest**2 / ((networks - 1) * (seeds - 1)))
    sd = np.sqrt((of_seeds + rest) / (networks * (seeds - 1)))
    reach = stats.t.ppf(0.975, freedom) * sd / np.sqrt(seeds)
    low, high = mean_intervals(runs(), ["n1"], confidence=0.95)[0]
    assert (high - low) / 2 == pytest.approx(reach)
    assert (high + low) / 2 == pytest.approx(ERRORS[1].mean())


def test_one_run_and_no_scatter_have_no_interval():
    table = runs([[33.0], [32.0, 33.0]])
    found = mean_intervals(table, ["n0", "n1", "stranger"], confidence=0.95)
    assert np.isnan(found).tolist() == [[True, True], [False, False], [True, True]]
    assert np.isnan(mean_intervals(runs([[33.0, 33.0]]), ["n0"], confidence=0.95)).all()


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_bad_confidence(confidence):
    with pytest.raises(UserError, match="intervals: confidence"):
        mean_intervals(runs(), ["n0"], confidence=confidence)

"""Each side at its own best recipe: chosen without the seed that judges, with a variance that holds."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.calibration import calibrate
from graph2nn.analysis.best_recipe import at_best_recipes


def arms(errors):
    """Tables of arms from ``[seeds, arms]``."""
    seeds = np.arange(len(errors))
    return [pd.DataFrame({"seed": seeds, "test_error": column}) for column in np.transpose(errors)]


def plain(errors):
    """Difference of each seed, by loops."""
    half, made = errors.shape[1] // 2, []
    for seed in range(len(errors)):
        others = np.delete(errors, seed, axis=0).mean(axis=0)
        sides = [slice(0, half), slice(half, None)]
        first, second = (errors[seed, side][int(np.argmin(others[side]))] for side in sides)
        made.append(first - second)
    return np.array(made)


def test_the_seed_that_judges_has_no_say():
    # Recipe 1 of the first side is best for seed 2 alone, whose own judge is recipe 0.
    errors = np.array([[1.0, 2.0, 5.0, 6.0], [1.1, 2.2, 5.1, 6.1], [2.5, 1.9, 5.2, 6.2]])
    assert at_best_recipes(arms(errors))[0].tolist() == pytest.approx([1 - 5, 1.1 - 5.1, 2.5 - 5.2])


def test_differences_and_variance_are_those_of_loops():
    errors = np.random.default_rng(3).normal(33, 0.4, (7, 6))
    found, variance = at_best_recipes(arms(errors))
    np.testing.assert_allclose(found, plain(errors))
    without = np.array([plain(np.delete(errors, seed, axis=0)).mean() for seed in range(7)])
    jackknife = 6 / 7 * ((without - without.mean()) ** 2).sum()
    assert variance == pytest.approx(np.sqrt(jackknife * plain(errors).var(ddof=1) / 7))


def test_where_one_recipe_of_each_side_stands_out_it_is_the_paired_t_test():
    errors = np.random.default_rng(1).normal([33, 35, 33.3, 37], 0.1, (6, 4))
    found, variance = at_best_recipes(arms(errors))
    pairs = errors[:, 0] - errors[:, 2]
    np.testing.assert_allclose(found, pairs)
    assert variance == pytest.approx(pairs.var(ddof=1) / 6)


def test_only_seeds_of_all_arms_count_and_two_seeds_tell_no_variance():
    tables = arms(np.random.default_rng(2).normal(33, 0.4, (5, 4)))
    tables[3] = tables[3].iloc[:2]
    found, variance = at_best_recipes(tables)
    assert len(found) == 2
    assert np.isnan(variance)
    tables[3] = tables[3].iloc[:1]
    assert len(at_best_recipes(tables)[0]) == 0


def test_recipes_that_do_not_differ_are_rarely_called_different():
    """150 tables; the t-test over the seeds' differences is wrong in a quarter of them."""
    row = calibrate("planned_tests", "best_recipe, 5 recipes a side, all alike, 12 seeds", 150)
    assert row["rejected_before"]["mean"] > 0.12
    assert row["rejected_now"]["mean"] <= 0.08

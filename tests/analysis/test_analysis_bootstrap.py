"""Intervals of means: exact where they can be counted, and what they must not depend on."""

import itertools

import numpy as np
import pytest

from graph2nn.analysis.bootstrap import intervals
from graph2nn.errors import UserError


def test_two_seeds_can_be_counted():
    # Resampled means of (0, 4) are 0, 2, 4 with probability 1/4, 1/2, 1/4.
    means = intervals([np.array([0.0, 4.0])], draws=4000, seed=0, confidence=0.95)
    assert means.tolist() == [[0.0, 4.0]]


def test_four_seeds_approach_the_exact_bootstrap():
    values = np.array([1.0, 2.0, 4.0, 8.0])
    every = np.array(list(itertools.product(values, repeat=4))).mean(axis=1)
    means = intervals([values], draws=100_000, seed=3, confidence=0.8)
    np.testing.assert_allclose(means[0], np.quantile(every, [0.1, 0.9]), atol=0.26)


def test_company_does_not_change_an_interval():
    rng = np.random.default_rng(0)
    many = [rng.normal(33, 1, size) for size in [3, 5, 3, 2, 5] * 60]
    together = intervals(many, draws=500, seed=1, confidence=0.95)
    alone = intervals([many[299]], draws=500, seed=1, confidence=0.95)
    np.testing.assert_allclose(together[299], alone[0])


def test_another_seed_draws_otherwise():
    values = [np.random.default_rng(0).normal(size=20)]
    one, two = (intervals(values, draws=200, seed=seed, confidence=0.9) for seed in (0, 1))
    assert not np.array_equal(one, two)


def test_one_seed_has_no_interval():
    single, pair = np.array([33.0]), np.array([32.0, 33.0])
    means = intervals([single, pair], draws=100, seed=0, confidence=0.95)
    assert np.isnan(means[0]).all()
    assert not np.isnan(means[1]).any()


@pytest.mark.parametrize(("draws", "confidence"), [(10, 0.95), (1000, 0.0), (1000, 1.0), (1000, 95)])
def test_bad_arguments(draws, confidence):
    with pytest.raises(UserError, match="bootstrap:"):
        intervals([np.array([1.0, 2.0])], draws=draws, seed=0, confidence=confidence)

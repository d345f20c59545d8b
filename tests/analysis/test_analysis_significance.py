"""Vectorised tests equal SciPy's one at a time; corrections equal hand-worked and SciPy's ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graph2nn.analysis.significance import benjamini_hochberg, holm, welch, worse

errors = st.floats(20, 60, allow_nan=False).map(lambda x: round(x, 2))
samples = st.lists(st.lists(errors, min_size=2, max_size=6, unique=True).map(np.array), min_size=1, max_size=8)
probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)


@settings(deadline=None, max_examples=30)
@given(samples, st.lists(errors, min_size=2, max_size=6, unique=True).map(np.array))
def test_welch_equals_scipy(many, baseline):
    expected = [stats.ttest_ind(one, baseline, equal_var=False).pvalue for one in many]
    np.testing.assert_allclose(welch(many, baseline), expected, rtol=1e-6, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(samples, st.lists(errors, min_size=1, max_size=6, unique=True).map(np.array))
def test_worse_is_the_published_rule(many, best):
    for one, verdict in zip(many, worse(many, best, alpha=0.05), strict=True):
        t, p = stats.ttest_ind(best, one)
        assert verdict == bool(t < 0 and p / 2 < 0.05)


def test_welch_by_hand():
    # Means 2 and 5, variances 1 and 1, three seeds each: t = 3 / sqrt(2/3), 4 degrees of freedom.
    expected = 2 * stats.t.sf(3 / np.sqrt(2 / 3), 4)
    assert welch([np.array([1.0, 2.0, 3.0])], np.array([4.0, 5.0, 6.0]))[0] == pytest.approx(expected)


def test_no_test_without_spread_or_seeds():
    flat, one = np.array([0.1, 0.1, 0.1]), np.array([33.0])
    many = [flat, one, np.array([1.0, 2.0])]
    assert np.isnan(welch(many, np.array([0.3, 0.3]))).tolist() == [True, True, False]
    assert np.isnan(welch(many, one)).all()


def test_worse_at_its_limits():
    flat, same, more = np.array([0.1, 0.1, 0.1]), np.array([0.1] * 5), np.array([0.2] * 3)
    assert worse([same, more, np.array([50.0])], flat, alpha=0.05).tolist() == [False, True, True]
    assert worse([np.array([50.0])], np.array([0.1]), alpha=0.05).tolist() == [False]


def test_corrections_by_hand():
    p = np.array([0.04, 0.01, np.nan, 0.03])
    np.testing.assert_allclose(holm(p), [0.06, 0.03, np.nan, 0.06])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04, 0.03, np.nan, 0.04])


@settings(deadline=None, max_examples=50)
@given(probabilities)
def test_benjamini_hochberg_equals_scipy(p):
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), atol=1e-12)


@settings(deadline=None, max_examples=50)
@given(probabilities)
def test_holm_lies_between_p_and_bonferroni_and_above_benjamini_hochberg(p):
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(p * len(p), 1) + 1e-12).all()
    assert (adjusted >= benjamini_hochberg(p) - 1e-12).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()

"""A parabola: exact on exact points, NumPy's and the textbook's otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph2nn.analysis import quadratic_fit
from graph2nn.analysis.quadratic import group_means
from graph2nn.errors import UserError

RNG = np.random.default_rng(5)


def test_exact_points():
    x = np.array([0.1, 0.2, 0.5, 0.7, 0.9])
    fit = quadratic_fit(x, 2 * x**2 - 1.5 * x + 32)
    assert fit.coefficients == pytest.approx((2, -1.5, 32))
    assert fit.r2 == pytest.approx(1)
    assert fit.vertex == pytest.approx((0.375, 32 - 1.5**2 / 8))
    assert fit.residual == pytest.approx(0, abs=1e-12)
    assert (fit.points, fit.x_min, fit.x_max) == (5, 0.1, 0.9)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_equals_numpy_wherever_x_lies(shift, scale):
    z = np.linspace(-1, 1, 12)
    y = 33 + 0.5 * z - z**2 + 0.1 * np.sin(40 * z)
    fit = quadratic_fit(shift + scale * z, y)
    np.testing.assert_allclose(fit.predict(shift + scale * z), np.polyval(np.polyfit(z, y, 2), z), rtol=1e-6)


def test_band_is_the_textbook_one():
    """The interval of the mean response, from the covariance NumPy returns."""
    from scipy import stats

    x = RNG.uniform(1.5, 4, 20)
    y = 33 - 2 * x + 0.5 * x**2 + RNG.normal(0, 0.2, 20)
    fit = quadratic_fit(x, y)
    coefficients, covariance = np.polyfit(x, y, 2, cov=True)
    at = np.linspace(1.5, 4, 7)
    powers = np.stack([at**2, at, np.ones(7)], axis=1)
    reach = stats.t.ppf(0.975, 17) * np.sqrt(np.einsum("ij,jk,ik->i", powers, covariance, powers))
    low, high = fit.band(at)
    np.testing.assert_allclose(low, powers @ coefficients - reach, rtol=1e-8)
    np.testing.assert_allclose(high, powers @ coefficients + reach, rtol=1e-8)
    residual = y - np.polyval(coefficients, x)
    assert fit.r2 == pytest.approx(1 - (residual @ residual) / ((y - y.mean()) @ (y - y.mean())))


def test_band_covers_the_truth_as_often_as_it_says():
    x, hits = np.linspace(0, 1, 9), 0
    for _ in range(300):
        low, high = quadratic_fit(x, x**2 + RNG.normal(0, 1, 9)).band(0.3)
        hits += bool(low <= 0.09 <= high)
    assert 0.91 <= hits / 300 <= 0.985


def test_three_places_are_too_few():
    assert quadratic_fit([0.1, 0.1, 0.5, 0.9], [1, 2, 3, 4]) is None
    assert quadratic_fit([], []) is None


def test_a_straight_and_a_level_line():
    x = [0.0, 1.0, 2.0, 3.0]
    straight, level = quadratic_fit(x, [1.0, 2.0, 3.0, 4.0]), quadratic_fit(x, [5.0] * 4)
    assert straight.vertex is None
    assert straight.r2 == pytest.approx(1)
    assert level.vertex is None
    assert np.isnan(level.r2)


def test_bad_points():
    with pytest.raises(UserError, match="pairs"):
        quadratic_fit([1, 2], [1])
    with pytest.raises(UserError, match="finite"):
        quadratic_fit([1, 2, 3, 4], [1, 2, 3, np.nan])


def test_group_means_have_students_interval_with_pooled_scatter():
    """Of one group: Student's. Of several: their scatter about their own means, pooled."""
    from scipy import stats

    y = RNG.normal(33, 0.3, 9)
    expected = stats.ttest_1samp(y, 0).confidence_interval(0.9)
    _, height, half = group_means(np.arange(9), y, 1, confidence=0.9)
    assert (height[0] - half[0], height[0] + half[0]) == pytest.approx((expected.low, expected.high))
    x = RNG.permutation(9).astype(float)
    middle, height, half = group_means(x, y, 4)
    parts = [y[np.argsort(x)][edge] for edge in (slice(0, 3), slice(3, 5), slice(5, 7), slice(7, 9))]
    assert middle.tolist() == [1, 3.5, 5.5, 7.5]
    assert height.tolist() == pytest.approx([part.mean() for part in parts])
    sd = np.sqrt(sum(((part - part.mean()) ** 2).sum() for part in parts) / 5)
    assert half.tolist() == pytest.approx([stats.t.ppf(0.975, 5) * sd / np.sqrt(len(part)) for part in parts])


def test_intervals_of_group_means_cover():
    """600 tables of 52 graphs in twelve groups; by the normal quantile and each group's own scatter 0.86."""
    rng, held = np.random.default_rng(7), []
    for _ in range(600):
        _, height, half = group_means(np.arange(52), 33 + rng.normal(0, 0.3, 52), 12)
        held.append(np.abs(height - 33) <= half)
    assert 0.94 <= np.mean(held) <= 0.96

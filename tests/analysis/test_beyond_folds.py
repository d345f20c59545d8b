"""Grouped cross-validation: nothing leaks, nothing scores without knowing, and the score is the usual one."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from graph2nn.analysis.beyond import cell_groups
from graph2nn.analysis.beyond.folds import held_out
from graph2nn.errors import UserError
from graph2nn.graphs.cover import Binning


def test_groups_never_leak():
    """Labels carried by group alone: one who may look into the group would know them, and no one may."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    y = rng.normal(size=40)[groups]
    seen = []

    def memory(train, test):
        known = dict(zip(groups[train], y[train], strict=True))
        seen.append(set(groups[train]) & set(groups[test]))
        return np.array([known.get(group, y[train].mean()) for group in groups[test]])

    scored = held_out({"memory": memory}, y, groups, folds=8, repeats=3)
    assert len(seen) == 24
    assert not set.union(*seen)
    assert scored.r2() == pytest.approx([0.0])


def test_every_row_is_held_out_once_a_repeat():
    counts = np.zeros(30)

    def count(train, test):
        counts[test] += 1
        assert len(train) + len(test) == 30
        return np.zeros(len(test))

    held_out({"count": count}, np.arange(30.0), np.arange(30) // 2, folds=4, repeats=3, seed=1)
    assert (counts == 3).all()


def test_leave_one_out_is_the_textbook_s():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(25, 2))
    y = x @ [1.0, -2.0] + rng.normal(size=25)

    def linear(train, test):
        return LinearRegression().fit(x[train], y[train]).predict(x[test])

    scored = held_out({"linear": linear}, y, np.arange(25), folds=99, repeats=1)
    design = np.column_stack([np.ones(25), x])
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    left_out = (y - hat @ y) / (1 - np.diag(hat))  # the closed form of leave-one-out residuals
    assert scored.rmse()[0] == pytest.approx(np.sqrt(np.mean(left_out**2)))
    # The mean of the others misses by n / (n − 1) times what the mean of all does.
    assert scored.r2()[0] == pytest.approx(1 - (left_out**2).sum() / (((y - y.mean()) * 25 / 24) ** 2).sum())


def test_the_interval_holds_the_score_of_many_more_groups():
    """Coverage over 60 draws of 50 groups; the predictor is fixed, as the interval is about the groups."""
    rng = np.random.default_rng(2)
    truth = 1 - 1 / (1 + 1)  # signal and noise of variance 1

    def oracle(signal):
        return lambda train, test: signal[test]

    covered = 0
    for _ in range(60):
        signal = rng.normal(size=50)
        scored = held_out({"oracle": oracle(signal)}, signal + rng.normal(size=50), np.arange(50), repeats=1)
        low, high = np.quantile(scored.resampled(400, 0)[0], [0.025, 0.975])
        covered += low <= truth <= high
    assert 0.85 <= covered / 60 <= 1


def test_too_few_groups_or_folds():
    with pytest.raises(UserError, match="2 groups, expected at least 3"):
        held_out({}, np.zeros(4), [0, 0, 1, 1])
    with pytest.raises(UserError, match="folds = 1"):
        held_out({}, np.zeros(4), [0, 1, 2, 3], folds=1)


@pytest.mark.parametrize("side", [cell_groups.MEDIUM, cell_groups.COARSE])
def test_a_cell_holds_its_own_middle(side):
    binning = Binning(bins=15, l_max=4.5)
    middles = cell_groups.centres(binning, side)
    assert (cell_groups.cell_numbers(middles, binning, side) == np.arange(len(middles))).all()
    rng = np.random.default_rng(3)
    inside = middles + rng.uniform(-0.49, 0.49, middles.shape) * cell_groups.cell_size(binning, side)
    assert (cell_groups.cell_numbers(inside, binning, side) == np.arange(len(middles))).all()


def test_the_rim_of_the_plane_belongs_to_its_last_cell():
    binning = Binning(bins=12, l_max=2.5)
    corner = np.array([[1.0, 2.5], [0.0, 1.0]])
    assert cell_groups.cell_numbers(corner, binning, cell_groups.COARSE).tolist() == [12 * 12 - 1, 0]


def test_pooling_keeps_the_mean_of_all_runs():
    rng = np.random.default_rng(4)
    points, error, runs = rng.uniform(size=(30, 2)), rng.normal(size=30), rng.integers(1, 6, 30).astype(float)
    middle, mean, count, graphs = cell_groups.pooled(points, error, runs, rng.integers(0, 7, 30))
    assert (count.sum(), graphs.sum()) == (runs.sum(), 30)
    assert (mean * count).sum() == pytest.approx((error * runs).sum())
    assert (middle * count[:, None]).sum(axis=0) == pytest.approx((points * runs[:, None]).sum(axis=0))

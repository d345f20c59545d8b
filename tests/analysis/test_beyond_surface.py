"""The posterior surface: it covers the truth, holds its lowest point, beats a quadratic where that is wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graph2nn import catalogue
from graph2nn.analysis.beyond.bowl import fit_bowl
from graph2nn.analysis.beyond.hyperparameters import draw_scales
from graph2nn.analysis.beyond.noise import Noise
from graph2nn.analysis.beyond.process import fit_process
from graph2nn.analysis.beyond.surface import _optimum, fit_surface, surface_record
from graph2nn.analysis.table import Gap

NOISE = Noise(sd=0.3, freedom=100, residuals=np.array([-0.3, 0.3]))


def valley(c, length):
    """A curved valley, lowest along L = 1.6 + C, so that no quadratic in C and L is right."""
    return 32 + 2 * np.abs(length - 1.6 - c) ** 1.5 + 1.5 * (c - 0.35) ** 2


def plane(name, truth, *, seeds=3, sd=0.3, seed=0):
    """Graphs of a catalogue, and means of simulated runs."""
    rows = catalogue(name)
    rng = np.random.default_rng(seed)
    mean = truth(rows["clustering"], rows["path_length"]) + rng.normal(0, sd / np.sqrt(seeds), len(rows))
    return rows.assign(mean=mean, seeds=seeds)


def test_the_surface_and_its_lowest_point_are_covered():
    """6 experiments on the 52 graphs; measured in 20: 95 % of the cells, 20 of 20 lowest points."""
    inside, found = [], 0
    for seed in range(6):
        surface = fit_surface(plane("n64-52", valley, seed=seed), NOISE, draws=1000)
        rows = surface.map
        truth = valley(rows["clustering"], rows["path_length"])
        inside.append((np.abs(rows["mean"] - truth) < 1.96 * rows["sd"]).mean())
        found += bool(rows["credible"][int(truth.argmin())])
    assert 0.85 <= np.mean(inside) <= 1
    assert found >= 5


def test_probabilities_of_the_map():
    rows = fit_surface(plane("n64-52", valley), NOISE, draws=1000, near=0.2).map
    assert rows["p_best"].sum() == pytest.approx(1)
    assert (rows["p_near"] >= rows["p_best"]).all()
    assert rows.loc[rows["credible"], "p_best"].sum() >= 0.9
    assert rows["credible"][int(rows["mean"].argmin())]


def test_the_interval_of_the_optimum_leaves_out_twice_what_its_confidence_says():
    """Lowest points at 1, 2, … 99 hundredths: at 90 % from the 10th to the 90th. Not so that of its height."""
    count = 99
    reached = np.column_stack([np.arange(1, count + 1) / 100, 1 + np.arange(1, count + 1) / 50])
    drawn = np.full((count, count), 50.0)
    np.fill_diagonal(drawn, 30 + np.arange(1, count + 1) / 100)
    best = _optimum(reached, drawn, 0.9)
    assert (best.C, best.C_low, best.C_high) == pytest.approx((0.5, 0.108, 0.892))
    assert (best.L, best.L_low, best.L_high) == pytest.approx((2.0, 1.216, 2.784))
    assert (best.error, best.low, best.high) == pytest.approx((30.5, 30.059, 30.941))


def test_a_valley_is_no_bowl_and_a_bowl_is():
    def bowl(c, length):
        return 32 + 4 * (c - 0.4) ** 2 + 0.8 * (length - 2.2) ** 2

    curved = fit_surface(plane("n64-449", valley, sd=0.1), NOISE, most_points=100).scores["r2"]
    plain = fit_surface(plane("n64-52", bowl, sd=0.1), NOISE).scores["r2"]
    assert curved["gaussian process"] > curved["quadratic"] + 0.02
    assert plain["quadratic"] > 0.97
    assert plain["gaussian process"] > plain["quadratic"] - 0.03


def test_more_runs_make_it_surer():
    few, many = (
        fit_surface(plane("n64-52", valley, seeds=seeds, seed=3), NOISE, draws=1000) for seeds in (2, 32)
    )
    assert many.map["sd"].mean() < 0.6 * few.map["sd"].mean()
    assert many.map["credible"].sum() < few.map["credible"].sum()


def test_thousands_of_graphs_are_pooled_into_the_same_surface():
    rows = plane("n64-449", valley)
    pooled, single = fit_surface(rows, NOISE, most_points=100), fit_surface(rows, NOISE, most_points=1000)
    assert (pooled.pooled, single.pooled) == (True, False)
    assert pooled.points["runs"].sum() == 3 * len(rows)
    both = pooled.map.merge(single.map, on=["clustering", "path_length"])
    assert len(both) == len(pooled.map) <= len(single.map)
    assert np.abs(both["mean_x"] - both["mean_y"]).max() < 0.15
    assert np.abs(both["mean_x"] - both["mean_y"]).mean() < 0.02


def test_deviations_of_single_graphs_are_told_from_noise():
    """Graphs with a deviation of 0.5 of their own: the process finds it, and it is not part of the surface."""
    rows = plane("n64-449", valley)
    rng = np.random.default_rng(5)
    points = rows[["clustering", "path_length"]].to_numpy()
    error = rows["mean"].to_numpy() + rng.normal(0, 0.5, len(rows))
    found = fit_process(points, error, np.full(len(rows), 0.03))
    assert found.own == pytest.approx(0.5, abs=0.06)
    assert found.predict(points)[1].mean() < 0.2


def test_draws_have_the_mean_and_spread_of_the_posterior():
    rows = plane("n64-52", valley)
    points, mean = rows[["clustering", "path_length"]].to_numpy(), rows["mean"].to_numpy()
    bowl = fit_bowl(points, mean)
    height, sd = bowl.predict(points)
    drawn = bowl.samples(points, 20_000, np.random.default_rng(6))
    assert drawn.mean(axis=0) == pytest.approx(height, abs=0.01)
    # A t with 46 degrees of freedom spreads 2 % more than its scale.
    assert drawn.std(axis=0) == pytest.approx(sd, rel=0.05)


def test_integrated_draws_are_wider_than_those_of_the_likeliest_scales():
    rows = plane("n64-52", valley, seed=4)
    points, mean = rows[["clustering", "path_length"]].to_numpy(), rows["mean"].to_numpy()
    variance, rng = np.full(52, 0.03), np.random.default_rng(6)
    height, sd = fit_process(points, mean, variance).predict(points)
    drawn = draw_scales(points, mean, variance, rng).surfaces(points, 4000, rng)
    assert drawn.mean(axis=0) == pytest.approx(height, abs=0.15)
    assert 0.9 < (drawn.std(axis=0) / sd).mean() < 1.8


def test_noise_has_no_surface_and_a_faint_bowl_no_optimum():
    noise = fit_surface(plane("n64-52", lambda c, length: 0 * c + 30, seed=1), NOISE)
    assert isinstance(noise, Gap)
    assert "do not show that they depend on C and L" in noise.reason
    clear = fit_surface(plane("n64-52", valley), NOISE, draws=500)
    assert clear.located
    assert clear.p_value == 0.001
    assert not replace(clear, map=clear.map.assign(credible=True)).located


def test_the_bowl_s_errors_are_the_textbook_s():
    """Over 300 draws the height at a point scatters as the fit says."""
    rng = np.random.default_rng(7)
    points = rng.uniform([0, 1], [1, 3], (40, 2))
    truth = 30 + points[:, 0] ** 2 - points[:, 0] * points[:, 1]
    at = np.array([[0.5, 2.0], [0.1, 2.9]])
    fits = [fit_bowl(points, truth + rng.normal(0, 0.2, 40)).predict(at) for _ in range(300)]
    heights, errors = np.array([fit[0] for fit in fits]), np.array([fit[1] for fit in fits])
    assert heights.std(axis=0) == pytest.approx(errors.mean(axis=0), rel=0.12)
    assert heights.mean(axis=0) == pytest.approx(30 + at[:, 0] ** 2 - at[:, 0] * at[:, 1], abs=0.05)


def test_the_residual_of_a_bowl_is_that_of_its_points_less_its_six_terms():
    rng = np.random.default_rng(9)
    points = rng.uniform([0, 1], [1, 3], (11, 2))
    error = rng.normal(30, 1, 11)
    c, length = points.T
    design = np.column_stack([np.ones(11), c, length, c**2, c * length, length**2])
    left = error - design @ np.linalg.lstsq(design, error, rcond=None)[0]
    assert fit_bowl(points, error).freedom == 11 - 6
    assert fit_bowl(points, error).residual == pytest.approx(np.sqrt((left**2).sum() / 5))


def test_one_seed_still_gives_a_surface():
    found = fit_surface(plane("n64-52", valley, seeds=1), None, draws=500)
    assert found.process.own > 0.1, "the noise is then part of each graph's own deviation"


def test_other_sizes_of_graph():
    rng = np.random.default_rng(8)
    rows = pd.DataFrame(
        {"n": 30, "clustering": rng.uniform(0.1, 0.6, 40), "path_length": rng.uniform(1.5, 2.4, 40)}
    )
    rows = rows.assign(mean=valley(rows["clustering"], rows["path_length"]), seeds=3)
    found = fit_surface(rows, NOISE, draws=500)
    assert found.binning.l_max == 2.5
    assert found.map["path_length"].between(1.3, 2.5).all()


def test_gaps_and_the_record():
    few = plane("n64-52", valley).head(5)
    assert isinstance(fit_surface(few, NOISE), Gap)
    assert isinstance(fit_surface(plane("n64-52", lambda c, length: 0 * c + 30, sd=0), NOISE), Gap)
    assert fit_bowl(np.zeros((20, 2)), np.arange(20.0)) is None
    assert fit_bowl(np.zeros((5, 2)), np.arange(5.0)) is None
    kept = surface_record(fit_surface(plane("n64-52", valley), NOISE, draws=500))
    assert kept["optimum"]["C_low"] <= kept["optimum"]["C"] <= kept["optimum"]["C_high"]
    assert set(kept["held_out"]) == {"gaussian process", "quadratic"}

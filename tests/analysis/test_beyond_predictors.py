"""Which measures predict: one that does comes first, those that do not score nothing, noise is the limit."""

import numpy as np
import pytest

from graph2nn import catalogue
from graph2nn.analysis.beyond.noise import Noise
from graph2nn.analysis.beyond.predictors import predict, predictors_record
from graph2nn.analysis.beyond.surface import fit_surface
from graph2nn.analysis.table import Gap
from graph2nn.report.figures.predictors import caption

SD = 0.2
NOISE = Noise(sd=SD, freedom=100, residuals=np.array([-SD, SD]))


def simulated(name="n64-52", *, seeds=3, seed=0, effect=lambda rows: 1.5 * (rows["hidden"] - 0.2) ** 2):
    """Graphs of a catalogue with made-up measures; the error follows ``effect``."""
    rng = np.random.default_rng(seed)
    rows = catalogue(name)
    rows = rows.assign(hidden=rng.uniform(-1, 1, len(rows)), noise=rng.normal(size=len(rows)), same=1.0)
    rows = rows.assign(density=rows["sparsity"] * 64 / 63, twin=3 - 2 * rows["sparsity"])
    mean = 32 + effect(rows) + rng.normal(0, SD / np.sqrt(seeds), len(rows))
    return rows.assign(mean=mean, seeds=seeds, width=(512 / np.sqrt(rows["sparsity"])).round())


MEASURES = ["clustering", "path_length", "density", "hidden", "noise", "same", "twin"]


def test_the_measure_that_matters_comes_first():
    found = predict(simulated(), MEASURES, NOISE)
    scores = found.scores.set_index("model")
    assert scores.loc["hidden", "r2"] > 0.9
    assert scores.loc["hidden", ["rank", "rank_low", "rank_high", "first"]].tolist() == [1, 1, 1, 1]
    assert scores.loc["hidden", "over_density_low"] > 0.5
    assert scores.loc["hidden", "over_width_low"] > 0.5
    assert scores.loc["noise", "r2"] < 0.1
    assert scores.loc["noise", "high"] < 0.3
    assert scores.loc["all measures, ridge", "r2"] > 0.85
    assert scores.loc["C and L, quadratic", "r2"] < 0.2
    assert dict(found.left_out) == {"same": "the same for all graphs", "twin": "a linear function of density"}
    assert (scores["low"] <= scores["r2"]).all()
    assert (scores["r2"] <= scores["high"]).all()
    said = caption(found)
    assert "Bars hold 95 % of resamples of these cells" in said
    assert "not confidence intervals" in said


@pytest.mark.slow
def test_pure_noise_is_not_predicted():
    """Nothing to find: over 6 draws no model scores above 0 on average, whatever it fits."""
    scores = [
        predict(simulated(seed=seed, effect=lambda rows: 0 * rows["n"]), MEASURES, NOISE, repeats=1)
        .scores.set_index("model")["r2"]
        .sort_index()
        for seed in range(6)
    ]
    assert max(sum(scores) / len(scores)) < 0.02


def test_the_ceiling_is_what_an_oracle_scores():
    """The oracle knows every true mean; its R² against noisy means is the ceiling, within its interval."""
    rows = simulated("n64-449", seed=1)
    truth = 32 + 1.5 * (rows["hidden"] - 0.2) ** 2
    oracle = 1 - ((rows["mean"] - truth) ** 2).sum() / ((rows["mean"] - rows["mean"].mean()) ** 2).sum()
    found = predict(rows, ["hidden"], NOISE, repeats=1)
    assert found.ceiling == pytest.approx(oracle, abs=0.003)
    assert found.ceiling_low < found.ceiling < found.ceiling_high
    assert found.over_ceiling == []
    assert found.scores.set_index("model").loc["hidden", "r2"] == pytest.approx(found.ceiling, abs=0.01)


def test_noise_that_is_overstated_shows_above_the_ceiling():
    loud = Noise(sd=3.0, freedom=100, residuals=np.array([-3.0, 3.0]))
    assert "hidden" in predict(simulated(seed=2), MEASURES, loud).over_ceiling


def test_near_duplicates_do_not_leak():
    """Every graph ten times, nearly, with labels of its own: a memory would score 1, a held-out one nothing."""
    rows = simulated(effect=lambda rows: 0 * rows["n"])
    rng = np.random.default_rng(3)
    many = rows.loc[rows.index.repeat(10)].reset_index(drop=True)
    many["noise"] += rng.normal(0, 1e-3, len(many))
    scores = predict(many, MEASURES, None, repeats=1).scores.set_index("model")["r2"]
    assert scores["all measures, boosted trees"] < 0.05


def test_the_gaussian_process_joins_in():
    rows = simulated(effect=lambda rows: 3 * (rows["clustering"] - 0.4) ** 2 + (rows["path_length"] - 2.2) ** 2)
    found = predict(rows, MEASURES, NOISE, surface=fit_surface(rows, NOISE, draws=200))
    scores = found.scores.set_index("model")
    assert scores.loc["C and L, Gaussian process", "r2"] > 0.9
    assert scores.loc["C and L, quadratic", "kind"] == "plane"
    assert scores.loc["density", "kind"] == "rival"


def test_missing_values_are_bridged_or_told():
    rows = simulated()
    rows.loc[:2, "hidden"] = np.nan
    rows.loc[:20, "noise"] = np.nan
    found = predict(rows, MEASURES, NOISE)
    assert found.left_out["noise"] == "21 of 52 graphs have no value"
    assert found.scores.set_index("model").loc["hidden", "r2"] > 0.5


def test_gaps():
    assert isinstance(predict(simulated().head(10), MEASURES, NOISE), Gap)
    assert isinstance(predict(simulated(), ["same"], NOISE), Gap)
    assert isinstance(predict(simulated().assign(mean=30.0), MEASURES, NOISE), Gap)
    crowded = simulated().assign(clustering=0.5, path_length=2.0)
    assert "coarse cells" in predict(crowded, ["hidden"], NOISE).reason
    assert predictors_record(Gap("no")) is None

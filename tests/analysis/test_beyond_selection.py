"""The best graph's gain: the naive estimate is biased, the honest one is not, and the interval covers."""

import numpy as np
import pytest
from analysis_tables import table

from graph2nn.analysis import split_seed_gain
from graph2nn.analysis.beyond.noise import paired, seed_noise, shrink
from graph2nn.analysis.beyond.selection import gain_of_the_best, held_out_gain, selection_record
from graph2nn.analysis.findings import collect_findings
from graph2nn.analysis.table import Gap, checked_results
from graph2nn.errors import UserError
from graph2nn.report.figures.selection import caption


def experiment(rng, *, graphs, seeds, noise, spread, gain):
    """Errors of a simulated experiment, and the true gain of every graph."""
    true = gain + spread * rng.standard_normal(graphs)
    errors = {"baseline": rng.normal(33, noise, seeds)}
    errors |= {f"g{i}": rng.normal(33 - own, noise, seeds) for i, own in enumerate(true)}
    return checked_results(table(errors)), {f"g{i}": own for i, own in enumerate(true)}


@pytest.mark.parametrize(
    ("seeds", "spread", "gain", "optimism"),
    [
        pytest.param(3, 0.0, 0.0, 0.36, id="flat-3"),
        pytest.param(3, 0.3, 1.0, 0.19, id="spread-3", marks=pytest.mark.slow),
        pytest.param(5, 0.0, 0.5, 0.28, id="flat-5", marks=pytest.mark.slow),
        pytest.param(5, 0.15, 0.0, 0.20, id="narrow-5", marks=pytest.mark.slow),
    ],
)
def test_the_interval_covers_and_the_naive_gain_does_not(seeds, spread, gain, optimism):
    """40 graphs, noise 0.3. Over 120 experiments each: coverage 93 to 97 %.

    The naive gain was too high by what ``optimism`` says, ± 0.02; the honest one by −0.03 to 0.00, ± 0.03.
    """
    rng = np.random.default_rng([seeds, int(100 * spread)])
    covered, naive, honest = [], [], []
    for _ in range(80):
        results, true = experiment(rng, graphs=40, seeds=seeds, noise=0.3, spread=spread, gain=gain)
        found = gain_of_the_best(results, draws=200)
        truth = true[found.best]
        covered.append(found.low <= truth <= found.high)
        naive.append(found.naive - truth)
        honest.append(found.honest - truth)
    error = np.std(naive) / np.sqrt(len(naive))
    assert 0.87 <= np.mean(covered) <= 1.0
    assert np.mean(naive) == pytest.approx(optimism, abs=3 * error)
    assert np.mean(naive) > 5 * error
    # Choosing on one seed fewer costs a little: the honest estimate errs on the low side, if at all.
    assert -0.12 < np.mean(honest) < 3 * np.std(honest) / np.sqrt(len(honest))


def test_by_hand():
    # Without seed 1 the best is b (30), which scores 36 on it; without seed 2 it is a (31), which scores 35.
    results = checked_results(table({"baseline": [34.0, 36.0], "a": [31.0, 35.0], "b": [36.0, 30.0]}))
    found = gain_of_the_best(results, draws=200)
    assert held_out_gain(results) == pytest.approx(35 - (36 + 35) / 2)
    assert (found.best, found.naive, found.honest) == ("a", pytest.approx(2.0), pytest.approx(-0.5))
    assert found.optimism == pytest.approx(2.5)
    assert (found.seeds, found.choose, found.splits) == (2, 1, 2)
    assert dict(zip(found.chosen["graph"], found.chosen["splits"], strict=True)) == {"a": 0.5, "b": 0.5}


def test_all_splits_of_a_chosen_size():
    rng = np.random.default_rng(1)
    results, _ = experiment(rng, graphs=6, seeds=5, noise=0.2, spread=0.3, gain=0.5)
    assert [gain_of_the_best(results, choose=k, draws=100).splits for k in (1, 2, 3, 4)] == [5, 10, 10, 5]
    errors = results.errors()
    scores = []
    for out in range(5):
        keep = [s for s in range(5) if s != out]
        best = min((label for label in errors if label != "baseline"), key=lambda g: errors[g][keep].mean())
        scores.append(errors[best][out])
    assert gain_of_the_best(results, draws=100).honest == pytest.approx(
        errors["baseline"].mean() - np.mean(scores)
    )


def test_shares_are_probabilities():
    rng = np.random.default_rng(2)
    results, _ = experiment(rng, graphs=12, seeds=3, noise=0.2, spread=0.2, gain=0.5)
    chosen = gain_of_the_best(results, draws=500).chosen
    for column in ("splits", "repeats", "p_best"):
        assert chosen[column].sum() == pytest.approx(1)
    assert chosen["repeats"].is_monotonic_decreasing


def test_the_naive_gain_is_the_one_of_the_findings():
    rng = np.random.default_rng(3)
    errors = {"baseline": rng.normal(33, 0.3, 3)} | {f"g{i}": rng.normal(32, 0.3, 3) for i in range(20)}
    found = collect_findings(table(errors))
    done = gain_of_the_best(found.results, draws=200)
    assert (done.best, done.naive) == (found.best["graph"], pytest.approx(found.best["gain"]))
    assert done.honest == found.held_out_gain


def test_the_best_of_equals_is_the_first_of_every_table():
    """Sparsity decides, then p, then the seed of the graph; not the order of rows, nor a rounded last bit."""
    rng = np.random.default_rng(5)
    errors = {"baseline": [33.1, 33.4, 33.3]} | {f"g{i}": rng.normal(33, 0.2, 3).round(2) for i in range(12)}
    errors |= {"late": [31.11, 31.27, 31.46], "early": [31.46, 31.11, 31.27], "last": [31.27, 31.46, 31.11]}
    rows = table(errors)
    rows["sparsity"] = rows["graph"].map({"late": 0.3, "early": 0.1, "last": 0.4}).fillna(rows["sparsity"])
    for runs in (rows, rows.iloc[::-1]):
        found = collect_findings(runs)
        assert found.graphs["graph"].head(3).tolist() == ["early", "late", "last"]
        assert found.best["graph"] == found.judged.best.best == found.spot.best == "early"
        assert split_seed_gain(runs).graph == "early"
        assert split_seed_gain(runs[(runs["seed"] == 1) | (runs["kind"] == "baseline")]).graph == "late"
        alone = runs.assign(test_error=runs["test_error"].where(runs["kind"] == "baseline", 31.0))
        alone.loc[alone["graph"].str.startswith("g"), "test_error"] = 32.0
        one_run = alone[(alone["seed"] == 1) | (alone["kind"] == "baseline")]
        assert split_seed_gain(one_run).graph == "early"
        # Graphs that are equal on the validation part are not told apart by the test part.
        lucky = alone.assign(validation_error=1.0)
        lucky.loc[lucky["graph"] == "late", "test_error"] = 30.9
        assert collect_findings(lucky).best["graph"] == "early"


def test_missing_runs_are_neither_chosen_nor_judged():
    # b has no second seed: it could not be judged there, so it is never chosen without it.
    results = checked_results(table({"baseline": [34.0, 34.2], "a": [33.0, 33.3], "b": [20.0]}))
    assert held_out_gain(results) == pytest.approx(34.1 - 33.15)
    assert set(gain_of_the_best(results, draws=100).chosen["splits"] * 2) == {2.0, 0.0}


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ({"baseline": [34.0], "a": [31.0]}, "one training seed"),
        ({"a": [31.0, 32.0]}, "no baseline"),
        ({"baseline": [34.0, 34.0], "a": [31.0, 31.0]}, "no noise"),
    ],
)
def test_gaps_say_why(errors, reason):
    found = gain_of_the_best(checked_results(table(errors)))
    assert isinstance(found, Gap)
    assert reason in found.reason
    assert selection_record(found) is None


def test_no_interval_but_the_split_one_is_recorded():
    results, _ = experiment(np.random.default_rng(7), graphs=6, seeds=3, noise=0.2, spread=0.2, gain=0.5)
    kept = selection_record(gain_of_the_best(results, draws=100))
    assert not [key for key in kept if "shrunk" in key]
    assert [key for key in kept if key.endswith(("low", "high"))] == ["low", "high"]


def test_held_out_gain_needs_two_seeds_and_a_baseline():
    assert held_out_gain(checked_results(table({"baseline": [34.0], "a": [31.0]}))) is None
    assert held_out_gain(checked_results(table({"a": [31.0, 32.0]}))) is None


def test_bad_arguments():
    results = checked_results(table({"baseline": [34.0, 34.3], "a": [31.0, 31.2]}))
    with pytest.raises(UserError, match="choose = 2 lies outside 1…1"):
        gain_of_the_best(results, choose=2)
    with pytest.raises(UserError, match="draws = 10"):
        gain_of_the_best(results, draws=10)


def test_pooled_noise_is_the_scatter_about_graphs_and_seeds():
    rng = np.random.default_rng(4)
    shift = rng.normal(0, 2, 4)
    runs = table({f"g{i}": rng.normal(i / 10, 0.5, 4) + shift + 20 for i in range(200)})
    noise = seed_noise(runs)
    assert noise.freedom == 200 * 4 - 200 - 3
    square = runs.pivot_table("test_error", "graph", "seed").to_numpy()
    left = square - square.mean(axis=1, keepdims=True) - square.mean(axis=0) + square.mean()
    assert noise.sd == pytest.approx(np.sqrt((left**2).sum() / noise.freedom))
    assert noise.sd == pytest.approx(0.5, rel=0.08)
    assert np.std(noise.residuals) == pytest.approx(noise.sd)
    assert seed_noise(table({"a": [1.0], "b": [2.0]})) is None
    assert seed_noise(table({"a": [1.0, 1.5], "b": [2.0]})) is None  # a shift of the seed says it all
    assert seed_noise(table({"a": [1.0, 1.5]})).sd == pytest.approx(np.std([1.0, 1.5], ddof=1))


def test_a_shift_of_all_graphs_does_not_change_the_gain():
    """Nor does a graph that lacks the unlucky seed look better for it."""
    rng = np.random.default_rng(6)
    errors = {"baseline": rng.normal(33, 0.3, 4)} | {f"g{i}": rng.normal(32.5, 0.3, 4) for i in range(30)}
    even = table(errors)
    moved = table({label: np.add(values, [0, 3, -2, 5]) for label, values in errors.items()})
    # A third of the graphs without the seed that is worst for all.
    lacking = moved["graph"].isin([f"g{i}" for i in range(10)]) & (moved["seed"] == 4)
    for left in (~lacking | True, ~lacking):
        one, other = (
            selection_record(gain_of_the_best(checked_results(runs[left]), draws=200)) for runs in (even, moved)
        )
        assert other["best"] == one["best"]
        for name in ("naive_gain", "honest_gain", "noise_sd"):
            assert other[name] == pytest.approx(one[name], abs=1e-9)
    means = [
        paired(runs).groupby("graph")["test_error"].mean().filter(like="g") for runs in (moved, moved[~lacking])
    ]
    assert np.abs(means[1] - means[0]).max() < 0.3
    naive = moved[~lacking].groupby("graph")["test_error"].mean().filter(like="g")
    assert np.abs(naive - means[0]).max() > 1


def test_shrinkage_finds_the_spread_of_true_means():
    rng = np.random.default_rng(5)
    true = rng.normal(30, 0.4, 2000)
    variance = np.full(2000, 0.09)
    noisy = true + rng.normal(0, 0.3, 2000)
    spread, middle, doubt = shrink(noisy, variance)
    assert spread == pytest.approx(0.4, abs=0.03)
    assert np.mean((middle - true) ** 2) < 0.75 * np.mean((noisy - true) ** 2)
    assert np.std((middle - true) / doubt) == pytest.approx(1, abs=0.06)


def test_graphs_that_differ_by_noise_alone_are_equally_likely_the_best():
    """Without spread no graph is better than another, and none may be called best with certainty."""
    errors = {name: np.roll([31.0, 32.0, 33.0], i).tolist() for i, name in enumerate("abcd")}
    found = gain_of_the_best(checked_results(table({"baseline": [32.0, 32.5, 33.0], **errors})), draws=2000)
    assert found.spread == 0
    assert found.chosen["p_best"].tolist() == pytest.approx([0.25] * 4, abs=0.04)
    assert "any of them may truly be the best" in caption(found)

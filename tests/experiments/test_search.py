"""Search: never twice the same training, never over budget, the same again, and better than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graph2nn.data.registry import load_dataset
from graph2nn.errors import UserError
from graph2nn.experiments import preset, read_runs
from graph2nn.experiments.search import (
    STRATEGIES,
    Problem,
    Proposal,
    Replay,
    Space,
    Trial,
    conclude,
    fit_error,
    search,
    strategies,
    strategy,
)
from graph2nn.experiments.search.evaluator import Training
from graph2nn.experiments.search.strategies import spent
from graph2nn.experiments.search.trials import promoted, rungs
from graph2nn.results.evaluations import Evaluations
from graph2nn.results.published import read_published

SPACE = Space.of("n64-52")
QUICK = ("recipe.epochs=1", "recipe.batch_size=256", "recipe.precise_bn=0")


@dataclass
class Bowl:
    """An evaluator with a known answer: a smooth bowl over the plane, and noise drawn from the proposal."""

    problem: Problem
    noise: float = 0.3
    depth: float = 2
    asked: list[Proposal] = field(default_factory=list)

    @property
    def expected(self) -> np.ndarray:
        away = self.problem.space.features[:, :2] - np.array([0.45, 0.55])
        return 30 + self.depth * (away**2).sum(axis=1)

    def __call__(self, proposals):
        self.asked += proposals
        return [self.error(proposal) for proposal in proposals]

    def error(self, proposal):
        rng = np.random.default_rng([proposal.row, proposal.seed, proposal.epochs])
        unfinished = 20 * (1 - proposal.epochs / self.problem.epochs)
        return float(self.expected[proposal.row] + unfinished + self.noise * rng.standard_normal())


def bowl(epochs=27, seeds=3, space=SPACE, **how):
    return Bowl(Problem(space, rungs(epochs), range(1, seeds + 1)), **how)


# --- the space ---------------------------------------------------------------------------------------------


def test_features_are_scaled_and_rows_build_the_graphs_of_the_catalogue():
    assert SPACE.features.shape == (52, 3)
    assert SPACE.features.min(axis=0) == pytest.approx(0)
    assert SPACE.features.max(axis=0) == pytest.approx(1)
    graph = SPACE.spec(7).build()
    assert graph.clustering == SPACE.table.loc[7, "clustering"]
    assert graph.path_length == SPACE.table.loc[7, "path_length"]


def test_a_pool_has_each_graph_once_and_at_least_two():
    table = SPACE.table
    assert len(Space.of(pd.concat([table, table]))) == len(table)
    with pytest.raises(UserError, match="the pool holds 1 graphs; expected at least 2"):
        Space.of(table.head(1))
    with pytest.raises(UserError, match="catalogue 'n64-53' is not known"):
        Space.of("n64-53")


def test_spread_graphs_lie_farther_apart_than_random_ones():
    def gap(rows):
        points = SPACE.features[rows]
        return min(np.linalg.norm(a - b) for i, a in enumerate(points) for b in points[:i])

    rows = SPACE.spread(8, np.random.default_rng(0))
    assert len(set(rows)) == 8
    chance = [gap(np.random.default_rng(i).choice(52, 8, replace=False)) for i in range(20)]
    assert gap(rows) > max(chance)
    assert sorted(SPACE.spread(99, np.random.default_rng(0))) == list(range(52))


# --- laws of every strategy --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRATEGIES)
@given(budget=st.integers(1, 14), seed=st.integers(0, 99), epochs=st.sampled_from([1, 2, 9, 100]))
@settings(max_examples=5)
def test_a_search_spends_within_its_budget_and_trains_nothing_twice(name, budget, seed, epochs):
    evaluator = bowl(epochs)
    problem = evaluator.problem
    found = search(evaluator, strategy(name), budget=budget, seed=seed)
    asked = evaluator.asked
    assert len(set(asked)) == len(asked) == len(found.trials)
    assert all(
        0 <= p.row < len(SPACE) and p.seed in problem.seeds and p.epochs in problem.lengths for p in asked
    )
    # Less than one more full training is left over.
    assert budget - 1 < found.spent <= budget + 1e-6
    assert sum(p.epochs for p in asked) == round(found.spent * problem.epochs)


def test_a_budget_that_falls_short_by_a_rounding_still_pays():
    """Five trials of 5/6 leave 5/6 of a budget of 5: one trial more, though in floats it is a little less."""
    problem = Problem(SPACE, (5, 6), [1])
    trials = [Trial(Proposal(row, 1, 5), 30.0) for row in range(5)]
    left = (5 - spent(problem, trials)) * 6 / 5
    assert 0 < 1 - left < 1e-9
    assert strategies._proposals(problem, trials, 5, range(52), epochs=5) == [Proposal(5, 1, 5)]
    assert strategies._proposals(problem, trials, 4.9, range(52), epochs=5) == []


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_search_is_the_same_again_and_another_with_another_seed(name):
    first, again, other = (search(bowl(), strategy(name), budget=12, seed=seed) for seed in (1, 1, 2))
    assert first.trials == again.trials
    pd.testing.assert_frame_equal(first.graphs, again.graphs)
    assert (first.trials == other.trials) == (name == "sweep")


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_small_pool_is_used_up_and_no_more(name):
    space = Space.of(SPACE.table.head(5))
    evaluator = bowl(epochs=1, seeds=2, space=space)
    found = search(evaluator, strategy(name), budget=50)
    assert sorted((p.row, p.seed) for p in evaluator.asked) == [(row, s) for row in range(5) for s in (1, 2)]
    assert found.spent == 10


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("name", ["gp", "gp-halving"])
def test_a_stopped_search_goes_on_as_if_undisturbed(name):
    kept: dict[Proposal, float] = {}
    evaluator = bowl()

    class Keeping:
        problem = evaluator.problem
        left = 11

        def __call__(self, proposals):
            for proposal in proposals:
                if proposal not in kept:
                    if not self.left:
                        raise StoppedError
                    self.left -= 1
                    kept[proposal] = evaluator.error(proposal)
            return [kept[proposal] for proposal in proposals]

    with pytest.raises(StoppedError):
        search(Keeping(), strategy(name), budget=16)
    assert len(kept) == 11
    again = Keeping()
    again.left = 99
    found = search(again, strategy(name), budget=16)
    assert found.trials == search(bowl(), strategy(name), budget=16).trials
    assert 99 - again.left == len(found.trials) - 11


def test_budgets_below_one_training_are_refused():
    for budget in (0, 0.5, -1, math.nan, math.inf):
        with pytest.raises(UserError, match=f"budget = {budget:g}; expected at least 1"):
            search(bowl(), strategy("gp"), budget=budget)


def test_unknown_strategies_are_named():
    with pytest.raises(UserError, match=r"strategy 'gpp' is not known; did you mean 'gp'\?"):
        strategy("gpp")


# --- halving -----------------------------------------------------------------------------------------------


def test_rungs_triple_up_to_the_full_length():
    assert rungs(200) == (23, 67, 200)
    assert rungs(2) == (1, 2)
    assert rungs(1) == (1,)
    assert rungs(200, measured={0, 200}) == (200,)


def test_each_rung_trains_the_best_of_the_one_below():
    found = search(bowl(27, noise=0), strategy("gp-halving"), budget=24)
    by = {e: [t for t in found.trials if t.proposal.epochs == e] for e in (3, 9, 27)}
    assert [len(by[e]) for e in (3, 9)] == [27, 9]
    for shorter, longer in ((3, 9), (9, 27)):
        best = sorted(by[shorter], key=lambda trial: trial.error)
        first = by[longer][: {9: 9, 27: 3}[longer]]
        assert [t.proposal.row for t in first] == [t.proposal.row for t in best[: len(first)]]
    assert spent(found.problem, found.trials) <= 24


def test_a_diverged_training_is_not_promoted():
    trials = [Trial(Proposal(row, 1, 3), error) for row, error in enumerate((50.0, math.nan, 40.0))]
    assert promoted(trials, 3) == [2, 0, 1]


# --- the surface -------------------------------------------------------------------------------------------


def test_the_surface_finds_the_bowl_and_its_noise():
    evaluator = bowl(seeds=4)
    proposals = [Proposal(row, seed, 27) for row in range(52) for seed in (1, 2, 3, 4)]
    surface = fit_error(SPACE, [Trial(p, evaluator.error(p)) for p in proposals])
    mean, sd = surface.band()
    assert surface.noise == pytest.approx(0.3, rel=0.15)
    assert np.abs(mean - evaluator.expected).max() < 0.3
    # The doubt is that of the surface, not of one more training.
    assert sd.max() < 0.2
    assert np.mean(np.abs(mean - evaluator.expected) < 1.96 * sd) > 0.85


def test_joint_and_band_agree():
    evaluator = bowl()
    proposals = [Proposal(row, 1, epochs) for epochs in (3, 27) for row in range(0, 52, 3)]
    surface = fit_error(SPACE, [Trial(p, evaluator.error(p)) for p in proposals])
    rows = np.arange(10)
    mean, covariance = surface.joint(rows)
    assert surface.below is not None
    assert mean == pytest.approx(surface.band(rows)[0])
    assert np.sqrt(np.diag(covariance)) == pytest.approx(surface.band(rows)[1], rel=1e-4)


def test_short_runs_tell_of_graphs_that_have_no_long_one():
    evaluator = bowl(noise=0.05)
    few = [Proposal(row, 1, 27) for row in (0, 10, 20, 30)]
    many = [Proposal(row, 1, 3) for row in range(52)]
    told = {
        name: fit_error(SPACE, [Trial(p, evaluator.error(p)) for p in proposals]).band()[0]
        for name, proposals in {"few": few, "both": few + many}.items()
    }
    away = {name: np.abs(mean - evaluator.expected).mean() for name, mean in told.items()}
    assert away["both"] < 0.5 * away["few"]


def test_a_diverged_training_counts_as_the_worst_and_all_diverged_is_an_error():
    trials = [Trial(Proposal(row, 1, 27), error) for row, error in enumerate((30.0, math.nan, 31.0))]
    worst = [Trial(trial.proposal, 31.0 if trial.diverged else trial.error) for trial in trials]
    assert fit_error(SPACE, trials).band()[0] == pytest.approx(fit_error(SPACE, worst).band()[0])
    problem = bowl().problem
    assert math.isnan(conclude(problem, trials).graphs.set_index("row").loc[1, "observed"])
    with pytest.raises(UserError, match="every training run diverged"):
        conclude(problem, [trials[1]])


def test_the_recommended_graph_comes_first_with_its_interval():
    evaluator = bowl()
    found = search(evaluator, strategy("gp"), budget=30)
    best = found.recommended
    assert best["low"] < best["expected"] < best["high"]
    mean, sd = fit_error(found.problem.space, found.trials).band(found.graphs["row"].to_numpy())
    assert (np.diff(mean + sd) >= 0).all()
    # It was picked for a low mean, so more is expected of it, and its interval is wider than the surface's.
    assert (found.graphs["expected"] > mean).all()
    assert (found.graphs["high"] - found.graphs["low"] > 2 * 1.96 * sd).all()
    assert found.graphs["trainings"].sum() == 30
    assert best["low"] < evaluator.expected[best["row"]] < best["high"]


def test_gp_beats_random_search_on_a_smooth_surface():
    def regrets(name):
        for seed in range(16):
            evaluator = bowl(1, seeds=5, space=Space.of("n64-449"), depth=6)
            found = search(evaluator, strategy(name), budget=32, seed=seed)
            # All lengths are full ones and each graph is drawn once, so the lowest error is a single trial's.
            lowest = min(found.trials, key=lambda trial: trial.error).proposal.row
            row = lowest if name == "random" else found.recommended["row"]
            yield evaluator.expected[row] - evaluator.expected.min()

    gp, chance = np.array(list(regrets("gp"))), np.array(list(regrets("random")))
    assert stats.ttest_rel(chance, gp, alternative="greater").pvalue < 0.01
    assert gp.mean() < 0.5 * chance.mean()


# --- the replay --------------------------------------------------------------------------------------------


def evaluations(space=SPACE, seeds=(1, 2), epochs=(0, 12, 34, 100)):
    evaluator = bowl(100, space=space)
    rows = [
        {
            "task": "made_up",
            "kind": "relational",
            "graph": space.spec(row).name,
            **space.table.loc[row, ["n", "sparsity", "p", "clustering", "path_length"]],
            "graph_seed": space.table.loc[row, "seed"],
            "seed": seed,
            "epoch": epoch,
            "test_error": evaluator.error(Proposal(row, seed, epoch)),
        }
        for seed in seeds
        for epoch in epochs
        for row in range(len(space))
    ]
    return Evaluations(pd.DataFrame(rows), {})


def test_a_replay_looks_errors_up():
    made = evaluations()
    replay = Replay.of(made, "made_up")
    assert replay.problem.lengths == (12, 34, 100)
    assert replay.problem.seeds == (1, 2)
    row = made.table.query("graph == @SPACE.spec(5).name and seed == 2 and epoch == 34")["test_error"].item()
    assert replay([Proposal(5, 2, 34)]) == [row]
    last = made.last("made_up").groupby("graph", sort=False)["test_error"].mean()
    assert replay.means == pytest.approx(last.to_numpy())


def test_a_replay_needs_seeds_with_every_graph():
    made = evaluations(seeds=(1, 2, 3))
    cut = made.table.drop(made.table.query("seed == 2").index[:1])
    cut = cut.drop(index=cut.query("seed == 3 and epoch == 34").index[-1])
    # Epoch 0 is not a training: seed 2 lacks nothing that a search could ask for.
    assert Replay.of(Evaluations(cut, {}), "made_up").problem.seeds == (1, 2)
    few = made.table.query("seed == 1").drop_duplicates("epoch")
    with pytest.raises(UserError, match="made_up has 1 WS-flex graphs"):
        Replay.of(Evaluations(few, {}), "made_up")


def test_search_in_the_published_results(shared_file):
    replay = Replay.of(read_published(shared_file("data/published/final_results.tar.xz")), "mlp_cifar10")
    assert (len(replay.problem.space), replay.problem.seeds) == (3942, (1, 2, 3, 4, 5))
    assert replay.means.min() == pytest.approx(31.984)
    # What the lowest of 3,942 means is expected to give again: luck is most of its lead.
    assert replay.expected[replay.means.argmin()] - replay.means.min() > 0.3
    rows = [search(replay, strategy("gp"), budget=40, seed=seed).recommended["row"] for seed in range(6)]
    # Over 100 repeats the mean is 0.054, and one in nine lies above 0.1.
    assert np.mean(replay.expected[rows] - replay.expected.min()) < 0.1


# --- training ----------------------------------------------------------------------------------------------


def training(out, digits, setting=QUICK):
    return Training(preset("mlp-digits"), SPACE, digits, out, setting)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_runs_land_in_the_usual_folders_and_are_not_repeated(tmp_path, digits):
    first = search(training(tmp_path, digits), strategy("gp"), budget=2)
    runs = read_runs(tmp_path)
    assert len(runs) == 2
    assert sorted(runs["test_error"]) == sorted(trial.error for trial in first.trials)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*/result.json")}
    again = search(training(tmp_path, digits), strategy("gp"), budget=2)
    assert again.trials == first.trials
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*/result.json")}


def test_short_runs_have_folders_of_their_own(tmp_path, digits):
    evaluator = training(tmp_path, digits, ("recipe.epochs=3", *QUICK[1:]))
    assert evaluator.problem.lengths == (1, 3)
    evaluator([Proposal(0, 1, 1), Proposal(0, 1, 3)])
    assert sorted(read_runs(tmp_path)["epochs"]) == [1, 3]
    # The two lengths belong to one search, so the folder is taken again.
    training(tmp_path, digits, ("recipe.epochs=3", *QUICK[1:]))


def test_a_folder_of_another_experiment_is_refused(tmp_path, digits):
    training(tmp_path, digits)([Proposal(0, 1, 1)])
    with pytest.raises(UserError, match=r"holds runs of another experiment \(mlp-digits, 1 epochs"):
        training(tmp_path, digits, (*QUICK, "recipe.lr=0.2"))


def test_a_damaged_run_is_named(tmp_path, digits):
    evaluator = training(tmp_path, digits)
    evaluator([Proposal(0, 1, 1)])
    next((tmp_path / "runs").glob("*/result.json")).write_text("{}")
    with pytest.raises(UserError, match=r"result\.json is damaged; delete its folder"):
        evaluator._error(evaluator.config(Proposal(0, 1, 1)))

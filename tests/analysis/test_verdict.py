"""Each graph against the baseline: pooled noise where seeds move both alike, else the mixed model's error."""

import numpy as np
import pytest
from run_tables import Spread, arms_table
from scipy import stats

from graph2nn.analysis.beyond.noise import paired, seed_noise
from graph2nn.analysis.verdict import judge


def table(repeat=0, *, seeds=range(5), graphs=12, **spread):
    rng = np.random.default_rng([3, repeat])
    return arms_table(rng, [(1, range(5)), (graphs, seeds)], spread=Spread(network=0.0, **spread))


def by_pooled_noise(runs):
    """The plain t-test: seeds taken off all networks alike."""
    noise, level = seed_noise(runs), paired(runs)
    means = level.groupby("graph", sort=False)["test_error"].mean()
    error = noise.sd * np.sqrt(2 / 5)
    return 2 * stats.t.sf(np.abs(means["baseline"] - means.drop("baseline")) / error, noise.freedom)


def test_seeds_that_move_both_alike_leave_the_noise_of_a_run():
    runs = table()
    np.testing.assert_allclose(judge(runs).pooled["p"], by_pooled_noise(runs))


def test_seeds_that_move_the_baseline_otherwise_count_against_every_graph():
    runs = table()
    # Seed by seed the baseline goes up and down by a point, the graphs do not.
    moved = runs["kind"].eq("baseline") * runs["seed"].map({0: 1.0, 1: -1.0, 2: 1.0, 3: -1.0, 4: 0.6})
    runs["test_error"] += moved
    judged = judge(runs)
    assert (judged.pooled["p"] > by_pooled_noise(runs)).all()
    # No graph is known better than the mean of all, whose interval says as much.
    assert judged.pooled["p"].min() > 0.3
    assert judged.all_graphs.p_value > 0.3


@pytest.mark.parametrize(
    ("seeds", "family"),
    [(range(5), 0.6), (range(5, 10), 0.0), (range(3, 8), 0.0)],
    ids=["seed × arm", "other seeds", "two of five seeds"],
)
def test_equal_graphs_are_rarely_called_different(seeds, family):
    """40 tables each; pooled noise alone calls some graph different in 11, 14 and 6 of them."""
    called = [
        (judge(table(repeat, seeds=seeds, family=family, seed=0.6)).pooled["p_holm"] <= 0.05).any()
        for repeat in range(40)
    ]
    assert sum(called) <= 4

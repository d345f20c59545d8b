"""Comparisons of arms, of nulls and of the best graph: exact where theory says so, whatever the design."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from run_tables import Spread, arms_table, labels, nulls_table
from scipy import stats

from graph2nn import UserError
from graph2nn.analysis import compare_arms, compare_nulls, split_seed_gain

RNG = np.random.default_rng


def test_two_networks_with_the_same_seeds_are_a_paired_t_test():
    table = arms_table(RNG(0), [(1, range(7)), (1, range(7))], spread=Spread(seed=0.5))
    one, other = (table.loc[table["arm"] == arm, "test_error"].to_numpy() for arm in (0, 1))
    expected = stats.ttest_rel(one, other)
    found = compare_arms(table, ["baseline"], labels(table, 1))
    assert found.estimate == pytest.approx(one.mean() - other.mean())
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-3)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()), rel=1e-3)
    assert found.freedom == pytest.approx(6, rel=1e-2)


def test_two_networks_with_other_seeds_are_an_unpaired_t_test():
    table = arms_table(RNG(1), [(1, range(6)), (1, range(10, 16))], spread=Spread())
    one, other = (table.loc[table["arm"] == arm, "test_error"].to_numpy() for arm in (0, 1))
    found = compare_arms(table, ["baseline"], labels(table, 1))
    assert found.p_value == pytest.approx(stats.ttest_ind(one, other).pvalue, rel=1e-2)


def test_graphs_paired_by_a_seed_of_their_own():
    """Graph i with seed i against a baseline with all seeds: the paired t-test of the plan."""
    table = arms_table(RNG(2), [(1, range(20)), (20, range(20))], spread=Spread(), own_seeds=True)
    both = table.pivot_table("test_error", "seed", "arm")
    found = compare_arms(table, ["baseline"], labels(table, 1))
    assert found.estimate == pytest.approx((both[0] - both[1]).mean())
    assert found.p_value == pytest.approx(stats.ttest_rel(both[0], both[1]).pvalue, rel=1e-3)


def test_a_planted_gain_is_the_estimate():
    table = arms_table(RNG(3), [(1, range(10)), (12, range(10))], spread=Spread(), means=(34, 33))
    found = compare_arms(table, ["baseline"], labels(table, 1))
    turned = compare_arms(table, labels(table, 1), ["baseline"])
    assert found.low < 1 < found.high
    assert found.p_value < 0.001
    assert turned.estimate == pytest.approx(-found.estimate)
    assert turned.p_value == pytest.approx(found.p_value, rel=1e-6)


@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_a_seed_that_moves_both_arms_does_not_move_the_estimate(shift):
    table = arms_table(RNG(4), [(1, range(6)), (8, range(6))], spread=Spread(seed=0.0))
    moved = table.assign(test_error=table["test_error"] + shift * (table["seed"] == 3))
    found = [compare_arms(each, ["baseline"], labels(table, 1)).estimate for each in (table, moved)]
    assert found[1] == pytest.approx(found[0])


def test_runs_that_were_filled_in_are_no_evidence():
    table = arms_table(RNG(5), [(1, range(4)), (5, range(4))], spread=Spread()).assign(remark="")
    filled = table.assign(remark=np.where(table.index == len(table) - 1, "filled from seed 1", ""))
    expected = compare_arms(table.iloc[:-1], ["baseline"], labels(table, 1))
    found = compare_arms(filled, ["baseline"], labels(table, 1))
    assert (found.estimate, found.p_value) == (expected.estimate, expected.p_value)
    assert sum(found.runs) == len(table) - 1


def test_clear_errors_about_arms():
    table = arms_table(RNG(6), [(1, range(3)), (2, range(3))], spread=Spread())
    with pytest.raises(UserError, match="'nobody'"):
        compare_arms(table, ["baseline"], ["nobody"])
    with pytest.raises(UserError, match="is in two arms"):
        compare_arms(table, ["baseline"], ["arm1 g0", "baseline"])
    with pytest.raises(UserError, match="an arm has no label"):
        compare_arms(table, ["baseline"], [])
    with pytest.raises(UserError, match=r"write \['baseline'\]"):
        compare_arms(table, "baseline", ["arm1 g0"])
    with pytest.raises(UserError, match="each arm has one run"):
        compare_arms(table[table["seed"] == 0], ["baseline"], ["arm1 g0"])


DESIGNS = {
    "one seed each, baseline with many": {"arms": [(1, range(30)), (30, range(30))], "own_seeds": True},
    "one seed for all, baseline with many": {"arms": [(1, range(10)), (30, [1])]},
    "seeds that no side shares": {"arms": [(1, range(5)), (10, range(5, 10))]},
    "gaps": {"arms": [(1, range(6)), (12, range(6))], "missing": 0.3},
    "two seeds": {"arms": [(1, range(2)), (10, range(2))]},
}


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_has_an_answer(name):
    table = arms_table(RNG(7), spread=Spread(), means=(36, 33), **DESIGNS[name])
    found = compare_arms(table, ["baseline"], labels(table, 1))
    assert found.low < 3 < found.high
    assert 0 < found.p_value <= 1
    gain = split_seed_gain(table)
    assert gain.low < gain.estimate < gain.high
    assert gain.estimate == pytest.approx(3, abs=1.5)
    assert 0 < gain.p_value <= 1


@pytest.mark.parametrize(
    "arms",
    [[(1, [1]), (30, [1])], [(1, [1]), (30, [2])], [(6, [1]), (6, [1])]],
    ids=["same", "other", "several"],
)
def test_one_seed_on_each_side_gives_no_interval_and_says_why(arms):
    """A seed that moves one side alone would be taken for a difference: the interval covered 0.84."""
    table = arms_table(RNG(7), arms, spread=Spread(), means=(36, 33))
    found = compare_arms(table, labels(table, 0), labels(table, 1))
    assert found.estimate == pytest.approx(3, abs=1.5)
    assert np.isnan([found.low, found.high, found.p_value]).all()
    assert "one training seed" in found.note
    if arms[0][0] == 1:
        with pytest.raises(UserError, match="the same one training seed"):
            split_seed_gain(table)


@pytest.mark.parametrize(
    "design",
    [
        {"graphs": 12, "nulls": 1, "seeds": [1]},
        {"graphs": 12, "nulls": 1, "seeds": [1], "own_seeds": True},
        {"graphs": 3, "nulls": 1, "seeds": range(4)},
        {"graphs": 2, "nulls": 6, "seeds": range(20), "null_seeds": [3]},
        {"graphs": 3, "nulls": 4, "seeds": range(5), "null_seeds": range(5, 10)},
        {"graphs": 3, "nulls": 4, "seeds": range(5), "missing": 0.3},
    ],
)
def test_every_design_of_nulls_has_an_answer(design):
    table, pairs = nulls_table(RNG(8), spread=Spread(network=0.1, family=0.1), effect=4.0, **design)
    found = compare_nulls(table, pairs)
    assert list(found.graphs.columns[:5]) == ["graph", "estimate", "low", "high", "p_value"]
    assert found.graphs["graph"].tolist() == list(dict.fromkeys(pairs["graph"]))
    assert (found.graphs["low"] < found.graphs["estimate"]).all()
    assert found.graphs["estimate"].to_numpy() == pytest.approx(4, abs=2)
    assert found.graphs["p_value"].between(0, 1).all()
    assert found.low < 4 < found.high


def test_null_effects_of_one_graph_are_paired_by_seed():
    """Nulls that a seed moves together are alike in every seed; the error is still that of the seeds."""
    spread = Spread(network=0.0, seed=0.3, family=0.3, run=0.02)
    table, pairs = nulls_table(RNG(9), graphs=1, nulls=5, seeds=range(7), spread=spread)
    each = table.pivot_table("test_error", "seed", "graph")
    difference = each[pairs["null"]].mean(axis=1) - each["g0"]
    row = compare_nulls(table, pairs).graphs.iloc[0]
    expected = stats.ttest_1samp(difference, 0)
    assert row["estimate"] == pytest.approx(difference.mean())
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=0.05)


def test_a_graph_that_its_own_runs_picked_is_refused():
    table, pairs = nulls_table(RNG(10), graphs=2, nulls=3, seeds=range(4), spread=Spread())
    low = table[table["graph"] == "g0"]["test_error"].mean()
    others = [
        {"graph": f"other{i}", "kind": "relational", "seed": seed, "test_error": low + 0.1 + i}
        for i in range(6)
        for seed in range(4)
    ]
    high = table["graph"] == "g1"
    table.loc[high, "test_error"] += 2
    found = compare_nulls(pd.concat([table, pd.DataFrame(others)], ignore_index=True), pairs)
    assert list(found.refused) == ["g0"]
    assert np.isnan(found.graphs["p_value"]).tolist() == [True, False]
    judged = compare_nulls(pd.concat([table, pd.DataFrame(others)], ignore_index=True), pairs, chosen_on=[0])
    assert judged.refused == {}
    assert judged.rows["runs"].iloc[0] == 12


def test_graphs_that_share_one_seed_count_as_one_draw_of_it():
    """The baseline's scatter counts once for the graphs' seed; an exact standard error."""
    table = arms_table(RNG(12), [(1, range(10)), (20, [1])], spread=Spread())
    one, other = (table.loc[table["arm"] == arm, "test_error"].to_numpy() for arm in (0, 1))
    found = compare_arms(table, ["baseline"], labels(table, 1))
    assert found.estimate == pytest.approx(one.mean() - other.mean())
    variance = one.var(ddof=1) * (1 + 1 / 10) + other.var(ddof=1) / 20
    assert found.standard_error == pytest.approx(np.sqrt(variance), rel=1e-3)
    assert "share one training seed" in found.note
    gain = split_seed_gain(table)
    assert gain.low < gain.estimate < gain.high


@pytest.mark.parametrize(
    "design", [{"nulls": 5, "seeds": [0]}, {"nulls": 1, "seeds": range(5)}], ids=["one seed", "one null"]
)
def test_an_effect_is_judged_by_the_spread_of_the_others(design):
    table, pairs = nulls_table(RNG(13), graphs=6, spread=Spread(family=0.2), **design)
    mean = table.groupby("graph")["test_error"].mean()
    effects = np.array(
        [mean[own["null"]].mean() - mean[graph] for graph, own in pairs.groupby("graph", sort=False)]
    )
    found = compare_nulls(table, pairs, chosen_on=()).graphs
    for place, row in found.iterrows():
        sd = np.delete(effects, place).std(ddof=1)
        assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(effects[place]) / sd, 4), rel=1e-6)

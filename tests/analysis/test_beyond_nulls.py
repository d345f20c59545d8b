"""Graphs against their nulls: right level, right power, right intervals; and the plan of what to train."""

import numpy as np
import pandas as pd
import pytest
from analysis_tables import table
from scipy import stats

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.analysis.beyond.null_effects import (
    ALL,
    compare_nulls,
    null_effects_record,
    plan_power,
    power_of_nulls,
)
from graph2nn.analysis.null_comparison import _between, _Part, _within
from graph2nn.experiments.null_selection import plan_nulls
from graph2nn.graphs import generators
from graph2nn.graphs.nulls import degree_null
from graph2nn.report.figures.null_effects import caption
from graph2nn.report.phrasing import p_text


def runs(rng, *, graphs, nulls, seeds, effect, null_sd=0.15, seed_sd=0.2):
    """Simulated runs of graphs better than their nulls by ``effect``."""
    errors, pairs = {}, []
    for i in range(graphs):
        middle = rng.normal(32, 0.5)
        for j in range(nulls + 1):
            label = f"g{i}" if j == 0 else f"null{i}.{j}"
            true = middle + rng.normal(0, null_sd) - (effect if j == 0 else 0)
            errors[label] = rng.normal(true, seed_sd, seeds)
            if j:
                pairs.append({"graph": f"g{i}", "null": label})
    return table(errors), pd.DataFrame(pairs)


SPREADS = {"noise": 0.5, "seed in family": 0.3, "seed in group": 0.4, "network": 0.7}


def families(rng, counts, *, families, seeds):
    """Errors ``[nulls, seeds]`` per family and group, of networks that differ by every component."""

    def drawn(name, *shape):
        return SPREADS[name] * rng.standard_normal(shape)

    common = 2 * rng.standard_normal(seeds)
    for _ in range(families):
        own = rng.normal(30, 5) + common + drawn("seed in family", seeds)
        yield [
            own + drawn("seed in group", seeds) + drawn("network", count, 1) + drawn("noise", count, seeds)
            for count in counts
        ]


@pytest.mark.parametrize("counts", [(1, 4), (3,)])
def test_each_sum_of_squares_has_the_mean_that_its_freedom_and_weights_promise(counts):
    """λ·χ²(freedom) with λ = Σ weights θ: one degree more would be seen, by 10 to 50 %."""
    rng, sums, draws = np.random.default_rng(8), {}, 3000
    for _ in range(draws):
        drawn = list(families(rng, counts, families=3, seeds=3))
        means = np.array([[group.mean(axis=0) for group in family] for family in drawn])
        parts = _within(_Part((1, 2, 3), drawn[0][-1]))
        for place, square in enumerate([*_between(means, counts), *parts]):
            sums.setdefault(place, []).append(square)
    assert len(sums) == 3
    for squares in sums.values():
        theta = sum(weight * SPREADS[name] ** 2 for name, weight in squares[0].weights.items())
        values = np.array([square.value for square in squares]) / theta
        freedom = squares[0].freedom
        assert values.mean() == pytest.approx(freedom, abs=5 * (2 * freedom / draws) ** 0.5)
        assert 5 * (2 * freedom / draws) ** 0.5 < 0.5


@pytest.mark.slow
def test_level_coverage_and_power_are_as_promised():
    """80 experiments of 6 graphs, 4 nulls, 2 seeds, with and without an effect.

    Measured in 120: false findings 4 % (one graph) and 6 % (all), coverage 94 %, power 62 % (computed 57 %).
    """
    rng = np.random.default_rng(0)
    design = {"graphs": 6, "nulls": 4, "seeds": 2}
    for effect in (0.0, 0.25):
        total, single, covered = [], [], []
        for _ in range(80):
            found = compare_nulls(*runs(rng, effect=effect, **design)).rows
            last, others = found.iloc[-1], found.iloc[:-1]
            total.append(last["p"] <= 0.05)
            single.append((others["p"] <= 0.05).mean())
            covered.append(last["low"] <= effect <= last["high"])
            assert last["graph"] == ALL
        promised = power_of_nulls(effect, null_sd=0.15, seed_sd=0.2, **design)
        assert np.mean(total) == pytest.approx(promised, abs=3 * np.sqrt(0.25 / 80) if effect else 0.06)
        assert np.mean(covered) >= 0.88
        if not effect:
            assert promised == pytest.approx(0.05)
            assert np.mean(single) == pytest.approx(0.05, abs=0.03)


def test_spreads_are_told_apart():
    rng = np.random.default_rng(1)
    found = compare_nulls(*runs(rng, graphs=60, nulls=8, seeds=4, effect=0.3, null_sd=0.4, seed_sd=0.2))
    assert found.null_sd == pytest.approx(0.4, rel=0.1)
    assert found.seed_sd == pytest.approx(0.2, rel=0.1)
    assert found.rows.iloc[-1]["effect"] == pytest.approx(0.3, abs=0.15)


def test_one_seed_gives_an_effect_without_an_interval():
    """The spread of nulls alone covered .86: nothing tells what the seed did to all of them."""
    errors = {"a": [30.0], "n1": [31.0], "n2": [32.0]}
    pairs = pd.DataFrame({"graph": ["a", "a"], "null": ["n1", "n2"]})
    found = compare_nulls(table(errors), pairs)
    row = found.rows.iloc[0]
    assert (row["nulls"], row["runs"]) == (2, 3)
    assert row["effect"] == pytest.approx(31.5 - 30.0)
    assert row[["low", "high", "p"]].isna().all()
    assert found.rows.iloc[-1]["effect"] == row["effect"]
    assert "Train a second seed" in found.note


def test_by_hand():
    """Of seeds that move nothing but single runs, one graph is one more draw from its nulls."""
    errors = {"a": [30.0, 30.2], "n1": [31.1, 30.9], "n2": [32.0, 32.2], "n3": [31.0, 31.4]}
    pairs = pd.DataFrame({"graph": "a", "null": ["n1", "n2", "n3"]})
    row = compare_nulls(table(errors), pairs).rows.iloc[0]
    assert row["effect"] == pytest.approx((31.0 + 32.1 + 31.2) / 3 - 30.1)


def test_an_uninformative_graph_is_not_in_the_mean_effect():
    """Its effect stays in its own row; the mean is that of the other graphs, with their interval."""
    rng = np.random.default_rng(6)
    table_, pairs = runs(rng, graphs=4, nulls=4, seeds=3, effect=0.2)
    every = compare_nulls(table_, pairs, chosen_on=())
    fewer = every.without({"g2"})
    effects = every.graphs["estimate"].to_numpy()
    pd.testing.assert_frame_equal(fewer.graphs, every.graphs)
    assert (fewer.uninformative, fewer.counted) == (("g2",), ("g0", "g1", "g3"))
    assert fewer.estimate == pytest.approx(effects[[0, 1, 3]].mean())
    assert fewer.rows.iloc[-1]["nulls"] == 12
    reach = stats.t.ppf(0.975, 2) * effects[[0, 1, 3]].std(ddof=1) / np.sqrt(3)
    assert fewer.high - fewer.estimate == pytest.approx(reach)
    one = every.without({"g0", "g1", "g3"})
    assert (one.estimate, one.low) == (effects[2], every.graphs["low"][2])
    assert np.isnan(every.without({"g0", "g1", "g2", "g3"}).estimate)
    assert every.without({"elsewhere"}) is every


def test_the_caption_quotes_the_p_of_the_model_and_the_graphs_that_count():
    rng = np.random.default_rng(6)
    every = compare_nulls(*runs(rng, graphs=4, nulls=4, seeds=3, effect=0.2), chosen_on=())
    assert f"{p_text(every.p_value)})." in caption(every)
    assert "permutation" not in caption(every)
    assert "Over 3 of 4 graphs the original" in caption(every.without({"g2"}))
    assert "Of g2 the original" in caption(every.without({"g0", "g1", "g3"}))
    assert "no effect to tell" in caption(every.without({"g0", "g1", "g2", "g3"}))


def test_other_seeds_for_the_nulls_widen_the_mean_effect():
    """Nine seeds that move all networks by 3 points: the effects agree and their mean is off all the same."""
    rng = np.random.default_rng(7)
    moved = dict(enumerate(rng.normal(0, 3, 9)))
    table_, pairs = runs(rng, graphs=4, nulls=4, seeds=9, effect=0.0)
    table_["test_error"] += table_["seed"].map(lambda seed: moved[seed % 9])
    null = table_["graph"].str.startswith("null")
    of_graphs, of_nulls = table_["seed"] % 9 < 4, table_["seed"] % 9 >= 4
    found = compare_nulls(table_[(null & of_nulls) | (~null & of_graphs)], pairs, chosen_on=())
    effects = found.graphs["estimate"]
    spread = stats.t.ppf(0.975, 3) * effects.std() / 2
    assert found.high - found.estimate > 3 * spread
    assert found.low < 0 < found.high


def test_power_grows_with_everything():
    base = {"null_sd": 0.15, "seed_sd": 0.3, "graphs": 8, "nulls": 4, "seeds": 2}
    least = power_of_nulls(0.2, **base)
    for more in ({"graphs": 16}, {"nulls": 12}, {"seeds": 5}, {"null_sd": 0.05}, {"seed_sd": 0.1}):
        assert power_of_nulls(0.2, **{**base, **more}) > least
    assert power_of_nulls(0.4, **base) > least
    assert power_of_nulls(-0.2, **base) == pytest.approx(least)
    designs = plan_power(0.2, null_sd=0.15, seed_sd=0.3, graphs=8)
    assert designs["runs"].is_monotonic_increasing
    assert (designs["runs"] == designs["graphs"] * (designs["nulls"] + 1) * designs["seeds"]).all()
    with pytest.raises(UserError, match="nulls = 1"):
        power_of_nulls(0.2, **{**base, "nulls": 1})
    with pytest.raises(UserError, match="both 0"):
        power_of_nulls(0.2, **{**base, "null_sd": 0.0, "seed_sd": 0.0})


def test_one_seed_and_unequal_numbers_of_nulls():
    rng = np.random.default_rng(3)
    table_, pairs = runs(rng, graphs=4, nulls=3, seeds=1, effect=0.5)
    found = compare_nulls(table_, pairs.drop(index=[0, 1, 5]))
    assert found.seed_sd is None
    assert found.rows["nulls"].tolist() == [1, 2, 3, 3, 9]
    kept = null_effects_record(found)
    assert kept["all"]["graph"] == ALL
    assert "p_permutation" not in kept["all"]
    assert len(kept["graphs"]) == 4


def test_clear_errors():
    rng = np.random.default_rng(4)
    table_, pairs = runs(rng, graphs=2, nulls=2, seeds=2, effect=0.5)
    with pytest.raises(UserError, match="no column 'null'"):
        compare_nulls(table_, pairs[["graph"]])
    with pytest.raises(UserError, match=r"no finished run of 'null0.1'"):
        compare_nulls(table_[table_["graph"] != "null0.1"], pairs)
    one = table_[(table_["seed"] == 1) & table_["graph"].isin(["g0", "null0.1"])]
    with pytest.raises(UserError, match="no network has two seeds"):
        compare_nulls(one, pairs.iloc[:1])
    # Four other graphs and their nulls are rivals now, and g0 has the lowest error of all.
    with pytest.raises(UserError, match="g0 has the lowest mean error of 5 graphs"):
        compare_nulls(table_, pairs.iloc[:1])
    assert len(compare_nulls(table_, pairs.iloc[:1], chosen_on=[]).graphs) == 1
    with pytest.raises(UserError, match="no pairs"):
        compare_nulls(table_, pairs.iloc[:0])


def test_the_plan_holds_rewirings_named_after_their_graph():
    graphs = [ws_flex(24, 5, p, seed=1) for p in (0.1, 0.4)]
    plan = plan_nulls(graphs, 3, seed=7)
    assert plan.pairs["graph"].tolist() == [graph.name for graph in graphs for _ in range(3)]
    assert [spec.name for spec in plan.specs] == plan.pairs["null"].tolist()
    for spec, owner in zip(plan.specs, plan.pairs["graph"], strict=True):
        graph = next(graph for graph in graphs if graph.name == owner)
        null = spec.build()
        assert (null.adjacency.sum(axis=1) == graph.adjacency.sum(axis=1)).all()
        assert null.connected
        assert null != graph
        draw = int(spec.name.removeprefix(f"degree null({owner},").removesuffix(")"))
        assert null == degree_null(graph, draw, connected=True)
    assert len({spec.rows for spec in plan.specs}) == 6


def test_a_longer_plan_begins_with_the_shorter():
    graph = ws_flex(24, 5, 0.2, seed=1)
    short, long = (plan_nulls({"mine": graph}, count, seed=3).specs for count in (2, 5))
    assert long[:2] == short
    joined = plan_nulls({"other": ws_flex(24, 5, 0.3, seed=2), "mine": graph}, 2, seed=3).specs
    assert joined[2:] == short


def test_small_graphs_with_few_rewirings():
    hexagon = generators.cycle(6)  # 60 hexagons on six nodes, one of them itself
    assert len({spec.rows for spec in plan_nulls([hexagon], 12).specs}) == 12
    with pytest.raises(UserError, match="has 0 degree nulls other than itself"):
        plan_nulls([generators.complete(7)], 2)
    with pytest.raises(UserError, match="two graphs are called"):
        plan_nulls([hexagon, hexagon], 1)
    parts = RelationalGraph.from_edges([(0, 1), (2, 3)], 5)
    assert plan_nulls([parts], 2).specs[0].build().edges == 2, "a graph in parts has nulls in parts"
    with pytest.raises(UserError, match="no graph"):
        plan_nulls([], 1)


def test_a_seed_that_moves_all_networks_is_no_difference_between_them():
    """Nor does a null without the seed that is worst for all look better for it."""
    even, pairs = runs(np.random.default_rng(3), graphs=4, nulls=5, seeds=4, effect=0.3)
    moved = even.assign(test_error=even["test_error"] + even["seed"].map({1: 0.0, 2: 3.0, 3: -2.0, 4: 5.0}))
    one, other = compare_nulls(even, pairs), compare_nulls(moved, pairs)
    assert other.seed_sd == pytest.approx(one.seed_sd, rel=0.1)
    assert other.rows["effect"].to_numpy() == pytest.approx(one.rows["effect"].to_numpy())
    assert (other.rows["high"] - other.rows["low"]).to_numpy() == pytest.approx(
        (one.rows["high"] - one.rows["low"]).to_numpy(), rel=0.1
    )
    lacking = moved["graph"].isin(["null0.1", "g2"]) & (moved["seed"] == 4)
    effect = compare_nulls(moved[~lacking], pairs).rows["effect"]
    assert np.abs(effect - one.rows["effect"]).max() < 0.3

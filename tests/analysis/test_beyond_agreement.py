"""The same graphs elsewhere: known correlations, their ceiling, and who is left out."""

import json

import numpy as np
import pandas as pd
import pytest

from graph2nn.analysis.beyond.agreement import against, agreement_record
from graph2nn.report.figures import against as picture
from graph2nn.report.figures.theme import LIGHT, render


def runs(rng, truth, *, seeds=3, noise=0.0, drop=()):
    """Runs of graphs that differ in p alone; the baseline too, which must not count."""
    rows = [{"graph": "baseline", "kind": "baseline", "p": None, "graph_seed": None, "error": 40.0}] * seeds
    rows += [
        {"graph": f"g{i}", "kind": "relational", "p": i / 100, "graph_seed": 1.0, "error": 50 + value}
        for i, value in enumerate(truth)
        if i not in drop
        for _ in range(seeds)
    ]
    table = pd.DataFrame(rows).astype({"p": float, "graph_seed": float})
    table["test_error"] = table.pop("error") + noise * rng.standard_normal(len(table))
    table["seed"] = table.groupby("graph").cumcount() + 1
    fixed = {"n": 64.0, "sparsity": 0.2, "clustering": 0.5, "path_length": 2.0, "widths": "9", "macs": 1}
    named = table["graph"] + "-" + table["seed"].astype(str)
    return table.assign(**fixed, params=1, model="mlp5", data="d", epochs=5, run=named)


def test_a_perfect_line_and_its_opposite():
    rng = np.random.default_rng(0)
    truth = np.linspace(-2, 2, 20)
    found = against(runs(rng, truth), {"same": runs(rng, 2 * truth), "turned": runs(rng, -truth)})
    for name, r in (("same", 1.0), ("turned", -1.0)):
        each = found[name]
        ends = (each.pearson, each.pearson_low, each.pearson_high, each.spearman, each.spearman_low)
        assert ends == pytest.approx((r,) * 5)
        assert each.runs == (60, 60)
        assert len(each.graphs) == 20
    # All graphs lie at one place of the plane here.
    assert "intervals resample them as if independent" in picture.caption(found)


def test_the_ceiling_is_what_noise_leaves_of_agreement():
    """True errors agree perfectly; noise of the same size as their spread halves the variance's share."""
    rng = np.random.default_rng(1)
    truth = rng.standard_normal(4000)
    found = against(runs(rng, truth, seeds=2, noise=1.0), {"other": runs(rng, truth, seeds=2, noise=1.0)})[
        "other"
    ]
    assert found.ceiling == pytest.approx(2 / 3, abs=0.03)
    assert found.pearson == pytest.approx(found.ceiling, abs=0.03)


def test_a_seed_that_moves_all_graphs_takes_nothing_from_agreement():
    rng = np.random.default_rng(5)
    truth = rng.standard_normal(60)
    even, other = (runs(rng, truth, noise=0.3) for _ in range(2))
    moved = even.assign(test_error=even["test_error"] + even["seed"].map({1: 0.0, 2: 6.0, 3: -3.0}))
    for few in (False, True):
        lacking = few & moved["graph"].isin([f"g{i}" for i in range(20)]) & (moved["seed"] == 2)
        one, two = (against(table[~lacking], {"it": other})["it"] for table in (even, moved))
        assert two.pearson == pytest.approx(one.pearson)
        assert two.ceiling == pytest.approx(one.ceiling)
    assert one.pearson > 0.9


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(60):
        both = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=40)
        tables = [runs(rng, column, seeds=1) for column in both.T]
        found = against(tables[0], {"it": tables[1]})["it"]
        inside += found.pearson_low <= 0.7 <= found.pearson_high
    assert 50 <= inside <= 60


def test_only_graphs_of_both_and_enough_of_them():
    rng = np.random.default_rng(3)
    truth = rng.standard_normal(20)
    few = set(range(8, 20))
    others = {
        "some": runs(rng, truth, drop={0, 1}),
        "seven": runs(rng, truth, drop={0, *few}),
        "flat": runs(rng, np.ones(20)),
        "elsewhere": runs(rng, truth).assign(n=16.0),
    }
    found = against(runs(rng, truth), others)
    assert list(found) == ["some"]
    assert set(found["some"].graphs["graph"]) == {f"g{i}" for i in range(2, 20)}
    one = against(runs(rng, truth, seeds=1), {"some": others["some"]})["some"]
    assert one.ceiling is None
    assert json.loads(json.dumps(agreement_record({"some": one})))["some"]["graphs"] == 18


def test_the_figure_draws_every_experiment():
    rng = np.random.default_rng(4)
    truth = rng.standard_normal(20)
    found = against(runs(rng, truth, noise=0.3), {f"task_{i}": runs(rng, truth, noise=0.3) for i in range(4)})
    assert render(lambda theme: picture.draw(found, theme), LIGHT).startswith(b"\x89PNG")
    assert "20 graphs, 60 runs here, 60 there" in picture.caption(found)

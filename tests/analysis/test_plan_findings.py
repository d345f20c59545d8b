"""Planned tests are trained as the plan names them, corrected within their family, and come first."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pages import ROOT
from scipy import stats

from graph2nn import UserError
from graph2nn.analysis.ladder_comparison import ladder
from graph2nn.analysis.plan_tests import FEWEST_OF_A_BAND, gain_by_epoch, planned_power, planned_tests, tost
from graph2nn.experiments.plans import freeze_plan, planned_runs, read_plan
from graph2nn.report.paper import latex
from graph2nn.report.plan_findings import as_planned, plan_findings, plan_record, planned_table, section

PLAN = """
title: A small plan
preset: mlp-digits
order: [A, B, C]
arms:
- {name: dense, part: A, networks: [{graph: baseline, seeds: [1, 2, 3, 4, 5, 6]}]}
- name: sparse
  part: A
  networks:
%s
- name: nulls
  part: B
  networks:
%s
- {name: dense slow, part: C, set: {recipe.lr: 0.01}, networks: [{graph: baseline, seeds: [1, 2, 3, 4, 5, 6]}]}
- name: sparse slow
  part: C
  set: {recipe.lr: 0.01}
  networks: [{ws_flex: {n: 16, sparsity: 0.3, p: 0.2, seed: 40}, seeds: [1, 2, 3, 4, 5, 6]}]
tests:
- {name: gain, kind: paired_t_by_seed, part: A, arms: [dense, sparse], family: primary}
- {name: wiring, kind: paired_t_over_graphs, part: B, arms: [nulls, sparse], family: primary}
- {name: unpaired, kind: welch, part: A, arms: [dense, sparse], family: descriptive}
- {name: same, kind: tost, part: B, arms: [nulls, sparse], family: secondary, margin: 0.5}
- {name: slow, kind: contrast, part: C, arms: [dense slow, sparse slow], family: secondary}
- {name: by rate, kind: contrast, part: C, arms: [dense, sparse, dense slow, sparse slow], family: descriptive,
   weights: [1, -1, -1, 1]}
- {name: at its best, kind: best_recipe, part: C, arms: [dense, dense slow, sparse, sparse slow],
   family: descriptive}
"""


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory):
    graph = "{{ws_flex: {{n: 16, sparsity: 0.3, p: 0.2, seed: {0}}}, {1}seeds: [{0}]}}"
    rows = [
        "\n".join("  - " + graph.format(i, null) for i in range(1, 7)) for null in ("", "rewired: {seed: 1}, ")
    ]
    file = tmp_path_factory.mktemp("plan") / "plan.yaml"
    file.write_text(PLAN % tuple(rows), encoding="utf-8")
    freeze_plan(file)
    return file


@pytest.fixture(scope="module")
def runs(plan_file):
    """A table of finished runs of the plan: sparse graphs are 1 point better than dense, nulls like graphs."""
    rng, rows = np.random.default_rng(5), []
    for run in planned_runs(read_plan(plan_file), data="digits"):
        config = run.config
        seeds = np.random.default_rng([3, config.seed]).normal(0, 0.5)
        error = 10 + seeds + rng.normal(0, 0.1) - (0 if "dense" in run.arm else 1)
        graph = config.graph
        rows.append(
            {
                "run": config.folder, "graph": config.graph_name, "null_of": graph.null_of if graph else None,
                "kind": "relational" if graph else "baseline", "seed": config.seed, "epochs": 5,
                "data": "digits",
                "test_error": error, "plan": read_plan(plan_file).sha256[:12], "arm": run.arm,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def of(runs, arm):
    return runs[runs["arm"] == arm].sort_values("seed")["test_error"].to_numpy()


def test_each_kind_is_the_test_it_names(plan_file, runs):
    plan = read_plan(plan_file)
    found = {test.name: test for test in planned_tests(plan, runs)}
    dense, sparse, nulls = (of(runs, arm) for arm in ("dense", "sparse", "nulls"))
    assert found["gain"].p_value == pytest.approx(stats.ttest_rel(dense, sparse).pvalue)
    assert found["gain"].estimate == pytest.approx((dense - sparse).mean())
    assert found["wiring"].p_value == pytest.approx(stats.ttest_rel(nulls, sparse).pvalue)
    assert found["unpaired"].p_value == pytest.approx(stats.ttest_ind(dense, sparse, equal_var=False).pvalue)
    assert (found["same"].low, found["same"].high) == pytest.approx(tost(nulls - sparse, 0.5)[1:3])
    slow = of(runs, "dense slow") - of(runs, "sparse slow")
    assert found["slow"].estimate == pytest.approx(slow.mean())
    assert found["by rate"].estimate == pytest.approx((dense - sparse - slow).mean())
    assert found["at its best"].pairs == 6
    assert found["at its best"].estimate == pytest.approx(1, abs=0.3)


def test_holm_is_within_a_family_and_descriptive_tests_decide_nothing(plan_file, runs):
    found = planned_tests(read_plan(plan_file), runs)
    order = ["primary", "secondary", "descriptive"]
    assert [test.family for test in found] == sorted((test.family for test in found), key=order.index)
    primary = [test for test in found if test.family == "primary"]
    smallest = min(primary, key=lambda test: test.p_value)
    assert smallest.p_holm == pytest.approx(2 * smallest.p_value)
    assert smallest.decided
    assert not any(test.decided for test in found if test.family == "descriptive")


def test_an_incomplete_test_is_reported_and_decides_nothing(plan_file, runs):
    lacking = runs[~((runs["arm"] == "sparse") & (runs["seed"] == 4))]
    gain = planned_tests(read_plan(plan_file), lacking)[0]
    assert (gain.runs, gain.planned_runs, gain.pairs) == (11, 12, 5)
    assert gain.p_value < 0.05
    assert np.isnan(gain.p_holm)
    assert not gain.decided


def test_equivalence_is_two_one_sided_tests():
    values = np.random.default_rng(1).normal(0.05, 0.2, 20)
    estimate, low, high, p = tost(values, 0.3)
    sides = [
        stats.ttest_1samp(values, -0.3, alternative="greater").pvalue,
        stats.ttest_1samp(values, 0.3, alternative="less").pvalue,
    ]
    assert p == pytest.approx(max(sides))
    assert (low > -0.3 and high < 0.3) == (p < 0.05)
    assert estimate == pytest.approx(values.mean())


def test_runs_are_checked_against_the_plan(plan_file, runs):
    other = runs.iloc[:1].assign(run="other", arm=None, plan=None)
    found = plan_findings(plan_file, pd.concat([runs, other], ignore_index=True), pd.DataFrame())
    assert found.unplanned == ("other",)
    assert (found.arms["planned"] == found.arms["finished"]).all()
    assert set(runs.loc[runs["arm"] == "dense slow", "run"]).isdisjoint(found.common)
    kept = json.loads(json.dumps(plan_record(found)))
    assert [test["name"] for test in kept["tests"]][:2] == ["gain", "wiring"]
    page = section(found)
    assert page.index("gain") < page.index("unpaired")
    assert "was not planned" in page.replace("\n", " ")
    table = planned_table(found)
    assert list(table["test"][:2]) == ["gain (paired_t_by_seed)", "wiring (paired_t_over_graphs)"]
    assert all(cell in page for cell in table["interval"])
    assert r"gain (paired\_t\_by\_seed) & primary & " in latex(table)
    unnoted = runs.assign(arm=None, plan=None)  # as runs of a sweep without the plan: known by what they are
    again = plan_findings(plan_file, unnoted, pd.DataFrame())
    assert again.arms.equals(found.arms)
    with pytest.raises(UserError, match="no run in this folder belongs to"):
        plan_findings(plan_file, runs.assign(run="x", arm=None, plan=None), pd.DataFrame())


def test_runs_in_another_precision_than_the_plans_are_named(plan_file, runs):
    kinds = ["none", "bf16+channels_last", "float32 for bf16", "engine=masked"]
    mixed = runs.assign(acceleration=[kinds[i % 4] if i < 8 else "none" for i in range(len(runs))])
    found = plan_findings(plan_file, mixed, pd.DataFrame())
    assert found.other_precision == {"bf16": 2}
    assert "2 runs computed in bf16: the plan has float32." in found.notes()
    half = replace(
        found, plan=found.plan.model_copy(update={"precision": "bf16"}), other_precision={"float32": 1}
    )
    assert "1 run computed in float32: the plan has bf16." in half.notes()
    assert plan_findings(plan_file, runs, pd.DataFrame()).other_precision == {}


def test_the_band_of_the_gain_holds_the_whole_curve():
    covered = []
    for repeat in range(120):
        rng = np.random.default_rng([4, repeat])
        rows = [
            (arm, seed, epoch, 10 + walk)
            for arm in "ab"
            for seed in range(15)
            for epoch, walk in enumerate(rng.normal(0, 0.2, 12).cumsum(), start=1)
        ]
        band = gain_by_epoch(
            pd.DataFrame(rows, columns=["arm", "seed", "epoch", "test_error"]), "a", "b", draws=500
        )
        covered.append(((band["low"] <= 0) & (band["high"] >= 0)).all())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.06)


def test_a_band_of_too_few_pairs_is_not_given_and_the_page_says_so(plan_file, runs):
    """Of three pairs the band held the whole curve in 0.45 of simulations."""

    def curve(pairs):
        rng = np.random.default_rng(1)
        rows = [(a, s, e, rng.normal()) for a in "ab" for s in range(pairs) for e in range(4)]
        return gain_by_epoch(pd.DataFrame(rows, columns=["arm", "seed", "epoch", "test_error"]), "a", "b")

    few, enough = curve(FEWEST_OF_A_BAND - 1), curve(FEWEST_OF_A_BAND)
    assert few["gain"].notna().all()
    assert few[["low", "high"]].isna().all(axis=None)
    assert enough[["low", "high"]].notna().all(axis=None)
    found = replace(plan_findings(plan_file, runs, pd.DataFrame()), gains={"gain": few})
    assert any("The gain per epoch of gain" in note and "has no band" in note for note in found.notes())


def test_the_plan_of_200_epochs_has_the_power_it_says():
    """The plan says: A 0.93 at 0.3, B1 0.89 at 0.36, equivalence of B2 0.73 if the truth is 0.1."""
    plan = read_plan(ROOT / "results" / "cifar10-mlp-200" / "plan.yaml")
    table = planned_power(plan, run_sd=0.325, differences=(0.1, 0.3, 0.36)).set_index("test")
    assert table.loc["A", "0.3"] == pytest.approx(0.93, abs=0.03)
    assert table.loc["B1", "0.36"] == pytest.approx(0.89, abs=0.04)
    assert table.loc["B2, equivalence", "0.1"] == pytest.approx(0.73, abs=0.05)


@pytest.mark.parametrize(("test", "difference"), [("gain", 0.5), ("gain", 1.0), ("unpaired", 0.6)])
def test_the_power_of_a_plan_is_the_share_of_simulated_experiments_that_find_the_difference(
    plan_file, test, difference
):
    """Six pairs: one degree of freedom more would be seen, by 0.03, and two by 0.015."""
    power = planned_power(read_plan(plan_file), run_sd=0.4, differences=(difference,)).set_index("test")
    one, other = 0.4 * np.random.default_rng(3).standard_normal((2, 60_000, 6))
    if test == "gain":
        p = stats.ttest_1samp(one - other + difference, 0, axis=1).pvalue
    else:
        p = stats.ttest_ind(one + difference, other, axis=1).pvalue
    assert power.loc[test, f"{difference:g}"] == pytest.approx(float((p < 0.05).mean()), abs=0.007)


CONNECTOMES = """
title: A connectome on two tasks
preset: mlp-digits
part_data: {a: one task, b: another}
order: [a, b]
arms:
- {name: own a, part: a, networks: [{graph: cat, seeds: [1, 2, 3, 4, 5, 6, 7, 8]}]}
- {name: nulls a, part: a, networks: [%s]}
- {name: dense a, part: a, networks: [{graph: baseline, seeds: [1, 2, 3, 4, 5, 6, 7, 8]}]}
- {name: own b, part: b, networks: [{graph: cat, seeds: [1, 2, 3, 4, 5, 6, 7, 8]}]}
- {name: dense b, part: b, networks: [{graph: baseline, seeds: [1, 2, 3, 4, 5, 6, 7, 8]}]}
tests:
- {name: nulls, kind: paired_t_by_seed, part: a, arms: [nulls a, own a], family: primary}
- {name: other task, kind: paired_t_by_seed, part: b, arms: [dense b, own b], family: primary}
- {name: same, kind: tost, part: a, arms: [nulls a, own a], family: secondary, margin: 3.0}
"""


@pytest.fixture
def connectome(tmp_path):
    """A frozen plan of two tasks with scores of their own, and the runs of the first."""
    nulls = ", ".join(f"{{graph: cat, rewired: {{seed: {i}}}, seeds: [{i}]}}" for i in range(1, 9))
    file = tmp_path / "plan.yaml"
    file.write_text(CONNECTOMES % nulls, encoding="utf-8")
    freeze_plan(file)
    rng, rows = np.random.default_rng(2), []
    for arm, gain in (("own a", 1.0), ("nulls a", 0.0), ("dense a", -2.0), ("own b", 0.0), ("dense b", 0.0)):
        for seed in range(1, 9):
            null = arm == "nulls a"
            graph = {"own": "cat", "nulls": f"degree null(cat,{seed})", "dense": "baseline"}[arm.split()[0]]
            kind = "baseline" if graph == "baseline" else "relational"
            task = ("wrong answers", "%", "one task") if arm.endswith("a") else ("RMSE", "mm", "another")
            rows.append(
                {
                    "run": f"{arm} {seed}", "arm": arm, "plan": read_plan(file).sha256[:12], "graph": graph,
                    "null_of": "cat" if null else None, "kind": kind,
                    "seed": seed, "epochs": 5, "test_error": 20 - gain + rng.normal(0, 0.3), "train_loss": 1.0,
                    "score_name": task[0], "score_unit": task[1], "data": task[2],
                }
            )  # fmt: skip
    return file, pd.DataFrame(rows)


def test_each_part_of_a_plan_has_the_score_of_its_task(connectome):
    file, runs = connectome
    found = plan_findings(file, runs, pd.DataFrame())
    assert {test.name: test.unit for test in found.tests} == {
        "nulls": "points", "other task": "mm", "same": "points"
    }  # fmt: skip


def test_one_connectome_with_a_fresh_null_per_seed_is_tested_by_seed(connectome):
    file, runs = connectome
    same = {test.name: test for test in plan_findings(file, runs, pd.DataFrame()).tests}["same"]
    errors = runs.set_index(["arm", "seed"])["test_error"]
    expected = tost((errors["nulls a"] - errors["own a"]).to_numpy(), 3.0)
    assert (same.pairs, same.estimate, same.p_value) == (
        8,
        pytest.approx(expected[0]),
        pytest.approx(expected[3]),
    )
    assert same.decided


def test_planned_tests_decide_the_rungs_of_a_ladder(connectome):
    file, runs = connectome
    runs = runs[runs["data"] == "one task"]
    own = ladder(runs, "cat", margin=3.0)
    findings = plan_findings(file, runs, pd.DataFrame())
    decided = as_planned(own, findings)
    test = {test.name: test for test in findings.tests}["nulls"]
    assert (decided.rungs[0].kind, decided.rungs[0].p_holm) == ("degree", test.p_holm)
    assert (decided.rungs[0].low, decided.rungs[0].high) == (test.low, test.high)
    assert test.p_holm == pytest.approx(2 * test.p_value)  # the other primary test has no runs yet
    assert decided.rungs[1] == own.rungs[1]  # no test of the plan
    fewer = as_planned(own, plan_findings(file, runs[runs["run"] != "nulls a 3"], pd.DataFrame()))
    assert fewer.rungs[0].says() == "open"

"""What is said of a sweep: no more than its runs allow."""

import numpy as np
import pandas as pd
import pytest
from analysis_tables import sweep, table
from scipy import stats

from graph2nn.analysis import findings
from graph2nn.analysis.beyond.agreement import against, agreement_record
from graph2nn.analysis.beyond.study import study
from graph2nn.analysis.findings import collect_findings
from graph2nn.analysis.task_findings import task_findings
from graph2nn.errors import UserError
from graph2nn.report.phrasing import headline, number, p_text, points

CLEAR = {"baseline": [33.3, 33.4, 33.2], "a": [32.0, 32.1, 31.9], "b": [33.3, 33.1, 33.5]}


def said(errors, **changes):
    found = collect_findings(table(errors).assign(**changes))
    words = headline(found)
    return found.verdict, words.title, words.lead, " ".join(words.remarks)


def test_a_clear_win():
    verdict, title, lead, remarks = said(CLEAR)
    assert verdict == "better"
    assert title.startswith(("Graphs beat the baseline: by 0.65 points on average", "The best graph beats"))
    assert lead.startswith(
        "Best graph a: 32.00 ± 0.10 % top-1 error against baseline 33.30 ± 0.10 %. "
        "When the other seeds choose the graph, its gain is 1.30 points, 95 % interval ["
    )
    assert "The mean of all 2 graphs gains 0.65 points" in lead
    assert "pooled over all networks" in remarks


def test_an_interval_over_zero_is_no_win():
    verdict, title, _, remarks = said({"baseline": [33, 34, 35], "a": [32, 34, 35.5], "b": [36, 37, 38]})
    assert (verdict, title) == ("not-better", "No graph is clearly better than the baseline")
    assert "is not better than the baseline" in remarks or "gain includes 0" in remarks


def test_a_best_graph_behind_the_baseline():
    verdict, title, lead, remarks = said(
        {"baseline": [30, 30.1, 30.2], "a": [32, 32.1, 32.2], "b": [33, 33.1, 33.2], "c": [33, 33.2, 33.1]}
    )
    assert verdict == "not-better"
    assert title == "On average the graphs are 2.67 points worse than the baseline"
    assert "its gain is −2.00 points" in lead
    assert "is not better than the baseline" in remarks
    assert "Clearly worse than the baseline: 3." in remarks


def test_graphs_that_are_better_on_average_without_a_clear_best_one():
    rng = np.random.default_rng(3)
    errors = {"baseline": rng.normal(33.67, 0.33, 5)} | {f"g{i}": rng.normal(33, 0.33, 5) for i in range(80)}
    found = collect_findings(table(errors))
    assert found.verdict == "better"
    every = found.judged.all_graphs
    assert every.estimate == pytest.approx(0.67, abs=0.4)
    assert every.low > 0
    assert "on average" in headline(found).title.lower()


def test_the_luckiest_of_many_is_no_win():
    rng = np.random.default_rng(12)
    errors = {"baseline": rng.normal(33, 1, 4)} | {f"g{i}": rng.normal(33, 1, 4) for i in range(60)}
    found = collect_findings(table(errors))
    assert found.best["p_welch"] < 0.05
    assert (found.verdict, found.beating) == ("not-better", 0)
    words = headline(found)
    assert "is low partly by luck" in " ".join(words.remarks)


def test_one_seed_says_so():
    verdict, title, lead, remarks = said({"baseline": [33.0], "a": [32.0], "b": [36.0]})
    assert (verdict, title) == (
        "untested",
        "These runs cannot tell whether a graph is better than the baseline",
    )
    assert "The mean of all 2 graphs gains −1.00 points; one seed gives no interval." in lead
    assert "one training seed" in remarks


def test_a_page_of_one_seed_per_graph_says_what_it_has_and_has_not():
    errors = {"baseline": [33.0, 33.4]} | {f"g{i}": [32 + i / 10] for i in range(5)}
    one = task_findings("t", table({label: values[:1] for label, values in errors.items()}))
    assert "no interval of the mean gain of all graphs" in one.notes[0]
    assert "no test of single graphs" in one.notes[0]
    assert "]" not in headline(one.found).lead
    many = task_findings("t", table(errors))
    assert "interval of the mean gain" not in many.notes[0]
    assert "[" in headline(many.found).lead


def test_filled_runs_are_told_and_are_no_evidence():
    errors = {"baseline": [33.3, 33.4, 33.2], "a": [32.0, 32.1, 32.0], "b": [33.3, 33.1, 33.5]}
    rows = table(errors)
    filled = rows.assign(remark=np.where(rows["run"] == "a-seed3", "filled from seed 1", ""))
    found = collect_findings(filled)
    assert found.best["seeds"] == 3  # the published means keep it
    assert found.judged.filled == 1
    assert "1 run filled in from another seed is part of the published numbers" in " ".join(
        headline(found).remarks
    )


def test_filled_runs_change_means_and_no_test():
    """Whatever judges is the same as without the copied run; means and sweet spot are as published."""
    runs, graphs = sweep(30, 3)
    moved = runs["run"] == f"{next(iter(graphs))}-seed3"
    filled = runs.assign(
        test_error=runs["test_error"] + 2 * moved, remark=np.where(moved, "filled from seed 1", "")
    )
    one, other = (collect_findings(rows) for rows in (filled, runs[~moved]))
    label = next(iter(graphs))
    rows = [found.graphs.set_index("graph").loc[label] for found in (one, other)]
    assert rows[0]["mean"] == pytest.approx(filled.loc[filled["graph"] == label, "test_error"].mean())
    assert rows[0]["seeds"] == 3
    columns = ["low", "high", "p_value", "p_welch"]
    assert rows[0][columns].tolist() == pytest.approx(rows[1][columns].tolist())
    assert one.correlations == other.correlations
    assert (one.beating_welch, one.losing_welch, one.tested) == (
        other.beating_welch, other.losing_welch, other.tested,
    )  # fmt: skip
    assert one.held_out_gain == other.held_out_gain
    fitted = [study(found).surface.points.sort_values("mean") for found in (one, other)]
    np.testing.assert_allclose(*(points[["mean", "runs", "variance"]] for points in fitted))
    ends = [agreement_record(against(_named(rows), {"there": _named(runs)})) for rows in (filled, runs[~moved])]
    assert ends[0] == ends[1]


def test_a_graph_of_which_all_runs_are_filled_has_a_mean_and_no_test():
    rows = table({**CLEAR, "c": [33.0]})
    found = collect_findings(rows.assign(remark=np.where(rows["graph"] == "c", "filled from seed 1", "")))
    row = found.graphs.set_index("graph").loc["c"]
    assert row["mean"] == 33.0
    assert row[["low", "high", "p_value", "p_welch"]].isna().all()


def _named(runs):
    """Runs whose graphs can be told apart by their parameters, as ``against`` needs."""
    number = pd.factorize(runs["graph"])[0]
    return runs.assign(graph_seed=np.where(runs["kind"] == "baseline", np.nan, number))


def test_identical_seeds_say_so():
    verdict, *_, remarks = said({"baseline": [33.0, 33.0], "a": [32.0, 32.0]})
    assert verdict == "untested"
    assert "no noise to account for" in remarks


def test_no_baseline_says_so():
    verdict, title, lead, _ = said({"a": [32.0, 33.0], "b": [36.0, 37.0]})
    assert (verdict, lead) == ("no-baseline", "Best graph a: 32.50 ± 0.71 % top-1 error over 2 seeds.")
    assert "there is no baseline" in title


def test_a_single_graph():
    found = collect_findings(table({"baseline": CLEAR["baseline"], "a": CLEAR["a"]}))
    words = headline(found)
    assert words.lead.startswith("The only graph a:")
    assert not any("luck" in remark for remark in words.remarks)
    assert found.fits == {"clustering": None, "path_length": None}
    assert found.correlations == {"clustering": None, "path_length": None}


def test_unequal_budgets_are_told():
    macs = [2_364_416] * 3 + [2_364_416] * 3 + [2_600_858] * 3
    assert "MACs differ by up to 10.0 %" in said(CLEAR, macs=macs)[3]
    assert "MACs" not in said(CLEAR)[3]


def test_diverged_runs_are_told():
    remarks = said({**CLEAR, "c": [np.nan, 40.0], "d": [np.inf]})[3]
    assert "2 runs diverged" in remarks
    assert "No run is left of d." in remarks


def test_only_a_baseline():
    with pytest.raises(UserError, match="no relational graph"):
        collect_findings(table({"baseline": [33.0, 34.0]}))


def test_correlations_are_spearmans():
    runs, _ = sweep(12, 3)
    found = collect_findings(runs)
    for name, correlation in found.correlations.items():
        expected = stats.spearmanr(found.graphs[name], found.graphs["mean"])
        assert correlation.rho == pytest.approx(expected.statistic)
        assert correlation.p_value == pytest.approx(expected.pvalue)


def test_numbers_in_words():
    assert [number(x) for x in (1.005, -0.001, -2.5, float("nan"))] == ["1.00", "0.00", "−2.50", "–"]
    assert [points(x) for x in (1.0, -1.29)] == ["1.00 point", "1.29 points"]
    assert p_text(0.00001) == "p\u00a0<\u00a00.001"
    assert p_text(float("nan")) == "p not computable"


def test_the_p_value_of_a_rank_correlation_of_few_graphs_counts_all_orders():
    """One order in three is as extreme as three graphs in line: Student's distribution would say p = 0."""
    for n, p in ((3, 1 / 3), (4, 1 / 12), (5, 1 / 60)):
        assert findings._spearman(np.arange(n), 2.0 * np.arange(n)).p_value == pytest.approx(p)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 6))
    law = stats.permutation_test(
        (x,), lambda a: stats.spearmanr(a, y).statistic, permutation_type="pairings", n_resamples=np.inf
    )
    assert findings._spearman(x, y).p_value == pytest.approx(law.pvalue)

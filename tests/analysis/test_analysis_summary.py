"""One row per graph: hand-worked cases, and laws that hold for any table."""

import numpy as np
import pandas as pd
import pytest
from analysis_tables import table
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graph2nn.analysis import per_graph

IDENTITY = ["graph", "kind", "n", "sparsity", "p", "graph_seed", "clustering", "path_length", "widths"]
COLUMNS = [*IDENTITY, "macs", "params", "seeds", "mean", "sd", "sd_population", "low", "high"]
COLUMNS += ["gain", "p_welch", "p_welch_holm"]
tables = st.dictionaries(
    st.sampled_from(["baseline", "a", "b", "c", "d"]),
    st.lists(st.floats(20, 60).map(lambda x: round(x, 1)), min_size=1, max_size=5),
    min_size=1,
)


def test_the_published_row_by_hand():
    # Errors of the published MLP-5 baseline and best graph over five seeds.
    best, baseline = [31.98, 32.14, 31.81, 32.12, 32.22], [32.94, 33.91, 33.44, 33.47, 32.96]
    rows = per_graph(table({"best": best, "baseline": baseline})).set_index("graph")
    row = rows.loc["best"]
    assert list(rows.reset_index().columns) == COLUMNS
    assert row["mean"] == pytest.approx(32.054)
    assert row["sd_population"] == pytest.approx(0.14444, abs=1e-5)
    assert row["sd"] == pytest.approx(0.14444 * np.sqrt(5 / 4), abs=1e-5)
    assert row["gain"] == pytest.approx(33.344 - 32.054)
    assert rows.loc["baseline", "sd_population"] == pytest.approx(0.36225, abs=1e-5)
    assert row["p_welch"] == pytest.approx(stats.ttest_ind(best, baseline, equal_var=False).pvalue)


def test_one_seed_has_a_mean_and_nothing_else():
    row = per_graph(table({"baseline": [33.0], "a": [32.0]})).iloc[1]
    assert (row["seeds"], row["mean"], row["gain"], row["sd_population"]) == (1, 32.0, 1.0, 0.0)
    assert row[["sd", "low", "high", "p_welch", "p_welch_holm"]].isna().all()


def test_no_baseline_no_comparison():
    rows = per_graph(table({"a": [32.0, 33.0], "b": [34.0, 35.0]}))
    assert rows[["gain", "p_welch", "p_welch_holm"]].isna().all(axis=None)
    assert rows[["mean", "sd", "low", "high"]].notna().all(axis=None)


def test_the_baseline_is_not_compared_with_itself_nor_counted_in_the_correction():
    rows = per_graph(table({"baseline": [33.0, 34.0, 33.5], "a": [31.0, 31.5, 31.2]}))
    assert rows.loc[0, ["gain", "p_welch", "p_welch_holm"]].isna().all()
    assert rows.loc[1, "p_welch_holm"] == rows.loc[1, "p_welch"]


def test_whole_numbers_stay_whole():
    rows = per_graph(table({"a": [32.0, 33.0]}))
    assert {rows[name].dtype.kind for name in ("macs", "params", "seeds")} == {"i"}


def test_a_baseline_needs_no_nodes():
    runs = table({"baseline": [33.0, 34.0], "a": [32.0, 33.0]})
    runs.loc[runs["graph"] == "baseline", "n"] = np.nan
    rows = per_graph(runs).set_index("graph")
    assert np.isnan(rows.loc["baseline", "n"])
    assert rows.loc["a", "n"] == 64


@settings(deadline=None, max_examples=20)
@given(tables)
def test_laws_of_the_summary(errors):
    rows = per_graph(table(errors)).set_index("graph")
    assert list(rows.index) == list(errors)
    for label, values in errors.items():
        row = rows.loc[label]
        assert row["mean"] == pytest.approx(np.mean(values))
        if len(values) > 1:
            scatters = any(np.ptp(each) > 1e-6 for each in errors.values())
            assert np.isfinite([row["low"], row["high"]]).all() == scatters
            assert not scatters or (row["low"] + row["high"]) / 2 == pytest.approx(row["mean"])
            assert row["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-9)
        if "baseline" in errors and label != "baseline":
            assert row["gain"] == pytest.approx(np.mean(errors["baseline"]) - np.mean(values))
    adjusted = rows[["p_welch", "p_welch_holm"]].dropna()
    assert (adjusted["p_welch_holm"] >= adjusted["p_welch"]).all()


@settings(deadline=None, max_examples=20)
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing_but_the_order(errors, random):
    runs = table(errors)
    order = list(range(len(runs)))
    random.shuffle(order)
    one = per_graph(runs).set_index("graph")
    two = per_graph(runs.iloc[order]).set_index("graph").loc[one.index]
    steady = ["mean", "sd", "gain", "seeds"]
    pd.testing.assert_frame_equal(one[steady], two[steady])


def test_the_same_call_gives_the_same_numbers():
    runs = table({"baseline": [33.0, 34.0, 33.5], "a": [31.0, 31.5, 31.2]})
    pd.testing.assert_frame_equal(per_graph(runs), per_graph(runs))

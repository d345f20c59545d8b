"""What a results table must hold, and the one line that says what it lacks."""

import numpy as np
import pandas as pd
import pytest
from analysis_tables import table

from graph2nn.analysis import per_graph
from graph2nn.analysis.table import COLUMNS, checked_results
from graph2nn.errors import UserError

GOOD = table({"baseline": [33.0, 34.0], "a": [32.0, 32.5], "b": [31.0, 35.0]})


def refusal(runs):
    with pytest.raises(UserError) as caught:
        per_graph(runs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_good_table_passes_whole():
    results = checked_results(GOOD)
    assert len(results.runs) == 6
    assert results.diverged == {}
    assert list(results.errors()) == ["baseline", "a", "b"]
    np.testing.assert_array_equal(results.errors()["b"], [31.0, 35.0])


def test_missing_columns_are_named():
    assert "no column clustering, seed" in refusal(GOOD.drop(columns=["seed", "clustering"]))


def test_training_time_and_error_may_be_missing():
    assert len(per_graph(GOOD.drop(columns=["train_error", "seconds"]))) == 3


def test_no_rows():
    assert "no rows" in refusal(GOOD.iloc[:0])


@pytest.mark.parametrize(
    ("column", "other", "hint"),
    [
        ("model", "cnn6", "table[table['model'] == 'mlp5']"),
        ("data", "digits (scikit-learn)", "table[table['data'] == 'CIFAR-10 (JPEG copy)']"),
        ("epochs", 5, "table[table['epochs'] == 200]"),
    ],
)
def test_mixed_experiments_are_refused_with_a_way_to_select(column, other, hint):
    runs = GOOD.copy()
    runs.loc[5, column] = other
    message = refusal(runs)
    assert "mixes 2 values" in message
    assert hint in message
    assert len(eval(hint, {"table": runs})) == 5


def test_two_baselines_are_refused_with_a_way_to_select():
    runs = GOOD.assign(kind=["baseline"] * 4 + ["relational"] * 2)
    message = refusal(runs)
    hint = message[message.index("table[") : message.rindex(".")]
    assert set(eval(hint, {"table": runs})["graph"]) == {"baseline", "b"}


@pytest.mark.parametrize("column", ["widths", "macs", "clustering", "kind"])
def test_runs_of_one_graph_must_be_one_network(column):
    runs = GOOD.copy()
    runs.loc[5, column] = "baseline" if column == "kind" else "7" if column == "widths" else 7
    runs = runs.loc[runs["graph"] != "baseline"]
    assert f"'b' disagree about {column}" in refusal(runs)


def test_the_same_seed_twice_is_no_second_witness():
    assert "'a' has seed 1 twice" in refusal(pd.concat([GOOD, GOOD.iloc[[2]].assign(run="again")]))


def test_diverged_runs_are_dropped_and_counted():
    runs = table({"baseline": [33.0, np.nan], "a": [np.inf, np.nan], "b": [31.0, 31.5]})
    results = checked_results(runs)
    assert results.diverged == {"a": 2, "baseline": 1}
    assert results.lost == ["a"]
    assert per_graph(runs)["seeds"].tolist() == [1, 2]


def test_nothing_but_diverged_runs():
    assert "all 2 runs diverged" in refusal(table({"a": [np.nan, np.inf]}))


@pytest.mark.parametrize("value", [-1.0, 133.0])
def test_an_error_that_is_no_percentage(value):
    assert "lies outside 0…100" in refusal(table({"a": [value, 1.0]}))


def test_text_where_a_number_belongs():
    assert "column test_error" in refusal(GOOD.astype({"test_error": object}).replace(35.0, "n/a"))


def test_an_unknown_kind():
    assert "'dense' is not known" in refusal(GOOD.replace("baseline", "dense"))


def test_a_graph_without_a_place_on_the_map():
    assert "'a' has no finite path_length" in refusal(table({"a": [1.0]}, {"a": (0.5, np.nan)}))


def test_the_input_stays_as_it_was():
    before = GOOD.copy(deep=True)
    per_graph(GOOD)
    pd.testing.assert_frame_equal(GOOD, before)
    assert set(COLUMNS) <= set(GOOD.columns)

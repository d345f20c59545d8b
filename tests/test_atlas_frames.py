"""A results table and its learning curves become evaluations: each epoch once, the last from the table."""

import pytest
from analysis_tables import curves, sweep

from graph2nn.analysis.atlas import of_results
from graph2nn.errors import UserError


def test_curves_give_the_earlier_epochs_and_the_table_the_last():
    runs, _ = sweep(4, 2)
    runs["epochs"] = 4
    learned = curves(runs, 4)
    learned.loc[learned["epoch"] == 2, "test_error"] = float("nan")
    made = of_results(runs, learned, task="t")
    assert sorted(made["epoch"].unique()) == [1, 3, 4]
    assert not made.duplicated(["run", "epoch"]).any()
    last = made[made["epoch"] == 4].set_index("run")["test_error"]
    assert last.to_dict() == runs.set_index("run")["test_error"].to_dict()
    first = made[made["epoch"] == 1].set_index("run")["test_error"]
    assert first.to_dict() == learned[learned["epoch"] == 1].set_index("run")["test_error"].to_dict()


def test_without_curves_there_is_one_epoch():
    runs, _ = sweep(3, 2)
    made = of_results(runs, task="t")
    assert made["epoch"].unique().tolist() == [200]
    assert set(made["task"]) == {"t"}


def test_curves_of_other_columns_are_refused():
    runs, _ = sweep(3, 2)
    with pytest.raises(UserError, match="no column 'test_error'"):
        of_results(runs, curves(runs, 2).drop(columns="test_error"), task="t")

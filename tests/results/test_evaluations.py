"""The tidy table of our own runs: every evaluated epoch, tasks by preset, refusing what may not be mixed."""

import pytest

from graph2nn.data.registry import load_dataset
from graph2nn.errors import UserError
from graph2nn.experiments import execute, plan, preset, select, write_table
from graph2nn.report.build import read_evaluations
from graph2nn.results.evaluations import COLUMNS, of_runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seeds of the baseline and a graph on digits, three epochs, one of another preset."""
    out = tmp_path_factory.mktemp("runs")
    data = load_dataset("digits")
    known = preset("mlp-digits")
    graphs = select(known, ["baseline", "n64-52:3"])
    for config in plan(known, graphs, (1, 2), data=data.label, settings=["recipe.epochs=3"]):
        execute(config, data, out)
    return out


def test_every_epoch_of_every_run(folder):
    found = of_runs(folder)
    assert found.tasks == ["mlp-digits"]
    table = found.of("mlp-digits")
    assert list(table.columns[: len(COLUMNS)]) == list(COLUMNS)
    assert table.groupby(["graph", "seed"])["epoch"].apply(list).tolist() == [[1, 2, 3]] * 4
    last = found.last("mlp-digits").set_index("run")["test_error"]
    written = write_table(folder)
    import pandas as pd

    runs = pd.read_parquet(written).set_index("run")["test_error"]
    assert last.to_dict() == runs.to_dict()
    graph = next(label for label in found.graphs)
    assert found.graphs[graph].build().n == 64
    assert found.notes["mlp-digits"] == ()
    said = read_evaluations(folder).notes["mlp-digits"]
    assert any("smoke test" in note for note in said), "what a preset says of its results"


def test_tasks_and_conditions(folder):
    chosen = read_evaluations(folder, where=["seed=2"])
    assert set(chosen.table["seed"]) == {2}
    assert read_evaluations(folder, tasks=["mlp-digits"]).table.equals(of_runs(folder).table)
    with pytest.raises(UserError, match="task 'mlp-digit' is not known; did you mean 'mlp-digits'"):
        read_evaluations(folder, tasks=["mlp-digit"])
    with pytest.raises(UserError, match="no run has seed = 9"):
        read_evaluations(folder, where=["seed=9"])
    with pytest.raises(UserError, match="task 'x' is not known"):
        of_runs(folder).of("x")


def test_runs_made_in_two_ways_are_no_task(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "both")
    data = load_dataset("digits")
    known = preset("mlp-digits")
    (config,) = plan(known, select(known, ["baseline"]), (1,), data=data.label, settings=["recipe.epochs=2"])
    execute(config, data, tmp_path / "both")
    with pytest.raises(UserError, match="2 experiments"):
        of_runs(tmp_path / "both")

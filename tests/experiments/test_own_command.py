"""Own data by the command: shown, swept and analysed; the report speaks of the right score, unit and part."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_diabetes, load_wine

import graph2nn as g
from graph2nn import results
from graph2nn.analysis.findings import collect_findings
from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.results.evaluations import of_runs

pytestmark = pytest.mark.usefixtures("small_figures")
SMALL = ["--set", "recipe.epochs=2", "--set", "model.widths=[32]", "--set", "model.options.stem=32"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))
    wine = load_wine(as_frame=True)
    names = ("barolo", "grignolino", "barbera")
    wine.data.assign(cultivar=[names[k] for k in wine.target]).to_csv("wine.csv", index=False)
    load_diabetes(as_frame=True).frame.to_csv("diabetes.csv", index=False)
    return tmp_path


def sweep(*words):
    graphs = [f"ws_flex:n=16,sparsity={k},p=0.1,seed=1" for k in (0.25, 0.5)]
    selected = [word for graph in graphs for word in ("--select", graph)]
    return main(["sweep", "mlp", *words, *selected, "--select", "baseline", "--seeds", "2", *SMALL])


def test_a_regression_goes_from_the_table_to_the_report(folder, capsys):
    assert main(["data", "show", "diabetes.csv", "--target", "target", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["task"], shown["score"]) == ("vectors", "regression", "RMSE (units of target)")
    assert sweep("--data", "diabetes.csv", "--target", "target") == 0
    assert "test RMSE" in capsys.readouterr().err
    table = pd.read_parquet("runs/runs.parquet")
    assert set(table["score_name"]) == {"RMSE"}
    assert set(table["score_unit"]) == {"units of target"}
    assert np.array_equal(table["score"], table["test_error"])
    assert table["validation_error"].notna().all()
    assert (table["macs"] / table["target_macs"]).between(0.95, 1.05).all()
    assert main(["analyze", "runs", "--out", "report"]) == 0
    page = (folder / "report/index.html").read_text()
    lead = json.loads((folder / "report/summary.json").read_text())["headline"]["lead"]
    assert "units of target" in lead
    assert "% top-1" not in lead
    assert "top-1 error (%)" not in page
    assert "<dt>graph chosen on</dt><dd>validation</dd>" in page


def test_the_graph_is_chosen_on_the_validation_part(folder):
    assert sweep("--data", "wine.csv", "--target", "cultivar") == 0
    evaluations = of_runs(folder / "runs")
    table = evaluations.last("mlp")
    order = {name: float(place) for place, name in enumerate(sorted(set(table["graph"])))}
    table = table.assign(validation_error=table["graph"].map(order), test_error=10 - table["graph"].map(order))
    found = collect_findings(table)
    relational = table[table["kind"] == "relational"].groupby("graph")["validation_error"].mean()
    assert found.best["graph"] == relational.idxmin()
    assert found.chosen_on == "validation"
    assert collect_findings(table.drop(columns="validation_error")).chosen_on == "test"


def test_train_resumes_and_tells_the_score(folder, capsys):
    words = ["train", "mlp", "--data", "diabetes.csv", "--target", "target", "--seeds", "2", *SMALL]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "Test RMSE" in said
    assert main(words) == 0
    assert "was finished already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mlp"], "name them with --data PATH"),
        (["mlp", "--data", "wine.csv"], "--target COLUMN"),
        (["cnn", "--data", "wine.csv", "--target", "cultivar"], "use preset mlp"),
        (
            ["mlp-digits", "--target", "cultivar"],
            "use preset mlp, cnn, resnet, vit, gpt-text or",
        ),
        (["mlp", "--data", "absent"], "does not exist"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(folder, capsys, words, message):
    assert main(["sweep", *words, "--select", "baseline"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) == 1


def test_a_graph_wider_than_the_stem_names_the_option_that_widens_it(folder, capsys):
    words = ["--data", "wine.csv", "--target", "cultivar", "--dry-run"]
    assert main(["sweep", "mlp", *words, "--select", "ws_flex:n=150,sparsity=0.1,p=0.1,seed=1"]) == 2
    assert "--set model.options.stem=150" in capsys.readouterr().err
    with pytest.raises(UserError, match="stem=600 in Python"):
        g.match("mlp5", g.parse_graph("ws_flex:n=600,sparsity=0.1,p=0.1,seed=1"))


def test_own_loops_are_recorded_and_analysed(folder):
    data = g.load_dataset("digits")
    size = {"input_size": data.image_shape, "num_classes": 10, "stem": 32}
    for number, graph in enumerate([None, g.ws_flex(16, 4, 0.1, 1), g.ws_flex(16, 6, 0.3, 1)]):
        for seed in (1, 2):
            wiring = g.Dense() if graph is None else g.Relational(graph)
            model = g.build_model("mlp3", wiring, g.match_widths("mlp3", graph, widths=[32], **size), **size)
            history = [{"test_error": 20.0}, {"test_error": 10.0 + number + seed / 10}]
            g.record("own", model, data, history, graph=graph, seed=seed)
    assert main(["analyze", "own", "--out", "report"]) == 0
    summary = json.loads((folder / "report/summary.json").read_text())
    assert summary["headline"]["lead"].startswith("Best graph ws")
    with pytest.raises(UserError, match="is there already"):
        g.record("own", model, data, history, graph=graph, seed=2)
    with pytest.raises(UserError, match="key 'accuracy' is not known"):
        g.record("own", model, data, [{"accuracy": 1.0}], seed=9)


PLAN = """
title: Does a graph help on wine?
preset: mlp
set: {recipe.epochs: 2, "model.widths": "[32]", model.options.stem: 32}
data: {path: wine.csv, target: [cultivar], drop: [ash]}
order: [A]
arms:
- {name: dense, part: A, networks: [{graph: baseline, seeds: [1, 2]}]}
- {name: graph, part: A, networks: [{ws_flex: {n: 16, sparsity: 0.3, p: 0.1, seed: 1}, seeds: [1, 2]}]}
tests: [{name: gain, kind: paired_t_by_seed, part: A, arms: [dense, graph], family: primary}]
"""


def test_a_frozen_plan_knows_the_users_own_data(folder, capsys):
    (folder / "plan.yaml").write_text(PLAN)
    assert main(["plan", "freeze", "plan.yaml"]) == 0
    noted = yaml.safe_load((folder / "plan.yaml").read_text())["as_read"]
    assert noted["label"].startswith("wine (")
    assert noted["set"] == {"recipe.batch_size": 8}
    assert main(["sweep", "--plan", "plan.yaml", "--out", "runs"]) == 0
    table = pd.read_parquet("runs/runs.parquet")
    assert set(table["data"]) == {noted["label"]}
    assert main(["analyze", "runs", "--plan", "plan.yaml", "--out", "report"]) == 0
    plan = json.loads((folder / "report/summary.json").read_text())["plan"]
    assert plan["tests"][0]["complete"]
    (folder / "wine.csv").rename(folder / "moved.csv")
    assert main(["sweep", "--plan", "plan.yaml", "--data", "moved.csv", "--out", "runs"]) == 0
    assert "4 of 4 runs were finished already" in capsys.readouterr().err
    changed = pd.read_csv("moved.csv")
    changed.loc[0, "alcohol"] += 1
    changed.to_csv("changed.csv", index=False)
    capsys.readouterr()
    for words, message in (
        (["--data", "changed.csv"], "it was frozen with the data wine ("),
        (["--target", "ash"], "the plan decides"),
    ):
        assert main(["sweep", "--plan", "plan.yaml", "--out", "runs", *words]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "data: {path: wine.csv, target: [cultivar], drop: [ash]}\n",
            "",
            "say which, e.g. data: {path: photos}",
        ),
        ("preset: mlp\n", "preset: mlp-digits\n", "leave data out"),
        ("drop: [ash]", "drop: [cinder]", "column 'cinder'"),
        ("drop: [ash]", "dorp: [ash]", "unknown key data.dorp; did you mean data.drop?"),
    ],
)
def test_own_data_of_a_plan_that_do_not_fit_are_refused(folder, capsys, before, after, message):
    (folder / "plan.yaml").write_text(PLAN.replace(before, after))
    assert main(["plan", "freeze", "plan.yaml"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) == 1


def test_search_reads_own_data_as_sweep_does(folder, capsys):
    words = ["search", "mlp", "--data", "wine.csv", "--target", "cultivar", "--drop", "ash", "--test", "0.3"]
    assert main([*words, "--budget", "2", "--strategy", "random", "--set", "recipe.epochs=1", "--json"]) == 0
    command = json.loads(capsys.readouterr().out)["command"]
    assert "--target cultivar --test 0.3 --drop ash" in command
    assert main(shlex.split(command)[1:]) == 0
    assert main([*words, "--replay", "published"]) == 2
    assert "leave --target cultivar out" in capsys.readouterr().err


def test_results_that_are_all_equal_make_a_report_without_intervals(folder):
    data = g.load_dataset("digits")
    size = {"input_size": data.image_shape, "num_classes": 10, "stem": 32}
    for graph in (None, g.ws_flex(16, 4, 0.1, 1), g.ws_flex(16, 6, 0.3, 1)):
        model = g.build_model("mlp3", g.Dense() if graph is None else g.Relational(graph), [32], **size)
        for seed in (1, 2):
            results.record("equal", model, data, [{"test_error": 0.0}], graph=graph, seed=seed)
    assert main(["analyze", "equal", "--out", "report"]) == 0
    lead = json.loads((folder / "report/summary.json").read_text())["headline"]["lead"]
    assert "gains 0.00 points; no run differs from another of its graph, which gives no interval" in lead

"""The committed results of the real experiment: the summary is what the table gives, and the page quotes it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pages import ROOT

from graph2nn.analysis.task_findings import study
from graph2nn.report.build import read_evaluations
from graph2nn.report.summary_json import summary as summarise
from graph2nn.results.runs_table import packed_curves, packed_runs

FOLDER = ROOT / "results" / "cifar10-mlp"
#: Parts of a task's record that are arithmetic, and so the same on any machine.
PLAIN = ("baseline", "best", "worst", "sweet_spot", "comparison", "correlations", "counts", "nulls", "fits")


@pytest.fixture(scope="module")
def committed():
    return json.loads((FOLDER / "summary.json").read_text(encoding="utf-8"))


def made_again(where=()):
    """The summary made again from the committed table, without what takes a model or the published archive."""
    found = read_evaluations(FOLDER, where=where)
    graphs = {label: spec.build() for label, spec in found.graphs.items()}
    said = study({task: found.of(task) for task in found.tasks}, notes=found.notes, graphs=graphs)
    return json.loads(json.dumps(summarise(said, title="", notes=[], provenance={})))


def assert_same(one, other, where=""):
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for place, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{place}]")
    elif isinstance(one, float) or isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-10), where
    else:
        assert one == other, where


@pytest.mark.parametrize(("name", "where"), [("summary", ()), ("judged", ("seed!=1",))])
def test_the_summary_is_what_the_table_gives(name, where):
    committed, again = json.loads((FOLDER / f"{name}.json").read_text("utf-8")), made_again(where)
    assert committed["tasks"].keys() == again["tasks"].keys()
    for name, task in again["tasks"].items():
        for part in PLAIN:
            assert_same(committed["tasks"][name].get(part), task.get(part), f"{name}.{part}")


def test_the_gain_that_was_judged_on_other_seeds_too(committed):
    from graph2nn.analysis.beyond.selection import gain_of_the_best, selection_record
    from graph2nn.analysis.table import checked_results

    table = read_evaluations(FOLDER).last("mlp-cifar10")
    own = table[table["null_of"].isna()]
    assert_same(
        committed["tasks"]["mlp-cifar10"]["beyond"]["selection"],
        json.loads(json.dumps(selection_record(gain_of_the_best(checked_results(own), seed=0)))),
    )


def test_the_agreement_with_the_published_errors_too(committed, shared_file):
    from graph2nn.analysis.beyond.agreement import against, agreement_record

    published = read_evaluations(shared_file("data/published/final_results.tar.xz"), tasks=["mlp_cifar10"])
    table = read_evaluations(FOLDER).last("mlp-cifar10")
    found = against(table[table["null_of"].isna()], {"mlp_cifar10": published.last("mlp_cifar10")})
    wanted = committed["tasks"]["mlp-cifar10"]["against"]["mlp_cifar10"]
    again = json.loads(json.dumps(agreement_record(found)))["mlp_cifar10"]
    # Intervals and p-values are simulated from drawn scales, which the last bits of a library may turn.
    drawn = {key for key in wanted if key.endswith(("_low", "_high", "_p"))}
    for key in wanted:
        if key in drawn:
            assert again[key] == pytest.approx(wanted[key], abs=0.15), key
        else:
            assert_same(wanted[key], again[key], key)


def test_the_table_is_whole_and_small():
    runs, curves = packed_runs(FOLDER), packed_curves(FOLDER)
    assert not runs["run"].duplicated().any()
    assert sorted(curves["run"].unique()) == sorted(runs["run"])
    assert curves.groupby("run")["epoch"].max().to_dict() == dict(zip(runs["run"], runs["epochs"], strict=True))
    assert runs["experiment"].groupby(runs["preset"]).nunique().eq(1).all()
    assert sum(file.stat().st_size for file in (FOLDER / "packed").iterdir()) < 5e6
    budget = runs["macs"] / runs["target_macs"]
    assert (np.abs(budget - 1) < 0.01).all()
    assert pd.notna(runs["test_error"]).all()


def test_the_numbers_of_the_page_are_those_of_the_summaries():
    from benchmarks.page_experiment import MARKED, PAGE, summaries, value_at, written

    known = summaries()
    marked = MARKED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(marked) > 10, "the page quotes the summary"
    for shown, keys in marked:
        assert shown == written(value_at(known, keys), shown), keys

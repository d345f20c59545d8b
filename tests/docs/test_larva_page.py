"""The page on the larva quotes what its committed runs give under the frozen plan."""

from __future__ import annotations

import pandas as pd
import pytest
from pages import ROOT

from graph2nn.report.phrasing import between, number
from graph2nn.report.plan_findings import plan_findings
from graph2nn.results.runs_table import read_runs

FOLDER = ROOT / "results" / "larva"
TASKS = ("images", "memory", "n-back")


@pytest.fixture(scope="module")
def findings():
    return plan_findings(FOLDER / "plan.yaml", read_runs(FOLDER), pd.DataFrame())


def test_every_planned_run_is_there_once(findings):
    assert int(findings.arms["planned"].sum()) == 270
    assert (findings.arms["planned"] == findings.arms["finished"]).all()
    assert findings.unplanned == ()


def test_the_table_has_the_numbers_of_the_primary_tests(findings):
    page = (ROOT / "docs" / "does-this-wiring-matter.md").read_text(encoding="utf-8")
    tests = {test.name: test for test in findings.tests}
    for kind in ("density", "degree", "reciprocal", "block", "boundary", "weights"):
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {kind} |")]
        for task, cell in zip(TASKS, row.split("|")[2:5], strict=True):
            test = tests[f"{task}: connectome against {kind} nulls"]
            estimate = number(test.estimate)
            shown = f"**{estimate}**" if test.decided else estimate
            assert f"{shown} {between(test.low, test.high)}" in cell, (task, kind)
            same = tests[f"{task}: connectome against {kind} nulls, equivalence"].decided
            assert ("equivalent" in cell) == same, (task, kind)

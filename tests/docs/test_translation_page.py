"""The page on translation quotes what its committed runs give under the frozen plan."""

from __future__ import annotations

import pytest
from pages import ROOT

from benchmarks.page_translation import PAGE, arms_table, draw, draw_curves, study
from graph2nn.report.phrasing import between, number, p_number


@pytest.fixture(scope="module")
def found():
    return study()


def test_every_planned_run_is_there_once(found):
    assert len(found.runs) == found.runs["run"].nunique() == 33
    assert (found.findings.arms["planned"] == found.findings.arms["finished"]).all()
    assert found.findings.unplanned == ()
    assert found.findings.plan.sha256.startswith("216218eeca01")


def test_the_table_of_arms_is_up_to_date(found):
    assert arms_table(found) in PAGE.read_text(encoding="utf-8")


def test_the_primary_tests_are_quoted_with_their_intervals(found):
    page = PAGE.read_text(encoding="utf-8")
    tests = {test.name: test for test in found.findings.tests}
    for name, start in (("lattice", "| lattice against its"), ("sweet spot", "| sweet spot against its")):
        test = tests[f"{name} against its nulls"]
        (row,) = [line for line in page.splitlines() if line.startswith(start)]
        assert f"{number(test.estimate)} {between(test.low, test.high)} | {p_number(test.p_holm)} |" in row
        assert not test.decided


@pytest.mark.parametrize("file", ["docs/translation.md", "docs/your-own-data.md", "results/multi30k/README.md"])
def test_the_answer_is_that_of_the_first_primary_test(found, file):
    (test,) = [test for test in found.findings.tests if test.name == "sweet spot"]
    assert test.decided
    assert test.high < 0
    text = " ".join((ROOT / file).read_text(encoding="utf-8").split())
    assert f"{number(-test.estimate)} BLEU {between(-test.high, -test.low)} worse" in text


def test_the_training_loss_is_quoted(found):
    (test,) = [test for test in found.findings.tests if test.name == "sweet spot, training loss"]
    quoted = f"{test.estimate:.3f} [{test.low:.3f}, {test.high:.3f}] lower"
    assert quoted in PAGE.read_text(encoding="utf-8")


def test_the_pictures_are_drawn(found, tmp_path):
    draw(found, tmp_path / "arms.png")
    draw_curves(found, tmp_path / "curves.png")
    assert min(file.stat().st_size for file in tmp_path.iterdir()) > 10_000

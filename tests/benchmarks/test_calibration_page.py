"""The table of docs/statistics.md is that of calibration.json, and both have every design."""

import json
from pathlib import Path

import pytest

from benchmarks.calibration import HEAD, KINDS, RESULTS, fault, table

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


def test_the_page_has_the_table_of_the_results():
    lines = PAGE.read_text("utf-8").splitlines()
    start = lines.index(HEAD[0])
    end = next(place for place in range(start, len(lines)) if not lines[place].startswith("|"))
    assert lines[start:end] == table(json.loads(RESULTS.read_text("utf-8")))


def test_the_results_have_every_design_and_their_repeats():
    rows = json.loads(RESULTS.read_text("utf-8"))
    assert [(row["function"], row["design"]) for row in rows] == [
        (kind, name) for kind, (designs, _) in KINDS.items() for name in designs
    ]
    assert min(row["repeats"] for row in rows) >= 100


def test_every_row_is_calibrated():
    rows = json.loads(RESULTS.read_text("utf-8"))
    assert {(row["function"], row["design"]): fault(row) for row in rows if fault(row)} == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"coverage_now": {"mean": 0.89, "error": 0.01}}, "covers 0.890"),
        ({"coverage_now": {"mean": 0.91, "error": 0.01}}, None),
        ({"coverage_now": {"mean": 1.0, "error": 0.005}}, "covers 1.000"),
        ({"rejected_now": {"mean": 0.1, "error": 0.01}}, "rejects 0.100"),
        ({"function": "search", "coverage_now": {"mean": 1.0, "error": 0.005}}, None),
        ({"design": "power: x", "rejected_now": {"mean": 0.5, "error": 0.01}}, "finds 0.500"),
    ],
)
def test_what_counts_as_a_fault(changes, said):
    share = {"mean": 0.95, "error": 0.01}
    row = {
        "function": "compare_arms",
        "design": "x",
        "coverage_now": share,
        "rejected_now": {"mean": 0.05, "error": 0.01},
        "rejected_before": {"mean": 0.3, "error": 0.01},
    }
    found = fault({**row, **changes})
    assert found is None if said is None else found.startswith(said)

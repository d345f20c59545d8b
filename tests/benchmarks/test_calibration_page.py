"""The table of docs/statistics.md is that of calibration.json, and both have every design."""

import json
from pathlib import Path

from benchmarks.calibration import HEAD, KINDS, RESULTS, table

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

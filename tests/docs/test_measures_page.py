"""docs/measures.md says what the registry says, and its Python runs."""

from __future__ import annotations

import re

from pages import ROOT

from graph2nn.cli import main
from graph2nn.graphs.measures.measures_page import page, write
from graph2nn.graphs.measures.registry import MEASURES

PAGE = ROOT / "docs" / "measures.md"


def test_the_page_is_the_registry_s():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "write it again, as graph2nn.graphs.measures.measures_page says"
    )


def test_every_measure_has_its_row():
    rows = re.findall(r"^\| `(\w+)` \| (\S.*?) \| (\S.*?) \| (\S.*?) \| (\S.*?) \|", page(), re.MULTILINE)
    assert [row[0] for row in rows] == list(MEASURES)
    assert [row[1] for row in rows] == [measure.symbol for measure in MEASURES.values()]


def test_writing_it(tmp_path):
    assert write(tmp_path / "measures.md").read_text(encoding="utf-8") == page()


def test_its_python_runs():
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", page(), re.DOTALL).group(1), names)
    assert len(names["table"]) == 52
    assert set(names["values"]) < set(names["table"])


def test_its_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for line in re.findall(r"^graph2nn (.*)$", page(), re.MULTILINE):
        assert main(line.split()) == 0
    assert (tmp_path / "measures.parquet").exists()

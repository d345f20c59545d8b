"""CONTRIBUTING.md: its targets, files and dictionaries exist; the tested lower bounds are the real ones."""

from __future__ import annotations

import re

import pytest
import yaml
from pages import ROOT, dead_links

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_its_links_lead_somewhere():
    assert dead_links(ROOT / "CONTRIBUTING.md") == []


def test_its_make_targets_exist():
    named = set(re.findall(r"`?make (?:PYTHON=\S+ )?([a-z-]+)", TEXT))
    assert {"test", "lint", "tables", "test-lowest", "test-newest"} <= named
    assert named <= TARGETS


def table():
    """Rows of the table under "Where to add": what, where it is entered."""
    section = TEXT.partition("## Where to add")[2].partition("## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| a")]
    return [(row[0], row[2]) for row in rows]


def test_there_is_a_row_for_each_kind():
    kinds = ["generator of graphs", "measure", "architecture", "dataset", "launcher"]
    assert [what.split(" ", 1)[1] for what, _ in table()] == kinds


@pytest.mark.parametrize(("what", "where"), table(), ids=lambda value: value.split(" ")[1])
def test_the_dictionary_is_where_it_says(what, where):
    """The file exists and defines the dictionary that is named."""
    file = ROOT / "src" / "graph2nn" / re.search(r"`([\w/]+\.py)`", where).group(1)
    text = file.read_text(encoding="utf-8")
    for name in re.findall(r"`([A-Z]+)`", where):
        assert re.search(rf"^{name}\b.*=", text, re.MULTILINE), f"{name} is not in {file}"


def test_the_files_it_names_exist():
    named = set(re.findall(r"(?:`| )((?:tests|docs|\w+)/[\w/]+\.(?:py|md))\b", TEXT))
    assert len(named) > 10
    missing = [name for name in named if not any((ROOT / top / name).is_file() for top in ("", "src/graph2nn"))]
    assert missing == []


def test_pre_commit_runs_the_ruff_of_make_lint():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    assert [entry.split()[1] for entry in entries] == ["check", "format"]
    assert all(entry.startswith(".venv/bin/ruff ") for entry in entries)
    # Every folder that make lint checks is checked before a commit too.
    linted = re.search(r"ruff check ([a-z ]+)$", MAKEFILE, re.MULTILINE).group(1).split()
    assert all(hook["files"] == f"^({'|'.join(linted)})/" for repo in config["repos"] for hook in repo["hooks"])


def test_the_lower_bounds_are_those_that_were_tested():
    """docs/dependencies.md lists what `make test-lowest` ran with: the bounds of pyproject.toml."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", pyproject, re.DOTALL | re.MULTILINE).group(1)
    bounds = dict(re.findall(r'"([A-Za-z0-9_-]+)>=([0-9.]+)"', block))
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    tested = dict(re.findall(r"^\| ([A-Za-z0-9_-]+) \| ([0-9.]+) \| [0-9.]+ \|$", page, re.MULTILINE))
    assert tested == bounds

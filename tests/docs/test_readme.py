"""The README: its Python runs, its files exist, its commands are commands."""

from __future__ import annotations

import re

from paths import ROOT

from graph2nn.cli import main

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_python_runs_and_learns(capsys):
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL).group(1)
    exec(code, {})
    error = float(capsys.readouterr().out.split()[0])
    assert 0 < error < 15
    assert len([line for line in code.splitlines() if " = " in line]) == 5, "five lines, as promised"


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_its_commands_exist_with_their_options(capsys):
    block = re.search(r"```\n(graph2nn .*?)```", TEXT, re.DOTALL).group(1)
    lines = [line.split("   ")[0] for line in block.splitlines()]
    assert len(lines) >= 8
    for line in lines:
        words = line.split()[1:]
        command = words[:2] if words[0] == "graphs" else words[:1]
        assert main([*command, "--help"]) == 0
        shown = capsys.readouterr().out
        assert [word for word in words if word.startswith("--") and word not in shown] == [], line


def test_every_dependency_has_its_reason():
    listed = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    block = re.search(
        r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )
    names = re.findall(r'"([A-Za-z0-9_-]+)', block.group(1))
    assert len(names) > 10
    assert [name for name in names if f"| {name} |" not in listed] == []

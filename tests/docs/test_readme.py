"""The README: its Python runs, its files exist, its commands are commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from pages import ROOT, check_commands, dead_links

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("epochs", "below"), [pytest.param(2, 40, id="shortened"), pytest.param(5, 15, marks=pytest.mark.slow)]
)
def test_its_python_runs_and_learns(epochs, below, capsys):
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL).group(1)
    assert code.count("epochs=5") == 1
    names = {}
    exec(code.replace("epochs=5", f"epochs={epochs}"), names)
    assert "karate" in capsys.readouterr().out
    assert names["table"]["test_error"].between(0, below).all()
    assert len(names["table"]) == 4 * 2


def test_its_python_is_correctly_typed(tmp_path, pytestconfig):
    """As mypy sees it in a user's project: without our settings, without pydantic's plugin."""
    pytest.importorskip("mypy", reason="mypy is in the lint extra")
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL).group(1)
    script = tmp_path / "readme.py"
    script.write_text(code, encoding="utf-8")
    # What mypy has learnt about torch is kept between runs: the first one takes minutes.
    options = ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports"]
    options += ["--cache-dir", str(pytestconfig.cache.mkdir("readme-types"))]
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(script)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_its_links_lead_somewhere():
    assert len(re.findall(r"\]\(([^)#]+)\)", TEXT)) > 5
    assert dead_links(ROOT / "README.md") == []


def test_its_commands_exist_with_their_options(capsys):
    blocks = re.findall(r"```\n(graph2nn .*?)```", TEXT, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 3
    check_commands(lines, capsys)


def test_every_dependency_has_its_reason():
    listed = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    block = re.search(
        r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )
    names = re.findall(r'"([A-Za-z0-9_-]+)', block.group(1))
    assert len(names) > 10
    assert [name for name in names if f"| {name} |" not in listed] == []

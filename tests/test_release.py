"""What is packed and published: one version, a complete sdist, a README that stands alone, no index named."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import graph2nn

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_version_stands_in_one_place():
    assert "\nversion = " not in PYPROJECT
    assert 'path = "src/graph2nn/__init__.py"' in PYPROJECT
    assert "\nversion:" not in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    first = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first
    assert re.fullmatch(rf"{re.escape(graph2nn.__version__)} · (unreleased|\d{{4}}-\d\d-\d\d)", first[1])


def test_the_sdist_has_every_file_of_the_repository():
    sdist = pytest.importorskip("hatchling.builders.sdist", reason="needs hatchling, which builds the sdist")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git repository")
    packed = {Path(file.relative_path) for file in sdist.SdistBuilder(str(ROOT)).recurse_included_files()}
    tracked = {Path(name) for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    # hatchling adds these three by itself, wherever they are.
    assert tracked - packed <= {Path("LICENSE"), Path(".gitignore"), Path("pyproject.toml")}


def test_the_readme_of_the_package_stands_alone():
    builder = pytest.importorskip(
        "hatch_fancy_pypi_readme._builder",
        reason="needs hatch-fancy-pypi-readme, which builds the package's README",
    )
    assert builder
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rules = re.findall(r"\{ pattern = '(.*)', replacement = [\"'](.*)[\"'] \},", PYPROJECT)
    assert len(rules) == 2
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text)
    assert "![" not in text
    assert all(re.match("https?:|#", link) for link in re.findall(r"\]\(([^)]*)\)", text))
    assert "## Two commands" in text


@pytest.mark.parametrize("folder", ["README.md", "CONTRIBUTING.md", "docs", "src", "notebooks"])
def test_nothing_promises_the_package_on_an_index(folder):
    place = ROOT / folder
    files = (
        [place] if place.is_file() else [f for f in place.rglob("*") if f.suffix in (".md", ".py", ".ipynb")]
    )
    promises = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"pip install (-\S+ )*'?\"?graph2nn\b", line)
    ]
    assert promises == []

"""The notebooks run from top to bottom, and lie in git without what they printed."""

from __future__ import annotations

import ast
import os

import pytest
from conftest import SHARED
from pages import ROOT
from waiting import patience

FOLDER = ROOT / "notebooks"
NAMES = ["make_graphs", "analyse_results"]
HAS_DATA = (SHARED / "data" / "published" / "final_results.tar.xz").exists()


def read(name: str):
    nbformat = pytest.importorskip("nbformat", reason="nbformat, of the test extra, is not installed")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_of(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def execute(notebook, folder, monkeypatch, *, data: str | None) -> None:
    """Run all cells in a kernel of its own; an error in a cell is an error here."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient, of the test extra, is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel, of the test extra, is not installed")
    for variable, name in (
        ("IPYTHONDIR", "ipython"),
        ("JUPYTER_RUNTIME_DIR", "r"),
        ("GRAPH2NN_CACHE", "cache"),
    ):
        monkeypatch.setenv(variable, str(folder / name))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    # Nothing is downloaded by a test: what is not on this machine is not there.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9/")
    monkeypatch.delenv("GRAPH2NN_DATA", raising=False)
    if data:
        monkeypatch.setenv("GRAPH2NN_DATA", data)
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=int(patience(300)), resources=where
    ).execute()


def printed(notebook) -> str:
    outputs = [output for cell in code_of(notebook) for output in cell.outputs]
    return "".join(output.get("text", "") for output in outputs)


def pictures(notebook) -> int:
    outputs = [output for cell in code_of(notebook) for output in cell.outputs]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "epochs", [pytest.param(1, id="shortened"), pytest.param(4, id="as_written", marks=pytest.mark.slow)]
)
def test_it_runs_to_its_last_assertion(name, epochs, tmp_path, monkeypatch):
    """Where the published data lie on this machine, with them; then the published numbers are asserted, too."""
    notebook = read(name)
    trained = [cell for cell in code_of(notebook) if "recipe.epochs=4" in cell.source]
    assert len(trained) == (name == "analyse_results")
    for cell in trained:
        cell.source = cell.source.replace("recipe.epochs=4", f"recipe.epochs={epochs}")
    execute(notebook, tmp_path, monkeypatch, data=str(SHARED / "data") if HAS_DATA else None)
    assert code_of(notebook)[-1].execution_count == len(code_of(notebook))
    always, with_data = {"make_graphs": (6, 1), "analyse_results": (2, 2)}[name]
    assert pictures(notebook) == always + with_data * HAS_DATA
    if HAS_DATA and name == "analyse_results":
        assert "98,798 evaluations" in printed(notebook)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_DATA, reason="the published data are not on this machine: tested so already")
@pytest.mark.parametrize(
    ("name", "says"),
    [("make_graphs", "connectome 'cat' is not on this machine"), ("analyse_results", "results are not here")],
)
def test_without_the_published_data_it_says_how_to_get_them(name, says, tmp_path, monkeypatch):
    notebook = read(name)
    execute(notebook, tmp_path, monkeypatch, data=None)
    assert says in printed(notebook)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_kept_without_output(name):
    cells = read(name).cells
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert len({cell.id for cell in cells}) == len(cells)
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 40_000


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_with_what_must_have_come_out(name):
    last = ast.parse(code_of(read(name))[-1].source)
    assert sum(isinstance(node, ast.Assert) for node in ast.walk(last)) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_it_is_written_for_a_reader(name):
    """A title, a heading for each part, and no cell that fills a screen."""
    cells = read(name).cells
    assert cells[0].source.startswith("# ")
    assert sum(cell.source.startswith("## ") for cell in cells if cell.cell_type == "markdown") >= 6
    assert max(len(cell.source.splitlines()) for cell in code_of(read(name))) <= 40


def test_these_are_the_notebooks():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)

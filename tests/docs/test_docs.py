"""The pages for users: their Python runs, their links lead somewhere, their commands are commands."""

from __future__ import annotations

import importlib.util
import re
import shlex

import pytest
from conftest import shared
from page_files import FILES, LARVA
from pages import ROOT, check_commands, dead_links, odd_addresses

from graph2nn.cli import main

pytestmark = pytest.mark.usefixtures("small_figures")
PAGES = sorted((ROOT / "docs").glob("*.md"))
#: Pages with Python; the commands of the others are checked alone.
WITH_PYTHON = [page for page in PAGES if "```python\n" in page.read_text(encoding="utf-8")]
#: Whose commands are run too, in order with the Python.
ENTIRE = "tutorial"
#: Added to the commands of its sweeps, each of whose runs takes seconds as written.
QUICK = ["--set", "recipe.epochs=2", "--set", "model.widths=[64]", "--set", "model.options.stem=64"]
#: What a page may use that graph2nn does not need.
EXTRAS = ("transformers", "lightning", "accelerate", "optuna")


def test_every_page_is_in_the_navigation_of_the_site():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    assert [page.name for page in PAGES if f": {page.name}\n" not in nav] == []


def test_there_are_pages():
    assert {"your-own-model.md", "your-own-layer.md", "nulls.md"} <= {page.name for page in WITH_PYTHON}


@pytest.mark.parametrize(
    "page", [page for page in WITH_PYTHON if page.stem != ENTIRE], ids=lambda page: page.stem
)
def test_its_python_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    """Blocks share their names. A block that imports an extra is left out where that is not installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if page.stem in LARVA:
        monkeypatch.setenv("GRAPH2NN_DATA", str(shared("data/connectomes")))
    FILES.get(page.stem, lambda folder: None)(tmp_path)
    missing = [name for name in EXTRAS if importlib.util.find_spec(name) is None]
    # Classes of a page look their module up, as dataclasses do.
    names = {"__name__": "__main__"}
    left_out = []
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for number, code in enumerate(blocks, start=1):
        if needed := [name for name in missing if re.search(rf"^(from|import) {name}\b", code, re.MULTILINE)]:
            left_out.append(f"block {number} needs {needed[0]}")
        else:
            exec(compile(code, f"{page.name}, block {number}", "exec"), names)
    if left_out:
        pytest.skip(f"{', '.join(left_out)}; the others ran")


@pytest.mark.parametrize(
    "fewer", [pytest.param(QUICK, id="shortened"), pytest.param([], id="as_written", marks=pytest.mark.slow)]
)
def test_the_tutorial_runs_from_top_to_bottom(fewer, tmp_path, monkeypatch, capsys):
    """Every command and every line of Python of it, in order, as a reader would."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    text = (ROOT / f"docs/{ENTIRE}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(python)?\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 8
    for language, block in blocks:
        if language:
            exec(compile(block, ENTIRE, "exec"), names)
        else:
            for line in block.splitlines():
                words = shlex.split(line)[1:]
                words += fewer if words[0] == "sweep" else []
                assert main(words) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert re.search(r"error of the graph \d", said.out)
    assert "18 of 21 runs were finished already" in said.err  # one null more asks for three runs more
    assert (tmp_path / "report/figures/nulls_degree_mlp-digits.png").is_file()
    assert len(names["designs"]) > 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_links_lead_somewhere(page):
    assert dead_links(page) == []


def test_addresses_on_the_web_have_the_form_of_one():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "CITATION.cff", ROOT / "pyproject.toml"]
    assert {page.name: odd for page in pages if (odd := odd_addresses(page.read_text("utf-8")))} == {}
    wrong = "See [it](https://doi.org/science.add9330), https://github.com/alone and doi:add9330."
    assert odd_addresses(wrong) == ["https://doi.org/science.add9330", "https://github.com/alone", "add9330."]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_commands_exist_with_their_options(page, capsys):
    for block in re.findall(r"```\n(graph2nn .*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        check_commands(re.sub(r" *\\\n\s*", " ", block).splitlines(), capsys)


def test_each_key_of_the_recipe_is_explained():
    from graph2nn.training import Recipe

    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    assert [key for key in Recipe.model_fields if f"`{key}`" not in text] == []

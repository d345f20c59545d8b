"""The page docs/training.md: its Python runs, its links lead somewhere, its commands are commands."""

from __future__ import annotations

import test_docs as pages
from paths import ROOT

PAGE = ROOT / "docs" / "training.md"


def test_its_python_runs(tmp_path, monkeypatch):
    pages.test_its_python_runs_from_top_to_bottom(PAGE, tmp_path, monkeypatch)


def test_its_commands_exist(capsys):
    pages.test_its_links_lead_somewhere(PAGE)
    pages.test_its_commands_exist_with_their_options(PAGE, capsys)


def test_each_key_of_the_recipe_is_explained():
    from graph2nn.training import Recipe

    text = PAGE.read_text(encoding="utf-8")
    assert [key for key in Recipe.model_fields if f"`{key}`" not in text] == []

"""The picture of imports counts what it shows: upward imports, circles, and modules that are small."""

from __future__ import annotations

import pytest

from benchmarks.imports import House, draw, room

FILES = {
    "__init__.py": "",
    "errors.py": "class UserError(ValueError): ...\n",
    "graphs/__init__.py": "from graph2nn.graphs.graph import Graph\n",
    "graphs/graph.py": "from graph2nn.errors import UserError\nclass Graph: ...\n" + "# a line\n" * 70,
    "graphs/draw.py": "def draw():\n    from graph2nn.report import page\n",
    "report/__init__.py": "from graph2nn.report import page\n",
    "report/page.py": "from graph2nn.graphs import Graph\nfrom graph2nn.report.table import table\n",
    "report/table.py": "def table():\n    from graph2nn.report.page import page\n",
}


@pytest.fixture
def house(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "src" / "graph2nn" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return House.of(tmp_path / "src")


def test_late_imports_upward_imports_and_circles_are_counted(house):
    pairs = house.between_rooms()
    assert pairs["graphs", "report"] == 1
    assert pairs["report", "graphs"] == 1
    counts = house.counts()
    assert counts["upward imports"] == 1
    assert (counts["circles"], counts["modules in circles"]) == (1, 2)
    assert counts["modules"] == len(FILES)
    assert counts["largest"] == 72
    assert counts["modules under 60 lines"] == 4


def test_the_picture_has_a_matrix_per_tree(house, tmp_path):
    draw({"before": house, "after": house}, tmp_path / "imports.png")
    assert (tmp_path / "imports.png").read_bytes().startswith(b"\x89PNG")


def test_a_module_belongs_to_the_room_of_its_folder():
    assert room("graph2nn.graphs.io.read") == "graphs"
    assert room("graph2nn.files") == room("graph2nn.errors")
    assert room("graph2nn") is None

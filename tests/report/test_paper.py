"""The folder of a paper: vector figures with readable names, LaTeX tables, BibTeX."""

import json

import pandas as pd
import pytest
from analysis_tables import sweep

from graph2nn.errors import UserError
from graph2nn.report.figures import theme
from graph2nn.report.paper import latex
from graph2nn.report.phrasing import readable
from graph2nn.report.references import bibtex
from graph2nn.report.report_folder import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    runs, graphs = sweep(4, 3)
    out = tmp_path_factory.mktemp("paper")
    write_report(runs, out, graphs=graphs, formats=["svg"], style="paper")
    return out


def test_figures_are_there_in_both_formats_and_svgs_hold_text(folder):
    named = {path.stem for path in (folder / "figures").iterdir()}
    for kind in ("pdf", "svg"):
        assert {path.stem for path in (folder / "paper").glob(f"*.{kind}")} == named
    svg = (folder / "paper" / "ranking.svg").read_text(encoding="utf-8")
    assert "<text" in svg
    assert "top-1 error (%)" in svg
    # The page's own stay as they are drawn, whatever fonts the reader has.
    assert "<text" not in (folder / "figures" / "ranking.svg").read_text(encoding="utf-8")


def test_tables_say_what_the_summary_says(folder):
    said = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    tasks = (folder / "paper" / "tasks.tex").read_text(encoding="utf-8")
    assert f"{said['baseline']['mean']:.2f} $\\pm$ {said['baseline']['sd']:.2f}" in tasks
    assert said["paper"] == sorted(f"paper/{path.name}" for path in (folder / "paper").iterdir())
    (graphs,) = (folder / "paper").glob("graphs_*.tex")
    lines = graphs.read_text(encoding="utf-8").splitlines()
    assert lines[5].startswith("baseline & ")
    assert len(lines) == 6 + 4 + 2


def test_runs_are_there_as_a_table(folder):
    rows = (folder / "runs.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 5 * 3
    assert not (folder / "nulls.csv").exists()


def test_a_page_afterwards_takes_the_papers_files_away(folder):
    runs, graphs = sweep(4, 3)
    (folder / "paper" / "mine.txt").write_text("kept")
    write_report(runs, folder, graphs=graphs)
    assert [path.name for path in (folder / "paper").iterdir()] == ["mine.txt"]


def test_another_style_is_refused(tmp_path):
    with pytest.raises(UserError, match="'poster'"):
        write_report(sweep(2, 2)[0], tmp_path, style="poster")


def test_cells_are_escaped():
    text = latex(pd.DataFrame({"a_b": [r"50 % \of {$}", "x"], "−": ["−1", "2 ± 3"]}))
    assert r"50 \% \textbackslash of \{\$\}" in text
    assert r"a\_b & $-$ \\" in text
    assert r"$-$1" in text
    assert r"2 $\pm$ 3" in text


def test_names_are_readable_within_longer_labels():
    assert (
        readable("degree null(ws(64,8.192,0.1281,4),3)") == "degree null(WS-flex 64, k 8.192, p 0.1281, #4,3)"
    )
    assert readable("news(1,2,3,4)") == "news(1,2,3,4)"
    assert theme.PAPER.graph("ws(64,8.192,0.1281,4)").startswith("WS-flex 64")
    assert theme.LIGHT.graph("ws(64,8.192,0.1281,4)") == "ws(64,8.192,0.1281,4)"


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ("CIFAR-10 (JPEG copy)", "krizhevsky2009learning"),
        ("cifar100", "krizhevsky2009learning"),
        ("Fashion-MNIST", "xiao2017fashion"),
        ("MNIST", "lecun1998gradient"),
        ("ImageNet", "russakovsky2015imagenet"),
        ("digits", "alpaydin1998optical"),
    ],
)
def test_data_are_cited(data, key):
    text = bibtex([data, "photos", data], version="1")
    assert text.count(key) == 1
    assert "% photos: your own data" in text
    assert text.count("{") == text.count("}")

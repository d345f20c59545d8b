"""The report folder: whole or absent, valid for programs, and at home without a network."""

import functools
import json
import re

import pandas as pd
import pytest
from analysis_tables import curves, sweep, table
from dying import killed_at_renaming, on_a_full_disk
from html_tags import Tags
from markupsafe import Markup
from PIL import Image

from graph2nn.analysis.task_findings import study
from graph2nn.errors import UserError
from graph2nn.report import report_folder as module
from graph2nn.report import write_report
from graph2nn.report.build import report
from graph2nn.report.phrasing import headline

GALLERY = (
    "map",
    "error_clustering",
    "error_path_length",
    "graphs_best",
    "graphs_worst",
    "ranking",
    "learning_curves",
)
NASTY = "</script><img src=x onerror=alert(1)>&\"'"


def parsed(index):
    tags = Tags()
    tags.feed(index.read_text(encoding="utf-8"))
    return tags


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A full report, with labels and notes that try to break out of the page."""
    runs, graphs = sweep(8, 3)
    worst = runs.groupby("graph")["test_error"].mean().idxmax()
    runs["graph"] = runs["graph"].replace(worst, NASTY)
    learned = curves(runs, 4).drop(columns="seconds", errors="ignore")
    own = runs.drop(columns=["epochs", "test_error", "train_error"]).assign(test_error_top5=1.0)
    evaluations = learned.merge(own, on="run")
    out = tmp_path_factory.mktemp("reports") / "deep" / "report"
    index = write_report(
        study({"runs": evaluations}), out, graphs=graphs, formats=["png", "pdf"],
        title=f"Nine & {NASTY}", notes=[f"smoke {NASTY}"],
        command="graph2nn analyze 'runs <1>'",
    )  # fmt: skip
    assert index == out / "index.html"
    return out


def test_the_folder_holds_the_report_and_nothing_else(full):
    names = {path.relative_to(full).as_posix() for path in full.rglob("*") if path.is_file()}
    figures = {name for name in names if name.startswith("figures/")}
    assert names - figures == {"index.html", "summary.json", "graphs.csv", "runs.csv"}
    assert figures == set(json.loads((full / "summary.json").read_text())["figures"])
    assert {f"figures/{name}.png" for name in GALLERY} < figures
    assert {name.rsplit(".")[-1] for name in figures} == {"png", "pdf"}
    assert [path.name for path in full.parent.iterdir()] == ["report"]


def test_the_page_loads_nothing(full):
    page = parsed(full / "index.html")
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert attrs.get(name, "data:").startswith("data:"), (tag, attrs)
        assert "on" not in {name[:2] for name in attrs}, (tag, attrs)
    policy = next(attrs["content"] for tag, attrs in page.tags if "http-equiv" in attrs)
    assert "default-src 'none'" in policy
    assert "http" not in policy
    css = (full / "index.html").read_text(encoding="utf-8").split("</style>")[0]
    assert "@import" not in css
    assert "url(" not in css


def test_labels_stay_text(full):
    page = parsed(full / "index.html")
    assert sum(tag == "img" for tag, _ in page.tags) == len(list((full / "figures").glob("*.png")))
    assert sum(tag == "script" for tag, _ in page.tags) == 4
    text = "".join(page.text)
    assert text.count(NASTY) >= 3
    assert "runs <1>" in text


def test_the_data_of_the_map_is_json_inside_its_script(full):
    source = (full / "index.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="atlas-data">(.*?)</script>', source, re.DOTALL).group(1))
    assert NASTY in data["labels"]
    assert [task["epochs"] for task in data["tasks"]] == [[1, 2, 3, 4]]


def test_the_figures_are_pictures(full):
    for file in sorted((full / "figures").glob("*.png")):
        with Image.open(file) as image:
            assert min(image.size) > 300
            assert len(image.convert("RGB").getcolors(2**24)) > 50


def test_summary_is_strict_json_with_the_headline_numbers(full):
    def refuse(word):
        raise AssertionError(word)

    summary = json.loads((full / "summary.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert summary["counts"] == {
        "runs": 27, "graphs": 8, "seeds_min": 3, "seeds_max": 3, "diverged": 0, "diverged_by_graph": {},
    }  # fmt: skip
    assert summary["macs"] == {"min": 2_364_416, "max": 2_364_416}
    assert summary["epochs"] == 4
    assert summary["tasks"]["runs"]["best"] == summary["best"]
    assert summary["baseline"]["graph"] == "baseline"
    assert summary["baseline"]["graph_seed"] is None
    assert summary["best"]["mean"] <= summary["worst"]["mean"]
    assert summary["worst"]["graph"] == NASTY
    assert set(summary["fits"]) == set(summary["correlations"]) == {"clustering", "path_length"}
    assert -1 <= summary["correlations"]["clustering"]["spearman"] <= 1
    assert summary["sweet_spot"]["best"] == summary["best"]["graph"]
    assert summary["headline"]["lead"] in "".join(parsed(full / "index.html").text)


def test_the_csv_has_a_line_a_graph(full):
    rows = pd.read_csv(full / "graphs.csv")
    assert len(rows) == 9
    assert rows["kind"].tolist() == ["baseline"] + ["relational"] * 8
    assert rows["mean"][1:].is_monotonic_increasing


def test_no_file_gives_the_gain_of_a_picked_graph_an_interval_of_its_own_runs(full):
    """It would cover the true gain in half of all cases; the split-seed gain has one."""
    summary = json.loads((full / "summary.json").read_text(encoding="utf-8"))
    assert [key for key in summary["best"] if key.startswith("gain")] == ["gain"]
    assert [name for name in pd.read_csv(full / "graphs.csv") if name.startswith("gain")] == ["gain"]
    assert {"gain", "low", "high", "p_value"} == set(summary["comparison"]["best_graph"])


def test_a_report_without_a_table_removes_that_of_the_report_before(tmp_path):
    runs, graphs = sweep(4, 2)
    write_report(runs, tmp_path, graphs=graphs, also={"nulls.csv": b"graph\n"})
    (tmp_path / "mine.csv").write_text("kept")
    assert json.loads((tmp_path / "summary.json").read_text())["tables"] == [
        "graphs.csv", "nulls.csv", "runs.csv",
    ]  # fmt: skip
    write_report(runs, tmp_path, graphs=graphs)
    assert {path.name for path in tmp_path.glob("*.csv")} == {"graphs.csv", "runs.csv", "mine.csv"}


def test_a_smaller_report_leaves_no_figure_behind_and_no_file_harmed(tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("figures/learning_curves.png", "figures/mine.png", "mine.txt"):
        (tmp_path / name).write_text("from before")
    listed = ["figures/learning_curves.png", "mine.txt", "figures/../mine.txt"]
    (tmp_path / "summary.json").write_text(json.dumps({"figures": listed}))
    runs = table({"a": [32.0], "b": [33.0]})
    write_report(runs, tmp_path, title="bare")
    keys = list(json.loads((tmp_path / "summary.json").read_text()))
    assert not (tmp_path / "figures" / "learning_curves.png").exists()
    assert (
        (tmp_path / "mine.txt").read_text() == (tmp_path / "figures" / "mine.png").read_text() == "from before"
    )
    assert keys[:3] == ["headline", "remarks", "notes"]
    assert "there is no baseline" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", ["report_files", "_publish"])
def test_a_failure_leaves_the_old_report_whole(tmp_path, monkeypatch, stage):
    out = tmp_path / "report"
    out.mkdir()
    (out / "index.html").write_text("old")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(module, "report_files", lambda *a, **k: {"index.html": b"new"})
    monkeypatch.setattr(module, stage, fail)
    with pytest.raises((OSError, UserError), match="disk full"):
        write_report(table({"a": [32.0], "b": [33.0]}), out, title="x")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (out / "index.html").read_text() == "old"


PAGES = {
    word: {name: word.encode() * 1000 for name in ("figures/map.png", "summary.json", "index.html")}
    for word in ("old", "new")
}


@functools.cache
def small():
    return study({"runs": table({"a": [32.0], "b": [33.0]})})


def written(out, word):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "report_files", lambda *_, **__: PAGES[word])
        write_report(small(), out, title="x")
    return 0


def read(out):
    return {name: (out / name).read_bytes() for name in PAGES["old"]}


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_killed_report_leaves_whole_files_and_the_next_one_tidies_up(moment, tmp_path):
    out = tmp_path / "report"
    written(out, "old")
    assert killed_at_renaming(moment, written, out, "new")
    assert all(content in (PAGES["old"][name], PAGES["new"][name]) for name, content in read(out).items())
    assert (out / "index.html").read_bytes() == PAGES["old"]["index.html"], "the page comes last"
    assert len(list(tmp_path.iterdir())) == 2
    written(out, "new")
    assert read(out) == PAGES["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_full_disk_leaves_the_old_report_whole_and_names_the_file(tmp_path):
    out = tmp_path / "report"
    written(out, "old")
    code, said = on_a_full_disk(1000, written, out, "new")
    assert code == -1
    assert f"{out / 'figures' / 'map.png'}: cannot be written (File too large)." in said
    assert read(out) == PAGES["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_names_of_folders_that_are_not_utf8_are_written_as_codes(tmp_path):
    write_report(small(), tmp_path / "report", title="runs\udcff", formats=["png"])
    assert "runs\\udcff" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    summary = json.loads((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))
    assert summary["title"] == "runs\udcff"


def test_out_must_not_be_a_file(tmp_path):
    (tmp_path / "report").write_text("a file")
    with pytest.raises(UserError, match="is a file"):
        write_report(table({"a": [32.0]}), tmp_path / "report", title="x")


def test_a_bad_table_writes_nothing(tmp_path):
    with pytest.raises(UserError, match="no rows"):
        write_report(table({"a": [32.0]}).iloc[:0], tmp_path / "report", title="x")
    assert not list(tmp_path.iterdir())


def test_folders_may_be_texts(tmp_path):
    with pytest.raises(UserError, match="nothing there does not exist"):
        report(str(tmp_path / "nothing there"), str(tmp_path / "report"), data=str(tmp_path))


def test_a_planned_page_is_called_after_its_plan_and_labels_the_rest(tmp_path):
    """Nothing that no plan asks for stands above the planned tests, not even the verdict of the runs."""
    runs = table({"baseline": [33.0, 33.2], "a": [31.0, 31.2], "b": [32.0, 32.1]})
    planned = Markup('<section id="planned"><h2>Planned tests</h2></section>')
    index = write_report(runs, tmp_path, title="The plan", first=[planned], planned=True)
    text = index.read_text(encoding="utf-8")
    body = text[text.index("<body>") :]
    assert "<h1>The plan</h1>" in body
    verdict = headline(study({"runs": runs}).tasks["runs"].found).title
    places = [body.index(part) for part in ("<h1>", 'id="planned"', "Not planned", verdict, "How far to trust")]
    assert places == sorted(places)

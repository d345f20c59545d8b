"""``graph2nn analyze`` from end to end: the published numbers, and one line about every bad folder."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from published_files import write_task
from scipy import stats

from graph2nn.cli import main
from graph2nn.data.registry import load_dataset
from graph2nn.experiments import execute, plan, preset, select

pytestmark = pytest.mark.usefixtures("small_figures")
TASKS = ("resnet34_imagenet", "resnet34_sep_imagenet")


@pytest.fixture(scope="module")
def report(shared_file, tmp_path_factory):
    """One report on two published tasks, written by the command."""
    out = tmp_path_factory.mktemp("published") / "report"
    archive = str(shared_file("data/published/final_results.tar.xz"))
    chosen = [word for task in TASKS for word in ("--task", task)]
    assert main(["analyze", archive, *chosen, "--out", str(out), "--formats", "png"]) == 0
    return out


@pytest.fixture(scope="module")
def summary(report):
    return json.loads((report / "summary.json").read_text(encoding="utf-8"))


def compare(found, wanted, keys):
    for key in keys:
        assert found[key] == pytest.approx(wanted[key], rel=1e-9), key


def test_the_published_numbers_of_resnet34(summary, golden):
    own, wanted = summary["tasks"]["resnet34_imagenet"], golden["tasks"]["resnet34_imagenet"]
    compare(own, wanted, ("n_configs", "n_seeds", "epoch"))
    compare(own["baseline"], wanted["baseline"], ("mean", "std", "top1_per_seed"))
    compare(own["best"], wanted["best"], wanted["best"].keys())
    pattern = "[CL]_m..|n_.*|rect.*|graph_ind.*|baseline_.*"
    numbers = [key for key in wanted["sweet_spot"] if re.fullmatch(pattern, key)]
    assert len(numbers) == 9
    compare(own["sweet_spot"], wanted["sweet_spot"], numbers)


def test_the_published_numbers_between_tasks_epochs_and_slices(summary, golden):
    pairs = golden["correlations_resolution52"]
    found = summary["correlations_resolution52"]["resnet34sep_vs_resnet34"]
    assert found == pytest.approx(pairs["resnet34sep_vs_resnet34"], abs=5e-6)
    compare(summary["epoch_correlation_resnet34"], golden["epoch_correlation_resnet34"], ("3", "90"))
    for name, fit in golden["slice_fits"]["resnet34_imagenet"].items():
        own = summary["slice_fits"]["resnet34_imagenet"][name]
        compare(own, fit, ("n_points", "coef", "vertex_x", "vertex_y", "x_min", "x_max"))


def test_the_other_task_equals_its_raw_numbers(summary, published):
    """What no golden file holds is worked out again, by another way: NumPy and SciPy on the runs."""
    runs = published.last("resnet34_sep_imagenet")
    own = summary["tasks"]["resnet34_sep_imagenet"]
    baseline = runs.loc[runs["kind"] == "baseline", "test_error"]
    assert own["baseline"]["mean"] == pytest.approx(baseline.mean(), rel=1e-12)
    assert own["baseline"]["std"] == pytest.approx(baseline.std(ddof=0), rel=1e-12)
    errors = runs[runs["kind"] == "relational"].pivot_table("test_error", "index", "seed").to_numpy()
    best = int(np.argmin(errors.mean(axis=1)))
    assert own["best"]["graph_index_in_file"] == best
    assert own["best"]["top1_mean"] == pytest.approx(errors[best].mean(), rel=1e-12)
    t, p = stats.ttest_ind(np.broadcast_to(errors[best], errors.shape), errors, axis=1)
    inside = [i for i in range(len(errors)) if not (t[i] < 0 and p[i] / 2 < 0.05)]
    assert own["sweet_spot"]["graph_indices_inside"] == inside
    places = runs.drop_duplicates("index").set_index("index").loc[inside]
    assert own["sweet_spot"]["C_min"] == pytest.approx(places["clustering"].min())
    assert own["sweet_spot"]["L_max"] == pytest.approx(places["path_length"].max())


def test_the_page_says_what_was_filled_and_names_its_command(report, summary):
    notes = " ".join(summary["tasks"]["resnet34_sep_imagenet"]["notes"])
    assert "lacks epochs 35–100; filled from seed 1" in notes
    page = (report / "index.html").read_text(encoding="utf-8")
    assert notes.split(". ")[-1].rstrip(".") in page
    assert all(f'id="{task.replace("_", "-")}"' in page for task in TASKS)
    assert {name.split(".")[-1] for name in summary["figures"]} == {"png"}
    assert summary["left_out"] == {}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of the baseline and of two graphs on digits, two epochs."""
    out = tmp_path_factory.mktemp("runs")
    data, known = load_dataset("digits"), preset("mlp-digits")
    graphs = select(known, ["baseline", "n64-52:3", "n64-52:20"])
    for config in plan(known, graphs, (1, 2), data=data.label, settings=["recipe.epochs=2"]):
        execute(config, data, out)
    return out


def only(runs, pattern):
    (found, *_) = sorted((runs / "runs").glob(pattern))
    return found


def change(key, value):
    def damage(runs):
        file = only(runs, "ws*") / "result.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))

    return damage


def write(name, text):
    return lambda runs: (only(runs, "ws*") / name).write_bytes(text)


def unlink(name):
    return lambda runs: (only(runs, "ws*") / name).unlink()


def unfinish(runs):
    for run in (runs / "runs").iterdir():
        run.rename(runs / ".unfinished" / f"{run.name}@here@1@ab")


DAMAGE = {
    "result cut": (write("result.json", b'{"a":'), "result.json is not valid JSON"),
    "result a list": (write("result.json", b"[1]"), "result.json"),
    "result of something else": (write("result.json", b'{"a": 1}'), "no experiment, preset, model"),
    "result without a seed": (change("seed", None), "no seed"),
    "result of words": (change("test_error", "bad"), "test_error = 'bad' is not a number"),
    "no config": (unlink("config.yaml"), "config.yaml is missing or damaged"),
    "config cut": (write("config.yaml", b"a: [1"), "config.yaml is missing or damaged"),
    "metrics of bytes": (write("metrics.csv", b"\xff\xfe\x00\x12"), "metrics.csv is missing or damaged"),
    "all unfinished": (unfinish, "no finished run in .*, 6 unfinished"),
}


def complaint(capsys, *argv):
    """Run analyze, which must fail; return the one line it says."""
    capsys.readouterr()
    assert main(["analyze", *map(str, argv)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err.strip()


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_one_line_that_names_the_file(capsys, runs, tmp_path, how):
    damage, said = DAMAGE[how]
    shutil.copytree(runs, tmp_path / "runs")
    (tmp_path / "runs" / ".unfinished").mkdir(exist_ok=True)
    damage(tmp_path / "runs")
    assert re.search(said, complaint(capsys, tmp_path / "runs", "--out", tmp_path / "report"))
    assert not (tmp_path / "report").exists()


def test_places_that_are_no_results_are_one_line(capsys, runs, tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("text", "text.tar.xz"):
        (tmp_path / name).write_text("no archive")
    for path, said in (
        ("nowhere", "does not exist; name a folder of runs"),
        ("empty", "no finished run"),
        ("text", "is neither a folder of runs nor an archive"),
        ("text.tar.xz", "is not a tar archive, or a damaged one"),
    ):
        assert said in complaint(capsys, tmp_path / path, "--out", tmp_path / "report")
    assert "name the folder above" in complaint(capsys, runs / "runs", "--out", tmp_path / "report")


def test_what_is_wrong_with_the_rest_is_said_before_the_work(capsys, runs, tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "figures").write_text("in the way")
    for argv, said in (
        (["--out", tmp_path / "file"], "is a file. Name a folder"),
        (["--out", tmp_path / "file" / "report"], "cannot be written to"),
        (["--out", tmp_path / "half"], "is a file. Name a folder"),
        (["--out", tmp_path / "r", "--formats", "png,jpg"], "format 'jpg' is not known; did you mean 'png'?"),
        (["--out", tmp_path / "r", "--data", tmp_path / "none"], "--data: .*none does not exist"),
        (["--out", tmp_path / "r", "--task", "mlp-digit"], "did you mean 'mlp-digits'?"),
        (["--out", tmp_path / "r", "--where", "kind=baseline"], "no relational graph finished"),
        (["--out", tmp_path / "r", "--where", "model!=mlp5"], "no run has model ≠ mlp5; there are mlp5."),
    ):
        line = complaint(capsys, runs, *argv)
        assert said in line or re.search(said, line), line
    assert not (tmp_path / "r").exists()


def read(out):
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


def test_gaps_are_marked_where_something_is_left(capsys, runs, tmp_path):
    """A run without metrics, one that diverged, one that has not ended: the rest is analysed and it is said."""
    work = tmp_path / "runs"
    shutil.copytree(runs, work)
    first, second, *_ = sorted((work / "runs").glob("ws*"))
    (first / "metrics.csv").unlink()
    change("test_error", None)(work)
    (work / ".unfinished" / f"{second.name}x@here@1@ab").mkdir(parents=True)
    argv = ["analyze", str(work), "--out", str(tmp_path / "report"), "--formats", "png , svg", "--json"]
    assert main([*argv, "--title", "Of <mine>"]) == 0
    found = read(tmp_path / "report")
    assert json.loads(capsys.readouterr().out) == found
    assert "1 run had not ended when this was written: left out." in found["notes"]
    assert any(
        "1 of 6 runs lack epochs that the others have" in note for note in found["tasks"]["mlp-digits"]["notes"]
    )
    assert found["counts"]["diverged"] == 1
    assert found["title"] == "Of <mine>"
    assert "Of &lt;mine&gt;" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert {name.split(".")[-1] for name in found["figures"]} == {"png", "svg"}


def test_two_presets_in_one_folder_are_two_tasks(runs, tmp_path):
    work = tmp_path / "runs"
    shutil.copytree(runs, work)
    for run in sorted((runs / "runs").iterdir()):
        twin = work / "runs" / f"twin-{run.name}"
        shutil.copytree(run, twin)
        row = json.loads((twin / "result.json").read_text())
        row |= {"preset": "cnn3-cifar10", "experiment": "another", "test_error": row["test_error"] + 20}
        (twin / "result.json").write_text(json.dumps(row))
    assert main(["analyze", str(work), "--out", str(tmp_path / "report"), "--formats", "png"]) == 0
    found = read(tmp_path / "report")
    assert set(found["tasks"]) == {"mlp-digits", "cnn3-cifar10"}
    one, other = (found["tasks"][name]["baseline"]["mean"] for name in ("mlp-digits", "cnn3-cifar10"))
    assert other == pytest.approx(one + 20)
    assert found["correlations_resolution52"]


@pytest.mark.parametrize("condition", ["seed=2", "seed!=1"])
def test_a_subset_of_the_published_folder_and_a_condition(condition, tmp_path):
    write_task(tmp_path / "raw", seeds=2)
    argv = ["analyze", str(tmp_path / "raw"), "--where", condition, "--formats", "png"]
    assert main([*argv, "--out", str(tmp_path / "report")]) == 0
    found = read(tmp_path / "report")
    assert list(found["tasks"]) == ["resnet34_imagenet"]
    assert found["n_seeds"] == 1
    assert any("one training seed" in note for note in found["tasks"]["resnet34_imagenet"]["notes"])


def test_the_folder_in_which_a_sweep_was_called_stands_for_its_runs(runs, tmp_path, monkeypatch, capsys):
    shutil.copytree(runs, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert main(["status", "."]) == 0
    assert "6 of 6 runs done" in capsys.readouterr().out
    assert main(["analyze", ".", "--out", "report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"]["mlp-digits"]["n_seeds"] == 2
    assert main(["pack", "."]) == 0
    shutil.rmtree(tmp_path / "runs" / "runs")
    assert main(["status", "."]) == 0
    assert "6 of 6 runs done" in capsys.readouterr().out

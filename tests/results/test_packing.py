"""Packed results: read as the folders were, gone on with, added to, and damaged."""

from __future__ import annotations

import json
import os

import pandas as pd
import pytest

from graph2nn import UserError
from graph2nn.cli import main
from graph2nn.data.registry import load_dataset
from graph2nn.experiments import plan, preset, read_curves, read_runs, select
from graph2nn.experiments.launchers import launch
from graph2nn.experiments.planning import with_nulls
from graph2nn.experiments.status import status
from graph2nn.results.packing import pack
from graph2nn.results.run_folder import finished_runs, result_of
from graph2nn.results.runs_table import COLUMNS, read_config

pytestmark = pytest.mark.usefixtures("small_figures")
SETTINGS = ["recipe.epochs=2", "recipe.precise_bn=0", "model.widths=[64]", "model.options.stem=64"]


def configs(data, seeds):
    known = preset("mlp-digits")
    graphs = with_nulls(select(known, ["baseline", "n64-52:3", "n64-52:20"]), 2)
    return plan(known, graphs, seeds, data=data.label, settings=SETTINGS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    data, out = load_dataset("digits"), tmp_path_factory.mktemp("runs")
    assert not launch(configs(data, (1, 2)), data, out).failed
    return out


@pytest.fixture
def packed(folder, tmp_path):
    pack(folder, tmp_path / "packed")
    return tmp_path / "packed"


def test_everything_is_read_as_from_the_folders(folder, packed):
    pd.testing.assert_frame_equal(read_runs(packed), read_runs(folder), check_dtype=False)
    order = ["run", "epoch"]
    curves = [read_curves(out).sort_values(order, ignore_index=True) for out in (folder, packed)]
    pd.testing.assert_frame_equal(*curves)
    assert finished_runs(packed) == finished_runs(folder)
    for run in finished_runs(folder):
        assert read_config(packed, run) == read_config(folder, run)
        assert read_config(packed, run).folder == run
        ours, theirs = result_of(packed, run), result_of(folder, run)
        assert {key: ours[key] for key in theirs if theirs[key] is not None} == {
            key: value for key, value in theirs.items() if value is not None
        }
    assert (status(packed).done, status(packed).planned) == (14, 14)
    assert not (packed / "runs").exists()


def test_a_sweep_goes_on_from_it_and_packing_again_adds(folder, packed):
    data = load_dataset("digits")
    outcome = launch(configs(data, (1, 2, 3)), data, packed)
    assert (outcome.skipped, len(outcome.rows), outcome.failed) == (14, 7, [])
    assert len(read_runs(packed)) == len(read_curves(packed)) / 2 == 21
    assert pd.read_parquet(packed / "runs.parquet")["run"].nunique() == 21
    first = (packed / "packed" / "runs.parquet").read_bytes()
    done = pack(packed, packed)
    assert (done.runs, done.new) == (21, 7)
    assert pack(packed, packed).new == 0
    assert (packed / "packed" / "runs.parquet").read_bytes() != first
    table = pd.read_parquet(packed / "packed" / "runs.parquet")
    assert list(table) == [*COLUMNS, "config"]
    assert done.size < 100_000


def test_the_same_runs_give_the_same_files(folder, tmp_path):
    for name in ("one", "other"):
        pack(folder, tmp_path / name)
    for file in ("runs.parquet", "curves.parquet"):
        assert (tmp_path / "one/packed" / file).read_bytes() == (tmp_path / "other/packed" / file).read_bytes()


def test_analyze_makes_the_same_report(folder, tmp_path, capsys):
    out = tmp_path / "small"
    assert main(["pack", str(folder), "--out", str(out)]) == 0
    assert "14 runs, 14 of them new" in capsys.readouterr().out
    found = []
    for source in (folder, out):
        assert main(["analyze", str(source), "--out", str(tmp_path / "report"), "--formats", "png"]) == 0
        summary = json.loads((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))
        found.append({key: value for key, value in summary.items() if key not in ("provenance", "title")})
    assert found[0] == found[1]
    assert found[0]["counts"]["graphs"] == 2  # the nulls stand apart
    assert [row["nulls"] for row in found[0]["nulls"]["degree"]["graphs"]] == [2, 2]
    assert (tmp_path / "report/figures/nulls_degree_mlp-digits.png").is_file()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda file: file.write_bytes(b"PAR1 no more"), "is damaged; restore it"),
        (lambda file: pd.DataFrame({"run": ["a"]}).to_parquet(file), "has no column 'test_error'"),
        (lambda file: (file.parent / "curves.parquet").unlink(), "curves.parquet is missing"),
    ],
)
def test_damage_is_one_line(packed, tmp_path, harm, says, capsys):
    harm(packed / "packed" / "runs.parquet")
    assert main(["analyze", str(packed), "--out", str(tmp_path / "report")]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("changed", ["time", "size"])
def test_a_packed_table_of_another_time_or_size_is_read_again(packed, changed):
    file = packed / "packed" / "runs.parquet"
    assert len(read_runs(packed))
    stat, later = file.stat(), changed == "time"
    file.write_bytes(bytes(stat.st_size + (not later)))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000 * later))
    with pytest.raises(UserError, match="is damaged"):
        read_runs(packed)


def test_nothing_to_pack(tmp_path, capsys):
    assert main(["pack", str(tmp_path / "none")]) == 2
    assert "no finished run" in capsys.readouterr().err
    with pytest.raises(UserError, match="no finished run"):
        pack(tmp_path, tmp_path / "there")
    assert not (tmp_path / "there").exists()

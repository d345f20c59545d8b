"""Damaged run folders, killed packers, several at once, full disks: nothing is lost or counted twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from dying import killed_at_renaming, on_a_full_disk
from fuzzing.corpus import SETTINGS, Corpus

from graph2nn import UserError, catalogue
from graph2nn.cli import main
from graph2nn.data.registry import load_dataset
from graph2nn.errors import Graph2nnWarning
from graph2nn.experiments.launchers import launch
from graph2nn.experiments.status import status
from graph2nn.experiments.sweep_file import read_plans
from graph2nn.results.leases import FOLDER, hold, holder
from graph2nn.results.packing import pack
from graph2nn.results.run_folder import finished_runs
from graph2nn.results.runs_table import packed_curves, packed_runs, read_curves, read_runs
from graph2nn.results.validation import runs_of


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six finished runs of two epochs, without what else the corpus puts next to them."""
    folder = Corpus(tmp_path_factory.mktemp("corpus")).folder("runs")
    for name in ("packed", "failed", ".claims"):
        shutil.rmtree(folder / name)
    return folder


@pytest.fixture
def runs(made, tmp_path):
    return shutil.copytree(made, tmp_path / "runs")


def first(runs):
    return sorted((runs / "runs").iterdir())[0]


def part(runs, numbers, into):
    """A folder with some of the runs."""
    for number, run in enumerate(sorted((runs / "runs").iterdir())):
        if number in numbers:
            shutil.copytree(run, into / "runs" / run.name)
    return into


def test_a_packer_killed_between_its_two_files_doubles_nothing(runs, tmp_path, monkeypatch):
    into = tmp_path / "into"
    pack(part(runs, (0, 1), tmp_path / "some"), into)
    replace = Path.replace

    def dies(temporary, file):
        if file.name == "runs.parquet":
            raise KeyboardInterrupt
        return replace(temporary, file)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        pack(runs, into)
    assert len(packed_curves(into)) == 4, "curves of runs that were not added are not read"
    monkeypatch.undo()
    assert pack(runs, into).new == 4
    pd.testing.assert_frame_equal(packed_curves(into), fresh(runs, tmp_path))


def fresh(runs, tmp_path):
    pack(runs, tmp_path / "fresh")
    return packed_curves(tmp_path / "fresh")


def pack_quietly(out, into, start):
    start.wait()
    pack(out, into)


def test_three_packers_at_once_lose_nothing(runs, tmp_path):
    """Twenty times three processes, which pack two runs each into one folder at the same moment."""
    parts = [part(runs, (2 * i, 2 * i + 1), tmp_path / f"part{i}") for i in range(3)]
    fork = multiprocessing.get_context("fork")
    for turn in range(20):
        into, start = tmp_path / f"into{turn}", fork.Barrier(3)
        packers = [fork.Process(target=pack_quietly, args=(each, into, start)) for each in parts]
        for packer in packers:
            packer.start()
        for packer in packers:
            packer.join()
        assert [packer.exitcode for packer in packers] == [0, 0, 0]
        assert set(packed_runs(into)["run"]) == finished_runs(runs)
        assert len(packed_curves(into)) == 12


@pytest.mark.parametrize("moment", [1, 2])
def test_a_killed_packer_leaves_a_whole_folder_and_no_temporary_file(moment, runs, tmp_path):
    into = tmp_path / "into"
    pack(part(runs, (0, 1), tmp_path / "some"), into)
    assert killed_at_renaming(moment, pack, runs, into)
    assert len(read_runs(into)) == 2
    assert pack(runs, into).runs == 6
    assert len(packed_curves(into)) == 12
    assert sorted(path.name for path in (into / "packed").glob("*.parquet")) == [
        "curves.parquet",
        "runs.parquet",
    ]
    assert not list((into / "packed").glob(".*parquet"))


@pytest.mark.parametrize("harm", ["metrics missing", "metrics garbage", "no epoch", "config", "result"])
def test_a_damaged_run_is_not_packed(harm, runs, tmp_path, capsys):
    run, into = first(runs), tmp_path / "into"
    if harm == "metrics missing":
        (run / "metrics.csv").unlink()
    elif harm == "metrics garbage":
        (run / "metrics.csv").write_bytes(b"\xff\x00,\n1,2,3\n")
    elif harm == "no epoch":
        (run / "metrics.csv").write_text("epoch,test_error,train_error,train_loss\n")
    elif harm == "config":
        (run / "config.yaml").write_text("a: [1")
    else:
        (run / "result.json").unlink()
    assert main(["pack", str(runs), "--out", str(into)]) == 2
    said = capsys.readouterr().err
    assert run.name in said
    assert said.count("\n") == 1
    assert not list((into / "packed").glob("*.parquet"))
    assert main(["pack", str(runs), "--out", str(into), "--leave-out-damaged"]) == 0
    assert run.name in capsys.readouterr().err
    assert len(packed_runs(into)) == 5


def test_curves_that_were_missing_are_added_later(runs, tmp_path):
    """What an earlier version packed without curves gets them once the metrics are there."""
    into = tmp_path / "into"
    pack(runs, into)
    curves = packed_curves(into)
    name = first(runs).name
    curves[curves["run"] != name].to_parquet(into / "packed" / "curves.parquet", index=False)
    assert pack(runs, into).new == 0
    pd.testing.assert_frame_equal(packed_curves(into), curves)


def test_a_folder_without_a_result_is_trained_again_and_kept(runs, capsys):
    run = first(runs)
    (run / "result.json").unlink()
    assert run.name not in finished_runs(runs)
    assert status(runs).damaged == (run.name,)
    assert (status(runs).done, status(runs).waiting) == (5, 1)
    with pytest.warns(Graph2nnWarning, match=f"1 of the folders .* hold no result.json .*{run.name}"):
        assert len(runs_of(runs)) == 5
    (plan,) = read_plans(runs)
    outcome = launch(plan.configs(), load_dataset("digits"), runs)
    assert (outcome.skipped, len(outcome.rows), outcome.failed) == (5, 1, [])
    assert (run / "result.json").is_file()
    assert (runs / "damaged" / f"{run.name}.1" / "metrics.csv").is_file()
    assert len(read_runs(runs)) == 6


def test_stray_files_folders_and_copies_are_not_runs(runs):
    (runs / "runs" / "notes.txt").write_text("x")
    (runs / "runs" / "plots").mkdir()
    (runs / "runs" / "loop").symlink_to("loop")
    (runs / "runs" / "nowhere").symlink_to("missing")
    shutil.copytree(first(runs), runs / "runs" / f"{first(runs).name} copy")
    with pytest.warns(Graph2nnWarning, match="1 folders in runs are copies"):
        assert len(read_runs(runs)) == 6
    assert status(runs).done == 6
    assert status(runs).planned == 6
    with pytest.warns(Graph2nnWarning, match="copies"):
        assert pack(runs, runs / "there").runs == 6


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"[1]",
        b"null",
        b'{"test_error": [1]}',
        b'{"n": {"a": 1}}',
        b'{"seed": "x"}',
        b'{"device": 3}',
        b'{"macs": 1208925819614629174706176}',
        b"[" * 5000,
    ],
)
def test_damaged_results_are_one_line_of_every_command(content, runs, tmp_path, capsys):
    (first(runs) / "result.json").write_bytes(content)
    for command in (["pack", str(runs)], ["analyze", str(runs), "--out", str(tmp_path / "report")]):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "result.json" in said
        assert said.count("\n") == 1
    assert main(["status", str(runs)]) == 0


def test_a_full_disk_while_claiming_leaves_no_claim(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(UserError, match="No space left on device"), hold(tmp_path, "run"):
        raise AssertionError("never got here")
    monkeypatch.undo()
    assert list((tmp_path / FOLDER).iterdir()) == []
    with hold(tmp_path, "run"):
        pass


def test_a_full_disk_while_releasing_counts_as_no_death(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    def fail():
        with hold(tmp_path, "run") as lease:
            raise RuntimeError(f"attempt {lease.attempt}, deaths {lease.deaths}")

    monkeypatch.setattr(Path, "write_text", full)
    for attempt in range(1, 5):
        with pytest.raises(RuntimeError, match=f"attempt {attempt}, deaths 0"):
            fail()
    assert [holder(tmp_path, "run").owner.released, holder(tmp_path, "run").alive] == [True, False]
    assert sorted(file.name for file in (tmp_path / FOLDER).iterdir()) == [f"run.{n}" for n in range(1, 5)]


def test_what_a_full_disk_stopped_is_tried_again_by_retry(tmp_path, capsys):
    """It was not refused: nothing in the command has to change."""
    out, settings = tmp_path / "runs", [f"--set={setting}" for setting in SETTINGS]
    words = ["sweep", "mlp-digits", "--select", "baseline", "--seeds", "1", *settings, "--out", str(out)]
    code, said = on_a_full_disk(12_000, main, words, trains=True)
    assert (code, "weights.safetensors: cannot be written (File too large)" in said) == (1, True)
    assert f"Try them again: graph2nn retry {out}" in said
    assert main(["retry", str(out)]) == 0
    assert finished_runs(out)


def test_a_claim_of_the_future_does_not_hold_a_run_for_ever(tmp_path, monkeypatch):
    claim = tmp_path / FOLDER / "run.1"
    claim.parent.mkdir()
    claim.write_text("")
    os.utime(claim, (4e9, 4e9))
    assert holder(tmp_path, "run").alive, "somebody may have made it this moment"
    assert claim.stat().st_mtime < 3e9, "from now on it has to be touched"
    monkeypatch.setattr("graph2nn.results.leases.MISSED", 0)
    with hold(tmp_path, "run") as lease:
        assert lease.attempt == 2


@pytest.mark.parametrize(
    "content", ['{"pid": "x"}', '{"beat": NaN, "pid": 1}', "[1]", '{"host": 5}', '{"pid": -1}']
)
def test_claims_of_any_content_are_somebody_unknown(content, tmp_path):
    claim = tmp_path / FOLDER / "run.1"
    claim.parent.mkdir()
    claim.write_text(content)
    os.utime(claim, (1e9, 1e9))
    with hold(tmp_path, "run") as lease:
        assert lease.attempt == 2


def test_a_full_disk_while_packing_leaves_what_was_there(runs, tmp_path, monkeypatch):
    into = tmp_path / "into"
    pack(part(runs, (0, 1), tmp_path / "some"), into)
    before = {path.name: path.read_bytes() for path in (into / "packed").glob("*.parquet")}

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:50])
        raise OSError(28, f"Failed to write {path}. Detail: [errno 28] No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"runs\.parquet: cannot be written \(No space left on device\)"):
        pack(runs, into)
    assert {path.name: path.read_bytes() for path in (into / "packed").iterdir() if path.is_file()} == before
    monkeypatch.undo()
    assert len(read_curves(into)) == 4


@pytest.mark.parametrize(
    "command",
    [
        "predict {run} {pipe}",
        "translate {run} {pipe}",
        "train mlp-digits --select baseline --set start={pipe}",
        "sweep mlp-digits --select baseline --set start={pipe}.pt",
        "search mlp-digits --replay {pipe}:mlp_digits",
        "export {run} --to safetensors --out {pipe}",
        "graphs catalogue n16-48 --out {pipe}.csv",
    ],
)
def test_a_pipe_is_refused_wherever_a_file_is_read_or_written(command, runs, tmp_path, capsys):
    for ending in ("", ".pt", ".csv"):
        os.mkfifo(tmp_path / f"pipe{ending}")
    words = [word.format(run=first(runs), pipe=tmp_path / "pipe") for word in command.split()]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "is a pipe or a device" in said
    assert said.count("\n") == 1
    assert all((tmp_path / f"pipe{ending}").is_fifo() for ending in ("", ".pt", ".csv"))


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("export {run} --to safetensors", "weights.safetensors"),
        ("recover {run} --nodes 16", "metrics.csv"),
        ("graphs measure n16-48 --fast", "metrics.csv"),
        ("graphs catalogue n16-48", "metrics.csv"),
        ("graphs catalogue n16-48", "result.json"),
    ],
)
def test_no_command_replaces_a_file_of_a_run(command, file, runs, capsys):
    target = first(runs) / file
    before = target.read_bytes()
    assert main([*command.format(run=first(runs)).split(), "--out", str(target)]) == 2
    said = capsys.readouterr().err
    assert f"{target} is a file of a finished run; name another --out." in said
    assert said.count("\n") == 1
    assert target.read_bytes() == before


COMMANDS = [
    "pack {runs} --out {out}",
    "export {run} --to safetensors --out {out}/x.safetensors",
    "export {run} --to torch-export --out {out}/x.pt2",
    "graphs catalogue n64-52 --out {out}/x.csv",
    "graphs catalogue n64-52 --plot {out}/x.png",
    "graphs catalogue --from {sweep} --out {out}",
    "graphs sweep -n 12 --degrees 4 --probabilities 3 --out {out}/x.parquet",
    "graphs show ws_flex:n=16,k=4,p=0,seed=1 --out {out}/x.npz",
    "graphs show ws_flex:n=16,k=4,p=0,seed=1 --plot {out}/x.svg",
    "graphs show ws_flex:n=16,k=4,p=0,seed=1 --plot {out}/x.pdf",
    "graphs measure n16-48 --fast --out {out}/x.csv",
    "plan draft {out}/x.yaml",
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.split()[:3]))
def test_a_disk_that_fills_up_is_one_line_that_names_the_file(command, runs, tmp_path):
    """The kernel refuses files beyond 100 bytes; nothing half-written stays under the name of a whole one."""
    sweep, out = tmp_path / "sweep.parquet", tmp_path / "out"
    catalogue("n16-48").to_parquet(sweep, index=False)
    out.mkdir()
    words = [word.format(runs=runs, run=first(runs), out=out, sweep=sweep) for word in command.split()]
    code, said = on_a_full_disk(100, main, words)
    assert (code, said.count("\n")) == (2, 1)
    assert str(out) in said
    assert "(File too large)" in said
    assert [
        file for file in out.rglob("*") if file.is_file() and file.suffix not in ("", ".lock", ".json")
    ] == []


@pytest.mark.parametrize("size", [100, 4000, 40_000])
def test_a_run_on_a_disk_that_fills_up_goes_on_once_there_is_room(size, tmp_path):
    """The config, a checkpoint or the weights are too much: one line each, and nothing counts as done."""
    words = [
        "train",
        "mlp-digits",
        *(f"--set={setting}" for setting in SETTINGS),
        "--out",
        str(tmp_path / "runs"),
    ]
    code, said = on_a_full_disk(size, main, words, trains=True)
    assert code == 2, said
    assert str(tmp_path / "runs") in said.splitlines()[-1]
    assert "(File too large)" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert finished_runs(tmp_path / "runs") == set()
    assert main(words) == 0
    assert len(finished_runs(tmp_path / "runs")) == 1

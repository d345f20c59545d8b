"""Streams that are full or of another encoding, names of any kind, full disks: one line, nothing lost."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from graph2nn.__main__ import run
from graph2nn.cli import main
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io import write_graph

pytestmark = pytest.mark.usefixtures("small_figures")
TINY = ["--set", "recipe.epochs=1", "--set", "recipe.precise_bn=0", "--set", "model.widths=[64]"]
TINY += ["--set", "model.options.stem=64"]
GRID = ["graphs", "sweep", "--nodes", "8", "--degrees", "2", "--probabilities", "2", "--seeds", "1", "--out"]


def command(words, **options):
    code = "import sys; from graph2nn.cli import run; sys.argv[0] = 'graph2nn'; run()"
    return subprocess.run([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, check=False, **options)


def test_an_interrupt_while_the_command_is_loaded_is_one_line(monkeypatch, capsys):
    class Interrupted:
        def find_spec(self, name, path=None, target=None):
            if name == "graph2nn.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "graph2nn.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit) as end:
        run()
    assert end.value.code == 130
    assert capsys.readouterr().err == "graph2nn: interrupted before anything was done.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_standard_output_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = command(["graphs", "catalogue", "n16-48", "--csv"], stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "graph2nn: standard output or a temporary file cannot be used (No space left on device); check path, "
        "space and permissions."
    ]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_that_lacks_signs_is_no_reason_to_fail(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    words = ["graphs", "show", "ws_flex:n=16,k=4,p=0.1,seed=1"]
    done = command(words, stdout=subprocess.PIPE, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"clustering" in done.stdout


@pytest.mark.parametrize("name", ["run:1", "[/x]", os.fsdecode(b"\xff\xfe")])
def test_folders_of_any_name_are_trained_into_packed_and_reported(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "mlp-digits", "--select", "n64-52:3", "--out", name, *TINY]) == 0
    assert main(["status", name]) == 0
    assert main(["export", name, "--to", "safetensors", "--out", f"{name}/x.safetensors"]) == 0
    assert main(["recover", name, "--nodes", "64"]) == 0
    assert main(["data", "show", "digits", "--cache", f"{name}/cache"]) == 0
    assert main(["pack", name, "--out", f"{name}/packed"]) == 0
    assert len(pd.read_parquet((tmp_path / name / "packed/packed/runs.parquet").open("rb"))) == 1
    assert main([*GRID, f"{name}/sweep.parquet"]) == 0
    assert main(["graphs", "catalogue", "--from", f"{name}/sweep.parquet", "--out", f"{name}/mine"]) == 0


@pytest.mark.parametrize("name", ["$\\bad{$", "[/x]", "\udcff"])
def test_graphs_of_any_name_are_drawn_and_trained(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ring = RelationalGraph.from_edges([(i, (i + 1) % 8) for i in range(8)], 8, name="ring", directed=False)
    write_graph(ring, "ring.edges")
    assert main(["graphs", "show", "ring.edges", "--name", name, "--plot", "ring.png"]) == 0
    assert main(["graphs", "show", "ring.edges", "--name", name, "--json"]) == 0


def limited(words, most):
    """Run the command in a fork that may write ``most`` bytes per file; return its code and what it said."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead, as on a full disk
        os.dup2(write, 2)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        code = main(words)
        sys.stderr.flush()
        os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("words", "most", "named"),
    [
        (["graphs", "catalogue", "n64-3942", "--out", "there/fine.csv"], 5000, "fine.csv"),
        (["graphs", "catalogue", "n16-48", "--plot", "there/plane.png"], 5000, "plane.png"),
        (["graphs", "show", "complete:n=200", "--out", "there/graph.csv"], 5000, "graph.csv"),
        ([*GRID, "there/sweep.parquet"], 500, "sweep.parquet"),
    ],
)
def test_a_full_disk_is_one_line_that_names_the_file(words, most, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    if words[1] != "sweep":  # which leaves a finished file as it is
        (tmp_path / "there" / named).write_bytes(b"before")
    before = files_in(tmp_path / "there")
    code, said = limited(words, most)
    lines = [line for line in said.splitlines() if line.startswith("graph2nn:")]
    assert code in (1, 2)
    assert "Traceback" not in said
    assert any(named in line and "File too large" in line for line in lines), said
    there = files_in(tmp_path / "there")
    assert {name: there.get(name) for name in before} == before
    assert not [name for name in there if name.rpartition("/")[2].startswith(".") and named in name]

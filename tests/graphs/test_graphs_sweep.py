"""A sweep is the same file whatever happened to it on the way."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from graph2nn import cli, ws_flex
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex_sweep as sweeps
from graph2nn.graphs.kernels import grid

SMALL = {"k": [4.0, 5.5, 9.0], "p": [0.0, 0.3, 1.0], "seeds": [0, 7]}


def test_default_grids_are_the_published_ones():
    assert (sweeps.default_degrees(64) == np.linspace(np.sqrt(8), np.sqrt(62), 300) ** 2).all()
    assert (sweeps.default_degrees(16) == np.linspace(np.sqrt(4), np.sqrt(14), 200) ** 2).all()
    assert (sweeps.default_probabilities() == np.linspace(0, 1, 300) ** 2).all()
    assert sweeps.plan_sweep(64).rows == 2_700_000
    assert sweeps.plan_sweep(16).rows == 1_800_000


@pytest.mark.parametrize("n", [2, 3, 4, 5, 31, 100])
def test_default_degrees_suit_any_size(n):
    degrees = sweeps.default_degrees(n)
    assert degrees.min() >= 2
    assert degrees.max() <= n


def test_rows_are_ordered_and_equal_the_oracle(tmp_path):
    done = sweeps.sweep(20, **SMALL, out=tmp_path / "a.parquet")
    frame = pd.read_parquet(done.path)
    assert (done.rows, done.missing) == (18, 0)
    assert list(frame) == ["n", "sparsity", "p", "seed", "clustering", "path_length"]
    assert frame.sort_values(["sparsity", "p", "seed"]).index.tolist() == list(range(18))
    for row in frame.itertuples():
        graph = ws_flex(row.n, row.sparsity * row.n, row.p, row.seed)
        assert (row.clustering, row.path_length) == (graph.clustering, graph.path_length)
    assert not list(tmp_path.glob("*.parts"))


def test_workers_parts_and_progress_leave_no_trace(tmp_path, capfd):
    for name, workers in (("one", 1), ("four", 4)):
        sweeps.sweep(20, **SMALL, out=tmp_path / name, workers=workers)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "four").read_bytes()
    assert capfd.readouterr().err == ""  # no terminal, no bar


def test_degrees_of_equal_edges_share_graphs(tmp_path):
    # 4.01 and 4.02 both round to 32 edges on 16 nodes.
    sweeps.sweep(16, k=[4.0, 4.01, 4.02, 5.0, 4.0], p=[0.5], seeds=[1], out=tmp_path / "a.parquet")
    frame = pd.read_parquet(tmp_path / "a.parquet")
    assert frame["sparsity"].tolist() == [k / 16 for k in (4.0, 4.01, 4.02, 5.0, 4.0)]
    expected = [ws_flex(16, k, 0.5, 1).clustering for k in (4.0, 4.01, 4.02, 5.0, 4.0)]
    assert frame["clustering"].tolist() == expected


def test_missing_graphs_are_null_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(grid, "TRIES", 1)
    done = sweeps.sweep(40, k=[2.0, 8.0], p=[1.0], seeds=range(10), out=tmp_path / "a.parquet")
    frame = pd.read_parquet(done.path)
    assert 0 < done.missing < 10
    assert frame["clustering"].isna().sum() == frame["path_length"].isna().sum() == done.missing
    assert frame["clustering"][10:].notna().all()


def test_a_finished_sweep_is_left_alone(tmp_path):
    out = tmp_path / "a.parquet"
    first = sweeps.sweep(20, **SMALL, out=out)
    before = out.stat().st_mtime_ns
    assert sweeps.sweep(20, **SMALL, out=out) == first
    assert out.stat().st_mtime_ns == before
    with pytest.raises(UserError, match="holds something else"):
        sweeps.sweep(21, **SMALL, out=out)
    out.write_text("not a sweep")
    with pytest.raises(UserError, match="holds something else"):
        sweeps.sweep(20, **SMALL, out=out)


def test_parts_of_another_grid_are_refused(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "_join", stop)
        with pytest.raises(KeyboardInterrupt):
            sweeps.sweep(20, **SMALL, out=tmp_path / "a.parquet")
    with pytest.raises(UserError, match="another grid"):
        sweeps.sweep(20, k=[4.0], p=[0.0], out=tmp_path / "a.parquet")
    assert sweeps.sweep(20, **SMALL, out=tmp_path / "a.parquet").rows == 18
    (tmp_path / "b.parquet.parts").mkdir()
    (tmp_path / "b.parquet.parts" / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="in the way"):
        sweeps.sweep(20, **SMALL, out=tmp_path / "b.parquet")


CHILD = """
import sys
from graph2nn.graphs import ws_flex_sweep as sweeps
sweeps.PART_ROWS = 2_000
k, p = [3 + i / 4 for i in range(120)], [j / 30 for j in range(31)]
sweeps.sweep(40, k=k, p=p, seeds=range(20), out=sys.argv[1])
"""


def test_killed_at_random_and_resumed_the_file_is_the_same(tmp_path):
    whole, torn = tmp_path / "whole.parquet", tmp_path / "torn.parquet"
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", CHILD, whole], check=True)
    took = time.monotonic() - start
    killed = 0
    for _ in range(8):
        if killed == 2 or (killed and torn.exists()):
            break
        torn.unlink(missing_ok=True)  # on a loaded machine a child may end before it is killed
        child = subprocess.Popen([sys.executable, "-c", CHILD, torn])
        parts = torn.with_name(torn.name + ".parts")
        before = len(list(parts.glob("*")))
        while child.poll() is None and len(list(parts.glob("*"))) < before + 3:
            time.sleep(0.005)
        time.sleep(random.uniform(0, took / 10))
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
    assert killed  # otherwise nothing was tested
    subprocess.run([sys.executable, "-c", CHILD, torn], check=True)
    assert torn.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["torn.parquet", "whole.parquet"]


def command_of(out, degrees, start, say):
    stderr = io.StringIO()
    start.wait()
    with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(
            ["graphs", "sweep", "-n", "12", "--degrees", degrees, "--probabilities", "3", "-o", out]
        )
    say.put((code, stderr.getvalue()))


@pytest.mark.parametrize("degrees", [("4", "4"), ("4", "5")], ids=["the same grid", "two grids"])
def test_two_sweeps_of_one_file_at_once(degrees, tmp_path):
    """The same grid: both end well. Two grids: one wins with its own rows, the other says so in one line."""
    fork = multiprocessing.get_context("fork")
    alone = set()
    for each in degrees:
        file = tmp_path / f"alone{each}.parquet"
        assert cli.main(f"graphs sweep -n 12 --degrees {each} --probabilities 3 -o {file}".split()) == 0
        alone.add(file.read_bytes())
    for turn in range(2):
        out, start, say = tmp_path / f"{turn}.parquet", fork.Barrier(2), fork.Queue()
        sweepers = [fork.Process(target=command_of, args=(str(out), each, start, say)) for each in degrees]
        for sweeper in sweepers:
            sweeper.start()
        ends = sorted(say.get() for _ in sweepers)
        for sweeper in sweepers:
            sweeper.join()
        assert out.read_bytes() in alone
        assert [code for code, _ in ends] == ([0, 0] if len(alone) == 1 else [0, 2])
        assert [said.count("\n") for _, said in ends] == [code // 2 for code, _ in ends]
    assert not list(tmp_path.glob("*.parts"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"nodes": 1}, "nodes = 1"),
        ({"nodes": 20, "k": [1.5]}, "k = 1.5 lies outside"),
        ({"nodes": 20, "k": []}, "k is empty"),
        ({"nodes": 20, "p": [0.5, 1.01]}, "p = 1.01 lies outside"),
        ({"nodes": 20, "p": [float("nan")]}, "p = nan lies outside"),
        ({"nodes": 20, "seeds": [-1]}, "seeds = -1 lies outside"),
    ],
)
def test_wrong_grids_are_named(tmp_path, arguments, complaint):
    with pytest.raises(UserError, match=complaint):
        sweeps.sweep(**arguments, out=tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path, capsys):
    out = tmp_path / "a.parquet"
    small = ["--degrees", "4", "--probabilities", "3", "--seeds", "2", "--k-max", "9", "--out", str(out)]
    assert cli.main(["graphs", "sweep", "--nodes", "20", *small]) == 0
    assert "24 graphs" in capsys.readouterr().out
    assert np.isclose(pd.read_parquet(out)["sparsity"].max() * 20, 9)
    assert cli.main(["graphs", "sweep", "--nodes", "1", "--out", str(out)]) == 2
    assert "nodes = 1" in capsys.readouterr().err

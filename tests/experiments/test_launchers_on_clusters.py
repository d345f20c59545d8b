"""Ray and SLURM, the real ones, on this machine: nodes are lost, jobs pre-empted, and every run is done."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import ray_cluster
import slurm_cluster
from tiny_sweep import COMMAND, assert_equal, attempts
from waiting import patience, wait_for

from graph2nn.cli import main
from graph2nn.results.failures import failed_runs
from graph2nn.results.run_folder import finished_runs

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The forty runs, trained here one by one."""
    out = tmp_path_factory.mktemp("local")
    assert main([*COMMAND, "--out", str(out), "--threads", "1"]) == 0
    return out


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setenv("GRAPH2NN_HEARTBEAT", "1")


def begin(out, *options):
    command = [sys.executable, "-m", "graph2nn", *COMMAND, "--out", str(out), *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def reach(sweep, out, count):
    """Wait until this many runs have finished."""

    def there():
        assert sweep.poll() is None, sweep.communicate()[1]
        return len(finished_runs(out)) >= count

    wait_for(there, f"{count} runs have finished", 200)


def check(out, local, cut_off, most):
    """All forty runs are there, with the numbers of the local launcher; what was cut off was started again.

    Args:
        out: folder of the sweep.
        local: that of the local launcher.
        cut_off: number of runs that were cut off for certain.
        most: and at most.
    """
    assert failed_runs(out) == {}
    started = attempts(out)
    assert len(started) == 40
    assert 0 < cut_off <= sum(started.values()) - 40 <= most, started
    assert not list((out / ".claims").iterdir())
    assert_equal(local, out)


def test_ray_loses_a_node_and_all_runs_are_done(local, often, tmp_path):
    """Two nodes with room for two runs each; the second one is killed half-way, with the runs it has."""
    pytest.importorskip("ray", reason="Ray is not installed (the cluster extra)")
    # Its sockets need short paths, which pytest's are not.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    try:
        with ray_cluster.cluster(folder) as ray:
            sweep = begin(tmp_path, "--launcher", "ray", "--address", ray.address)
            try:
                reach(sweep, tmp_path, 20)
                cut_off = ray.lose(tmp_path)
                said = sweep.communicate(timeout=patience(400))[1]
            finally:
                sweep.kill()
            assert sweep.returncode == 0, said
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    check(tmp_path, local, cut_off, most=2)


def test_slurm_preempts_a_job_and_loses_a_node_and_all_runs_are_done(local, often, tmp_path, monkeypatch):
    """Four jobs of an array on two nodes; one is pre-empted and queued again, then a node is lost with two."""
    pytest.importorskip("submitit", reason="submitit is not installed (the cluster extra)")
    if reason := slurm_cluster.why_not():
        pytest.skip(reason)
    out = tmp_path / "out"
    with slurm_cluster.cluster(tmp_path / "slurm") as slurm:
        for name, value in slurm.environment.items():
            monkeypatch.setenv(name, value)
        sweep = begin(out, "--launcher", "slurm", "--jobs", "4")
        try:
            reach(sweep, out, 5)
            queued = slurm.run("squeue", "--noheader", "--states=R", "--format=%N %F_%K").splitlines()
            jobs = dict(line.split() for line in queued)  # the last of each node
            slurm.run("scancel", "--signal=USR2", jobs["n1"])
            reach(sweep, out, 12)
            cut_off = slurm.lose("n2", out)
            said = sweep.communicate(timeout=patience(400))[1]
        finally:
            sweep.kill()
        assert sweep.returncode == 0, said
        assert "Restarts=1" in slurm.run("scontrol", "show", "job", jobs["n1"])
    check(out, local, cut_off, most=3)

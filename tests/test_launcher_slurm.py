"""The SLURM launcher against a real scheduler: arrays, pre-emption, a lost node."""

from __future__ import annotations

import subprocess
import sys

import pytest
from slurm_cluster import cluster, wait_for, why_not
from tiny_sweep import COMMAND, assert_equal, attempts

from graph2nn.cli import main
from graph2nn.experiments.claims import holders
from graph2nn.experiments.failures import failed_runs
from graph2nn.experiments.results import finished_runs

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    pytest.importorskip("submitit", reason="submitit is not installed (the cluster extra)")
    if reason := why_not():
        pytest.skip(reason)
    with cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def test_a_job_is_preempted_a_node_is_lost_and_all_runs_are_done(slurm, tmp_path, monkeypatch):
    """Four jobs of an array on two nodes share forty runs; one is pre-empted, a node loses power with its two.

    The runs that were cut off are begun anew, every other once, and the table is the local launcher's.
    """
    for name, value in {**slurm.environment, "GRAPH2NN_HEARTBEAT": "1"}.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "slurm"
    command = [
        sys.executable,
        "-m",
        "graph2nn",
        *COMMAND,
        "--out",
        str(out),
        "--launcher",
        "slurm",
        "--jobs",
        "4",
    ]
    sweep = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: len(finished_runs(out)) >= 5, 200, "five runs have finished")
        queued = slurm.run("squeue", "--noheader", "--states=R", "--format=%N %F_%K").splitlines()
        jobs = dict(line.split() for line in queued)  # the last of each node
        slurm.run("scancel", "--signal=USR2", jobs["n1"])
        wait_for(lambda: len(finished_runs(out)) >= 12, 200, "twelve runs have finished")
        owned = {seen.owner.pid for seen in holders(out).values()}
        lost = owned & set(slurm.lose("n2"))
        said = sweep.communicate(timeout=400)[1]
    finally:
        sweep.kill()
    assert sweep.returncode == 0, said
    assert lost, "the node had no runs to lose"
    assert failed_runs(out) == {}
    begun = attempts(out)
    assert len(begun) == 40
    assert 40 + len(lost) <= sum(begun.values()) <= 40 + len(lost) + 1, begun
    requeued = slurm.run("scontrol", "show", "job", jobs["n1"])
    assert "Restarts=1" in requeued
    assert main([*COMMAND, "--out", str(tmp_path / "local"), "--threads", "1"]) == 0
    assert_equal(tmp_path / "local", out)

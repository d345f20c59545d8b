"""Launchers killed at random, and several at once: in the end each run is there once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_sweep
from tiny_sweep import assert_equal, attempts
from waiting import patience

from graph2nn.results.failures import failed_runs
from graph2nn.results.run_folder import finished_runs

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="launchers are started as forks")


def sweep(out, launchers, kills, seed=0, seeds=1):
    """Have this many launchers share the sweep of ten runs per seed; return how many kills met a run."""
    command = [sys.executable, tiny_sweep.__file__, out, launchers, kills, seed, seeds]
    ended = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=patience(500), check=False
    )
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    sweep(out, launchers=1, kills=0)
    assert len(finished_runs(out)) == 10
    return out


def check_kills(undisturbed, out, kills, seeds):
    """Two launchers, one of them killed at each of several random moments and replaced."""
    met = sweep(out, launchers=2, kills=kills, seed=1, seeds=seeds)
    assert 2 * met >= kills, "the kills missed the runs"
    assert failed_runs(out) == {}
    assert_equal(undisturbed, out)
    started = attempts(out)
    assert 10 * seeds < sum(started.values()) <= 10 * seeds + kills, started


def test_kills_change_nothing(undisturbed, tmp_path):
    check_kills(undisturbed, tmp_path, kills=4, seeds=1)


@pytest.mark.slow
def test_many_kills_change_nothing(tmp_path):
    sweep(tmp_path / "undisturbed", launchers=1, kills=0, seeds=3)
    check_kills(tmp_path / "undisturbed", tmp_path / "killed", kills=20, seeds=3)


def test_three_launchers_do_each_run_exactly_once(undisturbed, tmp_path):
    sweep(tmp_path, launchers=3, kills=0)
    assert_equal(undisturbed, tmp_path)
    assert set(attempts(tmp_path).values()) == {1}
    left = [path for name in (".claims", ".unfinished") for path in Path(tmp_path / name).iterdir()]
    assert left == []

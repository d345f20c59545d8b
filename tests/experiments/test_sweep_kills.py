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


def sweep(out, launchers, kills, seed=0):
    """Have this many launchers share the sweep of thirty runs; return how many kills met a run."""
    command = [sys.executable, tiny_sweep.__file__, out, launchers, kills, seed]
    ended = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=patience(500), check=False
    )
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    sweep(out, launchers=1, kills=0)
    assert len(finished_runs(out)) == 30
    return out


@pytest.mark.parametrize("kills", [7, pytest.param(20, marks=pytest.mark.slow)])
def test_kills_change_nothing(undisturbed, tmp_path, kills):
    """Two launchers, one of them killed at each of several random moments and replaced."""
    met = sweep(tmp_path, launchers=2, kills=kills, seed=1)
    assert 2 * met > kills, "the kills missed the runs"
    assert failed_runs(tmp_path) == {}
    assert_equal(undisturbed, tmp_path)
    started = attempts(tmp_path)
    assert 30 < sum(started.values()) <= 30 + kills, started


def test_three_launchers_do_each_run_exactly_once(undisturbed, tmp_path):
    sweep(tmp_path, launchers=3, kills=0)
    assert_equal(undisturbed, tmp_path)
    assert set(attempts(tmp_path).values()) == {1}
    left = [path for name in (".claims", ".unfinished") for path in Path(tmp_path / name).iterdir()]
    assert left == []

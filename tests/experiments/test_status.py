"""Status: what is done, running, failed and left, from the folder alone."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from lease_files import ELSEWHERE, lease_of
from tiny_sweep import configs

from graph2nn.cli import main
from graph2nn.cli.status import duration
from graph2nn.data.registry import load_dataset
from graph2nn.errors import UserError
from graph2nn.experiments.launchers import launch
from graph2nn.experiments.status import status
from graph2nn.experiments.sweep_file import write_sweep_file
from graph2nn.results import failures


@pytest.fixture
def sweep(tmp_path):
    """Thirty runs planned; two done, one failed, one running elsewhere, one interrupted, one that died."""
    data = load_dataset("digits")
    runs = configs(data)
    launch(runs[:2], data, tmp_path)
    write_sweep_file(tmp_path, {run.folder: run for run in runs}, {})
    failures.record_failure(tmp_path, runs[2], "line one\nMemoryError: all full", 3)
    lease_of(ELSEWHERE, tmp_path, runs[3].folder)
    for number, run in enumerate(runs[4:6]):
        lease_of(ELSEWHERE, tmp_path, run.folder, silence=1000)
        folder = tmp_path / ".unfinished" / run.folder
        folder.mkdir(parents=True)
        (folder / ("checkpoint.pt" if number == 0 else "metrics.csv")).touch()
    return tmp_path, runs


def test_everything_is_counted_once(sweep):
    out, runs = sweep
    found = status(out)
    assert (found.planned, found.done, found.waiting) == (30, 2, 25)
    assert [each.run for each in found.running] == [runs[3].folder]
    assert (found.running[0].host, found.running[0].pid) == ("far", 1)
    assert found.interrupted == (runs[4].folder,)
    assert [(each.run, each.error, each.attempts) for each in found.failed] == [
        (runs[2].folder, "MemoryError: all full", 3)
    ]
    # Twenty-six to begin and one started just now, one at a time.
    assert found.seconds_left == pytest.approx(27 * found.seconds_a_run, rel=0.05)


def test_a_run_under_way_counts_for_what_is_left_of_it(sweep):
    out, runs = sweep
    just_started = status(out)
    folder = out / ".unfinished" / runs[3].folder
    folder.mkdir(parents=True)
    begun = (datetime.now(timezone.utc) - timedelta(hours=1)).isoformat()
    (folder / "attempts.jsonl").write_text(json.dumps({"begun": begun}) + "\n")
    found = status(out)
    assert found.running[0].seconds == pytest.approx(3600, abs=600)
    # Longer than the mean of the others by far: it is about to end.
    assert found.seconds_left == pytest.approx(just_started.seconds_left - just_started.seconds_a_run)


def test_two_workers_need_half_the_time_of_one(sweep):
    out, runs = sweep
    alone = status(out)
    lease_of(ELSEWHERE, out, runs[6].folder)
    both = status(out)
    assert len(both.running) == 2
    assert both.seconds_left == pytest.approx(alone.seconds_left / 2, rel=0.05)


def test_for_people_and_for_scripts(sweep, capsys):
    out, runs = sweep
    assert main(["status", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "2 of 30 runs done, 1 running, 1 failed, 26 waiting (1 from a checkpoint). Time left: "
    )
    assert "MemoryError: all full" in said
    assert f"graph2nn retry {out}" in said
    assert main(["status", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["failed"][0]["run"] == runs[2].folder
    assert found["running"][0]["host"] == "far"


def test_retry_is_advised_only_where_it_can_help(sweep, capsys):
    out, runs = sweep
    failures.record_failure(out, runs[7], UserError("graph 'x' has 900 nodes"), 1)
    assert main(["status", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of them were refused, and will be again: change what the error names first." in said
    assert f"Try the others again: graph2nn retry {out}" in said
    failures.clear(out, runs[2].folder)
    assert main(["status", str(out)]) == 0
    said = capsys.readouterr().out
    assert "They were refused" in said
    assert "graph2nn retry" not in said
    assert failures.failure_of(out, runs[7].folder).refused


def test_a_folder_without_runs_is_named(tmp_path, capsys):
    assert main(["status", str(tmp_path / "no")]) == 2
    assert "holds no runs" in capsys.readouterr().err


def test_nothing_is_written_by_looking(sweep):
    out, _ = sweep
    before = sorted(out.rglob("*"))
    status(out)
    assert sorted(out.rglob("*")) == before


@pytest.mark.parametrize(
    ("seconds", "says"), [(0.4, "0 s"), (42, "42 s"), (150, "2 min"), (4000, "1 h 7 min"), (200000, "2 d 7 h")]
)
def test_durations(seconds, says):
    assert duration(seconds) == says

"""Run folders between attempts: what a run leaves to the next one, and what it can no longer spoil."""

from __future__ import annotations

import json
import os

import pandas as pd
import pytest
from lease_files import ELSEWHERE, lease_of

from graph2nn.errors import UserError
from graph2nn.preemption import REQUEUE_EXIT_CODE
from graph2nn.results import run_folder
from graph2nn.results.leases import LostError, TakenError, holder
from graph2nn.results.run_folder import resumable, writing
from graph2nn.training.loop import Epoch


def epoch(number, error=50.0):
    return Epoch(number, 0.1, 1.0, error, 1.0, error, 10.0, 0.5)


def numbers(folder):
    return pd.read_csv(folder.path / "metrics.csv")["epoch"].tolist()


def test_a_run_with_a_checkpoint_is_handed_on_and_goes_on_from_its_epoch(tmp_path):
    """The first attempt saves after epoch 2, writes epoch 3 and half of a fourth, and is told to make room."""

    def train(folder):
        for number in (1, 2, 3):
            folder.append(epoch(number))
        with (folder.path / "metrics.csv").open("a") as stream:
            stream.write("4,0.1,0.")
        (folder.path / "checkpoints").mkdir()
        (folder.path / "checkpoints" / "2.pt").write_text("weights")
        raise SystemExit(REQUEUE_EXIT_CODE)

    with pytest.raises(SystemExit) as stop, writing(tmp_path, "run") as first:
        train(first)
    assert stop.value.code == REQUEUE_EXIT_CODE == 85
    assert resumable(tmp_path, "run")
    assert not holder(tmp_path, "run").alive
    with writing(tmp_path, "run") as second:
        assert second.path == first.path == tmp_path / ".unfinished" / "run"
        assert (second.path / "checkpoints" / "2.pt").read_text() == "weights"
        second.append(epoch(3, error=40.0))
        second.append(epoch(4))
        assert numbers(second) == [1, 2, 3, 4]
        assert pd.read_csv(second.path / "metrics.csv")["test_error"].tolist() == [50.0, 50.0, 40.0, 50.0]
        second.write_result({"seed": 1})
    folder = tmp_path / "runs" / "run"
    attempts = [json.loads(line) for line in (folder / "attempts.jsonl").read_text().splitlines()]
    assert [attempt["attempt"] for attempt in attempts] == [1, 2]
    assert attempts[0]["pid"] == os.getpid()
    assert not list((tmp_path / ".claims").iterdir())


@pytest.mark.parametrize("error", [SystemExit(REQUEUE_EXIT_CODE), KeyboardInterrupt(), MemoryError("full")])
def test_a_run_without_a_checkpoint_begins_empty(tmp_path, error):
    def train(folder):
        folder.append(epoch(1))
        (folder.path / ".123-checkpoint.pt").write_text("half")
        raise error

    with pytest.raises(type(error)), writing(tmp_path, "run") as folder:
        train(folder)
    assert not resumable(tmp_path, "run")
    with writing(tmp_path, "run") as folder:
        assert folder.lease.attempt == 2
        folder.append(epoch(1))
        assert numbers(folder) == [1]


def test_what_a_killed_attempt_wrote_without_a_checkpoint_is_dropped(tmp_path):
    left = tmp_path / ".unfinished" / "run"
    left.mkdir(parents=True)
    (left / "metrics.csv").write_text("epo")
    (left / "config.yaml").write_text("half")
    lease_of(ELSEWHERE, tmp_path, silence=1000)
    with writing(tmp_path, "run") as folder:
        assert [entry.name for entry in folder.path.iterdir()] == ["attempts.jsonl"]


def test_a_head_that_was_cut_off_is_written_again(tmp_path):
    with writing(tmp_path, "run") as folder:
        (folder.path / "metrics.csv").write_text("epoch,l")
        folder.append(epoch(1))
        assert numbers(folder) == [1]


def test_nobody_else_writes_a_run_that_is_being_written(tmp_path):
    lease_of(ELSEWHERE, tmp_path)
    with (
        pytest.raises(TakenError, match="run run is being trained by process 1 on far"),
        writing(tmp_path, "run"),
    ):
        pass
    assert issubclass(TakenError, UserError)


def test_a_sleeper_spoils_nothing_of_its_rival(tmp_path):
    """An owner that was taken for dead wakes up before any of its writes: each is refused, and the last too."""

    def train(folder):
        folder.append(epoch(1))
        lease_of(ELSEWHERE, tmp_path, attempt=2)
        (folder.path / "checkpoint.pt").write_text("of the rival")
        for write in (
            lambda: folder.append(epoch(2)),
            lambda: folder.write_result({}),
            lambda: folder.write_config(None),
        ):
            with pytest.raises(LostError):
                write()

    with pytest.raises(LostError), writing(tmp_path, "run") as folder:
        train(folder)
    assert not (tmp_path / "runs" / "run").exists()
    assert (tmp_path / ".unfinished" / "run" / "checkpoint.pt").read_text() == "of the rival"
    assert numbers(folder) == [1]


def test_a_run_that_was_about_to_get_its_name_is_taken_up(tmp_path):
    """Killed between the two renames of its end: the next attempt finds the checkpoint all the same."""
    left = tmp_path / ".unfinished" / "run@1"
    left.mkdir(parents=True)
    (left / "checkpoint.pt").write_text("weights")
    lease_of(ELSEWHERE, tmp_path, silence=1000)
    with writing(tmp_path, "run") as folder:
        assert (folder.path / "checkpoint.pt").read_text() == "weights"


def test_a_finished_run_stays_as_it_is(tmp_path):
    for winner in ("first", "second"):
        with writing(tmp_path, "same") as folder:
            folder.write_result({"winner": winner})
    assert json.loads((tmp_path / "runs" / "same" / "result.json").read_text()) == {"winner": "first"}
    assert not list((tmp_path / ".unfinished").iterdir())
    assert run_folder.finished_runs(tmp_path) == {"same"}

"""A run in its folder: interrupted, it goes on there, and its files are those of an undisturbed one."""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass, field

import pandas as pd
import pytest
import torch
from resuming import command, in_a_process
from safetensors.torch import load_file
from waiting import patience, wait_for

from graph2nn.data.registry import load_dataset
from graph2nn.experiments import GraphSpec, build, plan, preset
from graph2nn.experiments import run as runs
from graph2nn.experiments.callbacks import Watch
from graph2nn.experiments.run import execute, train_in_folder
from graph2nn.results import run_folder
from graph2nn.results.runs_table import write_curves
from graph2nn.training import Preempted, Saving

SETTINGS = ("recipe.epochs=4", "recipe.batch_size=256", "recipe.precise_bn=256")
NEVER = Saving(seconds=1e9)
#: 1,442 images: five batches per epoch.
BATCHES = 5


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def config_of(digits, graph=None, seed=1, settings=SETTINGS):
    return plan(preset("mlp-digits"), [graph], [seed], data=digits.label, settings=settings)[0]


@dataclass
class Notes:
    """A logger that remembers."""

    said: list = field(default_factory=list)

    def begin(self, config, epochs):
        self.said.append(("begin", epochs))

    def log(self, epoch, values):
        assert not any(math.isnan(value) for value in values.values())
        self.said.append((epoch, sorted(values)))

    def end(self, status):
        self.said.append(("end", status))


@dataclass
class Folder(run_folder.RunFolder):
    """A folder as an interrupted run leaves it: one place, whoever writes there."""

    def __init__(self, path):
        path.mkdir(exist_ok=True)
        self.path = path
        self.lease = self
        self._appended = False

    def check(self):
        """Nobody else writes here."""


def attempt(path, config, digits, **how):
    return train_in_folder(Folder(path), config, build(config, digits), digits, **how)


def after(batches):
    left = iter(range(batches - 1))
    return lambda: None if next(left, None) is not None else "enough"


def curves(path):
    return pd.read_csv(path / "metrics.csv").drop(columns="seconds")


def test_an_interrupted_run_leaves_what_an_undisturbed_one_does(digits, tmp_path):
    config = config_of(digits, GraphSpec.of_ws_flex(64, 0.2, 0.3, 1))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = attempt(whole, config, digits)
    logger = Notes()
    for batches in (BATCHES + 3, BATCHES, 4):
        how = {"saving": NEVER, "stop": after(batches), "watch": Watch(loggers=(logger,))}
        with pytest.raises(Preempted):
            attempt(parts, config, digits, **how)
    # A machine that died wrote one more epoch than its checkpoint has; it happens again, and stands there once.
    with (parts / "metrics.csv").open("a") as stream:
        stream.write("3,9,9,9,9,9,9,9\n4,9,9")
    found = attempt(parts, config, digits, watch=Watch(loggers=(logger,)))
    pd.testing.assert_frame_equal(curves(parts), curves(whole))
    for key in ("test_error", "test_loss", "train_loss", "epochs", "macs"):
        assert found[key] == expected[key]
    weights = [load_file(path / "weights.safetensors") for path in (whole, parts)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert sorted(path.name for path in parts.iterdir()) == sorted(path.name for path in whole.iterdir())
    started = [epochs for what, epochs in logger.said if what == "begin"]
    assert started == sorted(started)
    assert started[0] == 0
    assert [what for what, _ in logger.said if isinstance(what, int)] == [1, 2, 3, 4]
    assert [status for what, status in logger.said if what == "end"] == ["interrupted"] * 3 + ["finished"]


def test_the_command_killed_and_repeated_ends_with_the_same_files(tmp_path):
    """SIGKILL once it has trained some epochs, twice; the third time it ends."""
    argv = ["train", "mlp-digits", "--set", "recipe.epochs=30", "--threads", "1", "--checkpoint-every", "0.05s"]
    for out, kills in ((tmp_path / "whole", 0), (tmp_path / "parts", 2)):
        for kill in range(kills + 1):
            process = in_a_process(command, *argv, "--out", str(out))
            if kill < kills:
                lines = 5 * (kill + 1)
                wait_for(
                    lambda lines=lines, out=out: lines_of_metrics(out) > lines,
                    f"{lines} lines",
                    alive=process.is_alive,
                    pause=0.005,
                )
                process.kill()
            process.join(patience(60))
            assert process.exitcode == (-signal.SIGKILL if kill < kills else 0)
    (whole,), (parts,) = ((tmp_path / name / "runs").iterdir() for name in ("whole", "parts"))
    assert (parts / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    pd.testing.assert_frame_equal(curves(parts), curves(whole))
    assert not (parts / "checkpoints").exists()


def lines_of_metrics(out):
    return sum(len(path.read_text().splitlines()) for path in out.glob(".unfinished/*/metrics.csv"))


def test_checkpoints_are_deleted_unless_all_are_kept(digits, tmp_path):
    config = config_of(digits)
    attempt(tmp_path / "a", config, digits, saving=Saving(seconds=0, epochs=1))
    assert not (tmp_path / "a" / "checkpoints").exists()
    attempt(tmp_path / "b", config, digits, saving=Saving(seconds=0, epochs=1, keep=None))
    names = sorted(path.name for path in (tmp_path / "b" / "checkpoints").iterdir())
    assert names == [f"epoch{epoch}-batch0.pt" for epoch in (1, 2, 3)]  # the fourth are the weights


def test_loggers_hear_of_all_endings(digits, tmp_path):
    def fail(epoch):
        raise RuntimeError("the callback's own")

    failing, diverging = Notes(), Notes()
    with pytest.raises(RuntimeError, match="the callback's own"):
        execute(config_of(digits), digits, tmp_path, watch=Watch(fail, loggers=(failing,)))
    execute(
        config_of(digits, settings=("recipe.epochs=3", "recipe.lr=1.0e+30", "recipe.batch_size=64")),
        digits,
        tmp_path,
        watch=Watch(loggers=(diverging,)),
    )
    assert failing.said[-1] == ("end", "failed")
    assert diverging.said[-1] == ("end", "diverged")


def test_the_graphs_of_the_weights_are_logged_if_asked_for(digits, tmp_path):
    logger = Notes()
    config = config_of(digits, GraphSpec.of_ws_flex(64, 0.2, 0.3, 1), settings=(*SETTINGS, "recipe.epochs=1"))
    execute(config, digits, tmp_path, watch=Watch(loggers=(logger,), log_graphs=0.3))
    names = dict(logger.said)[1]
    assert {
        "graph/hidden.0.0.weight/clustering_directed",
        "graph/hidden.0.0.weight/path_length_directed",
    } <= set(names)
    assert {"train/loss", "test/error", "test/error_top5", "lr", "seconds"} <= set(names)


def test_a_scheduler_that_pauses_is_answered_by_default(digits, tmp_path, monkeypatch):
    """Without a ``stop`` of its own, a run listens to signals; without checkpoints it leaves them alone."""
    heard = []
    monkeypatch.setattr(runs, "signals_caught", lambda: heard.append(1) or pytest.fail("listens"))
    execute(config_of(digits, seed=2), digits, tmp_path, saving=Saving(seconds=0))
    execute(config_of(digits, seed=3), digits, tmp_path, stop=lambda: None)
    assert not heard
    with pytest.raises(pytest.fail.Exception):
        execute(config_of(digits, seed=4), digits, tmp_path)


def test_curves_are_added_to_and_not_read_again(digits, tmp_path):
    settings = (*SETTINGS, "recipe.eval_every=3")
    for seed in (1, 2):
        execute(config_of(digits, seed=seed, settings=settings), digits, tmp_path)
        table = pd.read_parquet(write_curves(tmp_path))
        assert len(table) == 4 * seed
    assert list(table["test_error"].isna()) == [True, True, False, False] * 2
    first = config_of(digits, seed=1, settings=settings).folder
    (tmp_path / "runs" / first / "metrics.csv").write_text("not read again")
    pd.testing.assert_frame_equal(pd.read_parquet(write_curves(tmp_path)), table)

"""What a person sees of a training: a live line in a terminal, plain lines in a log."""

from __future__ import annotations

import io
import math
import re

import pytest
from rich.console import Console

from graph2nn.cli import main, train_progress, train_runs
from graph2nn.cli.train_progress import live
from graph2nn.cli.train_runs import summary
from graph2nn.experiments import plan, preset
from graph2nn.training import Epoch
from graph2nn.training.epoch import EpochProgress

CONFIGS = plan(preset("mlp-digits"), [None], [1, 2], data="digits", settings=("recipe.epochs=3",))


def watched(monkeypatch, *, terminal, argv=(), width=140):
    """Everything that ``graph2nn train`` says."""
    screen = Console(
        file=io.StringIO(), force_terminal=terminal, width=width, highlight=False, color_system=None
    )
    monkeypatch.setattr(train_runs, "live", lambda *args, **how: live(*args, screen=screen, **how))
    monkeypatch.setattr(train_progress, "REFRESH", 0.0)
    code = main(["train", "mlp-digits", "--set", "recipe.epochs=2", "--set", "recipe.eval_every=2", *argv])
    assert code == 0
    return screen.file.getvalue()


def test_a_log_has_a_line_an_epoch_and_no_bar(monkeypatch, tmp_path):
    text = watched(monkeypatch, terminal=False, argv=["--out", str(tmp_path), "--threads", "1"])
    lines = text.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(
        r"baseline seed 1  epoch   1/2  rate 0\.0500  loss \d\.\d{4}  train error +\d+\.\d\d %"
        r"  not evaluated  [\d.]+ s",
        lines[0],
    )
    assert "test error" in lines[1]


def test_a_log_has_a_line_every_so_many_batches_if_asked(monkeypatch, tmp_path):
    argv = ["--out", str(tmp_path), "--threads", "1", "--log-every", "10"]
    lines = watched(monkeypatch, terminal=False, argv=argv).splitlines()
    batches = [line for line in lines if "batch" in line]
    assert [re.search(r"batch (\d+)/22 of epoch (\d)/2", line).groups() for line in batches] == [
        ("10", "1"), ("20", "1"), ("10", "2"), ("20", "2"),
    ]  # fmt: skip
    assert re.search(r"loss \d\.\d{4}  error +\d+\.\d\d %  [\d,]+ img/s  0:00:\d\d left$", batches[0])


def test_a_run_that_diverges_says_so(monkeypatch, tmp_path):
    argv = ["--out", str(tmp_path), "--threads", "1", "--set", "recipe.lr=1e30"]
    lines = watched(monkeypatch, terminal=False, argv=argv).splitlines()
    assert [line.partition(":")[0] for line in lines if "diverged" in line] == ["baseline seed 1  diverged"]


@pytest.mark.parametrize("width", [80, 140])
def test_a_terminal_has_a_live_line_too(width, monkeypatch, tmp_path):
    """Name, epoch, loss, error, images a second and time left, also where the terminal is narrow."""
    argv = ["--out", str(tmp_path), "--threads", "1"]
    text = watched(monkeypatch, terminal=True, argv=argv, width=width)
    numbers = r"epoch \d/2  loss \d\.\d{4}  error +\d+\.\d\d %  [\d,]+ img/s"
    assert re.search(rf"baseline\S* .*{numbers} [━╸╺ ]{{10}} \d:\d\d:\d\d", text)


def test_the_bar_spans_all_seeds_and_starts_where_a_checkpoint_is():
    with live(CONFIGS, 1442, screen=Console(file=io.StringIO(), width=200)) as shown:
        task = shown.bar.tasks[0]
        assert task.total == 2 * 3 * 22
        shown.begin(CONFIGS[0])
        shown.on_start([], EpochProgress())
        shown.begin(CONFIGS[1])
        assert task.completed == 3 * 22
        numbers = dict.fromkeys(("lr", "train_loss", "train_error", "test_loss", "test_error"), 1.0)
        epoch = Epoch(1, **numbers, test_error_top5=0.0, seconds=1.0)
        shown.on_start([epoch], EpochProgress(epoch=2, batches=5))
        assert task.completed == 3 * 22 + 22 + 5
        shown.on_epoch(Epoch(2, **numbers, test_error_top5=math.nan, seconds=1.0))
        assert task.completed == 3 * 22 + 44
    said = shown.screen.file.getvalue()
    assert "baseline seed 2  going on from its checkpoint at epoch 2, batch 6/22" in said


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        ([1.0, 3.0], "Test error 2.00 ± 1.41 % over 2 seeds."),
        ([1.0, 3.0, None], "Test error 2.00 ± 1.41 % over 2 seeds, 1 diverged."),
        ([None, None], "All 2 seeds diverged."),
    ],
)
def test_seeds_are_summed_up(errors, says):
    assert summary([{"test_error": error} for error in errors]) == says


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--checkpoint-every", "often"], "--checkpoint-every: 'often' is not an interval; write 5m"),
        (["--log-graphs", "2"], "density"),
        (["--seeds", "0"], "--seeds '0'"),
        (["--log-every", "-1"], "--log-every '-1'"),
    ],
)
def test_wrong_options_are_one_line(argv, says, capsys, tmp_path):
    command = ["train", "mlp-digits", "--set", "recipe.epochs=1", "--logger", "tensorboard"]
    assert main([*command, *argv, "--out", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]

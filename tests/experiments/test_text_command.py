"""A text file by the command: shown, trained, resumed bit for bit, analysed, continued."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
import torch

import graph2nn as g
from graph2nn.cli import main
from graph2nn.data.own.reader import Options, load_own
from graph2nn.experiments.generation import generate
from graph2nn.preemption import Preempted
from graph2nn.tasks.language_model import LanguageModel
from graph2nn.training import Checkpoints, Recipe, Saving, train

TEXT = "the graph reads the text and the text reads the graph; " * 80
SMALL = ["--set", "recipe.epochs=3", "--set", "model.options.depth=1", "--set", "model.widths=[64]"]
GRAPH = "ws_flex:n=8,sparsity=0.5,p=0.1,seed=1"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "novel.txt").write_text(TEXT)
    return tmp_path


def test_windows_hold_every_byte_once(folder):
    data = load_own("novel.txt", Options(context=32), cache=folder / "cache")
    again = load_own("novel.txt", Options(context=32), cache=folder / "cache")
    start = round(0.7 * len(TEXT))
    train_part = bytes(data.train.images.flatten().tolist())
    assert train_part == TEXT[: len(train_part)].encode()
    assert start - 33 <= len(train_part) < start
    assert bytes(data.train.labels.flatten().tolist()) == TEXT[1 : len(train_part) + 1].encode()
    assert TEXT.encode().find(bytes(data.test.images[0].tolist())) >= 0
    assert (again.label, again.task, again.image_shape) == (data.label, "language", (32,))


def test_bits_per_byte_are_those_of_the_probabilities():
    targets = torch.tensor([[3, 5], [7, 9]])
    task = LanguageModel()
    knowing_nothing = task.measured(task.sums(torch.zeros(2, 2, 256), targets))
    assert math.isclose(knowing_nothing.score, 8, rel_tol=1e-6)
    assert math.isclose(knowing_nothing.others["perplexity"], 256, rel_tol=1e-5)
    outputs = torch.randn(2, 2, 256, generator=torch.Generator().manual_seed(0))
    whole = task.sums(outputs, targets)
    parts = task.sums(outputs[:1], targets[:1]) + task.sums(outputs[1:], targets[1:])
    assert torch.allclose(whole, parts)
    assert math.isclose(float(task.missed(outputs, targets)) / 2, task.measured(whole).score, rel_tol=1e-5)


def test_a_text_is_swept_and_continued(folder, capsys):
    assert main(["data", "show", "novel.txt", "--context", "32", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["score"]) == ("text", "bits per byte")
    words = [
        "--data",
        "novel.txt",
        "--context",
        "32",
        "--select",
        GRAPH,
        "--select",
        "baseline",
        "--seeds",
        "1",
    ]
    assert main(["sweep", "gpt-text", *words, *SMALL]) == 0
    table = pd.read_parquet("runs/runs.parquet")
    assert set(table["score_name"]) == {"bits per byte"}
    assert (table["score"] < 6.5).all()
    assert (table["perplexity"] - 2 ** table["score"]).abs().max() < 1e-3
    assert (table["macs"] / table["target_macs"]).between(0.9, 1.1).all()
    run = folder / "runs" / "runs" / table["run"][0]
    assert generate(run, "the ", length=5, temperature=0) == generate(run, "the ", length=5, temperature=0)
    assert main(["generate", str(run), "--prompt", "the ", "--length", "4"]) == 0
    assert capsys.readouterr().out.startswith("the ")
    assert main(["export", str(run)]) == 2
    assert "--to safetensors" in capsys.readouterr().err


def test_training_on_a_text_resumes_with_the_same_bits(folder):
    data = load_own("novel.txt", Options(context=32), cache=folder / "cache")
    recipe = Recipe(epochs=2, batch_size=16, optimiser="adamw", lr=1e-3, precise_bn=0)

    def network():
        wiring = g.Relational(g.ws_flex(8, 4, 0.1, 1), "masked")
        return g.build_model("gpt", wiring, [32], input_size=(32,), depth=1, dropout=0.1)

    whole, stopped, resumed = network(), network(), network()
    train(whole, data, recipe, seed=1)
    count = iter(range(100))
    with pytest.raises(Preempted):
        train(
            stopped, data, recipe, seed=1, checkpoints=Checkpoints(folder / "ckpt", saving=Saving()),
            stop=lambda: "SIGTERM" if next(count) == 7 else None,
        )  # fmt: skip
    train(resumed, data, recipe, seed=1, checkpoints=Checkpoints(folder / "ckpt", saving=Saving()))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mlp", "--data", "novel.txt"], "is a text; use preset gpt-text"),
        (
            ["gpt-text", "--data", "novel.txt", "--context", "4096"],
            "a smaller --context",
        ),
        (["gpt-text", "--data", "novel.txt", "--context", "1"], "--context 1 lies outside"),
        (["gpt-text", "--data", "novel.txt", "--task", "balanced"], "--task is for classes"),
        (
            ["gpt-text", "--data", "novel.txt", "--target", "y"],
            "these data are a text",
        ),
        (["gpt-text", "--data", "novel.txt", "--set", "recipe.flip=true"], "flip and pad are for images"),
    ],
)
def test_what_does_not_fit_a_text_is_refused_in_one_line(folder, capsys, words, message):
    assert main(["train", *words, *SMALL]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) == 1

"""Translation: padding, loss, searches with a cache, resuming, and the way through the commands."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from sentence_pairs import GERMAN, pair_files

import graph2nn as g
from graph2nn.cli import main
from graph2nn.data.text.sentence_pairs import split_of
from graph2nn.data.text.vocabulary import BEGIN, END, PADDING
from graph2nn.preemption import Preempted
from graph2nn.tasks.decoding import beam, greedy, most_tokens
from graph2nn.tasks.translation import Translation, bleu_of
from graph2nn.training import Checkpoints, Recipe, Saving, train

pytest.importorskip("tokenizers", reason="needs tokenizers, of the extra text")
pytest.importorskip("sacrebleu", reason="needs sacrebleu, of the extra text")
SIZE = {"input_size": (2, 8), "num_classes": 40, "depth": 2, "heads": 2, "pre_norm": True}


def network(seed=0, **options):
    model = g.build_model(
        "translator", g.Relational(g.ws_flex(8, 4, 0.1, 1), "masked"), [16], **SIZE, **options
    )
    model.initialise(torch.Generator().manual_seed(seed))
    return model.eval()


def split(count=9, seed=0):
    draws = torch.Generator().manual_seed(seed)
    sides = [
        [torch.randint(3, 40, (int(size),), generator=draws).tolist() for size in sizes]
        for sizes in torch.randint(1, 9, (2, count), generator=draws)
    ]
    return split_of(*sides, 8)


def test_padding_changes_nothing():
    model, pairs = network(), split()
    padded, _ = pairs.batch(torch.arange(len(pairs)))
    wider = torch.nn.functional.pad(padded, (0, 7))
    for row in range(len(pairs)):
        alone, own = pairs.batch(torch.tensor([row]))
        there = int((own != PADDING).sum())
        expected = model(alone)[0, :there]
        assert torch.allclose(model(padded)[row, :there], expected, atol=1e-5)
        assert torch.allclose(model(wider)[row, :there], expected, atol=1e-5)


def test_the_loss_of_a_batch_is_the_sum_of_its_sentences():
    model, pairs, task = network(), split(), Translation()
    batch, following = pairs.batch(torch.arange(len(pairs)))
    whole = task.sums(model(batch), following)
    each = [pairs.batch(torch.tensor([row])) for row in range(len(pairs))]
    apart = torch.stack([task.sums(model(x), y) for x, y in each]).sum(0)
    assert torch.allclose(whole, apart, rtol=1e-5)
    assert whole[0] == sum(int((y != PADDING).sum()) for _, y in each)
    mean = task.loss(Recipe())(model(batch), following)
    assert torch.allclose(mean.double(), whole[1] / whole[0], rtol=1e-5)


def slow_greedy(model, sentence):
    """Without a cache, a batch or padding."""
    written = [BEGIN]
    for _ in range(most_tokens(sentence[None])):
        scores = model.decode(torch.tensor([written]), model.encode(sentence[None]))[0, -1].detach()
        scores[[PADDING, BEGIN]] = float("-inf")
        written.append(int(scores.argmax()))
        if written[-1] == END:
            return written[1:-1]
    return written[1:]


def test_one_beam_is_greedy_and_a_cache_changes_nothing():
    pairs = split()
    for seed in range(3):
        model = network(seed)
        found = greedy(model, pairs.source.long())
        limits = [most_tokens(pairs.source.long())] * len(pairs)
        slow = [slow_greedy(model, row[row != PADDING].long()) for row in pairs.source]
        for one, other, limit in zip(found, slow, limits, strict=True):
            assert one[: len(other)] == other
            assert len(one) <= limit
        assert beam(model, pairs.source.long(), 1) == found


def log_probability(model, sentence, written):
    """Of a translation with its end mark, per token."""
    target = torch.tensor([[BEGIN, *written]])
    scores = model.decode(target, model.encode(sentence[None]))[0].detach()
    scores[:, [PADDING, BEGIN]] = float("-inf")
    each = scores.log_softmax(1)[torch.arange(len(written) + 1), torch.tensor([*written, END])]
    return float(each.mean())


def test_many_beams_find_likelier_translations():
    model, pairs = network(1), split(6)
    # An end that is likely enough that translations do end.
    one, five = (beam(model, pairs.source.long(), width) for width in (1, 6))
    gains = []
    for row, few, many in zip(pairs.source, one, five, strict=True):
        sentence = row[row != PADDING].long()
        gains.append(log_probability(model, sentence, many) - log_probability(model, sentence, few))
    assert sum(gains) / len(gains) >= -1e-6


def test_training_resumes_with_the_same_bits(tmp_path):
    data = g.load_dataset("multi30k", path=pair_files(tmp_path), cache=tmp_path)
    recipe = Recipe(epochs=2, batch_size=8, optimiser="adamw", lr=1e-3, label_smoothing=0.1, precise_bn=0)
    size = {"input_size": data.image_shape, "num_classes": data.num_classes, "depth": 1, "heads": 2}

    def model():
        wiring = g.Relational(g.ws_flex(8, 4, 0.1, 1), "masked")
        return g.build_model("translator", wiring, [16], dropout=0.1, **size)

    whole, stopped, resumed = model(), model(), model()
    history = train(whole, data, recipe, seed=1)
    count = iter(range(100))
    with pytest.raises(Preempted):
        train(
            stopped, data, recipe, seed=1, checkpoints=Checkpoints(tmp_path / "ckpt", saving=Saving()),
            stop=lambda: "SIGTERM" if next(count) == 8 else None,
        )  # fmt: skip
    again = train(resumed, data, recipe, seed=1, checkpoints=Checkpoints(tmp_path / "ckpt", saving=Saving()))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert [epoch.bleu for epoch in again] == [epoch.bleu for epoch in history]
    assert history[-1].test_error == pytest.approx(100 - history[-1].bleu)


def test_translations_are_scored_in_evaluation_mode(tmp_path):
    data = g.load_dataset("multi30k", path=pair_files(tmp_path), cache=tmp_path)
    size = {**SIZE, "num_classes": data.num_classes, "input_size": data.image_shape}
    model = g.build_model("translator", None, [16], **size, dropout=0.5).train()
    modes = []
    model.encoder[0].register_forward_pre_hook(lambda layer, _: modes.append(layer.training))
    g.evaluate(model, data)
    assert len(modes) > 1
    assert not any(modes)
    assert model.training


def test_bleu_is_that_of_sacrebleu():
    perfect = bleu_of(GERMAN, GERMAN)
    assert (round(perfect.bleu, 6), round(perfect.chrf, 6)) == (100, 100)
    assert perfect.signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_two_files_go_through_the_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))
    pair_files(tmp_path)
    assert main(["data", "show", "a.en,b.de"]) == 0
    assert "byte pairs of both languages" in capsys.readouterr().err
    small = ["recipe.epochs=2", "recipe.batch_size=8", "model.widths=[64]", "model.options.depth=1"]
    words = [word for setting in small for word in ("--set", setting)]
    graphs = ["--select", "ws_flex:n=8,sparsity=0.5,p=0.1,seed=1", "--select", "baseline", "--seeds", "1"]
    assert main(["sweep", "transformer-multi30k", "--data", "a.en,b.de", *graphs, *words]) == 0
    table = pd.read_parquet("runs/runs.parquet")
    assert set(table["score_name"]) == {"100 − BLEU"}
    assert (table["score"] + table["bleu"] - 100).abs().max() < 1e-9
    assert (table["macs"] / table["target_macs"]).between(0.94, 1.06).all()
    run = f"runs/runs/{table['run'][0]}"
    capsys.readouterr()
    assert main(["translate", run, "a.en", "--reference", "b.de", "--limit", "2", "--beam", "2"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "BLEU" in said.err
    for refused, message in (
        (["predict", run, "x.png"], "graph2nn generate, or translate"),
        (["generate", run], "not trained on a text"),
        (["export", run], "was trained on text"),
        (["translate", run, "absent.en"], "does not exist"),
        (["data", "show", "a.en,absent"], "does not exist"),
    ):
        assert main(refused) == 2
        line = capsys.readouterr().err
        assert message in line
        assert len(line.strip().splitlines()) == 1

"""From a run to a model: the loaded network answers as the trained one did, exported or not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import graph2nn as g
from graph2nn.cli import main
from graph2nn.experiments import execute, plan, preset
from graph2nn.experiments.export import export_run, predict
from graph2nn.experiments.trained import Deployed
from graph2nn.results.config import GraphSpec
from graph2nn.results.data_card import DataCard
from graph2nn.training import evaluate

QUICK = ["recipe.epochs=2", "model.widths=[64]", "model.options.stem=64"]


@pytest.fixture(scope="module")
def digits():
    return g.load_dataset("digits")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, digits):
    """A relational run and the baseline, by kind: their folders and rows."""
    out = tmp_path_factory.mktemp("runs")
    graph = GraphSpec.of_ws_flex(32, 0.25, 0.2, 1)
    configs = plan(preset("mlp-digits"), [graph, None], [1], data=digits.label, settings=QUICK)
    rows = [execute(config, digits, out) for config in configs]
    return {row["kind"]: (out / "runs" / row["run"], row) for row in rows}


@pytest.mark.parametrize("kind", ["relational", "baseline"])
@pytest.mark.parametrize("engine", ["auto", "masked", "block"])
def test_a_loaded_network_is_the_trained_one(runs, digits, kind, engine):
    folder, row = runs[kind]
    network = g.load_run(folder, engine=engine)
    assert not network.training
    assert network.classes == digits.classes
    assert (network.graph is None) == (kind == "baseline")
    if network.graph is not None:
        assert network.graph.clustering == row["clustering"]
    assert evaluate(network, digits).error == pytest.approx(row["test_error"], abs=1e-9)
    scores = network(network.normalise(digits.test.images))
    wrong = (scores.argmax(1) != digits.test.labels).float().mean() * 100
    assert float(wrong) == pytest.approx(row["test_error"], abs=1e-4)


def test_the_results_folder_of_a_single_run_will_do(runs, tmp_path):
    folder, _ = runs["baseline"]
    with pytest.raises(g.UserError, match="holds 2 runs; name one of them"):
        g.load_run(folder.parent.parent)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / folder.name).symlink_to(folder)
    assert g.load_run(tmp_path).graph is None
    with pytest.raises(g.UserError, match=r"does not exist; name the folder"):
        g.load_run(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(g.UserError, match="not the folder of a finished run"):
        g.load_run(tmp_path / "empty")


def test_damaged_and_older_runs_are_refused_by_name(runs, digits, tmp_path):
    folder, _ = runs["relational"]
    copy = tmp_path / "run"
    copy.mkdir()
    for file in folder.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    weights = copy / "weights.safetensors"
    state = load_file(weights)
    save_file(state, weights, metadata={"digest": "x"})
    with pytest.raises(g.UserError, match="did not store classes and normalisation"):
        g.load_run(copy)
    assert g.load_run(copy, data=digits).classes == digits.classes
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(g.UserError, match=r"weights\.safetensors is missing or damaged"):
        g.load_run(copy, data=digits)
    weights.unlink()
    with pytest.raises(g.UserError, match="kept without its weights"):
        g.load_run(copy)
    (copy / "result.json").write_text("{")
    with pytest.raises(g.UserError, match=r"result\.json is missing or damaged"):
        g.load_run(copy, data=digits)


@pytest.mark.parametrize("kind", ["relational", "baseline"])
def test_exported_networks_give_the_same_scores_for_any_batch(runs, digits, kind, tmp_path):
    folder, _ = runs[kind]
    network = g.load_run(folder)
    raw = digits.test.images[:5].float()
    expected = network(network.normalise(raw)).detach()
    program = torch.export.load(export_run(folder, "torch-export", tmp_path / "network.pt2"))
    assert torch.allclose(program.module()(raw), expected, atol=1e-5)
    state = load_file(export_run(folder, "safetensors", tmp_path / "network.safetensors"))
    assert state.keys() == network.state_dict().keys()
    pytest.importorskip("onnxscript", reason="ONNX export needs onnxscript")
    runtime = pytest.importorskip("onnxruntime", reason="the exported network is run by onnxruntime")
    session = runtime.InferenceSession(str(export_run(folder, "onnx", tmp_path / "network.onnx")))
    for batch in (1, 5):
        (scores,) = session.run(None, {"samples": raw[:batch].numpy()})
        assert np.allclose(scores, expected[:batch].numpy(), atol=1e-4)


def test_predict_reads_images_as_the_data_were(runs, digits, tmp_path, capsys):
    folder, _ = runs["relational"]
    files = []
    for i in range(3):
        files.append(tmp_path / f"digit[{i}].png")
        Image.fromarray(digits.test.images[i, 0].numpy()).save(files[-1])
    network = g.load_run(folder)
    best = network(network.normalise(digits.test.images[:3])).argmax(1)
    answers = list(predict(folder, files, batch=2))
    assert [answer.label for answer in answers] == [digits.classes[i] for i in best]
    assert all(0 < answer.probability <= 1 for answer in answers)
    capsys.readouterr()
    assert main(["predict", str(folder), *map(str, files), "--json"]) == 0
    assert [row["class"] for row in json.loads(capsys.readouterr().out)] == [answer.label for answer in answers]
    assert main(["predict", str(folder), str(files[0])]) == 0
    assert "digit[0].png" in capsys.readouterr().out
    (tmp_path / "text.png").write_text("no image")
    assert main(["predict", str(folder), str(tmp_path / "text.png")]) == 2
    assert "is not an image that can be read" in capsys.readouterr().err
    assert main(["export", str(folder), "--to", "tflite"]) == 2
    assert "tflite" in capsys.readouterr().err


def test_the_scores_of_a_regression_are_in_its_own_units():
    mean, sd = (1.0, 2.0, 3.0), (1.0, 1.0, 2.0)
    names, target_mean, target_sd = ("a", "b"), (10.0, 20.0), (2.0, 4.0)
    card = DataCard("x", "regression", (3,), 2, (), mean, sd, names, target_mean, target_sd, bytes=False)
    network = torch.nn.Linear(3, 2, bias=False)
    x = torch.tensor([[2.0, 2.0, 5.0]])
    inner = network((x - torch.tensor([1.0, 2.0, 3.0])) / torch.tensor([1.0, 1.0, 2.0]))
    expected = inner * torch.tensor([2.0, 4.0]) + torch.tensor([10.0, 20.0])
    assert torch.allclose(Deployed(network, card)(x), expected)

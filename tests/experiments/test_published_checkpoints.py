"""Checkpoints of the published code, laid out as it writes them, become networks, and runs start from them."""

from __future__ import annotations

import json

import pytest
import torch
import yaml
from torch import nn

from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.experiments.presets.published_keys import DEFAULTS
from graph2nn.experiments.published_checkpoints import read_published_checkpoint
from graph2nn.experiments.start import load_published
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.models import build_model
from graph2nn.wiring import Grouped, Relational


def config(**changes):
    """A whole published config, as its ``dump`` writes it into a checkpoint."""
    tree: dict = {}
    for key, value in {
        **DEFAULTS,
        **{name.replace("__", "."): value for name, value in changes.items()},
    }.items():
        section, _, name = key.partition(".")
        if name:
            tree.setdefault(section, {})[name] = value
        else:
            tree[section] = value
    return yaml.safe_dump(tree)


def published_mlp(width=40, stem=32, nodes=8):
    """The state of a published MLP: names, order and shapes of its layers."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    state = {}

    def norm(name, features):
        state[f"{name}.weight"], state[f"{name}.bias"] = draw(features), draw(features)
        state[f"{name}.running_mean"], state[f"{name}.running_var"] = draw(features), draw(features).exp()
        state[f"{name}.num_batches_tracked"] = torch.tensor(5)

    state["s1.linear.weight"] = draw(stem, 3072)
    norm("s1.bn", stem)
    for layer, inputs in enumerate((stem, width, width), start=1):
        state[f"s2.b{layer}.a.weight"] = draw(width, inputs)
        norm(f"s2.b{layer}.a_bn", width)
    state["head.fc.weight"], state["head.fc.bias"] = draw(10, width), draw(10)
    text = config(
        MODEL__TYPE="mlpnet", RESNET__TRANS_FUN="talklinear_transform", TRAIN__DATASET="cifar10",
        TEST__DATASET="cifar10", TEST__SPLIT="test", TRAIN__AUTO_MATCH=True, RGRAPH__DIM_LIST=[width],
        RGRAPH__DIM_FIRST=stem, RGRAPH__GROUP_NUM=nodes, RGRAPH__SPARSITY=0.5, RGRAPH__P=0.3,
    )  # fmt: skip
    return {"epoch": 199, "model_state": state, "optimizer_state": {}, "cfg": text}


@pytest.fixture
def checkpoint(tmp_path):
    torch.save(published_mlp(), tmp_path / "model_epoch_0200.pyth")
    return tmp_path / "model_epoch_0200.pyth"


def by_hand(state, graph, x):
    """Scores of the published MLP, computed from its state and masks."""
    from graph2nn.layers.partition import mask

    def normed(name, y):
        args = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return nn.functional.batch_norm(y, *args)

    y = normed("s1.bn", x.flatten(1) @ state["s1.linear.weight"].T).relu()
    for layer in (1, 2, 3):
        weight = state[f"s2.b{layer}.a.weight"]
        on = torch.from_numpy(mask(graph, weight.shape[1], weight.shape[0]))
        y = normed(f"s2.b{layer}.a_bn", y @ (weight * on).T).relu()
    return y @ state["head.fc.weight"].T + state["head.fc.bias"]


def test_a_checkpoint_becomes_the_network_that_was_trained(checkpoint):
    network = read_published_checkpoint(checkpoint)
    state, graph = published_mlp()["model_state"], ws_flex(8, 4, 0.3, 1)
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert network.hidden[0][0].graph == graph
    torch.testing.assert_close(network(x).detach(), by_hand(state, graph, x), rtol=1e-4, atol=1e-4)


def test_a_checkpoint_of_several_gpus_has_other_names(tmp_path, checkpoint):
    several = published_mlp()
    several["model_state"] = {f"module.{key}": entry for key, entry in several["model_state"].items()}
    torch.save(several, tmp_path / "ddp.pyth")
    x = torch.randn(2, 3, 32, 32)
    a, b = (read_published_checkpoint(file)(x) for file in (tmp_path / "ddp.pyth", checkpoint))
    assert torch.equal(a, b)


@pytest.mark.parametrize("engine", ["masked", "block"])
def test_any_engine_takes_published_weights(engine):
    state, graph = published_mlp()["model_state"], ws_flex(8, 4, 0.3, 1)
    network = build_model("mlp5", Relational(graph, engine), [40], stem=32).eval()
    load_published(network, state)
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(network(x).detach(), by_hand(state, graph, x), rtol=1e-4, atol=1e-4)


def test_grouped_layers_take_their_blocks():
    state = published_mlp(width=32)["model_state"]
    network = build_model("mlp5", Grouped(4), [32], stem=32)
    load_published(network, state)
    dense = state["s2.b1.a.weight"]
    for group, block in enumerate(network.hidden[0][0].weight):
        rows = slice(8 * group, 8 * group + 8)
        assert torch.equal(block, dense[rows, rows])


def test_a_run_starts_from_weights(tmp_path, capsys):
    """Weights of a finished run: with a rate of almost nothing the error stays what it was."""
    tiny = ["--set", "model.widths=[16]", "--set", "recipe.epochs=1", "--set", "model.options.stem=16"]
    still = [*tiny, "--set", "recipe.lr=1e-9", "--set", "recipe.evaluate_first=true"]
    out = tmp_path / "runs"
    assert main(["train", "mlp-digits", *tiny, "--set", "recipe.precise_bn=0", "--out", str(out)]) == 0
    (first,) = (out / "runs").iterdir()
    trained = json.loads((first / "result.json").read_text())
    assert main(["train", "mlp-digits", *still, "--set", f"start={first}", "--out", str(out)]) == 0
    (second,) = set((out / "runs").iterdir()) - {first}
    assert "before training" in capsys.readouterr().err
    rows = (second / "metrics.csv").read_text().splitlines()
    epoch, *_, error, _, _ = rows[1].split(",")
    assert (epoch, float(error)) == ("0", pytest.approx(trained["test_error"]))
    assert json.loads((second / "result.json").read_text())["epochs"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["model_state"].pop("head.fc.bias"), "ends before head.bias"),
        (lambda c: c["model_state"].update({"extra.weight": torch.zeros(10)}), "goes on with extra.weight"),
        (
            lambda c: c["model_state"].update({"s2.b2.a.weight": torch.zeros(7, 7)}),
            r"s2.b2.a.weight is \(7, 7\)",
        ),
        (lambda c: c.pop("model_state"), "has no model_state"),
        (lambda c: c.pop("cfg"), "holds no config"),
        (
            lambda c: c.update(cfg=c["cfg"].replace("GROUP_NUM: 8", "GROUP_NUM: abc")),
            "GROUP_NUM = 'abc' is not",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path, change, said):
    broken = published_mlp()
    change(broken)
    torch.save(broken, tmp_path / "bad.pyth")
    with pytest.raises(UserError, match=said) as refusal:
        read_published_checkpoint(tmp_path / "bad.pyth")
    assert "\n" not in str(refusal.value)


def test_files_that_are_not_checkpoints(tmp_path):
    import pickle

    (tmp_path / "text.pyth").write_text("hello")
    (tmp_path / "empty.pyth").write_bytes(b"")
    (tmp_path / "code.pyth").write_bytes(pickle.dumps(print))  # must not be run
    for name in ("text.pyth", "empty.pyth", "code.pyth", "missing.pyth"):
        with pytest.raises(UserError, match="start: "):
            read_published_checkpoint(tmp_path / name)

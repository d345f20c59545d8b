"""bf16 on a CPU without instructions for it: nothing is emulated, and the user is told."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from graph2nn.cli import main
from graph2nn.data import load_dataset
from graph2nn.graphs import ws_flex
from graph2nn.layers import bf16_support
from graph2nn.layers.dense import DenseLinear
from graph2nn.models import build_model
from graph2nn.models.connectome_rnn import ConnectomeRNN
from graph2nn.training import Acceleration, Recipe, train
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)
HALF = Acceleration(amp="bf16")


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setattr(bf16_support, "cpu_has_bf16", lambda: False)


class Products(TorchDispatchMode):
    """Notes the type of every product of matrices and every convolution, forward and backward."""

    def __init__(self):
        super().__init__()
        self.types = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().split(".")[0].removeprefix("aten::")
        if name in ("mm", "addmm", "bmm", "baddbmm", "linear") or "conv" in name or "attention" in name:
            self.types.append(next(a.dtype for a in args if isinstance(a, torch.Tensor)))
        return func(*args, **(kwargs or {}))


def products_of_a_step(model, x):
    with Products() as seen:
        scores = HALF.apply(model, "cpu")(x)
        F.cross_entropy(
            scores.flatten(0, -2), torch.zeros(len(scores.flatten(0, -2)), dtype=torch.long)
        ).backward()
    return set(seen.types)


def networks():
    wiring = Relational(GRAPH, "block")
    yield build_model("mlp4", wiring, [32], stem=18, input_size=(1, 4, 4)), torch.randn(16, 1, 4, 4)
    options = {"stem": 8, "blocks": (1, 1, 1, 1), "input_size": (3, 32, 32)}
    yield build_model("resnet18", wiring, [8, 10, 12, 14], **options), torch.randn(4, 3, 32, 32)
    yield build_model("resnet18", None, [8, 10, 12, 14], **options), torch.randn(4, 3, 32, 32)
    options = {"patch": 4, "depth": 1, "heads": 4, "input_size": (3, 8, 12)}
    yield build_model("vit-tiny", wiring, [24], **options), torch.randn(16, 3, 8, 12)
    ends = {"inputs": [0, 1, 2], "outputs": [5, 6, 7]}
    yield ConnectomeRNN(GRAPH, in_features=5, out_features=3, rounds=2, **ends), torch.randn(16, 5)


@pytest.mark.parametrize(
    ("model", "x"), list(networks()), ids=["mlp", "resnet", "dense resnet", "vit", "connectome"]
)
def test_no_product_is_emulated(without, model, x):
    assert products_of_a_step(model.train(), x) <= {torch.float32}


def test_that_test_sees_emulated_products(monkeypatch):
    monkeypatch.setattr(bf16_support, "cpu_has_bf16", lambda: True)
    found = {torch.bfloat16 in products_of_a_step(model.train(), x) for model, x in networks()}
    assert found == {True}


def test_a_run_is_that_in_float32(without):
    def losses(acceleration):
        model = build_model("mlp3", Relational(GRAPH, "masked"), [16], stem=16, input_size=(1, 8, 8))
        found = train(model, load_dataset("digits"), Recipe(epochs=2), seed=1, acceleration=acceleration)
        return [(epoch.train_loss, epoch.test_loss) for epoch in found]

    assert losses(HALF) == losses(Acceleration())


def test_layers_of_the_edge_engine_keep_their_activations_in_sixteen_bits(without):
    torch.manual_seed(1)
    ends = {"inputs": [0, 1, 2], "outputs": [5, 6, 7]}
    model = ConnectomeRNN(GRAPH, in_features=5, out_features=3, rounds=4, activation="tanh", **ends)
    nn.init.normal_(model.readout.weight)
    x = torch.randn(16, 5)
    exact, rounded = model(x), HALF.apply(model, "cpu")(x)
    difference = (exact - rounded).norm() / exact.norm()
    assert 2**-14 < difference < 2**-5  # a bfloat16 has 8 bits
    assert HALF.computed(model, "cpu") == "bf16"


def test_a_dense_layer_rounds_only_what_it_returns(without):
    layer, x = DenseLinear(40, 24), torch.randn(64, 40, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
        again = layer(x.bfloat16())
    assert torch.equal(y, F.linear(x, layer.weight, layer.bias).bfloat16())
    assert torch.equal(again, F.linear(x.bfloat16().float(), layer.weight, layer.bias).bfloat16())
    upstream = torch.randn_like(y)
    dx, dw = torch.autograd.grad(y, [x, layer.weight], upstream)
    torch.testing.assert_close(dx, upstream.float() @ layer.weight)
    torch.testing.assert_close(dw, upstream.float().t() @ x)


def test_the_command_says_so_and_the_table_has_what_was_computed(without, tmp_path, capsys):
    argv = [
        "train",
        "mlp-digits",
        "--select",
        "baseline",
        "--set",
        "recipe.epochs=1",
        "--device",
        "cpu",
        "--json",
    ]
    assert main([*argv, "--out", str(tmp_path / "a"), "--amp", "bf16"]) == 0
    said = capsys.readouterr()
    assert said.err.count("this CPU has no instructions for bf16") == 1
    assert json.loads(said.out)["acceleration"] == "float32 for bf16"
    assert main([*argv, "--out", str(tmp_path / "b")]) == 0
    said = capsys.readouterr()
    assert "bf16" not in said.err
    assert json.loads(said.out)["acceleration"] == "none"
    sweep = ["sweep", *argv[1:-1], "--seeds", "1", "--out", str(tmp_path / "c"), "--amp", "bf16"]
    assert main(sweep) == 0
    assert capsys.readouterr().err.count("this CPU has no instructions for bf16") == 1


@pytest.mark.parametrize(
    ("machine", "features", "expected"),
    [
        ("x86_64", {"avx2": True, "avx512bf16": False}, False),
        ("x86_64", {"avx512f": True, "avx512bf16": True}, True),
        ("AMD64", {"amx-bf16": True}, True),
        ("aarch64", {"neon": True}, False),
        ("arm64", {"neon": True, "bf16": True}, True),
        ("ppc64le", {"vsx": True}, True),  # not known: torch decides
        ("x86_64", {}, True),
    ],
)
def test_what_processors_have(monkeypatch, machine, features, expected):
    monkeypatch.setattr(bf16_support.platform, "machine", lambda: machine)
    monkeypatch.setattr(bf16_support.binding, "get_host_cpu_features", lambda: features)
    assert bf16_support.cpu_has_bf16.__wrapped__() is expected


def test_a_note_only_where_it_is_true(monkeypatch):
    monkeypatch.setattr(bf16_support, "cpu_has_bf16", lambda: True)
    assert HALF.note("cpu") is None
    monkeypatch.setattr(bf16_support, "cpu_has_bf16", lambda: False)
    assert "float32" in HALF.note("cpu")
    assert HALF.note("cuda") is Acceleration().note("cpu") is None
    plain = torch.nn.Linear(2, 2)
    assert HALF.computed(plain, "cuda") == "bf16"
    assert Acceleration("bf16", channels_last=True).computed(plain, "cpu") == "float32 for bf16+channels_last"

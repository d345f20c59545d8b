"""Acceleration changes how a network is computed and not what: to rounding, and with weights in float32."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest
import torch
from model_laws import Case
from torch import nn
from torch.nn import functional as F

from graph2nn.cli import main
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalConv2d, RelationalLinear, bf16_support
from graph2nn.models import build_model
from graph2nn.training import Acceleration, Recipe, train
from graph2nn.training.cuda_graph import GraphedStep
from graph2nn.training.optimiser import sgd
from graph2nn.training.steps import eager_step
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)
RECIPE = Recipe(epochs=2, batch_size=8, lr=0.2, momentum=0.5, precise_bn=32)
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
#: One network a family, narrow, on an input as small as it takes.
FAMILIES = [
    Case("mlp4", [20], (1, 4, 4), options={"stem": 18}),
    Case("cnn6", [9, 10, 12], (3, 32, 45), options={"stem": 8}),
    Case("resnet18", [8, 10, 12, 14], (3, 39, 32), options={"stem": 8, "blocks": (1, 1, 1, 1)}),
    Case("resnet34-sep", [9, 10, 12, 14], (3, 39, 32), options={"stem": 8, "blocks": (1, 1, 1, 1)}),
    Case("resnet50", [33, 34, 36, 38], (3, 39, 32), options={"stem": 8, "blocks": (1, 1, 1, 1)}),
    Case("efficientnet-b0", [9, 10, 11, 8, 12, 13, 14], (3, 40, 24), options={"stem": 8, "head": 8}),
    Case("mobilenet-v1", [8, 9, 10, 11, 12], (3, 39, 32), options={"stem": 8}),
    Case("vgg13-pool", [8, 9, 10, 11, 12], (3, 39, 32)),
    Case("vit-tiny", [24], (3, 8, 12), options={"patch": 4, "depth": 2, "heads": 4}),
    Case("transformer", [16], (3, 5), options={"depth": 1, "heads": 4, "ratio": 2}),
    Case("rnn", [9], (3, 4)),
    Case("lstm", [9], (3, 4)),
]


@pytest.fixture(autouse=True)
def sixteen_bits(monkeypatch):
    """Compute in bf16 here too if this CPU has to emulate it; without, see test_bf16_support.py."""
    monkeypatch.setattr(bf16_support, "cpu_has_bf16", lambda: True)


def images(n=48, shape=(3, 12, 12)):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=generator)
    labels = torch.arange(n) % 3
    for image, label in zip(pixels, labels, strict=True):
        image[0] = 80 * label  # red tells the class
    split = Split(pixels, labels)
    return Dataset("toy", "toy", split, split, ("a", "b", "c"), (120.0,) * shape[0], (60.0,) * shape[0])


def network(engine="masked"):
    return build_model(
        "cnn3-cifar", Relational(GRAPH, engine), [8, 9, 10], stem=8, num_classes=3, input_size=(3, 12, 12)
    )


def trained(acceleration, device="cpu", engine="masked", recipe=RECIPE):
    model = network(engine)
    return train(model, images(), recipe, seed=1, device=device, acceleration=acceleration), model


def losses(history):
    return [value for epoch in history for value in (epoch.train_loss, epoch.test_loss)]


@pytest.mark.parametrize(
    ("acceleration", "tolerance"),
    [
        (Acceleration(channels_last=True), 1e-4),
        (Acceleration(compile=True, backend="aot_eager"), 1e-5),
        (Acceleration(amp="bf16"), 0.02),
        (Acceleration(amp="bf16", channels_last=True, compile=True, backend="aot_eager"), 0.02),
    ],
    ids=str,
)
def test_a_run_is_the_same_to_rounding(acceleration, tolerance):
    expected, plain = trained(Acceleration())
    found, model = trained(acceleration)
    assert losses(found) == pytest.approx(losses(expected), rel=tolerance)
    if acceleration.amp:
        assert losses(found) != losses(expected)  # it was 16 bits that computed
    assert expected[-1].test_loss < 0.9  # it learns: chance is log 3 = 1.099
    assert list(model.state_dict()) == list(plain.state_dict())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    for module in model.modules():
        if isinstance(module, RelationalConv2d | RelationalLinear):
            assert module.weight[~module.mask.expand(module.shape)].count_nonzero() == 0


@pytest.mark.parametrize("engine", ["block", "masked-in-place"])
def test_engines_run_in_sixteen_bits_too(engine):
    found, model = trained(Acceleration(amp="bf16", channels_last=True), engine=engine)
    expected, _ = trained(Acceleration())
    assert losses(found) == pytest.approx(losses(expected), rel=0.03)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_channels_last_reaches_the_convolutions():
    model = network()
    seen = []
    for module in model.modules():
        if isinstance(module, RelationalConv2d):
            module.register_forward_hook(lambda module, given, out: seen.extend([given[0], out]))
    Acceleration(channels_last=True).apply(model, "cpu")(torch.randn(2, 3, 12, 12))
    assert seen
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)
    assert Acceleration().apply(model, "cpu") is model


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, gpu])])
@pytest.mark.parametrize("case", FAMILIES, ids=str)
def test_every_family_takes_a_step_in_sixteen_bits(case, device):
    """One step of SGD moves the weights about where float32 moves them, and leaves them float32."""
    start = case.build().to(device)
    inputs = [value.to(device) for value in case.inputs(6)]
    moved, lost = [], []
    for how in (Acceleration(), Acceleration(amp="bf16", channels_last=True)):
        model = copy.deepcopy(start).train()
        optimiser = sgd(model.parameters(), Recipe(lr=0.01, momentum=0, weight_decay=0))
        scores = how.apply(model, device)(*inputs).flatten(0, -2)
        assert scores.dtype == torch.float32
        loss = F.cross_entropy(scores, torch.arange(len(scores), device=device) % scores.shape[1])
        loss.backward()
        optimiser.step()
        lost.append(loss.item())
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        moved.append(
            torch.cat([(a - b).flatten() for a, b in zip(model.parameters(), start.parameters(), strict=True)])
        )
    exact, rough = moved
    assert lost[1] == pytest.approx(lost[0], rel=0.05)
    assert rough.isfinite().all()
    # Rounding grows from layer to layer, in MobileNet by 27 norms until it decides which units are on.
    least = {"mobilenet-v1": -1, "efficientnet-b0": 0.8}.get(case.name, 0.9)
    assert F.cosine_similarity(exact, rough, dim=0) > least


@pytest.mark.parametrize(
    ("acceleration", "message"),
    [
        (Acceleration(amp="fp16"), "amp = fp16 needs a CUDA device, this is cpu; use bf16"),
        (Acceleration(cuda_graphs=True), "cuda_graphs needs a CUDA device, this is cpu"),
    ],
    ids=str,
)
def test_what_a_cpu_cannot_do_is_said_before_the_weights_are_touched(acceleration, message):
    model = network()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UserError, match=message) as caught:
        train(model, images(), RECIPE, seed=1, acceleration=acceleration)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_wrong_values_are_named():
    with pytest.raises(UserError, match=r"amp 'bf32' is not known; did you mean 'bf16'\?"):
        Acceleration(amp="bf32")
    with pytest.raises(UserError, match="engine 'trition' is not known"):
        Acceleration(engine="trition")
    with pytest.raises(UserError, match="cannot record fp16"):
        Acceleration(amp="fp16", cuda_graphs=True).check("cuda")
    assert Acceleration().engine_on("cpu") == "auto"
    assert Acceleration().engine_on("cuda") == "masked"
    assert Acceleration(engine="masked-in-place").engine_on("cuda") == "masked-in-place"


def test_a_name_for_every_combination():
    on = Acceleration("bf16", channels_last=True, compile=True, cuda_graphs=True, engine="triton")
    assert str(on) == "bf16+channels_last+compile+cuda_graphs+engine=triton"
    assert str(Acceleration()) == "none"
    switched = [field.name for field in dataclasses.fields(Acceleration) if field.name != "backend"]
    assert switched == ["amp", "channels_last", "compile", "cuda_graphs", "engine"]


def test_the_command_takes_it_and_the_table_tells(tmp_path, capsys):
    argv = ["train", "mlp-digits", "--ws-flex", "64,0.2,0.3,1", "--set", "recipe.epochs=1", "--device", "cpu"]
    argv += ["--out", str(tmp_path), "--json"]
    assert main([*argv, "--amp", "bf16", "--engine", "masked-in-place"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["acceleration"] == "bf16+engine=masked-in-place"
    assert row["device"] == "cpu"
    assert main([*argv, "--cuda-graphs"]) == 2
    assert "cuda_graphs needs a CUDA device" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, gpu])])
def test_each_recorded_step_equals_an_eager_step(device):
    """Linear layers alone are deterministic: the numbers are the same to rounding, step after step and rate
    after rate. On a CPU nothing is recorded, but buffers are kept and the rates change."""
    torch.manual_seed(0)
    one = build_model("mlp4", Relational(GRAPH, "masked"), [24], stem=16, input_size=(1, 4, 4)).to(device)
    other = copy.deepcopy(one)
    pairs = [(model, sgd(model.parameters(), RECIPE)) for model in (one, other)]
    steps = [eager_step(*pairs[0]), GraphedStep(*pairs[1], device)]
    for number in range(12):
        x, y = torch.randn(16, 1, 4, 4, device=device), torch.randint(0, 10, (16,), device=device)
        results = []
        for (_, optimiser), step in zip(pairs, steps, strict=True):
            optimiser.param_groups[0]["lr"] = 0.1 / (1 + number // 6)  # replayed twice, then recorded again
            results.append([value.clone() for value in step(x, y)])
        torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-6)
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-6)


# --- on a GPU ----------------------------------------------------------------------------------------------


@pytest.mark.gpu
@gpu
@pytest.mark.parametrize("engine", ["masked", "masked-in-place"])
@pytest.mark.parametrize("amp", [None, "bf16"])
def test_a_replayed_run_equals_an_eager_one(engine, amp):
    """Several epochs, each with a rate of its own, batches both warmed up on and replayed."""
    recipe = RECIPE.model_copy(update={"epochs": 3})
    expected, plain = trained(Acceleration(amp), "cuda", engine, recipe)
    found, model = trained(Acceleration(amp, cuda_graphs=True), "cuda", engine, recipe)
    assert losses(found) == pytest.approx(losses(expected), rel=1e-3 if amp is None else 0.02)
    for (name, value), other in zip(model.state_dict().items(), plain.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=0.05, atol=2e-3 if amp is None else 0.02, msg=name)


@pytest.mark.gpu
@gpu
def test_fp16_with_a_scaled_loss_trains():
    found, model = trained(Acceleration(amp="fp16", channels_last=True), "cuda")
    expected, _ = trained(Acceleration(), "cuda")
    assert losses(found) == pytest.approx(losses(expected), rel=0.05)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.gpu
@gpu
@pytest.mark.parametrize("engine", ["masked", "masked-in-place", "block", "triton"])
@pytest.mark.parametrize("kind", ["linear", "conv2d"])
def test_each_engine_equals_the_oracle_on_a_gpu(engine, kind, monkeypatch):
    """Output, input's and weights' gradients against the masked engine in float64, in float32 without TF32."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    wide, layer = ws_flex(16, 5, 0.4, 2), {}
    for name in ("masked", engine):
        wiring = Relational(wide, name)
        layer[name] = (
            wiring.linear(75, 101) if kind == "linear" else wiring.conv2d(35, 50, 3, stride=2, padding=1)
        )
    fast, oracle = layer[engine], copy.deepcopy(layer["masked"])
    fast.load_state_dict(oracle.state_dict())
    fast, oracle = fast.cuda(), oracle.double().cuda()
    x = torch.randn((66, 75) if kind == "linear" else (5, 35, 11, 9), device="cuda", requires_grad=True)
    exact = x.detach().double().requires_grad_()
    found, expected = fast(x), oracle(exact)
    gradient = torch.randn_like(expected)
    pairs = [(found, expected)]
    fx, fw = torch.autograd.grad(found, [x, fast.weight], gradient.float())
    ex, ew = torch.autograd.grad(expected, [exact, oracle.weight], gradient)
    pairs += [(fx, ex), (fw if fw.ndim > 1 else fast.expand(fw), ew)]
    for a, b in pairs:
        assert ((a.double() - b).norm() / b.norm()).item() < 5e-6


@pytest.mark.gpu
@gpu
def test_compiled_by_the_inductor_equals_eager_on_a_gpu():
    model = nn.Sequential(Relational(GRAPH, "masked-in-place").linear(16, 24), nn.ReLU()).cuda()
    x = torch.randn(5, 16, device="cuda")
    torch.testing.assert_close(
        Acceleration(compile=True).apply(model, "cuda")(x), model(x), rtol=1e-4, atol=1e-6
    )

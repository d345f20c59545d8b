"""Dense layers by any choice of products, with norm and ReLU joined or not, are torch's own in float64."""

from __future__ import annotations

import copy
import itertools
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import bf16_support, dense_products, engine_timing, engines, measure_dense
from graph2nn.layers.dense import DenseLinear
from graph2nn.layers.dense_products import PLAIN, DensePoint, DenseTable, ProductChoice, onednn_is_exact
from graph2nn.layers.norm_relu import NormReLU
from graph2nn.models import build_model, initialise
from graph2nn.wiring import Dense, Relational

needs_onednn = pytest.mark.skipif(not onednn_is_exact(), reason="torch without oneDNN's float32 product")
CHOICES = [
    ProductChoice(*products, fused=fused)
    for *products, fused in itertools.product(*[("mm", "onednn")] * 3, (False, True))
]


@pytest.fixture(autouse=True)
def own_table(tmp_path, monkeypatch):
    """An empty cache, in which a test may write a table."""
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path))
    for module in (engines, dense_products):
        module.table.cache_clear()
    yield dense_products.own_file()
    for module in (engines, dense_products):
        module.table.cache_clear()


def drawn(*shape, seed=1, dtype=torch.float32):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def block(in_features, out_features, choice, momentum=0.1):
    """A layer, its norm and ReLU; far on or far off, so that rounding does not decide which."""
    layer = DenseLinear(in_features, out_features, bias=False)
    layer.choice = choice
    norm = nn.BatchNorm1d(out_features, momentum=momentum)
    nn.init.uniform_(norm.weight, 0.5, 1.5, generator=torch.Generator().manual_seed(3))
    norm.bias.data = torch.tensor([8.0, -8.0]).repeat(out_features)[:out_features]
    return NormReLU(layer, norm, nn.ReLU(inplace=True))


def plain(network):
    """The same of torch's own layers."""
    layer = nn.Linear(network[0].in_features, network[0].out_features, bias=False)
    layer.weight.data = network[0].weight.detach().clone()
    return nn.Sequential(layer, *copy.deepcopy(network[1:]))


def results(network, x, upstream):
    x = x.detach().requires_grad_()
    y = network(x)
    y.backward(upstream)
    buffers = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
    return [y, x.grad, *(parameter.grad for parameter in network.parameters()), *buffers]


def error(computed: Tensor, exact: Tensor) -> float:
    computed, exact = computed.detach(), exact.detach()
    return float((computed.double() - exact).norm() / exact.norm().clamp_min(1e-300))


@needs_onednn
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(("batch", "widths"), [(128, (300, 200)), (77, (65, 130))])
def test_every_choice_is_within_rounding_of_the_float64_oracle(choice, batch, widths):
    network = block(*widths, choice)
    assert (
        "NormedProduct" in type(copy.deepcopy(network)(drawn(batch, widths[0])).grad_fn).__name__
    ) == choice.fused
    x, upstream = drawn(batch, widths[0]), drawn(batch, widths[1], seed=2)
    exact = results(plain(network).double(), x.double(), upstream.double())
    errors = [error(a, b) for a, b in zip(results(network, x, upstream), exact, strict=True)]
    assert max(errors) < 2e-6, errors


@given(
    batch=st.integers(16, 256),
    widths=st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70)),
    momentum=st.sampled_from([0.1, None]),
)
@settings(max_examples=25, deadline=None)
def test_fused_equals_torch_in_float64(batch, widths, momentum):
    pairs = itertools.pairwise(widths)
    network = nn.Sequential(*(block(*pair, ProductChoice(fused=True), momentum) for pair in pairs)).double()
    oracle = nn.Sequential(*map(plain, network))
    x, upstream = (
        drawn(batch, widths[0], dtype=torch.float64),
        drawn(batch, widths[2], seed=2, dtype=torch.float64),
    )
    for a, b in zip(results(network, x, upstream), results(oracle, x, upstream), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@needs_onednn
@pytest.mark.parametrize("shape", [(40, 24), (4, 10, 24)])
def test_a_layer_alone_with_its_bias(shape):
    layer = DenseLinear(24, 33)
    layer.choice = ProductChoice("onednn", "onednn", "onednn")
    twin = copy.deepcopy(layer).double()
    x = drawn(*shape).requires_grad_()
    upstream = drawn(*shape[:-1], 33, seed=2)
    exact = x.detach().double().requires_grad_()
    y, expected = layer(x), F.linear(exact, twin.weight, twin.bias)
    assert "Add" in type(y.grad_fn).__name__
    found = [y, *torch.autograd.grad(y, [x, *layer.parameters()], upstream)]
    oracle = [expected, *torch.autograd.grad(expected, [exact, *twin.parameters()], upstream.double())]
    assert max(error(a, b) for a, b in zip(found, oracle, strict=True)) < 2e-6


def second_derivatives(network, x):
    x = x.detach().requires_grad_()
    y = network(x)
    (first,) = torch.autograd.grad((y * y * y).mean(), x, create_graph=True)
    return torch.autograd.grad(first.square().sum(), [x, *network.parameters()])


@needs_onednn
def test_second_derivatives_of_a_layer_are_torchs():
    layer = DenseLinear(20, 30)
    layer.choice = ProductChoice("onednn", "onednn", "onednn")
    oracle = nn.Linear(20, 30).double()
    oracle.load_state_dict(layer.state_dict())
    x = drawn(40, 20)
    pairs = zip(second_derivatives(layer, x), second_derivatives(oracle, x.double()), strict=True)
    assert max(error(a, b) for a, b in pairs) < 1e-5


def test_second_derivatives_of_layer_norm_and_relu_are_torchs():
    network, x = block(20, 30, ProductChoice(fused=True)).double(), drawn(40, 20, dtype=torch.float64)
    for a, b in zip(second_derivatives(network, x), second_derivatives(plain(network), x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("graph", [None, ws_flex(8, 3.5, 0.3, 1)])
@pytest.mark.parametrize(
    "choice", [ProductChoice(fused=True), pytest.param(CHOICES[-1], marks=needs_onednn), PLAIN]
)
def test_a_step_of_the_perceptron_equals_the_plain_float64_step(graph, choice, own_table):
    points = (DensePoint(1, 1, choice),)
    own_table.write_text(dense_products.dump(DenseTable(points, {})))
    wirings = [Dense(), Dense()] if graph is None else [Relational(graph, "block"), Relational(graph, "masked")]
    networks = [build_model("mlp5", wiring, [160], stem=96, input_size=(3, 8, 8)) for wiring in wirings]
    initialise(networks[0], torch.Generator().manual_seed(1))
    for norm in (module for module in networks[0].modules() if isinstance(module, nn.BatchNorm1d)):
        norm.bias.data = torch.tensor([4.0, -4.0]).repeat(norm.num_features)[: norm.num_features]
    networks[1].load_state_dict(networks[0].state_dict())
    x, y = drawn(64, 3, 8, 8), torch.arange(64) % 10
    for network, kind in zip(networks, (torch.float32, torch.float64), strict=True):
        network.to(kind).train()
        rate = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
        F.cross_entropy(network(x.to(kind)), y).backward()
        rate.step()
    states = [network.state_dict() for network in networks]
    floating = [name for name, value in states[1].items() if value.is_floating_point()]
    errors = {name: error(states[0][name], states[1][name]) for name in floating}
    assert max(errors.values()) < 3e-6, errors


def test_without_a_table_it_is_torchs_own_to_the_bit():
    layer = DenseLinear(24, 33)
    x = drawn(40, 24)
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    assert dense_products.choose(3072, 512) == PLAIN


def test_the_nearest_shape_decides_and_small_layers_stay_torchs(own_table):
    wide, deep = ProductChoice("mm", "mm", "mm", True), ProductChoice(fused=False)
    own_table.write_text(
        dense_products.dump(
            DenseTable((DensePoint(1000, 100, wide), DensePoint(100, 1000, deep)), {"date": "today"})
        )
    )
    assert dense_products.choose(900, 150) == wide
    assert dense_products.choose(150, 900) == deep
    assert dense_products.choose(100, 100) == PLAIN


def test_a_product_that_rounds_to_bf16_is_never_used(monkeypatch, own_table):
    def rounded(product, a, b, out=None):
        return (a.bfloat16() @ b.bfloat16()).float()

    own_table.write_text(dense_products.dump(DenseTable((DensePoint(1, 1, CHOICES[-1]),), {})))
    monkeypatch.setattr(dense_products, "multiply", rounded)
    onednn_is_exact.cache_clear()
    try:
        assert not onednn_is_exact()
        assert dense_products.choose(10, 10) == ProductChoice(fused=True)
    finally:
        onednn_is_exact.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        '{"points": []}',
        "{",
        '{"about": {}, "points": [{"in_features": 2, "out_features": 2, "fused": 0, "forward": "x"}]}',
    ],
)
def test_a_damaged_table_says_so(text, own_table):
    own_table.write_text(text)
    with pytest.raises(UserError, match=r"dense.json is damaged .*graph2nn bench engines"):
        DenseLinear(24, 33)(drawn(40, 24))


@needs_onednn
def test_autocast_compile_export_and_copies_compute_as_torch(monkeypatch):
    monkeypatch.setattr(DenseLinear, "choice", CHOICES[-1])
    network = block(24, 32, CHOICES[-1])
    oracle = plain(network)
    x = drawn(40, 24)
    assert list(network.state_dict()) == list(oracle.state_dict())
    monkeypatch.setattr(bf16_support, "cpu_has_bf16", lambda: True)  # without: test_bf16_support.py
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(x), oracle(x))
    torch.testing.assert_close(copy.deepcopy(network)(x), copy.deepcopy(oracle)(x))
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), oracle(x))
    program = torch.export.export(network.eval(), (x,))
    torch.testing.assert_close(program.module()(x), oracle.eval()(x))
    traced = torch.jit.trace(network, x)
    torch.testing.assert_close(traced(x), oracle(x))
    torch.testing.assert_close(torch.func.vmap(network[0])(x.view(2, 20, 24)), oracle[0](x).view(2, 20, 32))


def test_hooks_of_the_norm_are_called():
    network = block(24, 32, ProductChoice(fused=True))
    seen = []
    network[1].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    network(drawn(40, 24))
    assert seen == [(40, 32)]


def test_measuring_writes_a_table_that_layers_read(own_table, monkeypatch, capsys):
    monkeypatch.setattr(engine_timing, "WIDTHS", {"linear": (16,), "conv1x1": (16,), "conv3x3": (16,)})
    monkeypatch.setattr(engine_timing, "DENSITIES", (1.0,))
    monkeypatch.setattr(measure_dense, "SHAPES", ((16, 16), (32, 16)))
    assert main(["bench", "engines", "--rounds", "1"]) == 0
    assert "dense.json" in "".join(capsys.readouterr())
    written = json.loads(own_table.read_text())
    assert [(p["in_features"], p["out_features"]) for p in written["points"]] == [(16, 16), (32, 16)]
    assert {"date", "threads", "torch", "batch"} <= written["about"].keys()
    assert dense_products.choose(32, 16) == dense_products.table().points[1].choice

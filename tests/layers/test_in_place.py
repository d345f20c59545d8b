"""Weights masked in place: the masked engine's numbers, without its product in the forward."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn
from torch.func import functional_call

from graph2nn.budget import macs, parameters
from graph2nn.conversion import recover
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalConv2d, RelationalLinear
from graph2nn.layers.in_place import InPlaceConv2d, InPlaceLinear
from graph2nn.models import build_model, initialise
from graph2nn.models.shared_draws import share_draws
from graph2nn.training import Recipe
from graph2nn.training.optimiser import sgd
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)


def twins(which=0, **options):
    """A masked layer, the same in place, and an input; the stored weights differ off the mask."""
    if which == 0:
        masked, kept, x = (
            RelationalLinear(GRAPH, 17, 17, **options),
            InPlaceLinear(GRAPH, 17, 17, **options),
            17,
        )
        x = torch.randn(5, 17)
    else:
        masked, kept = (
            kind(GRAPH, 11, 11, 3, stride=2, padding=1, **options) for kind in (RelationalConv2d, InPlaceConv2d)
        )
        x = torch.randn(2, 11, 7, 7)
    nn.init.normal_(masked.weight)  # off the mask too
    kept.load_state_dict(masked.state_dict())
    return masked, kept, x


both = pytest.mark.parametrize("which", [0, 1], ids=["linear", "conv2d"])
tied = pytest.mark.parametrize("symmetric", [False, True], ids=["free", "symmetric"])


@both
@tied
def test_steps_of_sgd_are_the_masked_ones(which, symmetric):
    masked, kept, x = twins(which, symmetric=symmetric, dtype=torch.float64)
    x = x.double()
    recipe = Recipe(lr=0.1, momentum=0.9, weight_decay=0.05)
    pair = [(layer, sgd(layer.parameters(), recipe)) for layer in (masked, kept)]
    for step in range(5):
        outputs = []
        for layer, optimiser in pair:
            optimiser.zero_grad()
            outputs.append(layer(x * (1 + step)))
            outputs[-1].square().mean().backward()
            optimiser.step()
        torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(kept.effective_weight(), masked.effective_weight(), rtol=1e-12, atol=1e-14)
        assert kept.weight[~kept.mask.expand(kept.shape)].count_nonzero() == 0


@given(graph=graphs(max_n=12, directed=None), extra=st.tuples(st.integers(0, 9), st.integers(0, 9)))
@settings(max_examples=25)
def test_any_graph_gives_the_masked_output_and_gradients(graph, extra):
    widths = graph.n + extra[0], graph.n + extra[1]
    masked, kept = (kind(graph, *widths, bias=True) for kind in (RelationalLinear, InPlaceLinear))
    kept.load_state_dict(masked.state_dict())
    x = torch.randn(4, widths[0], requires_grad=True)
    expected, found = masked(x), kept(x)
    assert torch.equal(found, expected)
    gradient = torch.randn_like(expected)
    expected = torch.autograd.grad(expected, [x, *masked.parameters()], gradient)
    for a, b in zip(torch.autograd.grad(found, [x, *kept.parameters()], gradient), expected, strict=True):
        assert torch.equal(a, b)


@both
@pytest.mark.parametrize("assign", [False, True])
def test_what_is_loaded_is_masked_and_left_alone(which, assign):
    masked, kept, x = twins(which)
    state = masked.state_dict()
    before = state["weight"].clone()
    kept.load_state_dict(state, assign=assign)
    assert torch.equal(state["weight"], before)
    assert list(kept.state_dict()) == list(state)
    assert torch.equal(kept.weight, before * masked.mask)
    assert torch.equal(kept(x), masked(x))
    network = nn.Sequential(copy.deepcopy(kept))
    network.load_state_dict({f"0.{key}": value for key, value in state.items()})
    assert torch.equal(network(x), masked(x))


@both
def test_copies_pickles_and_other_devices_keep_the_gradient_masked(which):
    _, kept, x = twins(which)
    file = io.BytesIO()
    torch.save(kept, file)
    file.seek(0)
    for layer in (copy.deepcopy(kept), torch.load(file, weights_only=False), copy.deepcopy(kept).double()):
        layer(x.to(layer.weight.dtype)).square().sum().backward()
        assert layer.weight.grad.count_nonzero() > 0
        assert layer.weight.grad[~layer.mask.expand(layer.shape)].count_nonzero() == 0


@both
def test_torch_func_and_second_derivatives(which):
    masked, kept, x = twins(which)
    weight = masked.weight.detach() * masked.mask

    def loss(layer, weight):
        return functional_call(layer, {"weight": weight}, (x,)).square().sum()

    for transform in (torch.func.grad, torch.func.jacrev):
        found, expected = (transform(lambda w, layer=layer: loss(layer, w))(weight) for layer in (kept, masked))
        torch.testing.assert_close(found, expected)
    second = []
    for layer in (masked, kept):
        (first,) = torch.autograd.grad(layer(x).pow(3).sum(), layer.weight, create_graph=True)
        second.append(torch.autograd.grad(first.square().sum(), layer.weight)[0])
    torch.testing.assert_close(second[1], second[0])
    weights = torch.stack([weight, 2 * weight])
    many = torch.func.vmap(lambda w: functional_call(kept, {"weight": w}, (x,)))(weights)
    torch.testing.assert_close(many, torch.stack([kept(x), 2 * kept(x)]))


@both
def test_compiled_equals_eager_in_one_graph(which):
    _, kept, x = twins(which)
    compiled = torch.compile(kept, backend="aot_eager", fullgraph=True)
    gradients = []
    for layer in (kept, compiled):
        y = layer(x)
        gradients.append((y, *torch.autograd.grad(y.square().sum(), [kept.weight])))
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected)


def test_counts_draws_and_prints_are_those_of_the_masked_engine():
    wirings = [Relational(GRAPH, engine) for engine in ("masked", "masked-in-place")]
    options = {"stem": 8, "num_classes": 3, "input_size": (3, 32, 32)}
    models = [build_model("resnet20-cifar", wiring, [8, 16, 24]) for wiring in wirings]
    dense = build_model("resnet20-cifar", widths=[8, 16, 24])
    counts = [macs(model, (3, 32, 32)) for model in (*models, dense)]
    assert counts[0] == counts[1] < counts[2]
    assert parameters(models[0]) == parameters(models[1])
    models = [build_model("mlp4", wiring, [24], **options) for wiring in wirings]
    for model in models:
        initialise(model, torch.Generator().manual_seed(1))
        share_draws(model, 1)
    for a, b in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(a, b)
    for engine, wiring in zip(("masked", "masked-in-place"), wirings, strict=True):
        assert f"engine={engine})" in repr(wiring.linear(16, 16))
        assert f"engine={engine})" in repr(wiring.conv2d(16, 16, 3))


def test_the_graph_is_read_back():
    (found,) = recover(nn.Sequential(InPlaceLinear(GRAPH, 16, 16)), n=8).values()
    assert found.graph == GRAPH


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@both
def test_a_cuda_device_computes_the_same(which):
    masked, kept, x = twins(which)
    expected = masked.double()(x.double())
    gradient = torch.randn_like(expected)
    (dw,) = torch.autograd.grad(expected, masked.weight, gradient)
    kept.cuda()
    found = kept(x.cuda())
    found.backward(gradient.float().cuda())
    for a, b in ((found, expected), (kept.weight.grad, dw)):
        assert ((a.cpu().double() - b).norm() / b.norm()).item() < (1e-3 if which else 2e-6)  # cuDNN's TF32

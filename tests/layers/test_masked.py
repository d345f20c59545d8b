"""The masked engine: gradients, what stays zero, and everything torch does to a module."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalConv2d, RelationalLinear, mask
from graph2nn.models import initialise
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)


def layers():
    return [
        (RelationalLinear(GRAPH, 13, 17), torch.randn(5, 13)),
        (RelationalConv2d(GRAPH, 9, 11, 3, stride=2, padding=1), torch.randn(2, 9, 7, 7)),
    ]


@given(graph=graphs(max_n=7), extra=st.integers(0, 5))
@settings(max_examples=15)
def test_gradients_against_finite_differences_in_float64(graph, extra):
    linear = RelationalLinear(graph, graph.n + extra, graph.n + 1, bias=True, dtype=torch.float64)
    x = torch.randn(3, graph.n + extra, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(linear, (x,))

    def in_weight(weight, bias):
        return functional_call(linear, {"weight": weight, "bias": bias}, (x.detach(),))

    assert torch.autograd.gradcheck(in_weight, (linear.weight, linear.bias))


def test_convolution_gradients_in_float64():
    conv = RelationalConv2d(ws_flex(4, 2, 0, 1), 5, 6, 3, padding=1, dtype=torch.float64)
    x = torch.randn(2, 5, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(conv, (x,))
    assert torch.autograd.gradcheck(
        lambda w: functional_call(conv, {"weight": w}, (x.detach(),)), (conv.weight,)
    )


@given(graph=graphs(max_n=12), out_extra=st.integers(0, 9))
@settings(max_examples=25)
def test_equals_a_sum_over_the_nodes_that_are_read(graph, out_extra):
    """The definition itself: message j → i where i reads j, added up (paper, equation 1)."""
    layer = RelationalLinear(graph, 2 * graph.n, graph.n + out_extra, dtype=torch.float64)
    x = torch.randn(4, 2 * graph.n, dtype=torch.float64)
    outputs = np.repeat(np.arange(graph.n), _sizes(graph.n + out_extra, graph.n))
    inputs = np.repeat(np.arange(graph.n), 2)
    expected = torch.zeros(4, graph.n + out_extra, dtype=torch.float64)
    for i in range(graph.n):
        for j in range(graph.n):
            if i == j or graph.adjacency[i, j]:
                block = layer.weight[np.ix_(outputs == i, inputs == j)]
                expected[:, outputs == i] += x[:, inputs == j] @ block.T
    torch.testing.assert_close(layer(x), expected)


def _sizes(width, n):
    from graph2nn.layers import node_sizes

    return node_sizes(width, n)


@pytest.mark.parametrize("which", [0, 1])
def test_masked_weights_never_get_a_gradient_or_change(which):
    layer, x = layers()[which]
    off = ~layer.mask.expand_as(layer.weight)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
    before = layer.weight.detach().clone()
    for _ in range(3):
        optimiser.zero_grad()
        layer(x).square().sum().backward()
        assert layer.weight.grad[off].count_nonzero() == 0
        optimiser.step()
    assert layer.weight[off].count_nonzero() == 0
    assert not torch.equal(layer.weight[~off], before[~off])


@pytest.mark.parametrize("which", [0, 1])
def test_state_dict_carries_the_mask_and_restores_the_function(which):
    layer, x = layers()[which]
    state = layer.state_dict()
    assert state["mask"].dtype == torch.bool
    other = copy.deepcopy(layer)
    nn.init.normal_(other.weight)
    other.load_state_dict(state)
    assert torch.equal(other(x), layer(x))


@pytest.mark.parametrize("which", [0, 1])
def test_deepcopy_and_save_keep_the_function(which):
    layer, x = layers()[which]
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(loaded(x), layer(x))
    assert loaded.graph == GRAPH


@pytest.mark.parametrize("which", [0, 1])
def test_compiled_equals_eager(which):
    layer, x = layers()[which]
    x.requires_grad_()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    expected, found = layer(x), compiled(x)
    torch.testing.assert_close(found, expected)
    gradient = torch.autograd.grad(expected.square().sum(), [x, layer.weight])
    for a, b in zip(torch.autograd.grad(found.square().sum(), [x, layer.weight]), gradient, strict=True):
        torch.testing.assert_close(a, b)


def test_mask_follows_the_device_and_keeps_its_type():
    layer = RelationalLinear(GRAPH, 16, 16).to(device="meta", dtype=torch.float64)
    assert layer.mask.device.type == layer.weight.device.type == "meta"
    assert layer.mask.dtype == torch.bool
    assert layer.weight.dtype == torch.float64
    assert layer(torch.empty(2, 16, device="meta", dtype=torch.float64)).shape == (2, 16)


def test_functional_call_takes_other_weights():
    layer, x = layers()[0]
    weight = torch.randn_like(layer.weight)
    found = functional_call(layer, {"weight": weight}, (x,))
    assert torch.equal(found, F.linear(x, weight * layer.mask))


@given(graph=graphs(max_n=12), width=st.integers(12, 40))
@settings(max_examples=20)
def test_repr_says_graph_density_and_widths(graph, width):
    text = repr(RelationalLinear(graph, width, width + 1))
    density = mask(graph, width, width + 1).mean()
    assert f"{width} → {width + 1}" in text
    assert graph.name in text
    assert f"density={density:.4f}" in text
    assert "engine=masked" in text


def test_published_initialisation_scales():
    graph = ws_flex(16, 4.4, 0.2, 3)
    wiring = Relational(graph, engine="masked")
    model = nn.Sequential(wiring.conv2d(128, 256, 3), wiring.linear(512, 512))
    initialise(model, torch.Generator().manual_seed(0))
    conv, linear = model
    density = conv.mask.double().mean().item()
    on = conv.weight[conv.mask.expand_as(conv.weight)]
    assert on.std().item() == pytest.approx((2 / (9 * 256 * density)) ** 0.5, rel=0.02)
    assert linear.weight[linear.mask].std().item() == pytest.approx(0.01, rel=0.02)
    assert linear.weight[~linear.mask].count_nonzero() == 0


def test_layers_can_be_made_on_the_meta_device():
    """A large network is counted or sharded before it is held in memory."""
    layer = RelationalConv2d(GRAPH, 9, 11, 3, bias=True, device="meta")
    assert layer.weight.is_meta
    assert layer.mask.shape == (11, 9, 1, 1)
    assert "density=?" in repr(layer)

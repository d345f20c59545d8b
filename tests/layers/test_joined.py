"""Layers of one input in one product: what each gives, its derivatives, and nobody passed over."""

import pytest
import torch
from torch import nn

from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.layers import RelationalLinear
from graph2nn.layers.block import BlockLinear, product
from graph2nn.layers.dense import DenseLinear
from graph2nn.layers.joined import joined

GRAPH = ws_flex(8, 3.5, 0.3, 1)
DIRECTED = RelationalGraph(torch.triu(torch.ones(8, 8), 2).bool().numpy(), directed=True)
KINDS = {
    "torch": lambda **o: nn.Linear(21, 13, **o),
    "dense": lambda **o: DenseLinear(21, 13, **o),
    "masked": lambda **o: RelationalLinear(GRAPH, 21, 13, **o),
    "block": lambda **o: BlockLinear(GRAPH, 21, 13, **o),
    "block, directed": lambda **o: BlockLinear(DIRECTED, 21, 13, **o),
}


def layers_of(kind, count=3, **options):
    torch.manual_seed(0)
    layers = [KINDS[kind](**options) for _ in range(count)]
    for layer in layers:
        if layer.bias is not None:
            nn.init.normal_(layer.bias)
    return layers


def gradients(ys, leaves):
    torch.manual_seed(1)
    return torch.autograd.grad(sum((y * torch.randn_like(y)).sum() for y in ys), leaves)


@pytest.fixture
def products(monkeypatch):
    """Shapes of the weights that the block engine multiplied by."""
    made = []
    plain = product.product
    monkeypatch.setattr(product, "product", lambda x, w, g: made.append(w.shape[0]) or plain(x, w, g))
    return made


@pytest.mark.parametrize("shape", [(5, 21), (300, 21), (2, 7, 21), (21,), (0, 21)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_each_gives_what_it_gives_alone(kind, bias, shape):
    layers = layers_of(kind, bias=bias, dtype=torch.float64)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    leaves = [x, *(parameter for layer in layers for parameter in layer.parameters())]
    found, expected = joined(layers)(x), [layer(x) for layer in layers]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    for one, other in zip(gradients(found, leaves), gradients(expected, leaves), strict=True):
        torch.testing.assert_close(one, other)


def test_block_layers_are_one_product(products):
    layers = layers_of("block")
    together = joined(layers)
    for _ in range(2):
        together(torch.randn(4, 21))
    assert products == [39, 39]


def test_one_block_layer_is_called_as_it_is(products):
    joined(layers_of("block", 1))(torch.randn(4, 21))
    assert products == [13]


@pytest.mark.parametrize("kind", ["dense", "masked", "block"])
def test_hooks_are_called(kind):
    layers, seen = layers_of(kind), []
    layers[1].register_forward_hook(lambda module, inputs, output: seen.append(module))
    x = torch.randn(4, 21)
    for y, layer in zip(joined(layers)(x), layers, strict=True):
        torch.testing.assert_close(y, layer(x))
    assert seen == [layers[1]] * 2


@pytest.mark.parametrize(
    "layers",
    [
        [*layers_of("dense", 1), *layers_of("block", 1)],
        [*layers_of("block", 1), *layers_of("block, directed", 1)],
        [*layers_of("block", 1, bias=True), *layers_of("block", 1, bias=False)],
        [nn.Linear(21, 4), nn.Linear(21, 9)],
        [nn.Linear(21, 4), nn.Sequential(nn.Linear(21, 4))],
        [nn.utils.parametrizations.weight_norm(nn.Linear(21, 4)), nn.Linear(21, 4)],
    ],
    ids=["kinds", "graphs", "biases", "widths", "no layer", "parametrised"],
)
def test_layers_that_differ_give_what_they_give(layers):
    x = torch.randn(4, 21)
    for y, layer in zip(joined(layers)(x), layers, strict=True):
        torch.testing.assert_close(y, layer(x))


@pytest.mark.parametrize("kind", KINDS)
def test_under_transforms_and_autocast_it_is_each_layers_own(kind):
    layers, x = layers_of(kind), torch.randn(4, 21)
    for y, layer in zip(torch.func.vmap(lambda x: joined(layers)(x))(x), layers, strict=True):
        torch.testing.assert_close(y, layer(x))
    with torch.autocast("cpu", torch.bfloat16):
        for y, layer in zip(joined(layers)(x), layers, strict=True):
            assert y.dtype == torch.bfloat16
            torch.testing.assert_close(y, layer(x))


def test_layers_that_read_other_widths_say_so_themselves():
    with pytest.raises(RuntimeError, match="4x21 and 20x4"):
        joined([nn.Linear(21, 4), nn.Linear(20, 4)])(torch.randn(4, 21))


@pytest.mark.parametrize("kind", ["masked", "block"])
def test_a_wrong_width_is_the_layers_error(kind):
    layers = layers_of(kind)
    with pytest.raises(RuntimeError, match="shapes"):
        joined(layers)(torch.randn(4, 20))

"""Planes of images share their zeros: rows and images lie closer than the padding alone would have them."""

import pytest
import torch

from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalConv2d
from graph2nn.layers.block import BlockConv2d
from graph2nn.layers.block.geometry import geometry

GRAPH = ws_flex(5, 2.5, 0.3, 1)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "padding"), [(2, 0), (2, 1), (2, 3), (3, 0), (3, 1), (3, 2), (3, 5), (4, 1), (5, 2), (1, 2)]
)
@pytest.mark.parametrize("shape", [(1, 5, 7), (5, 7, 5), (3, 16, 14), (9, 5, 5)])
def test_shared_zeros_are_never_read_as_a_neighbours_pixels(kernel, padding, stride, shape):
    plain = RelationalConv2d(GRAPH, 7, 9, kernel, stride=stride, padding=padding, dtype=torch.float64)
    block = BlockConv2d(GRAPH, 7, 9, kernel, stride=stride, padding=padding, dtype=torch.float64)
    block.load_state_dict(plain.state_dict())
    generator = torch.Generator().manual_seed(1)
    batch, *sides = shape
    x = torch.randn(batch, 7, *sides, dtype=torch.float64, generator=generator)
    found = []
    for layer in (plain, block):
        given = x.clone().requires_grad_()
        y = layer(given)
        y.backward(torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape))
        weight = layer.weight.grad
        found.append((y, given.grad, layer.expand(weight) if layer is block else weight))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-10, atol=1e-10)


def test_a_small_image_costs_little_more_than_its_pixels():
    """ResNet's last stage, 7² pixels: with zeros of their own, four images took 324 columns."""
    block = BlockConv2d(GRAPH, 7, 9, 3, padding=1)
    call = geometry(block.blocks, 3, 1, 1, images=8, height=7, width=7, itemsize=4)
    assert call.group == 4
    assert call.out_columns <= 256

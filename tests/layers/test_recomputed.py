"""A convolution behind norm and ReLU keeps the image before them, and learns from the same bits."""

import contextlib
import gc
import io
import weakref

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint_sequential

from graph2nn.graphs import ws_flex
from graph2nn.layers.block import BlockConv2d, conv_norm, product, recomputed
from graph2nn.layers.norm_relu import NormedSequential, NormReLU
from graph2nn.models import build_model
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)


def normed(inputs, outputs, kernel=3, stride=1):
    conv = BlockConv2d(GRAPH, inputs, outputs, kernel, stride=stride, padding=kernel // 2)
    return NormReLU(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def path(kernel, stride):
    """Norm and ReLU read by a convolution with norm, and by one without."""
    last = BlockConv2d(GRAPH, 24, 16, 1)
    layers = NormedSequential(normed(16, 20), *normed(20, 24, kernel, stride)[:2], normed(24, 24), last)
    generator = torch.Generator().manual_seed(3)
    for parameter in layers.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return layers


def images(*shape, dtype=torch.float32):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


def gradients(network, x):
    network.zero_grad()
    x = x.detach().requires_grad_()
    network(x).square().sum().backward()
    return [x.grad, *(parameter.grad for parameter in network.parameters())]


def keep_images(monkeypatch):
    """Let every function keep its input."""
    for module in (product, conv_norm):
        monkeypatch.setattr(module, "to_keep", lambda image: (image,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sides", [(4, 4), (9, 7), (28, 28)])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (1, 2), (5, 3)])
def test_gradients_have_the_bits_that_kept_images_give(monkeypatch, kernel, stride, sides, dtype):
    network, x = path(kernel, stride).to(dtype), images(5, 16, *sides, dtype=dtype)
    found = gradients(network, x)
    keep_images(monkeypatch)
    expected = gradients(network, x)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert all(a.abs().sum() > 0 for a in found)


@pytest.mark.parametrize("second", [normed(20, 24), BlockConv2d(GRAPH, 20, 24, 3, padding=1)])
def test_the_image_is_gone_before_backward(second):
    image = normed(16, 20)(images(2, 16, 6, 6))
    alive = weakref.ref(image)
    y = second(image)
    del image
    gc.collect()
    assert alive() is None
    y.sum().backward()


def test_an_image_changed_in_place_is_kept_as_it_is_read():
    first, second = normed(16, 20), BlockConv2d(GRAPH, 20, 24, 3, padding=1)
    image = first(images(2, 16, 6, 6))
    copied = image.detach().clone()
    image.mul_(2)
    found, expected = (
        torch.autograd.grad(second(x).square().sum(), second.weight)[0] for x in (image, 2 * copied)
    )
    assert torch.equal(found, expected)


def test_an_image_may_change_once_it_was_read():
    first, second = normed(16, 20), BlockConv2d(GRAPH, 20, 24, 3, padding=1)
    image = first(images(2, 16, 6, 6))
    y = second(image)
    expected = torch.autograd.grad(y.sum(), second.weight, retain_graph=True)[0]
    with torch.no_grad():
        image.zero_()
    assert torch.equal(torch.autograd.grad(y.sum(), second.weight)[0], expected)


def test_backward_through_a_kept_graph_gives_the_same_again():
    network, x = path(3, 1), images(2, 16, 6, 6)
    loss = network(x).square().sum()
    first, second = (torch.autograd.grad(loss, list(network.parameters()), retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("segments", [1, 2, 4])
def test_checkpoints_may_cut_between_norm_and_convolution(segments):
    network = nn.Sequential(normed(16, 20), normed(20, 24), normed(24, 24), BlockConv2d(GRAPH, 24, 16, 1))
    x = images(2, 16, 6, 6)
    expected = gradients(network, x)

    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            return checkpoint_sequential(network, segments, x, use_reentrant=False)

    found = gradients(Checkpointed(), x)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_saved_tensors_may_go_elsewhere():
    network, x = path(3, 1), images(2, 16, 6, 6)
    expected = gradients(network, x)
    with torch.autograd.graph.save_on_cpu():
        found = gradients(network, x)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("made_under_hooks", [True, False])
def test_hooks_get_the_image_itself(made_under_hooks):
    packed = []
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t.data_ptr()) or t, lambda t: t)
    with hooks if made_under_hooks else contextlib.nullcontext():
        image = normed(16, 20)(images(2, 16, 6, 6))
    assert (image in recomputed._ORIGINS) is not made_under_hooks
    with hooks:
        BlockConv2d(GRAPH, 20, 24, 3, padding=1)(image)
    assert image.data_ptr() in packed


def test_an_image_that_is_written_to_a_file_has_nothing_of_ours():
    image, file = normed(16, 20)(images(2, 16, 6, 6)), io.BytesIO()
    torch.save(image, file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=True), image)


def test_no_convolution_of_a_residual_network_keeps_what_a_norm_made(monkeypatch):
    network = build_model("resnet20-cifar", Relational(ws_flex(16, 4, 0.2, 1), engine="block"))
    alive, apply = [], conv_norm._Normed.apply

    def watched(*arguments):
        out = apply(*arguments)
        alive.append(weakref.ref(out))
        return out

    monkeypatch.setattr(conv_norm._Normed, "apply", watched)
    loss = network(images(2, 3, 32, 32)).sum()
    gc.collect()
    assert len(alive) == 21, "two in each of nine blocks, and three shortcuts"
    assert not any(reference() is not None for reference in alive)
    loss.backward()

"""Max-pooling by kernels: torch's numbers and gradients, and its layer where kernels cannot."""

import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graph2nn.layers.block.pool_planes import LARGEST_KERNEL, pool
from graph2nn.layers.max_pool import PIXELS, MaxPool2d


def assert_same(x, kernel, stride, padding):
    """Output and gradient against torch, bit by bit: each is one of the numbers, or a sum of a few."""
    ours, theirs = (x.detach().clone().requires_grad_() for _ in range(2))
    found, expected = pool(ours, kernel, stride, padding), F.max_pool2d(theirs, kernel, stride, padding)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    # Small whole numbers, whose sums are exact in any order.
    upstream = torch.randint(-9, 9, expected.shape).to(x)
    gradients = [torch.autograd.grad(y, leaf, upstream)[0] for y, leaf in ((found, ours), (expected, theirs))]
    assert torch.equal(*gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [2, 3, 5, LARGEST_KERNEL])
def test_kernels_equal_torch(kernel, stride, dtype):
    generator = torch.Generator().manual_seed(kernel)
    for shape in [(1, 1, 15, 15), (2, 3, 16, 17), (3, 2, 33, 15), (1, 2, 20, 41)]:
        x = torch.randn(shape, generator=generator, dtype=dtype)
        for padding in {0, 1, kernel // 2}:
            assert_same(x, kernel, stride, padding)
            # Many numbers are the largest: the first one takes the gradient.
            assert_same(x.relu().round(), kernel, stride, padding)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite(value):
    x = torch.randn(2, 2, 9, 9)
    x[0, 0] = value
    x[1, 1, 3, 4] = x[1, 1, 0, 0] = value
    for padding in (0, 1):
        assert_same(x, 3, 2, padding)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_planes_and_change_nothing(threads):
    x, found = torch.randn(3, 7, 20, 20), []
    before = torch.get_num_threads()
    for count in (1, threads):
        torch.set_num_threads(count)
        leaf = x.clone().requires_grad_()
        y = pool(leaf, 3, 2, 1)
        found.append((y, torch.autograd.grad(y.square().sum(), leaf)[0]))
    torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_the_gradient_can_be_differentiated_again():
    x = torch.randn(1, 2, 7, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pool(x, 3, 2, 1), x)
    assert torch.autograd.gradgradcheck(lambda x: pool(x, 3, 2, 1).square(), x)


@pytest.fixture
def calls(monkeypatch):
    """How often the kernels were asked."""
    from graph2nn.layers.block import pool_planes

    made = []
    plain = pool_planes.pool
    monkeypatch.setattr(pool_planes, "pool", lambda *a: made.append(a) or plain(*a))
    return made


@pytest.mark.parametrize("options", [{}, {"stride": 1}, {"stride": 2, "padding": 1}])
def test_the_layer_is_torchs_by_kernels_where_they_pay(options, calls):
    layer, plain = MaxPool2d(3, **options), nn.MaxPool2d(3, **options)
    x = torch.randn(2, 4, 30, 30)
    assert torch.equal(layer(x), plain(x))
    assert len(calls) == 1
    small = torch.randn(2, 4, 3, PIXELS)
    assert torch.equal(layer(small), plain(small))
    assert len(calls) == (1 if plain(small)[0, 0].numel() < PIXELS else 2)


@pytest.mark.parametrize(
    "x",
    [
        torch.randn(2, 4, 30, 30).contiguous(memory_format=torch.channels_last),
        torch.randn(2, 4, 30, 30)[..., ::2, :],
        torch.randn(4, 30, 30),
        torch.randn(0, 4, 30, 30),
        torch.randn(2, 0, 30, 30),
        torch.randint(0, 9, (2, 4, 30, 30)),
        torch.randn(2, 4, 30, 30).bfloat16(),
    ],
    ids=["channels last", "not contiguous", "one image", "no image", "no channel", "whole numbers", "bfloat16"],
)
def test_other_inputs_are_torchs(x, calls):
    def outcome(layer):
        try:
            return layer(x)
        except RuntimeError as error:
            return str(error)

    ours, theirs = outcome(MaxPool2d(2)), outcome(nn.MaxPool2d(2))
    assert ours == theirs if isinstance(theirs, str) else torch.equal(ours, theirs)
    assert not calls


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (MaxPool2d(3, padding=2), torch.randn(2, 4, 30, 30)),
        (MaxPool2d(8), torch.randn(2, 4, 5, 30)),
        (MaxPool2d(LARGEST_KERNEL + 1), torch.randn(1, 1, 80, 80)),
        (MaxPool2d(1), torch.randn(2, 4, 30, 30)),
    ],
    ids=["padding", "image smaller than the window", "large window", "window of one pixel"],
)
def test_other_windows_are_torchs(layer, x, calls):
    plain = nn.MaxPool2d(layer.kernel_size, padding=layer.padding)
    outcomes = []
    for each in (layer, plain):
        try:
            outcomes.append(each(x))
        except RuntimeError as error:
            outcomes.append(str(error))
    ours, theirs = outcomes
    assert ours == theirs if isinstance(theirs, str) else torch.equal(ours, theirs)
    assert not calls


def test_tools_of_torch_take_the_layer(calls):
    layer, x = MaxPool2d(3, stride=2, padding=1), torch.randn(2, 4, 30, 30)
    expected = nn.MaxPool2d(3, stride=2, padding=1)(x)
    assert torch.equal(torch.jit.trace(layer, (x,), check_trace=False)(x), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), expected)
    assert torch.equal(torch.func.vmap(layer)(x[:, None])[:, 0], expected)
    assert torch.equal(torch.jit.script(layer)(x), expected)
    assert torch.equal(torch.fx.symbolic_trace(nn.Sequential(layer))(x), expected)
    assert torch.equal(torch.compile(layer, backend="eager", fullgraph=True)(x), expected)
    assert torch.equal(torch.export.export(layer, (x,)).module()(x), expected)
    assert not calls
    stream = io.BytesIO()
    torch.save(layer, stream)
    stream.seek(0)
    assert torch.equal(torch.load(stream, weights_only=False)(x), expected)
    assert len(calls) == 1

"""Depthwise convolutions by kernels: torch's numbers, its derivatives, and its layer where kernels cannot."""

import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graph2nn.layers.block.depthwise_planes import convolve
from graph2nn.layers.depthwise import PIXELS, DepthwiseConv2d


def error(found, expected):
    found, expected = found.detach().double(), expected.detach()
    return ((found - expected).norm() / expected.norm().clamp_min(1e-300)).item()


def assert_same(x, weight, stride, padding, tolerance):
    """Output and gradients against torch in float64."""
    exact = [tensor.detach().double().requires_grad_() for tensor in (x, weight)]
    ours = [tensor.detach().requires_grad_() for tensor in (x, weight)]
    expected = F.conv2d(*exact, None, stride, padding, 1, len(weight))
    found = convolve(*ours, stride, padding)
    assert found.shape == expected.shape
    upstream = torch.randn(expected.shape, dtype=x.dtype)
    errors = [error(found, expected)]
    errors += [
        error(a, b)
        for a, b in zip(
            torch.autograd.grad(found, ours, upstream),
            torch.autograd.grad(expected, exact, upstream.double()),
            strict=True,
        )
    ]
    assert max(errors) < tolerance, errors


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 7, 9])
def test_kernels_equal_torch_in_float64(kernel, stride):
    generator = torch.Generator().manual_seed(kernel)
    for images, channels, height, width in [(1, 1, 9, 9), (2, 3, 10, 17), (3, 5, 14, 9), (2, 2, 33, 28)]:
        for padding in {0, 1, kernel // 2, kernel - 1}:
            x = torch.randn(images, channels, height, width, generator=generator)
            weight = torch.randn(channels, 1, kernel, kernel, generator=generator)
            assert_same(x, weight, stride, padding, 2e-6)
            assert_same(x.double(), weight.double(), stride, padding, 1e-13)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_planes_and_change_nothing(threads):
    x, weight = torch.randn(3, 7, 20, 20), torch.randn(7, 1, 3, 3)
    found = []
    before = torch.get_num_threads()
    for count in (1, threads):
        torch.set_num_threads(count)
        leaves = [tensor.detach().requires_grad_() for tensor in (x, weight)]
        y = convolve(*leaves, 1, 1)
        found.append([y, *torch.autograd.grad(y.square().sum(), leaves)])
    torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("of_x", "of_weight"), [(True, False), (False, True)])
def test_only_what_is_wanted_has_a_gradient(of_x, of_weight):
    x, weight = torch.randn(2, 3, 12, 12), torch.randn(3, 1, 3, 3)
    x.requires_grad_(of_x)
    weight.requires_grad_(of_weight)
    convolve(x, weight, 2, 1).sum().backward()
    plain = [tensor.detach().requires_grad_() for tensor in (x, weight)]
    F.conv2d(*plain, None, 2, 1, 1, 3).sum().backward()
    for ours, theirs, wanted in zip((x, weight), plain, (of_x, of_weight), strict=True):
        assert (ours.grad is not None) == wanted
        if wanted:
            torch.testing.assert_close(ours.grad, theirs.grad)


def test_second_derivatives_are_torchs():
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, weight: convolve(x, weight, 2, 1), (x, weight))


@pytest.fixture
def calls(monkeypatch):
    """How often the kernels were asked."""
    from graph2nn.layers.block import depthwise_planes

    made = []
    plain = depthwise_planes.convolve
    monkeypatch.setattr(depthwise_planes, "convolve", lambda *a: made.append(a) or plain(*a))
    return made


def pair(**options):
    torch.manual_seed(0)
    layer = DepthwiseConv2d(4, 3, **options)
    plain = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False, **options)
    plain.load_state_dict(layer.state_dict())
    return layer, plain


@pytest.mark.parametrize("stride", [1, 2])
def test_the_layer_is_torchs_by_kernels_where_they_pay(stride, calls):
    layer, plain = pair(stride=stride)
    x = torch.randn(2, 4, 30, 30)
    torch.testing.assert_close(layer(x), plain(x))
    assert len(calls) == 1
    side = int((PIXELS - 1) ** 0.5) * stride
    small = torch.randn(2, 4, side, side)
    torch.testing.assert_close(layer(small), plain(small))
    assert len(calls) == 1


def test_a_kernel_of_one_pixel_is_torchs(calls):
    layer, x = DepthwiseConv2d(4, 1), torch.randn(2, 4, 30, 30)
    torch.testing.assert_close(layer(x), x * layer.weight[None, :, 0])
    assert not calls


@pytest.mark.parametrize(
    "x",
    [
        torch.randn(2, 4, 30, 30).contiguous(memory_format=torch.channels_last),
        torch.randn(2, 4, 30, 30)[..., ::2, :],
        torch.randn(4, 30, 30),
        torch.randn(0, 4, 30, 30),
    ],
    ids=["channels last", "not contiguous", "one image", "no image"],
)
def test_other_layouts_are_torchs(x, calls):
    layer, plain = pair()
    torch.testing.assert_close(layer(x), plain(x))
    assert not calls


def test_a_wrong_input_is_torchs_error(calls):
    layer, plain = pair()
    for x in (torch.randn(2, 3, 30, 30), torch.randn(2, 4, 30, 30).double()):
        with pytest.raises(RuntimeError) as ours:
            layer(x)
        with pytest.raises(RuntimeError) as theirs:
            plain(x)
        assert str(ours.value) == str(theirs.value)
    assert not calls


def test_tools_of_torch_take_the_layer(calls):
    layer, plain = pair()
    x = torch.randn(2, 4, 30, 30)
    expected = plain(x)
    traced = torch.jit.trace(layer, (x,), check_trace=False)
    torch.testing.assert_close(traced(x), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    torch.testing.assert_close(torch.func.vmap(layer)(x[:, None])[:, 0], expected)
    torch.testing.assert_close(torch.jit.script(layer)(x), expected)
    torch.testing.assert_close(torch.fx.symbolic_trace(nn.Sequential(layer))(x), expected)
    torch.testing.assert_close(torch.compile(layer, backend="eager", fullgraph=True)(x), expected)
    torch.testing.assert_close(torch.export.export(layer, (x,)).module()(x), expected)
    assert not calls
    stream = io.BytesIO()
    torch.save(layer, stream)
    stream.seek(0)
    torch.testing.assert_close(torch.load(stream, weights_only=False)(x), expected)
    assert len(calls) == 1

"""A relational convolution, its norm and ReLU in one are the three one after the other."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn

from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalConv2d
from graph2nn.layers.block import BlockConv2d
from graph2nn.layers.norm_relu import NormedSequential, NormReLU
from graph2nn.models.resnet_blocks import Basic, Bottleneck, Separable
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)


def sequence(kind, graph, sizes, *, relu, momentum=0.1, dtype=torch.float32):
    """A convolution of one engine with a norm, and with ReLU where wanted."""
    inputs, outputs, kernel, stride = sizes
    conv = kind(graph, inputs, outputs, kernel, stride=stride, padding=kernel // 2)
    layers = [conv, nn.BatchNorm2d(outputs, momentum=momentum)]
    if kind is RelationalConv2d:
        made = nn.Sequential(*layers, *([nn.ReLU()] if relu else []))
    else:
        made = NormReLU(*layers, nn.ReLU(inplace=True)) if relu else NormedSequential(*layers)
    return made.to(dtype)


def twins(graph=GRAPH, sizes=(16, 24, 3, 1), **options):
    """The same layers of the masked engine, one after the other, and of the block engine, in one."""
    options = {"relu": True} | options
    plain, one = (sequence(kind, graph, sizes, **options) for kind in (RelationalConv2d, BlockConv2d))
    generator = torch.Generator().manual_seed(0)
    nn.init.uniform_(plain[1].weight, 0.5, 1.5, generator=generator)
    nn.init.uniform_(plain[1].bias, -0.5, 0.5, generator=generator)
    one.load_state_dict(plain.state_dict())
    return plain, one


def images(batch, channels, height, width, dtype=torch.float32, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, channels, height, width, dtype=dtype, generator=generator)


def results(network, x):
    """Output, gradients as the masked engine has them, and running averages."""
    x = x.detach().requires_grad_()
    y = network(x)
    y.backward(images(*y.shape, seed=2).to(y.dtype))
    conv, norm = network[0], network[1]
    weight = conv.expand(conv.weight.grad) if isinstance(conv, BlockConv2d) else conv.weight.grad
    return [y, x.grad, weight, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]


def in_one(network, x):
    return "Normed" in type(network(x).grad_fn).__name__


@given(
    graph=graphs(max_n=12, directed=None),
    extra=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    batch=st.integers(2, 20),
    sides=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2]),
    relu=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_equals_the_layers_one_after_the_other_in_float64(graph, extra, batch, sides, kernel, stride, relu):
    sizes = (graph.n + extra[0], graph.n + extra[1], kernel, stride)
    plain, one = twins(graph, sizes, relu=relu, dtype=torch.float64)
    x = images(batch, sizes[0], *sides, dtype=torch.float64)
    assert in_one(copy.deepcopy(one), x)
    for found, expected in zip(results(one, x), results(plain, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(
    ("nodes", "sizes", "shape"),
    [
        (8, (13, 17, 3, 1), (4, 9, 7)),
        (64, (170, 170, 3, 1), (2, 28, 28)),
        (64, (100, 130, 3, 2), (5, 14, 14)),
        (64, (144, 144, 1, 1), (3, 14, 14)),
        (3, (40, 60, 1, 2), (6, 7, 7)),
    ],
)
def test_float32_is_within_rounding_of_the_float64_oracle(nodes, sizes, shape, relu):
    plain, one = twins(ws_flex(nodes, min(nodes - 1, 8.2), 0.2, 1), sizes, relu=relu)
    for network in (plain, one):
        # Far on or far off: rounding does not decide, as it does near zero in any float32 network.
        network[1].bias.data = torch.tensor([8.0, -8.0]).repeat(sizes[1])[: sizes[1]]
    x = images(shape[0], sizes[0], *shape[1:])
    pairs = zip(results(one, x), results(plain.double(), x.double()), strict=True)
    errors = [((a.double() - b).norm() / b.norm()).item() for a, b in pairs]
    assert max(errors) < 2e-6, errors


def test_counts_batches_and_averages_all_of_them_without_a_momentum():
    plain, one = twins(momentum=None)
    for seed in range(3):
        for network in (plain, one):
            network(images(4, 16, 6, 6, seed=seed))
    assert one[1].num_batches_tracked == 3
    torch.testing.assert_close(one.state_dict(), plain.state_dict())


@pytest.mark.parametrize("form", ["channels_last", "expanded", "cut"])
def test_takes_tensors_that_are_not_contiguous(form):
    plain, one = twins(dtype=torch.float64)
    x = {
        "channels_last": images(4, 16, 6, 6, torch.float64).to(memory_format=torch.channels_last),
        "expanded": images(1, 16, 6, 6, torch.float64).expand(4, -1, -1, -1),
        "cut": images(4, 16, 6, 9, torch.float64)[..., 2:8],
    }[form]
    for network in (plain, one):
        # The gradient of a mean is one number, expanded.
        network(x).square().mean(dim=(2, 3)).sum().backward()
    torch.testing.assert_close(one[0].expand(one[0].weight.grad), plain[0].weight.grad, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(one[1].weight.grad, plain[1].weight.grad, rtol=1e-9, atol=1e-9)


def test_the_number_of_threads_does_not_change_a_bit():
    before, found = torch.get_num_threads(), []
    _, network = twins(sizes=(30, 70, 3, 1))
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        try:
            found.append(results(copy.deepcopy(network), images(3, 30, 7, 7)))
        finally:
            torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(other, found[0], strict=True))


@pytest.mark.parametrize("relu", [True, False])
def test_what_is_not_a_number_stays_so(relu):
    plain, one = twins(relu=relu)
    x = images(3, 16, 5, 5)
    x[0, :, 2, 2] = torch.nan
    assert torch.equal(one(x).isnan(), plain(x).isnan())
    assert one(x).isnan().any()


def test_a_second_derivative_says_what_is_wrong():
    _, one = twins()
    x = images(3, 16, 5, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(one(x).square().sum(), x, create_graph=True)
    with pytest.raises(UserError, match="second derivatives"):
        gradient.sum().backward()


def test_gradients_that_nobody_wants_are_left_out():
    plain, one = twins()
    one[0].weight.requires_grad_(False)
    for network in (plain, one):
        network(images(3, 16, 5, 5)).square().sum().backward()
    assert one[0].weight.grad is None
    torch.testing.assert_close(one[1].weight.grad, plain[1].weight.grad, rtol=1e-4, atol=1e-4)


def test_changing_the_input_that_the_gradient_needs_is_an_error():
    _, one = twins()
    x = images(3, 16, 5, 5)
    y = one(x)
    x.mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()


def test_its_output_can_be_changed_in_place():
    plain, one = twins()
    x = images(3, 16, 5, 5)
    (plain(x) * 2).square().sum().backward()
    one(x).mul_(2).square().sum().backward()
    torch.testing.assert_close(one[1].weight.grad, plain[1].weight.grad, rtol=1e-4, atol=1e-4)


def evaluated(one, x):
    return one.eval(), x


def frozen_statistics(one, x):
    one[1].eval()
    return one, x


def without_averages(one, x):
    one[1].track_running_stats = False
    return one, x


def of_another_type(one, x):
    return one.to(torch.bfloat16), x.bfloat16()


def with_a_bias(one, x):
    one[0].bias = nn.Parameter(torch.ones(24))
    return one, x


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(
    "change", [evaluated, frozen_statistics, without_averages, of_another_type, with_a_bias]
)
def test_elsewhere_it_is_the_layers_one_after_the_other(change, relu):
    _, one = twins(relu=relu)
    one, x = change(one, images(4, 16, 6, 6))
    apart = nn.Sequential(*copy.deepcopy(one))
    assert not in_one(one, x)
    assert torch.equal(one(x), apart(x) if not one.training else (apart(x), apart(x))[1])


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("child", [0, 1])
def test_hooks_of_its_children_are_called(child, relu):
    _, one = twins(relu=relu)
    seen = []
    hook = one[child].register_forward_hook(lambda module, given, output: seen.append(output.shape))
    one(images(3, 16, 5, 5))
    assert seen == [(3, 24, 5, 5)]
    hook.remove()
    assert in_one(one, images(3, 16, 5, 5))


@pytest.mark.parametrize("relu", [True, False])
def test_a_single_number_is_refused_as_torch_refuses_it(relu):
    _, one = twins(relu=relu)
    with pytest.raises(ValueError, match="more than 1 value"):
        one(images(1, 16, 1, 1))


@pytest.mark.parametrize("relu", [True, False])
def test_a_norm_of_the_wrong_kind_is_refused_as_torch_refuses_it(relu):
    _, one = twins(relu=relu)
    one[1] = nn.BatchNorm1d(24)
    with pytest.raises(ValueError, match="2D or 3D input"):
        one(images(3, 16, 5, 5))


def test_compiled_equals_eager():
    plain, one = twins()
    x = images(3, 16, 5, 5)
    torch.testing.assert_close(torch.compile(one, backend="aot_eager")(x), plain(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(one.state_dict(), plain.state_dict())


def test_a_layer_behind_the_norm_is_left_alone():
    layers = [
        BlockConv2d(GRAPH, 16, 24, 1),
        BlockConv2d(GRAPH, 24, 24, 1),
        nn.BatchNorm2d(24),
        nn.SiLU(inplace=True),
    ]
    path, apart = NormedSequential(*layers), nn.Sequential(*copy.deepcopy(layers))
    x = images(3, 16, 5, 5)
    torch.testing.assert_close(path(x), apart(x), rtol=1e-5, atol=1e-5)
    assert torch.equal(path[2].num_batches_tracked, torch.tensor(1))


def nodes_of(y):
    """Names of all steps that led to a tensor."""
    seen, left = set(), [y.grad_fn]
    while left:
        node = left.pop()
        if node is not None and node not in seen:
            seen.add(node)
            left += [behind for behind, _ in node.next_functions]
    return [type(node).__name__ for node in seen]


@pytest.mark.parametrize(("block", "convolutions"), [(Basic, 3), (Separable, 3), (Bottleneck, 3)])
def test_blocks_of_a_network_norm_all_relational_convolutions_in_one(block, convolutions):
    plain, one = (
        block(32, 48, stride=2, first=True, wiring=Relational(GRAPH, engine=engine)).double()
        for engine in ("masked", "block")
    )
    one.load_state_dict(plain.state_dict())
    x = images(3, 32, 9, 9, torch.float64)
    expected, found = plain(x), one(x)
    assert sum("Normed" in name for name in nodes_of(found)) == convolutions
    torch.testing.assert_close(found, expected)
    for y in (expected, found):
        y.square().sum().backward()
    wanted = {name: parameter.grad for name, parameter in plain.named_parameters() if "weight" in name}
    for name, module in one.named_modules():
        if isinstance(module, BlockConv2d):
            torch.testing.assert_close(module.expand(module.weight.grad), wanted[f"{name}.weight"])
    torch.testing.assert_close(one.state_dict(), plain.state_dict())

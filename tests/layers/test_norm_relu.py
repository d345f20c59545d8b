"""A layer, its norm and ReLU in one are the three one after the other."""

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn

from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalLinear
from graph2nn.layers.block import BlockLinear
from graph2nn.layers.norm_relu import NormReLU

GRAPH = ws_flex(8, 3.5, 0.3, 1)


def twins(graph, widths, *, momentum=0.1, dtype=torch.float32):
    """The same network of the masked engine, layer by layer, and of the block engine, in one."""
    networks = []
    for sequence, kind in ((nn.Sequential, RelationalLinear), (NormReLU, BlockLinear)):
        layers = [
            sequence(kind(graph, i, o), nn.BatchNorm1d(o, momentum=momentum), nn.ReLU(inplace=True))
            for i, o in itertools.pairwise(widths)
        ]
        networks.append(nn.Sequential(*layers).to(dtype))
    plain, one = networks
    generator = torch.Generator().manual_seed(0)
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.uniform_(module.bias, -0.5, 0.5, generator=generator)
    one.load_state_dict(plain.state_dict())
    return plain, one


def samples(batch, features, dtype=torch.float32, seed=1):
    return torch.randn(batch, features, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def results(network, x, upstream):
    """Output, gradients as the masked engine has them, and running averages."""
    x = x.detach().requires_grad_()
    y = network(x)
    y.backward(upstream)
    gradients = [x.grad]
    for module in network.modules():
        if isinstance(module, RelationalLinear):
            dense = module.weight.grad
            gradients.append(module.expand(dense) if isinstance(module, BlockLinear) else dense)
        elif isinstance(module, nn.BatchNorm1d):
            gradients += [module.weight.grad, module.bias.grad, module.running_mean, module.running_var]
    return [y, *gradients]


def error(found, expected):
    found, expected = found.detach().double(), expected.detach()
    return ((found - expected).norm() / expected.norm().clamp_min(1e-300)).item()


def in_one(network, x):
    return "Normed" in type(network(x).grad_fn).__name__


@given(
    graph=graphs(max_n=20, directed=None),
    extra=st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)),
    batch=st.sampled_from([3, 7, 16, 33, 128, 256]),
)
@settings(max_examples=40)
def test_equals_the_three_one_after_the_other_in_float64(graph, extra, batch):
    widths = [graph.n + more for more in extra]
    plain, one = twins(graph, widths, dtype=torch.float64)
    assert in_one(copy.deepcopy(one), samples(batch, widths[0], torch.float64))
    given = samples(batch, widths[0], torch.float64), samples(batch, widths[-1], torch.float64, seed=2)
    for found, expected in zip(results(one, *given), results(plain, *given), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("nodes", "widths", "batch"),
    [(8, (13, 17), 20), (64, (1522, 1522), 128), (64, (100, 993), 77), (3, (40, 60), 256)],
)
def test_float32_is_within_rounding_of_the_float64_oracle(nodes, widths, batch):
    plain, one = twins(ws_flex(nodes, min(nodes - 1, 8.2), 0.2, 1), widths)
    for network in (plain, one):
        # Far on or far off: rounding does not decide, as it does near zero in any float32 network.
        network[0][1].bias.data = torch.tensor([8.0, -8.0]).repeat(widths[-1])[: widths[-1]]
    x, upstream = samples(batch, widths[0]), samples(batch, widths[-1], seed=2)
    found, expected = results(one, x, upstream), results(plain.double(), x.double(), upstream.double())
    errors = [error(a, b) for a, b in zip(found, expected, strict=True)]
    assert max(errors) < 2e-6, errors


def test_counts_batches_and_averages_all_of_them_without_a_momentum():
    plain, one = twins(GRAPH, (16, 24), momentum=None)
    for seed in range(3):
        for network in (plain, one):
            network(samples(9, 16, seed=seed))
    assert one[0][1].num_batches_tracked == 3
    torch.testing.assert_close(one.state_dict(), plain.state_dict())


def test_features_stay_side_by_side_between_layers():
    _, one = twins(GRAPH, (16, 24, 24))
    x = one[0](samples(40, 16))
    assert x.stride(0) == 1
    before = x.data_ptr()
    assert one[1](x).shape == (40, 24)
    assert x.data_ptr() == before
    # A view of the same strides in less memory than the kernels read is copied.
    tight = x.detach().clone(memory_format=torch.contiguous_format)
    step = x.stride(1)
    cut = torch.empty(23 * step + 40).as_strided((40, 24), (1, step)).copy_(tight)
    torch.testing.assert_close(one[1](cut), one[1](x))


def test_changing_what_the_gradient_needs_is_an_error():
    _, one = twins(GRAPH, (16, 24, 24))
    x = one[0](samples(40, 16))
    y = one[1](x)
    x.mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()


def test_the_number_of_threads_does_not_change_a_bit():
    before, found = torch.get_num_threads(), []
    _, network = twins(GRAPH, (30, 70, 50))
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        try:
            found.append(results(copy.deepcopy(network), samples(40, 30), samples(40, 50, seed=2)))
        finally:
            torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(other, found[0], strict=True))


def test_what_is_not_a_number_stays_so():
    _, one = twins(GRAPH, (16, 24))
    x = samples(9, 16)
    x[0] = torch.nan
    assert one(x).isnan().any(dim=0).all()


def test_a_second_derivative_says_what_is_wrong():
    _, one = twins(GRAPH, (16, 24))
    x = samples(9, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(one(x).square().sum(), x, create_graph=True)
    with pytest.raises(UserError, match="second derivatives"):
        gradient.sum().backward()


def test_gradients_that_nobody_wants_are_left_out():
    plain, one = twins(GRAPH, (16, 24))
    one[0][0].weight.requires_grad_(False)
    for network in (plain, one):
        network(samples(9, 16)).square().sum().backward()
    assert one[0][0].weight.grad is None
    torch.testing.assert_close(one[0][1].weight.grad, plain[0][1].weight.grad, rtol=1e-4, atol=1e-4)


def larger_than_a_group(one, x):
    return one, samples(300, 16)


def evaluated(one, x):
    return one.eval(), x


def without_averages(one, x):
    one[0][1].track_running_stats = False
    return one, x


def of_another_type(one, x):
    return one.to(torch.bfloat16), x.bfloat16()


def frozen_statistics(one, x):
    one[0][1].eval()
    return one, x


@pytest.mark.parametrize(
    "change", [larger_than_a_group, evaluated, without_averages, of_another_type, frozen_statistics]
)
def test_elsewhere_it_is_the_three_one_after_the_other(change):
    _, one = twins(GRAPH, (16, 24))
    one, x = change(one, samples(20, 16))
    apart = nn.Sequential(*copy.deepcopy(one[0]))
    assert not in_one(one, x)
    assert torch.equal(one(x), apart(x) if not one.training else (apart(x), apart(x))[1])


@pytest.mark.parametrize("child", [0, 1, 2])
def test_hooks_of_its_children_are_called(child):
    _, one = twins(GRAPH, (16, 24))
    seen = []
    hook = one[0][child].register_forward_hook(lambda module, given, output: seen.append(output.shape))
    one(samples(9, 16))
    assert seen == [(9, 24)]
    hook.remove()
    assert in_one(one, samples(9, 16))


def a_hook_before(layer, note):
    return layer.register_forward_pre_hook(lambda module, given: note())


def a_hook_of_all_modules(layer, note):
    def noted(module, given, output):
        if module is layer:
            note()

    return nn.modules.module.register_module_forward_hook(noted)


def a_hook_on_gradients(layer, note):
    return layer.register_full_backward_hook(lambda module, given, taken: note())


def a_hook_before_gradients(layer, note):
    return layer.register_full_backward_pre_hook(lambda module, taken: note())


@pytest.mark.parametrize(
    "register", [a_hook_before, a_hook_of_all_modules, a_hook_on_gradients, a_hook_before_gradients]
)
@pytest.mark.parametrize("child", [0, 1])
def test_hooks_of_every_kind_are_called(register, child):
    _, one = twins(GRAPH, (16, 24))
    one[0][2].inplace = False  # torch has no gradient hooks in front of what is changed in place
    calls = []
    hook = register(one[0][child], lambda: calls.append(1))
    try:
        one(samples(9, 16).requires_grad_()).sum().backward()
    finally:
        hook.remove()
    assert calls == [1]
    assert in_one(one, samples(9, 16))


def test_a_forward_of_a_childs_own_is_called():
    _, one = twins(GRAPH, (16, 24))
    layer, calls = one[0][0], []
    layer.forward = lambda x: calls.append(1) or type(layer).forward(layer, x)
    one(samples(9, 16))
    assert calls == [1]
    del layer.forward
    assert in_one(one, samples(9, 16))


def test_its_output_can_be_changed_in_place():
    plain, one = twins(GRAPH, (16, 24))
    (plain(samples(9, 16)) * 2).square().sum().backward()
    one(samples(9, 16)).mul_(2).square().sum().backward()
    torch.testing.assert_close(one[0][1].weight.grad, plain[0][1].weight.grad, rtol=1e-4, atol=1e-4)


def test_a_single_sample_is_refused_as_torch_refuses_it():
    _, one = twins(GRAPH, (16, 24))
    with pytest.raises(ValueError, match="more than 1 value"):
        one(samples(1, 16))


def test_compiled_equals_eager():
    plain, one = twins(GRAPH, (16, 24, 24))
    x = samples(20, 16)
    compiled = torch.compile(one, backend="aot_eager")
    torch.testing.assert_close(compiled(x), plain(x))
    torch.testing.assert_close(one.state_dict(), plain.state_dict())


def test_parts_and_copies_are_sequences_like_any_other():
    plain, one = twins(GRAPH, (16, 24))
    assert list(one.state_dict()) == list(plain.state_dict())
    x = samples(20, 16)
    twin = copy.deepcopy(one)
    assert torch.equal(twin(x), one(x))
    torch.testing.assert_close(one[0][:2](x).relu(), one(x))

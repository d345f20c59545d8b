"""The block engine computes the function of the masked one, and looks the same from outside."""

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
from graph2nn.errors import UserError
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.layers import RelationalConv2d, RelationalLinear
from graph2nn.layers.block import BlockConv2d, BlockLinear, geometry
from graph2nn.models import initialise

GRAPH = ws_flex(8, 3.5, 0.3, 1)
#: Every way activations are laid out: pixelwise or padded, with and without phases, small images grouped.
CONVOLUTIONS = [
    (1, 1, 0),
    (3, 1, 1),
    (3, 2, 1),
    (1, 2, 0),
    (3, 1, 0),
    (2, 1, 1),
    (5, 2, 2),
    (3, 4, 1),
    (3, 3, 3),
]


def error(found, expected):
    found, expected = found.detach().double(), expected.detach()
    return ((found - expected).norm() / expected.norm().clamp_min(1e-300)).item()


def assert_same_function(masked, block, x, tolerance):
    """Output and gradients of ``block`` against the masked engine in float64."""
    block.load_state_dict(masked.state_dict())
    masked = masked.double()
    exact = x.detach().double().requires_grad_()
    x = x.detach().requires_grad_()
    expected, found = masked(exact), block(x)
    assert found.shape == expected.shape
    assert found.dtype == x.dtype
    gradient = torch.randn(expected.shape, dtype=x.dtype)
    dx, *dp = torch.autograd.grad(expected, [exact, *masked.parameters()], gradient.double())
    bx, *bp = torch.autograd.grad(found, [x, *block.parameters()], gradient)
    errors = [error(found, expected), error(bx, dx), error(block.expand(bp[0]), dp[0])]
    errors += [error(b, d) for b, d in zip(bp[1:], dp[1:], strict=True)]
    assert max(errors) < tolerance, errors


@given(
    graph=graphs(max_n=40, directed=None),
    extra=st.tuples(st.integers(0, 90), st.integers(0, 90)),
    batch=st.sampled_from([1, 2, 7, 16, 33, 300]),
    bias=st.booleans(),
)
@settings(max_examples=60)
def test_linear_equals_the_mask_in_float64(graph, extra, batch, bias):
    widths = graph.n + extra[0], graph.n + extra[1]
    masked, block = (kind(graph, *widths, bias=bias) for kind in (RelationalLinear, BlockLinear))
    assert_same_function(masked, block, torch.randn(batch, widths[0]), 2e-6)


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 272, 300, 513, 1000, 1088])
def test_little_more_is_computed_than_there_is(samples):
    """Of 272 samples 512 were computed: a second group of 256, of which 16 were there."""
    blocks = BlockLinear(GRAPH, 24, 24).blocks
    call = geometry.geometry(blocks, 1, 1, 0, samples, 1, 1, 4)
    assert call.group <= geometry.GROUP_COLUMNS
    assert samples <= call.groups * call.group
    assert call.groups * call.out_columns <= samples + call.groups * 2 * call.lanes


@given(
    graph=graphs(max_n=12, directed=None),
    extra=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    batch=st.sampled_from([1, 2, 5]),
    kernel=st.sampled_from(CONVOLUTIONS),
    size=st.tuples(st.integers(1, 19), st.integers(1, 19)),
)
@settings(max_examples=80)
def test_convolution_equals_the_mask_in_float64(graph, extra, batch, kernel, size):
    side, stride, padding = kernel
    size = [max(length, side - 2 * padding) for length in size]
    widths = graph.n + extra[0], graph.n + extra[1]
    masked, block = (
        kind(graph, *widths, side, stride=stride, padding=padding) for kind in (RelationalConv2d, BlockConv2d)
    )
    assert_same_function(masked, block, torch.randn(batch, widths[0], *size), 2e-6)


@pytest.mark.parametrize("dots", [False, True])
@pytest.mark.parametrize("samples", [1, 9, 300, 1100])
@pytest.mark.parametrize("width", [8, 21, 27, 40, 75, 100])
def test_small_nodes_equal_the_mask_either_way(width, samples, dots, monkeypatch):
    """Gradients of weights by products with turned rows and by dots, whatever the engine would choose."""
    monkeypatch.setattr(geometry.Geometry, "dots", dots)
    geometry.geometry.cache_clear()
    masked, block = (kind(GRAPH, width, width + 5) for kind in (RelationalLinear, BlockLinear))
    assert_same_function(masked, block, torch.randn(samples, width), 2e-6)
    geometry.geometry.cache_clear()


@pytest.mark.parametrize("width", [2, 5, 6, 9, 13])
def test_any_number_of_columns_is_cut_in_tiles(width):
    """Rows of 8 to 70 pixels, 1 to 7 of them a node: the last vector overlaps the one before it."""
    graph = ws_flex(2, 2, 0, 1)
    masked = RelationalConv2d(graph, width, width, 1).double()
    block = BlockConv2d(graph, width, width, 1)
    block.load_state_dict(masked.state_dict())
    for columns in range(8, 71):
        x = torch.randn(1, width, 1, columns)
        assert error(block(x), masked(x.double())) < 2e-6, columns


def test_dots_are_taken_of_many_samples_of_small_nodes():
    def dots(width, samples):
        return geometry.geometry(BlockLinear(GRAPH, width, width).blocks, 1, 1, 0, samples, 1, 1, 4).dots

    assert dots(24, 1024)
    assert not dots(24, 8)
    # Whole vectors, several of them, on every machine: the product with turned rows keeps them busy.
    assert not dots(8 * 32, 1024)


@pytest.mark.parametrize("kernel", [(1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1)])
def test_group_after_group_equals_the_mask(kernel, monkeypatch):
    """As wide images are worked through: other weights for the input's gradient, dots added to dots."""
    monkeypatch.setattr(geometry, "BLOCK_BYTES", 1)
    monkeypatch.setattr(geometry, "DOT_COLUMNS", 1)
    geometry.geometry.cache_clear()
    side, stride, padding = kernel
    options = {"stride": stride, "padding": padding}
    masked, block = (kind(GRAPH, 9, 21, side, **options) for kind in (RelationalConv2d, BlockConv2d))
    assert_same_function(masked, block, torch.randn(5, 9, 19, 17), 2e-6)
    geometry.geometry.cache_clear()


@given(graph=graphs(max_n=9, directed=None), kernel=st.sampled_from(CONVOLUTIONS))
@settings(max_examples=15)
def test_float64_is_exact(graph, kernel):
    side, stride, padding = kernel
    options = {"stride": stride, "padding": padding, "bias": True, "dtype": torch.float64}
    masked, block = (kind(graph, 11, 19, side, **options) for kind in (RelationalConv2d, BlockConv2d))
    assert_same_function(masked, block, torch.randn(3, 11, 7, 9, dtype=torch.float64), 1e-14)
    masked, block = (kind(graph, 11, 19, dtype=torch.float64) for kind in (RelationalLinear, BlockLinear))
    assert_same_function(masked, block, torch.randn(20, 11, dtype=torch.float64), 1e-14)


def twins():
    return [
        (RelationalLinear(GRAPH, 13, 17, bias=True), BlockLinear(GRAPH, 13, 17, bias=True), torch.randn(5, 13)),
        (
            RelationalConv2d(GRAPH, 9, 11, 3, stride=2, padding=1),
            BlockConv2d(GRAPH, 9, 11, 3, stride=2, padding=1),
            torch.randn(2, 9, 7, 7),
        ),
    ]


both = pytest.mark.parametrize("which", [0, 1], ids=["linear", "conv2d"])


@both
def test_strides_of_the_input_do_not_matter(which):
    masked, block, x = twins()[which]
    assert_same_function(masked, block, x.transpose(0, 1).contiguous().transpose(0, 1), 2e-6)
    masked, block, x = twins()[which]
    assert_same_function(masked, block, x[:1].expand(x.shape), 2e-6)
    if which:
        masked, block, x = twins()[which]
        assert_same_function(masked, block, x.to(memory_format=torch.channels_last), 2e-6)


def test_strides_of_the_gradient_do_not_matter():
    _, block, x = twins()[0]
    x.requires_grad_()
    block(x).sum().backward()  # the gradient of a sum is an expanded one
    found = x.grad.clone()
    torch.testing.assert_close(found, block.effective_weight().sum(0).expand_as(found))


def test_leading_dimensions_and_empty_batches():
    masked, block, x = twins()[0]
    block.load_state_dict(masked.state_dict())
    wide = torch.randn(2, 3, 4, 13)
    torch.testing.assert_close(block(wide), masked(wide))
    torch.testing.assert_close(block(x[0]), masked(x[0]))
    assert block(torch.empty(0, 13)).shape == (0, 17)
    empty = torch.empty(4, 0, 13, requires_grad=True)
    block(empty).sum().backward()
    assert empty.grad.shape == empty.shape
    assert block.weight.grad.count_nonzero() == 0
    with pytest.raises(RuntimeError):
        block(torch.randn(2, 12))


@both
def test_the_same_generator_draws_the_same_weights(which):
    masked, block, _ = twins()[which]
    for layer in (masked, block):
        layer.reset_parameters(torch.Generator().manual_seed(3))
    assert torch.equal(block.effective_weight(), masked.weight)
    for layer in (masked, block):
        initialise(nn.Sequential(layer), torch.Generator().manual_seed(4))
    assert torch.equal(block.effective_weight(), masked.weight)
    torch.manual_seed(0)
    first = twins()[which][0]
    torch.manual_seed(0)
    again = type(first)(GRAPH, 13, 17) if which == 0 else type(first)(GRAPH, 9, 11, 3)
    torch.manual_seed(0)
    other = BlockLinear(GRAPH, 13, 17) if which == 0 else BlockConv2d(GRAPH, 9, 11, 3)
    assert torch.equal(other.effective_weight(), again.weight)


@both
def test_checkpoints_move_between_engines_both_ways(which):
    masked, block, x = twins()[which]
    block.load_state_dict(masked.state_dict())
    assert list(block.state_dict()) == list(masked.state_dict())
    for key, value in masked.state_dict().items():
        assert torch.equal(block.state_dict()[key], value)
    nn.init.normal_(block.weight)
    masked.load_state_dict(block.state_dict())
    torch.testing.assert_close(block(x), masked(x))
    network = nn.Sequential(copy.deepcopy(block))
    network.load_state_dict(nn.Sequential(masked).state_dict())
    assert torch.equal(network(x), block(x))


@both
def test_a_checkpoint_of_another_graph_is_refused(which):
    other = ws_flex(8, 3.5, 0.3, 2)
    masked = RelationalLinear(other, 13, 17, bias=True) if which == 0 else RelationalConv2d(other, 9, 11, 3)
    _, block, x = twins()[which]
    before = block(x)
    with pytest.raises(RuntimeError, match="made for"):
        block.load_state_dict(masked.state_dict())
    assert torch.equal(block(x), before)
    with pytest.raises(RuntimeError, match="Missing key"):
        block.load_state_dict({})


@both
def test_deepcopy_and_save_keep_the_function(which):
    _, block, x = twins()[which]
    assert torch.equal(copy.deepcopy(block)(x), block(x))
    file = io.BytesIO()
    torch.save(block, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(loaded(x), block(x))
    assert loaded.graph == GRAPH


@both
def test_functional_call_takes_other_weights(which):
    masked, block, x = twins()[which]
    weight = torch.randn_like(masked.weight) * masked.mask
    expected = functional_call(masked, {"weight": weight}, (x,))
    torch.testing.assert_close(functional_call(block, {"weight": block.compact(weight)}, (x,)), expected)


def test_counts_like_the_masked_layer():
    masked, block, x = twins()[0]
    assert macs(nn.Sequential(block), x.shape[1:]) == macs(nn.Sequential(masked), x.shape[1:])
    assert parameters(block) == parameters(masked)
    padding = sum(p.numel() for p in block.parameters()) - parameters(block)
    assert padding == block.weight.numel() - int(block.mask.sum())


@both
def test_prints_like_the_masked_layer(which):
    masked, block, _ = twins()[which]
    assert repr(block) == repr(masked).replace("Relational", "Block").replace("engine=masked", "engine=block")


@both
def test_elsewhere_it_computes_as_the_masked_layer(which):
    masked, block, x = twins()[which]
    block.load_state_dict(masked.state_dict())
    meta = copy.deepcopy(block).to("meta")
    assert meta(x.to("meta")).shape == masked(x).shape
    low = copy.deepcopy(block).to(torch.bfloat16)
    torch.testing.assert_close(low(x.bfloat16()), masked.to(torch.bfloat16)(x.bfloat16()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert block(x).dtype == torch.bfloat16
    one_by_one = torch.func.vmap(lambda sample: block(sample[None])[0])(x)
    torch.testing.assert_close(one_by_one, block(x))


def test_layers_can_be_made_on_the_meta_device():
    layer = BlockConv2d(GRAPH, 9, 11, 3, bias=True, device="meta")
    assert layer.weight.is_meta
    assert layer.weight.numel() == BlockConv2d(GRAPH, 9, 11, 3).weight.numel()


@both
def test_a_second_derivative_says_what_is_wrong(which):
    _, block, x = twins()[which]
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(block(x).square().sum(), x, create_graph=True)
    with pytest.raises(UserError, match="second derivatives"):
        gradient.sum().backward()


@both
def test_batched_gradients_say_what_to_do_and_jacrev_gives_them(which):
    masked, block, x = twins()[which]
    block.load_state_dict(masked.state_dict())
    y = block(x.requires_grad_())
    with pytest.raises(UserError, match="one gradient at a time"):
        torch.autograd.grad(y, x, torch.stack([y, y]), is_grads_batched=True)
    expected = torch.autograd.functional.jacobian(masked, x)
    torch.testing.assert_close(torch.func.jacrev(block)(x), expected, rtol=1e-5, atol=1e-6)


def test_symmetric_weights_are_refused():
    with pytest.raises(UserError, match="masked"):
        BlockLinear(GRAPH, 16, 16, symmetric=True)
    with pytest.raises(UserError, match="masked"):
        BlockConv2d(GRAPH, 16, 16, 3, symmetric=True)


@both
def test_compiled_equals_eager(which):
    _, block, x = twins()[which]
    x.requires_grad_()
    model = nn.Sequential(block, nn.ReLU())
    compiled = torch.compile(model, backend="aot_eager")
    expected, found = model(x), compiled(x)
    torch.testing.assert_close(found, expected)
    gradient = torch.autograd.grad(expected.square().sum(), [x, block.weight])
    for a, b in zip(torch.autograd.grad(found.square().sum(), [x, block.weight]), gradient, strict=True):
        torch.testing.assert_close(a, b)


def test_a_step_of_sgd_is_that_of_the_masked_network():
    """One step, not a trajectory: those part ways in float32 whatever the engine."""
    masked, block, x = twins()[0]
    block.load_state_dict(masked.state_dict())
    for layer in (masked, block):
        optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
        layer(x).square().sum().backward()
        optimiser.step()
    torch.testing.assert_close(block.effective_weight(), masked.effective_weight())


def adamw_of_matrices(parameters):
    """The common rule that gains, shifts and biases do not decay, told by their number of dimensions."""
    return torch.optim.AdamW([{"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.1}], lr=0.01)


ELEMENTWISE = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "AdamW": adamw_of_matrices,
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
}


def trained(make, graph):
    """Effective weights of both engines after five steps, and the block layer."""
    torch.manual_seed(0)
    masked, block = RelationalLinear(graph, 13, 17), BlockLinear(graph, 13, 17)
    block.load_state_dict(masked.state_dict())
    batches = [torch.randn(20, 13) for _ in range(5)]
    for layer in (masked, block):
        optimiser = make([*layer.parameters()])
        for batch in batches:
            optimiser.zero_grad()
            layer(batch).square().sum().backward()
            optimiser.step()
    return masked.effective_weight().detach(), block.effective_weight().detach(), block


def padding(block):
    """Stored numbers that are no weights."""
    return block.weight.detach()[block.compact(torch.ones(block.shape)) == 0]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_optimisers_of_single_numbers_train_both_engines_alike(name):
    """docs/training.md says so; decay chosen by the number of dimensions included."""
    expected, found, block = trained(ELEMENTWISE[name], GRAPH)
    torch.testing.assert_close(found, expected)
    assert padding(block).numel() > 0
    assert padding(block).count_nonzero() == 0


@pytest.mark.parametrize("kind", ["Muon", "Adafactor"])
def test_optimisers_of_whole_matrices_see_the_stored_matrix(kind):
    """docs/training.md says that these differ; what Muon writes into the padding has no effect."""
    make = getattr(torch.optim, kind, None)
    if make is None:
        pytest.skip(f"this torch has no {kind}")
    expected, found, block = trained(lambda p: make(p, lr=0.01), GRAPH)
    assert error(found, expected.double()) > 1e-3
    assert torch.equal(block.effective_weight() * ~block.mask, torch.zeros(block.shape))
    x, other = torch.randn(5, 13), copy.deepcopy(block)
    other.set_weight(block.effective_weight())
    assert padding(other).count_nonzero() == 0
    assert torch.equal(block(x), other(x))


def test_weights_are_a_matrix_with_a_row_per_output():
    linear, conv = BlockLinear(GRAPH, 13, 17), BlockConv2d(GRAPH, 9, 11, 3)
    most = [int(layer.mask.flatten(1).sum(1).max()) for layer in (linear, conv)]
    assert linear.weight.shape == (17, most[0])
    assert conv.weight.shape == (11, most[1] * 9)


def test_the_shape_tells_the_stored_weight_from_the_masked_one():
    """Also where a node reads all others."""
    star = RelationalGraph.from_adjacency([[0, 1, 1], [1, 0, 0], [1, 0, 0]])
    masked, block = (kind(star, 7, 7) for kind in (RelationalLinear, BlockLinear))
    assert block.weight.shape != masked.weight.shape
    assert_same_function(masked, block, torch.randn(5, 7), 2e-6)


@both
def test_weights_of_any_strides_are_read_right(which):
    masked, block, x = twins()[which]
    block.load_state_dict(masked.state_dict())
    stored = block.weight.detach()
    turned = stored.T.contiguous().T
    assert not turned.is_contiguous()
    torch.testing.assert_close(functional_call(block, {"weight": turned}, (x,)), masked(x))
    row = stored[:1].expand_as(stored)
    expected = functional_call(block, {"weight": row.contiguous()}, (x,))
    assert torch.equal(functional_call(block, {"weight": row}, (x,)), expected)


@both
def test_weights_of_another_shape_are_refused(which):
    _, block, x = twins()[which]
    with pytest.raises(UserError, match=r"compact\(weight\)"):
        functional_call(block, {"weight": block.weight[:-1]}, (x,))

"""The edge engine: every product and derivative against a float64 oracle, whatever the shape."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graph2nn import Relational, RelationalGraph, UserError, macs, parameters, ws_flex
from graph2nn.layers.block import BlockLinear
from graph2nn.layers.edge import EdgeLinear, arcs, by_source, edge_product, tables_of
from graph2nn.layers.edge import linear as edge_linear
from graph2nn.layers.edge import product as edge_product_module
from graph2nn.layers.edge.product import weights_by_source
from graph2nn.layers.masked import RelationalLinear

GRAPH = ws_flex(24, 5.0, 0.3, 1)


@st.composite
def sparse_edges(draw):
    """Connections between some inputs and outputs: rows without any, self-connections, hubs."""
    inputs, outputs = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    kind = draw(st.sampled_from(["none", "sparse", "hub", "dense", "diagonal"]))
    numbers = np.random.default_rng(draw(st.integers(0, 1000)))
    on = np.zeros((outputs, inputs), dtype=bool)
    if kind == "sparse":
        on = numbers.random(on.shape) < 0.1
    elif kind == "hub":
        on[draw(st.integers(0, outputs - 1))] = True
        on[:, draw(st.integers(0, inputs - 1))] = True
    elif kind == "dense":
        on = numbers.random(on.shape) < 0.8
    elif kind == "diagonal":
        np.fill_diagonal(on, True)
    target, source = np.nonzero(on)
    shuffled = numbers.permutation(len(source))
    return np.stack([source, target])[:, shuffled], inputs, outputs


def oracle(edges, inputs, outputs, weight):
    """The weight as a matrix; weights lie by reader, then by what it reads."""
    matrix = torch.zeros(outputs, inputs, dtype=torch.float64)
    order = np.lexsort((edges[0], edges[1]))
    matrix[edges[1][order], edges[0][order]] = weight.double()
    return matrix


def relative(a, b):
    a, b = a.detach().double(), b.detach().double()
    return float((a - b).abs().max() / (b.abs().max() + 1e-12)) if b.numel() else 0.0


def rounding(a, b, magnitudes):
    """Largest error over the sum of the terms' magnitudes, which stays large where terms cancel."""
    error = (a.detach().double() - b.detach().double()).abs()
    return float((error / magnitudes.detach().double().clamp_min(1e-300)).max()) if b.numel() else 0.0


@pytest.mark.parametrize(("threads", "one_walk"), [(1, True), (2, True), (2, False)])
@settings(max_examples=60, deadline=None)
@given(
    drawn=sparse_edges(),
    batch=st.sampled_from([1, 2, 3, 7, 8, 9, 16, 17, 31, 32, 33, 64, 65, 100, 129]),
    layout=st.sampled_from(["rows", "columns", "slice"]),
    seed=st.integers(0, 100),
)
def test_matches_the_float64_oracle(threads, one_walk, drawn, batch, layout, seed):
    edges, inputs, outputs = drawn
    generator = torch.Generator().manual_seed(seed)
    if layout == "rows":
        x = torch.randn(inputs, batch, generator=generator)
    elif layout == "columns":
        x = torch.randn(batch, inputs, generator=generator).t()
    else:
        x = torch.randn(2 * inputs, batch + 3, generator=generator)[::2, 2 : batch + 2]
    weight = torch.randn(edges.shape[1], generator=generator, requires_grad=True)
    x = x.detach().requires_grad_()
    upstream = torch.randn(batch, outputs, generator=generator).t()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(edge_product_module, "ONE_WALK", one_walk)
            y = edge_product(x, weight, tables_of(edges, inputs, outputs))
            dx, dw = torch.autograd.grad(y, [x, weight], upstream)
    finally:
        torch.set_num_threads(before)
    exact_weight = weight.detach().double().requires_grad_()
    exact_x = x.detach().double().requires_grad_()
    exact = oracle(edges, inputs, outputs, exact_weight) @ exact_x
    exact_dx, exact_dw = torch.autograd.grad(exact, [exact_x, exact_weight], upstream.double())
    plus_weight = weight.detach().double().abs().requires_grad_()
    plus_x = x.detach().double().abs().requires_grad_()
    plus = oracle(edges, inputs, outputs, plus_weight) @ plus_x
    plus_dx, plus_dw = torch.autograd.grad(plus, [plus_x, plus_weight], upstream.double().abs())
    assert y.shape == exact.shape
    assert rounding(y, exact, plus) < 1e-6
    assert rounding(dx, exact_dx, plus_dx) < 1e-6
    assert rounding(dw, exact_dw, plus_dw) < 1e-6


@settings(max_examples=30, deadline=None)
@given(drawn=sparse_edges(), batch=st.sampled_from([1, 5, 16, 32, 40, 64]), seed=st.integers(0, 100))
def test_bfloat16_activations_have_float32_sums(drawn, batch, seed):
    edges, inputs, outputs = drawn
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(inputs, batch, generator=generator).bfloat16().requires_grad_()
    weight = torch.randn(edges.shape[1], generator=generator, requires_grad=True)
    upstream = torch.randn(outputs, batch, generator=generator).bfloat16()
    y = edge_product(x, weight, tables_of(edges, inputs, outputs))
    dx, dw = torch.autograd.grad(y, [x, weight], upstream)
    matrix = oracle(edges, inputs, outputs, weight.detach())
    assert (y.dtype, dx.dtype, dw.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)
    # Only the results are rounded, to the nearest.
    exact = matrix @ x.detach().double()
    assert torch.equal(y.float(), exact.float().bfloat16().float()) or relative(y, exact) < 4e-3
    assert relative(dx, matrix.t() @ upstream.double()) < 4e-3
    order = np.lexsort((edges[0], edges[1]))
    terms = upstream.double()[edges[1][order]] * x.detach().double()[edges[0][order]]
    assert rounding(dw, terms.sum(1), terms.abs().sum(1)) < 1e-6


def test_rounds_to_bfloat16_as_torch_does():
    bits = torch.arange(0, 2**31 - 1, 65_537 // 2, dtype=torch.int64).to(torch.int32).view(torch.float32)
    special = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan"), 3.4e38, 1e-45])
    numbers = torch.cat([bits, -bits, special])
    count = len(numbers)
    diagonal = tables_of(np.stack([np.arange(count)] * 2), count)
    ones = torch.ones(count, 16).bfloat16()
    y = edge_product(ones, numbers, diagonal)[:, 0]
    expected = numbers.bfloat16()
    assert torch.equal(y.isnan(), expected.isnan())
    assert torch.equal(y[~y.isnan()], expected[~expected.isnan()])


@pytest.mark.parametrize("one_walk", [False, True])
def test_threads_change_nothing(monkeypatch, one_walk):
    monkeypatch.setattr(edge_product_module, "ONE_WALK", one_walk)
    generator = torch.Generator().manual_seed(0)
    edges = np.stack([v.numpy() for v in torch.randint(0, 300, (2, 5000), generator=generator)])
    edges = np.unique(edges, axis=1)
    tables = tables_of(edges, 300)
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2, 3, 2, 1):
        torch.set_num_threads(threads)
        x = torch.randn(300, 50, generator=torch.Generator().manual_seed(1)).requires_grad_()
        weight = torch.ones(edges.shape[1]).requires_grad_()
        y = edge_product(x, weight, tables)
        results.append([y, *torch.autograd.grad(y.square().sum(), [x, weight])])
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_large_activations_are_fetched_ahead_with_the_same_result(monkeypatch):
    tables = tables_of(arcs(GRAPH), 24)
    x, weight = torch.randn(24, 32, requires_grad=True), torch.randn(len(tables.source), requires_grad=True)

    def product_and_gradients():
        y = edge_product(x, weight, tables)
        return [y, *torch.autograd.grad(y.square().sum(), [x, weight])]

    near = product_and_gradients()
    monkeypatch.setattr(edge_product_module, "NEAR", 0)
    assert all(torch.equal(a, b) for a, b in zip(product_and_gradients(), near, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("batch", [1, 16, 33, 128, 200])
def test_one_walk_for_both_gradients_gives_what_two_give(dtype, batch):
    tables = tables_of(arcs(GRAPH), 24)
    weight = torch.randn(len(tables.source), dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    x, gradient = torch.randn(24, batch).to(dtype), torch.randn(24, batch).to(dtype)
    dx, dw = edge_product_module.both_gradients(gradient, x, weight, tables)
    expected_dx = edge_product_module.sums(gradient, weight, tables, turned=True, by_source=None)
    assert (dx.dtype, dw.dtype) == (dtype, weight.dtype)
    torch.testing.assert_close(dx, expected_dx)
    torch.testing.assert_close(dw, edge_product_module.dots(gradient, x, weight, tables))


def test_gradients_of_an_empty_batch_are_zero():
    tables = tables_of(arcs(GRAPH), 24)
    x, weight = torch.ones(24, 0, requires_grad=True), torch.ones(len(tables.source), requires_grad=True)
    dx, dw = torch.autograd.grad(edge_product(x, weight, tables).sum(), [x, weight])
    assert dx.shape == (24, 0)
    assert torch.equal(dw, torch.zeros_like(weight))


def test_weights_sorted_by_source_give_the_same_gradient():
    tables = tables_of(arcs(GRAPH), 24)
    weight = torch.randn(len(tables.source)).requires_grad_()
    x = torch.randn(24, 9).requires_grad_()
    plain = torch.autograd.grad(edge_product(x, weight, tables).sum(), [x, weight])
    in_order = weight.detach()[tables.order.long()]
    given_sorted = torch.autograd.grad(edge_product(x, weight, tables, in_order).sum(), [x, weight])
    assert all(torch.equal(a, b) for a, b in zip(plain, given_sorted, strict=True))


@settings(max_examples=60)
@given(sparse_edges(), st.integers(1, 4), st.sampled_from([1, 7, 1 << 16]), st.sampled_from(["f4", "f8"]))
def test_weights_are_sorted_block_by_block(drawn, threads, per_block, kind):
    edges, inputs, outputs = drawn
    tables = tables_of(edges, inputs, outputs)
    weight = np.random.default_rng(0).random(len(tables.source)).astype(kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_source, "PER_BLOCK", per_block)
        sorting = by_source.BySource(*(tables[name].numpy() for name in (1, 2, 4)))
    np.testing.assert_array_equal(sorting.sort(weight, threads), weight[tables.order.numpy()])


def test_weights_that_no_cache_holds_are_sorted_with_the_same_gradients(monkeypatch):
    tables = tables_of(arcs(GRAPH), 24)
    weight = torch.randn(len(tables.source)).requires_grad_()
    x = torch.randn(24, 9).requires_grad_()
    near = torch.autograd.grad(edge_product(x, weight, tables).square().sum(), [x, weight])
    sorted_weights = []
    sort = by_source.BySource.sort
    monkeypatch.setattr(by_source.BySource, "sort", lambda *a: sorted_weights.append(sort(*a)) or sort(*a))
    monkeypatch.setattr(edge_product_module, "FAR", 0)
    far = torch.autograd.grad(edge_product(x, weight, tables).square().sum(), [x, weight])
    assert len(sorted_weights) == 1
    torch.testing.assert_close(far, near)
    # Types and transforms that NumPy does not know are looked up.
    looked_up = weights_by_source(weight.bfloat16(), tables)
    assert torch.equal(looked_up, weight.bfloat16()[tables.order.long()])
    per_sample = torch.func.vmap(lambda rows: weights_by_source(rows, tables))(weight.detach()[None])
    assert torch.equal(per_sample[0], weight[tables.order.long()])
    assert len(sorted_weights) == 1


@pytest.mark.parametrize("widths", [(24, 24), (31, 50)])
def test_is_the_masked_layer(widths):
    torch.manual_seed(3)
    masked = RelationalLinear(GRAPH, *widths, bias=True)
    torch.manual_seed(3)
    edge = EdgeLinear(GRAPH, *widths, bias=True)
    assert torch.equal(edge.weight, masked.weight[masked.mask])
    assert torch.equal(edge.mask, masked.mask)
    assert edge.weights_in_use() == masked.weights_in_use()
    x = torch.randn(2, 3, widths[0], requires_grad=True)
    y, expected = edge(x), masked(x)
    assert y.shape == expected.shape
    torch.testing.assert_close(y, expected)
    for a, b in zip(
        torch.autograd.grad(y.sum(), [x, edge.weight]),
        torch.autograd.grad(expected.sum(), [x, masked.weight]),
        strict=True,
    ):
        torch.testing.assert_close(a, b[masked.mask] if b.shape == masked.weight.shape else b)


@pytest.mark.parametrize("other", [RelationalLinear, BlockLinear])
def test_checkpoints_move_between_engines_both_ways(other):
    edge, that = EdgeLinear(GRAPH, 24, 24), other(GRAPH, 24, 24)
    that.load_state_dict(edge.state_dict())
    x = torch.randn(4, 24)
    torch.testing.assert_close(that(x), edge(x))
    fresh = EdgeLinear(GRAPH, 24, 24)
    fresh.load_state_dict(that.state_dict())
    assert torch.equal(fresh.weight, edge.weight)
    with pytest.raises(RuntimeError, match="mask is not that of"):
        EdgeLinear(ws_flex(24, 5.0, 0.3, 2), 24, 24).load_state_dict(edge.state_dict())


def test_large_layers_save_their_connections_and_refuse_others(monkeypatch):
    monkeypatch.setattr(edge_linear, "AS_MASKED", 100)
    edge, same = EdgeLinear(GRAPH, 24, 24), EdgeLinear(GRAPH, 24, 24)
    state = edge.state_dict()
    assert state["weight"].shape == edge.weight.shape
    same.load_state_dict(state)
    assert torch.equal(same.weight, edge.weight)
    same.load_state_dict(RelationalLinear(GRAPH, 24, 24).state_dict())
    swapped = ws_flex(24, 5.0, 0.3, 2)
    assert swapped.edges == GRAPH.edges
    with pytest.raises(RuntimeError, match="other connections"):
        EdgeLinear(swapped, 24, 24).load_state_dict(state)


def test_second_derivatives():
    layer = EdgeLinear(GRAPH, 24, 24, dtype=torch.float64)
    x = torch.randn(3, 24, dtype=torch.float64, requires_grad=True)

    def call(x, weight):
        return torch.func.functional_call(layer, {"weight": weight}, (x,)).tanh()

    assert torch.autograd.gradcheck(call, (x, layer.weight))
    assert torch.autograd.gradgradcheck(call, (x, layer.weight))


def test_function_transforms_and_inference_mode():
    layer, x = EdgeLinear(GRAPH, 24, 24), torch.randn(5, 24)
    torch.testing.assert_close(torch.func.vmap(layer)(x), layer(x))
    torch.testing.assert_close(torch.func.jacrev(layer)(x[0]), layer.effective_weight())
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), layer(x.clone()))


def test_compiled_and_exported():
    layer, x = EdgeLinear(GRAPH, 24, 24, bias=True), torch.randn(5, 24, requires_grad=True)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(layer(x).square().sum(), [x, layer.weight])
    actual = torch.autograd.grad(compiled(x).square().sum(), [x, layer.weight])
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b)
    exported = torch.export.export(layer, (x.detach(),))
    assert any("edge_sums" in str(node.target) for node in exported.graph.nodes)
    buffer = io.BytesIO()
    torch.export.save(exported, buffer)
    buffer.seek(0)
    torch.testing.assert_close(torch.export.load(buffer).module()(x.detach()), layer(x))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_gives_what_autocast_promises(dtype):
    layer, x = EdgeLinear(GRAPH, 24, 24, bias=True), torch.randn(6, 24)
    with torch.autocast("cpu", dtype=dtype):
        y = layer(x)
        assert y.dtype == dtype
        y.float().square().mean().backward()
    assert layer.weight.grad.dtype == torch.float32
    torch.testing.assert_close(y.float(), layer(x), atol=2e-3, rtol=2e-2)


def test_sixteen_bit_layers_and_mixed_types():
    layer, x = EdgeLinear(GRAPH, 24, 24), torch.randn(6, 24)
    expected = layer(x)
    half = copy.deepcopy(layer).bfloat16()
    y = half(x.bfloat16())
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), expected, atol=2e-3, rtol=2e-2)
    with pytest.raises(UserError, match="convert one of them"):
        layer(x.double())


def test_a_type_for_everything_leaves_the_connections_whole_numbers():
    layer, x = EdgeLinear(GRAPH, 24, 24), torch.randn(6, 24)
    expected = layer(x)
    torch.testing.assert_close(layer.type(torch.float64)(x.double()).float(), expected)


def test_copies_pickles_and_empty_memory():
    layer, x = EdgeLinear(GRAPH, 24, 24), torch.randn(6, 24)
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), layer(x))
    with torch.device("meta"):
        hollow = EdgeLinear(GRAPH, 24, 24)
    filled = hollow.to_empty(device="cpu")
    filled.load_state_dict(layer.state_dict())
    assert torch.equal(filled(x), layer(x))


@pytest.mark.parametrize("widths", [(24, 24), (31, 50)])
def test_costs_what_the_masked_layer_costs(widths):
    edge, masked = (kind(GRAPH, *widths, bias=True) for kind in (EdgeLinear, RelationalLinear))
    assert macs(edge, widths[:1]) == macs(masked, widths[:1]) == edge.weights_in_use()
    assert parameters(edge) == parameters(masked)


def test_through_the_wiring():
    layer = Relational(GRAPH, engine="edge").linear(24, 24)
    assert isinstance(layer, EdgeLinear)
    assert layer.weight.shape == (2 * GRAPH.edges + 24,)
    assert Relational(GRAPH, engine="edge").conv2d(24, 24, 3).engine == "masked"
    directed = RelationalGraph.from_edges([(0, 1), (0, 2), (3, 0)], 5, directed=True)
    wired = Relational(directed, engine="edge").linear(5, 5)
    assert wired.mask.nonzero().tolist() == [
        [0, 0], [0, 1], [0, 2], [1, 1], [2, 2], [3, 0], [3, 3], [4, 4],
    ]  # fmt: skip
    with pytest.raises(UserError, match="no symmetric weights"):
        Relational(GRAPH, engine="edge", symmetric=True)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[0, 0], [1, 1]], "twice"),
        ([[0], [3]], "outside 0…2"),
        ([[-1], [0]], "outside 0…2"),
        ([0, 1], "expected whole numbers"),
        ([[0.5], [1.0]], "expected whole numbers"),
    ],
)
def test_wrong_connections_are_refused(edges, message):
    with pytest.raises(UserError, match=message):
        tables_of(edges, 3)


def test_wrong_shapes_are_refused():
    tables = tables_of([[0, 1], [1, 2]], 3)
    with pytest.raises(UserError, match="one weight for each"):
        edge_product(torch.zeros(3, 4), torch.zeros(3), tables)
    with pytest.raises(UserError, match="expected \\[3, batch\\]"):
        edge_product(torch.zeros(4, 4), torch.zeros(2), tables)
    with pytest.raises(RuntimeError, match="expected"):
        EdgeLinear(GRAPH, 24, 24)(torch.zeros(2, 25))


def test_empty_batches():
    layer = EdgeLinear(GRAPH, 24, 24)
    y = layer(torch.zeros(0, 24))
    assert y.shape == (0, 24)
    assert torch.equal(torch.autograd.grad(y.sum(), layer.weight)[0], torch.zeros_like(layer.weight))

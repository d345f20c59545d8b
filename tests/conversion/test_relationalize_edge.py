"""One weight per connection behind any ``nn.Linear``: relationalize's edge engine equals the masked one."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from graph2nn import RelationalGraph, densify, macs, parameters, recover, relationalize, ws_flex
from graph2nn.conversion import load_dense
from graph2nn.layers import engines
from graph2nn.layers.edge.edge_weight import EdgeMask

N = 14


def circuit(seed: int = 0) -> RelationalGraph:
    """A directed graph with some self-connections, a neuron that reads nothing and one that nothing reads."""
    matrix = np.random.default_rng(seed).random((N, N)) < 0.25
    matrix[3], matrix[:, 5], matrix[7, 7] = False, False, True
    return RelationalGraph(matrix, directed=True, self_loops="given")


class Recurrent(nn.Module):
    """A cell written by hand: the state passes through one layer again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.within, self.out = nn.Linear(4, N), nn.Linear(N, N), nn.Linear(N, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = x.new_zeros(*x.shape[:-2], N)
        for step in range(x.shape[-2]):
            state = torch.tanh(self.into(x[..., step, :]) + self.within(state))
        return self.out(state)


def sequences(count: int = 6, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(count, 5, 4, generator=torch.Generator().manual_seed(1)).to(dtype)


def twins(seed: int = 0) -> tuple[Recurrent, Recurrent]:
    """The same cell with one weight per connection, and masked in float64."""
    torch.manual_seed(0)
    edge = Recurrent()
    masked = copy.deepcopy(edge).double()
    report = relationalize(edge, circuit(seed), include="within", engine="edge")
    assert [row.engine for row in report.changed] == ["edge"]
    assert "1 weight computed by the edge engine" in str(report)
    relationalize(masked, circuit(seed), include="within", engine="masked")
    return edge, masked


def stored(module: Recurrent) -> torch.Tensor:
    return module.within.parametrizations["weight"].original


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 2e-6) -> bool:
    return bool((a.detach().double() - b.detach().double()).norm() <= tolerance * b.detach().double().norm())


def test_output_and_gradients_are_those_of_the_masked_module_in_float64():
    edge, masked = twins()
    assert stored(edge).shape == (1, circuit().adjacency.sum())
    x, exact = sequences().requires_grad_(), sequences(dtype=torch.float64).requires_grad_()
    results = edge(x), masked(exact)
    assert close(*results)
    for result in results:
        result.square().sum().backward()
    assert close(x.grad, exact.grad)
    for name, parameter in masked.named_parameters():
        gradient = edge.get_parameter(name).grad
        if name.endswith("original"):
            gradient = edge.within.parametrizations["weight"][0].expand(gradient)
        assert close(gradient, parameter.grad), name


@pytest.mark.parametrize("widths", [(N, N), (N, 31), (20, N), (33, 29)])
@pytest.mark.parametrize("leading", [(), (1,), (2, 3), (0,)])
def test_layers_of_any_width_equal_the_mask(widths, leading):
    edge = nn.Linear(*widths, bias=widths != (N, N))
    masked = copy.deepcopy(edge).double()
    for module, engine in ((edge, "edge"), (masked, "masked")):
        relationalize(module, circuit(), include="*", engine=engine)
    x = torch.randn(*leading, widths[0])
    y, expected = edge(x), masked(x.double())
    assert y.shape == expected.shape
    assert y.is_contiguous()
    torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-6)


def test_the_kernels_compute_and_not_the_masked_form(monkeypatch):
    edge, masked = twins()
    monkeypatch.setattr(EdgeMask, "forward", lambda step, stored: pytest.fail("expanded the weight"))
    assert close(edge(sequences()), masked(sequences(dtype=torch.float64)))


def test_checkpoints_move_between_engines_both_ways():
    edge, masked = twins()
    masked = masked.float()
    state = edge.state_dict()
    assert list(state) == list(masked.state_dict())
    assert all(torch.equal(value, masked.state_dict()[name]) for name, value in state.items())
    with torch.no_grad():
        edge.within.weight = torch.randn(N, N)
    masked.load_state_dict(edge.state_dict())
    assert torch.equal(masked.within.weight, edge.within.weight)
    block = Recurrent()
    relationalize(block, circuit(), include="within", engine="block")
    load_dense(block, Recurrent().state_dict())
    edge.load_state_dict(block.state_dict())
    torch.testing.assert_close(edge(sequences()), block(sequences()))
    before = edge.within.weight.clone()
    other, _ = twins(seed=1)
    with pytest.raises(RuntimeError, match="made for"):
        edge.load_state_dict(other.state_dict(), strict=False)
    assert torch.equal(edge.within.weight, before)


def test_what_is_written_to_the_weight_arrives():
    edge, _ = twins()
    nn.init.ones_(edge.within.weight)
    edge(sequences())
    assert torch.equal(stored(edge), torch.ones_like(stored(edge)))
    assert torch.equal(edge.within.weight, torch.tensor(circuit().adjacency).float())


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "torch.save"])
def test_copies_compute_the_same_and_are_their_own(way):
    edge, _ = twins()
    expected = edge(sequences())
    if way == "deepcopy":
        copied = copy.deepcopy(edge)
    elif way == "pickle":
        copied = pickle.loads(pickle.dumps(edge))
    else:
        buffer = io.BytesIO()
        torch.save(edge, buffer)
        buffer.seek(0)
        copied = torch.load(buffer, weights_only=False)
    assert torch.equal(copied(sequences()), expected)
    densify(copied)
    torch.testing.assert_close(copied(sequences()), expected)
    assert torch.equal(edge(sequences()), expected)


@pytest.mark.parametrize("keep", ["masked", "original"])
def test_undone_it_is_the_dense_module(keep):
    torch.manual_seed(0)
    module = Recurrent()
    before = copy.deepcopy(module)
    ids = [(name, id(parameter)) for name, parameter in module.named_parameters()]
    relationalize(module, circuit(), include="within", engine="edge", rescale=keep == "original")
    expected = module(sequences())
    expected.sum().backward()
    densify(module, keep=keep)
    assert [(name, id(parameter)) for name, parameter in module.named_parameters()] == ids
    assert type(module.within) is nn.Linear
    assert module.within.weight.grad.shape == (N, N)
    torch.testing.assert_close(
        module(sequences()), expected if keep == "masked" else before(sequences()), rtol=1e-5, atol=1e-6
    )


def test_counts_and_graphs_are_those_of_the_masked_module():
    edge, masked = twins()
    masked = masked.float()
    assert parameters(edge) == parameters(masked)
    assert macs(edge, (5, 4)) == macs(masked, (5, 4))
    other, graph = Recurrent(), ws_flex(N, 4, 0.2, 1)
    relationalize(other, graph, include="within", engine="edge")
    assert [one.graph for one in recover(other).values()] == [graph]


@pytest.mark.parametrize("optimiser", ["SGD", "AdamW"])
def test_training_steps_are_those_of_the_masked_module(optimiser):
    edge, masked = twins()
    edge.double()
    x = sequences(dtype=torch.float64)
    for module in (edge, masked):
        steps = getattr(torch.optim, optimiser)(module.parameters(), lr=0.05, weight_decay=0.1)
        for _ in range(4):
            steps.zero_grad()
            module(x).square().mean().backward()
            steps.step()
    torch.testing.assert_close(edge.within.weight, masked.within.weight, rtol=1e-9, atol=1e-12)


def test_everywhere_else_it_computes_as_the_masked_module():
    edge, masked = twins()
    expected = masked(sequences(dtype=torch.float64)).float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(edge, (sequences(),))
        scripted = torch.jit.script(edge.within)
    torch.testing.assert_close(traced(sequences()), expected)
    x = torch.randn(3, N)
    torch.testing.assert_close(scripted(x), edge.within(x))
    with torch.inference_mode():
        torch.testing.assert_close(edge(sequences()), expected)
    with torch.autocast("cpu", torch.bfloat16):
        low = edge(sequences())
        assert low.dtype == torch.bfloat16
    assert (low.float() - expected).norm() < 0.03 * expected.norm()
    with pytest.raises(RuntimeError, match=r"dtype|scalar type"):
        edge.within(x.bfloat16())
    for state in (edge.state_dict(), dict(edge.named_parameters())):
        torch.testing.assert_close(functional_call(edge, state, (sequences(),)), expected)
    torch.testing.assert_close(torch.func.vmap(edge)(sequences()), expected)


def test_batched_and_second_gradients_are_those_of_the_masked_module():
    edge, masked = twins()
    edge.double()
    x = torch.randn(3, N, dtype=torch.float64, requires_grad=True)
    of = [[x, stored(edge)], [x, masked.within.parametrizations["weight"].original]]
    upstream = torch.randn(4, 3, N, dtype=torch.float64)
    several = [
        torch.autograd.grad(module.within(x), sources, upstream, is_grads_batched=True)
        for module, sources in zip((edge, masked), of, strict=True)
    ]
    expand = edge.within.parametrizations["weight"][0].expand
    torch.testing.assert_close(several[0][0], several[1][0])
    torch.testing.assert_close(torch.stack([expand(one) for one in several[0][1]]), several[1][1])
    second = []
    for module, sources in zip((edge, masked), of, strict=True):
        (first,) = torch.autograd.grad(module.within(x).pow(3).sum(), [sources[0]], create_graph=True)
        second.append(torch.autograd.grad(first.square().sum(), sources))
    torch.testing.assert_close(second[0][0], second[1][0])
    torch.testing.assert_close(expand(second[0][1]), second[1][1])


def test_compiled_and_exported_it_calls_the_kernels():
    edge, _ = twins()
    x = torch.randn(6, N)
    expected = edge.within(x)
    compiled = torch.compile(edge.within, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), expected)
    (gradient,) = torch.autograd.grad(compiled(x).square().sum(), [stored(edge)])
    (wanted,) = torch.autograd.grad(edge.within(x).square().sum(), [stored(edge)])
    torch.testing.assert_close(gradient, wanted)
    program = torch.export.export(edge.within, (x,))
    assert "graph2nn.edge_sums" in str(program.graph)
    torch.testing.assert_close(program.module()(x), expected)


def test_made_without_memory_it_gets_its_connections_back():
    with torch.device("meta"):
        module = Recurrent()
        relationalize(module, circuit(), include="within", engine="edge")
    module.to_empty(device="cpu")
    for part in (module.into, module.within, module.out):
        part.reset_parameters()
    reference, _ = twins()
    reference.load_state_dict(module.state_dict())
    torch.testing.assert_close(module(sequences()), reference(sequences()))


def test_auto_takes_it_for_nodes_of_one_feature_where_it_was_faster(monkeypatch):
    points = [engines.Point(kind, 8, 0.2, 0.5) for kind in ("linear", "conv1x1", "conv3x3")]
    table = engines.EngineTable((*points, engines.Point("edge", 8, 0.2, 2.0)), {})
    monkeypatch.setattr(engines, "table", lambda: table)
    module = nn.ModuleDict(
        {"one": nn.Linear(N, N), "two": nn.Linear(2 * N, 2 * N), "kernel": nn.Conv2d(N, N, 3, padding=1)}
    )
    report = relationalize(module, circuit(), include="*")
    assert [row.engine for row in report.changed] == ["edge", "masked", "masked"]
    module = nn.ModuleDict(
        {"kernel": nn.Conv2d(N, N, 1), "attention": nn.MultiheadAttention(N, 2), "one": nn.Linear(N, N)}
    )
    report = relationalize(module, ws_flex(N, 4, 0.1, 1), include="*", engine="edge")
    assert {row.engine for row in report.changed if row.kind != "Linear"} == {"masked"}
    assert report.changed[-1].engine == "edge"

"""Modules at block speed: the block engine behind relationalize is the masked one in everything but time."""

import copy
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn
from torch.func import functional_call

from graph2nn import densify, macs, parameters, recover, relationalize, ws_flex
from graph2nn.conversion import load_dense
from graph2nn.errors import UserError

GRAPH = ws_flex(8, 3.5, 0.3, 1)


class Network(nn.Module):
    """Convolutions with and without bias and stride, linear layers with and without bias."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(9, 13, 3, padding=1)
        self.second = nn.Conv2d(13, 16, 3, stride=2, padding=1, bias=False)
        self.third = nn.Linear(16, 21)
        self.fourth = nn.Linear(21, 11, bias=False)

    def forward(self, x):
        y = self.second(self.first(x).relu()).relu().mean((2, 3))
        return self.fourth(self.third(y).relu())


def images(count=3, dtype=torch.float32):
    return torch.randn(count, 9, 7, 6, generator=torch.Generator().manual_seed(1)).to(dtype)


def twins():
    """The same network with block layers, and masked in float64."""
    torch.manual_seed(0)
    block = Network()
    masked = copy.deepcopy(block).double()
    report = relationalize(block, GRAPH, include="*", engine="block")
    assert [row.engine for row in report.changed] == ["block"] * 4
    relationalize(masked, GRAPH, include="*", engine="masked")
    return block, masked


def dense_gradient(module, name):
    owner, _, tensor = name.rpartition(".")
    gradient = module.get_parameter(name).grad
    return module.get_submodule(owner).step.expand(gradient) if tensor == "original" else gradient


def assert_same_gradients(block, masked):
    for name, parameter in masked.named_parameters():
        found = dense_gradient(block, name).double()
        assert (found - parameter.grad).norm() <= 2e-6 * parameter.grad.norm(), name


def test_output_and_gradients_are_those_of_the_masked_module():
    block, masked = twins()
    x, exact = images().requires_grad_(), images(dtype=torch.float64).requires_grad_()
    found, expected = block(x), masked(exact)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)
    found.square().sum().backward()
    expected.square().sum().backward()
    assert_same_gradients(block, masked)
    assert (x.grad.double() - exact.grad).norm() <= 2e-6 * exact.grad.norm()


@given(
    graph=graphs(max_n=20, directed=None),
    extra=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    leading=st.sampled_from([(), (1,), (5,), (2, 3), (0,)]),
    bias=st.booleans(),
)
@settings(max_examples=30)
def test_linear_of_any_shape_equals_the_mask(graph, extra, leading, bias):
    block = nn.Linear(graph.n + extra[0], graph.n + extra[1], bias=bias)
    masked = copy.deepcopy(block).double()
    for module, engine in ((block, "block"), (masked, "masked")):
        relationalize(module, graph, include="*", engine=engine)
    x = torch.randn(*leading, block.in_features)
    found, expected = block(x), masked(x.double())
    assert found.shape == expected.shape
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)


def test_the_kernels_compute_and_not_the_masked_form(monkeypatch):
    from graph2nn.layers.block.block_weight import BlockMask

    block, masked = twins()
    full = nn.Linear(9, 9)
    relationalize(full, ws_flex(8, 8, 0, 1), include="*", engine="block")
    expected = nn.functional.linear(torch.ones(3, 9), full.weight, full.bias)
    monkeypatch.setattr(BlockMask, "forward", lambda step, stored: pytest.fail("expanded the weight"))
    torch.testing.assert_close(block(images()).double(), masked(images().double()), rtol=1e-5, atol=1e-7)
    # On a complete graph what is stored has the shape of the dense weight.
    torch.testing.assert_close(full(torch.ones(3, 9)), expected)


def test_weights_read_and_write_as_the_dense_ones():
    block, masked = twins()
    assert isinstance(block.third, nn.Linear)
    assert isinstance(block.first, nn.Conv2d)
    assert block.first.weight.shape == (13, 9, 3, 3)
    assert torch.equal(block.first.weight.double(), masked.first.weight)
    stored = block.third.parametrizations.weight.original
    assert stored.numel() < block.third.weight.numel()
    assert any(parameter is stored for parameter in block.parameters())
    with torch.no_grad():
        block.third.weight = torch.ones(21, 16)
    assert torch.equal(block.third.weight, block.third.parametrizations.weight[0].mask.float())


def test_checkpoints_move_between_engines_both_ways():
    block, masked = twins()
    masked = masked.float()
    other = Network()
    relationalize(other, GRAPH, include="*", engine="block")
    assert list(block.state_dict()) == list(masked.state_dict())
    assert all(torch.equal(value, masked.state_dict()[name]) for name, value in block.state_dict().items())
    other.load_state_dict(masked.state_dict())
    assert torch.equal(other(images()), block(images()))
    with torch.no_grad():
        other.third.weight = torch.randn(21, 16)
    masked.load_state_dict(other.state_dict())
    torch.testing.assert_close(masked(images()), other(images()))
    dense = Network()
    for module in (other, masked):
        load_dense(module, dense.state_dict())
    torch.testing.assert_close(masked(images()), other(images()))


def test_a_checkpoint_of_another_graph_changes_nothing():
    block, _ = twins()
    other = Network()
    relationalize(other, ws_flex(8, 3.5, 0.3, 2), include="third", engine="masked")
    before = block.third.weight.clone()
    with pytest.raises(RuntimeError, match="made for"):
        block.load_state_dict(other.state_dict(), strict=False)
    assert torch.equal(block.third.weight, before)


@pytest.mark.parametrize("keep", ["masked", "original"])
def test_undone_it_is_the_dense_module(keep):
    torch.manual_seed(0)
    module = Network()
    before = copy.deepcopy(module)
    ids = [(name, id(parameter)) for name, parameter in module.named_parameters()]
    relationalize(module, GRAPH, include="*", engine="block", rescale=keep == "original")
    module(images()).sum().backward()
    expected, copied = module(images()), copy.deepcopy(module)
    densify(module, keep=keep)
    assert [(name, id(parameter)) for name, parameter in module.named_parameters()] == ids
    assert type(module.third) is nn.Linear
    assert module.third.weight.grad.shape == module.third.weight.shape
    wanted = expected if keep == "masked" else before(images())
    torch.testing.assert_close(module(images()), wanted)
    assert torch.equal(copied(images()), expected)


def test_counts_and_graphs_are_those_of_the_masked_module():
    block, masked = twins()
    masked = masked.float()
    assert parameters(block) == parameters(masked)
    assert macs(block, (9, 7, 6)) == macs(masked, (9, 7, 6))
    assert all(one.graph == GRAPH for one in recover(block).values())
    assert len(recover(block)) == 4


def test_layers_that_cannot_are_masked():
    class Doubled(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    tied = nn.Linear(8, 8)
    module = nn.ModuleDict(
        {
            "grouped": nn.Conv2d(16, 16, 3, groups=2),
            "oblong": nn.Conv2d(8, 8, (3, 1)),
            "same": nn.Conv2d(8, 8, 3, padding="same"),
            "reflected": nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
            "dilated": nn.Conv2d(8, 8, 3, dilation=2),
            "transposed": nn.ConvTranspose2d(8, 8, 2),
            "attention": nn.MultiheadAttention(8, 2),
            "doubled": Doubled(8, 8),
            "low": nn.Linear(8, 8).bfloat16(),
            "tied": tied,
            "stacked": nn.Linear(8, 24),
            "fits": nn.Linear(8, 8),
        }
    )
    module["other"] = nn.Linear(8, 8)
    module["other"].weight = tied.weight
    report = relationalize(module, GRAPH, include="*", engine="block", stacked={"stacked": 3})
    assert {row.weight for row in report.changed if row.engine == "block"} == {"fits.weight"}
    assert len(report.changed) == 13
    assert "1 weight computed by the block engine" in str(report)


def test_auto_goes_by_the_table(monkeypatch):
    from graph2nn.conversion import conversion_plan

    asked = []

    def choose(engine, kind, into, out, density, nodes):
        asked.append((engine, kind, into, out, round(density, 3)))
        return "block" if kind == "linear" else "masked"

    monkeypatch.setattr(conversion_plan, "choose_layer_engine", choose)
    report = relationalize(Network(), GRAPH, include="*")
    assert [row.engine for row in report.changed] == ["masked", "masked", "block", "block"]
    assert asked == [
        ("auto", kind, row.shape[1], row.shape[0], round(row.density, 3))
        for kind, row in zip(["conv3x3"] * 2 + ["linear"] * 2, report.changed, strict=True)
    ]
    with pytest.raises(UserError, match="engine 'blok' is not known"):
        relationalize(Network(), GRAPH, engine="blok")


@pytest.mark.parametrize("backend", ["aot_eager"])
def test_compiled_whole_equals_eager(backend):
    block, _ = twins()
    x = images().requires_grad_()
    sources = [x, *block.parameters()]
    found, expected = torch.compile(block, fullgraph=True, backend=backend)(x), block(x)
    torch.testing.assert_close(found, expected)
    for a, b in zip(
        torch.autograd.grad(found.square().sum(), sources),
        torch.autograd.grad(expected.square().sum(), sources),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_exported_it_calls_the_kernels_at_any_batch():
    block, masked = twins()
    batch = {"x": {0: torch.export.Dim("batch", min=2)}}
    program = torch.export.export(block, (images(),), dynamic_shapes=batch)
    assert str(program.graph).count("graph2nn.block_multiply") == 4
    expected = masked(images(7).double())
    torch.testing.assert_close(program.module()(images(7)).double(), expected, rtol=1e-5, atol=1e-7)


def test_everywhere_else_it_computes_as_the_masked_module():
    block, masked = twins()
    expected = masked(images().double()).float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(block, (images(),))
    torch.testing.assert_close(traced(images()), expected)
    with torch.inference_mode():
        torch.testing.assert_close(block(images()), expected)
    with torch.autocast("cpu", torch.bfloat16):
        low = block(images())
        assert low.dtype == torch.bfloat16
    assert (low.float() - expected).norm() < 0.03 * expected.norm()
    for state in (block.state_dict(), dict(block.named_parameters())):
        torch.testing.assert_close(functional_call(block, state, (images(),)), expected)
    per_sample = torch.func.vmap(lambda x: block(x[None])[0])(images())
    torch.testing.assert_close(per_sample, expected)
    torch.testing.assert_close(copy.deepcopy(block).double()(images().double()), masked(images().double()))


@pytest.mark.parametrize("engine", ["block", "masked"])
def test_made_without_memory_it_gets_its_masks_back(engine):
    with torch.device("meta"):
        module = Network()
        relationalize(module, GRAPH, include="*", engine=engine)
    module.to_empty(device="cpu")
    _, masked = twins()
    masks = {name: mask for name, mask in masked.named_buffers() if name.endswith("mask")}
    assert all(torch.equal(dict(module.named_buffers())[name], mask) for name, mask in masks.items())
    for mask in module.buffers():
        mask.zero_()
    for part in (module.first, module.second, module.third, module.fourth):
        part.reset_parameters()
    assert all(torch.equal(dict(module.named_buffers())[name], mask) for name, mask in masks.items())
    torch.manual_seed(5)
    module.third.reset_parameters()
    torch.manual_seed(5)
    drawn = nn.Linear(16, 21)
    on = masks["third.parametrizations.weight.0.mask"]
    assert torch.equal(module.third.weight, drawn.weight * on)
    assert torch.equal(module.third.bias, drawn.bias)


def test_another_parametrisation_on_top_still_counts():
    class Doubled(nn.Module):
        def forward(self, weight):
            return 2 * weight

    block, masked = twins()
    for module in (block, masked):
        nn.utils.parametrize.register_parametrization(module.third, "weight", Doubled())
    torch.testing.assert_close(block(images()).double(), masked(images().double()), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("padded", [False, True])
def test_fused_encoders_give_way_to_the_kernels(padded, monkeypatch):
    """In evaluation torch's fused function would build the dense weight of a block layer in every call."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).eval()
    x = torch.randn(3, 5, 32)
    mask = torch.arange(5) >= torch.tensor([[5], [4], [2]]) if padded else None
    blocks, masked = (copy.deepcopy(encoder) for _ in range(2))
    relationalize(blocks, ws_flex(16, 4, 0.1, 1), include="*.linear?", engine="block", remember=True)
    relationalize(masked, ws_flex(16, 4, 0.1, 1), include="*.linear?", engine="masked")
    calls = []
    fused = torch._transformer_encoder_layer_fwd
    monkeypatch.setattr(torch, "_transformer_encoder_layer_fwd", lambda *args: calls.append(1) or fused(*args))
    there = slice(None) if mask is None else ~mask
    with torch.inference_mode():
        y = blocks(x, src_key_padding_mask=mask)
        assert not calls
        torch.testing.assert_close(y[there], masked(x, src_key_padding_mask=mask)[there])
        assert calls, "masked weights are plain ones, and keep the fused function"
        densify(blocks, keep="original")
        calls.clear()
        torch.testing.assert_close(
            blocks(x, src_key_padding_mask=mask)[there], encoder(x, src_key_padding_mask=mask)[there]
        )
        assert len(calls) == 4

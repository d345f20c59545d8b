"""Block layers in torch's own tools: one graph under compile and export, tracing, pruning, meta."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from graph2nn.graphs import ws_flex
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers import RelationalConv2d, RelationalLinear
from graph2nn.layers.block import BlockConv2d, BlockLinear
from graph2nn.layers.block.operator import graph_as_text, graph_from_text

GRAPH = ws_flex(8, 3.5, 0.3, 1)


def layers():
    torch.manual_seed(0)
    return [
        (BlockLinear(GRAPH, 13, 17, bias=True), torch.randn(5, 13)),
        (BlockConv2d(GRAPH, 9, 11, 3, stride=2, padding=1), torch.randn(2, 9, 7, 7)),
    ]


both = pytest.mark.parametrize("which", [0, 1], ids=["linear", "conv2d"])


@both
def test_a_compiler_sees_one_graph(which):
    block, x = layers()[which]
    x.requires_grad_()
    compiled = torch.compile(nn.Sequential(block, nn.ReLU()), fullgraph=True, backend="aot_eager")
    found, expected = compiled(x), block(x).relu()
    torch.testing.assert_close(found, expected)
    sources = [x, *block.parameters()]
    for a, b in zip(
        torch.autograd.grad(found.square().sum(), sources),
        torch.autograd.grad(expected.square().sum(), sources),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@both
def test_the_operator_passes_the_checks_of_torch(which):
    block, x = layers()[which]
    x = x if x.ndim == 4 else x[:, :, None, None]
    out, into = block.shape[:2]
    side = block.kernel[0] if block.kernel else 1
    call = graph_as_text(GRAPH), into, out, side, block.stride, block.padding
    operator = torch.ops.graph2nn.block_multiply.default
    weight = block.weight.detach().requires_grad_()
    torch.library.opcheck(operator, (x.requires_grad_(), weight, *call))


def test_a_directed_graph_is_written_and_read():
    graph = RelationalGraph(torch.tensor([[0, 1, 0], [0, 0, 1], [0, 1, 0]]).bool().numpy())
    assert graph_from_text(graph_as_text(graph)) == graph
    assert graph_from_text(graph_as_text(GRAPH)) == GRAPH


@both
def test_exported_saved_and_loaded_it_computes_the_same(which, tmp_path):
    block, x = layers()[which]
    program = torch.export.export(block, (x,))
    assert "graph2nn.block_multiply" in str(program.graph)
    torch.export.save(program, tmp_path / "layer.pt2")
    loaded = torch.export.load(tmp_path / "layer.pt2").module()
    torch.testing.assert_close(loaded(x), block(x))


@both
def test_traced_it_computes_the_masked_form(which):
    block, x = layers()[which]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(block, (x,))
    torch.testing.assert_close(traced(x[:1]), block(x[:1]))
    assert "block_multiply" not in str(traced.inlined_graph)


@both
def test_pruned_it_saves_and_loads_weights_of_the_dense_shape(which):
    block, x = layers()[which]
    prune.l1_unstructured(block, "weight", 0.3)
    found = block(x)
    state = block.state_dict()
    assert state["weight_orig"].shape == state["weight_mask"].shape == block.shape
    effective = state["weight_orig"] * state["weight_mask"]
    masked = RelationalLinear(GRAPH, 13, 17, bias=True) if which == 0 else None
    masked = masked or RelationalConv2d(GRAPH, 9, 11, 3, stride=2, padding=1)
    masked.load_state_dict({name: block.state_dict().get(name, effective) for name in masked.state_dict()})
    torch.testing.assert_close(found, masked(x))
    other, _ = layers()[which]
    prune.identity(other, "weight")
    other.load_state_dict(state)
    assert torch.equal(other(x), found)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_normed_weights_compute_the_same_and_save():
    block, x = layers()[0]
    before = block(x)
    nn.utils.weight_norm(block)
    torch.testing.assert_close(block(x), before)
    assert block.state_dict()["weight_v"].shape == block.shape
    block.load_state_dict(block.state_dict())
    torch.testing.assert_close(block(x), before)


@pytest.mark.parametrize("kind", [BlockLinear, RelationalLinear])
def test_made_without_memory_it_gets_its_mask_back(kind):
    layer = kind(GRAPH, 13, 17, device="meta").to_empty(device="cpu")
    expected = RelationalLinear(GRAPH, 13, 17).mask
    assert torch.equal(layer.mask, expected)
    layer.mask.fill_(True)
    layer.reset_parameters()
    assert torch.equal(layer.mask, expected)


def test_an_infinite_input_reaches_only_who_reads_it():
    """Unlike in the masked layer, where 0 · ∞ makes the whole sample not a number."""
    block, x = layers()[0]
    x[0, 0] = torch.inf
    found = block(x)
    reads = block.mask[:, 0]
    assert not found[0, reads].isfinite().any()
    assert found[0, ~reads].isfinite().all()
    assert found[1:].isfinite().all()
    masked = RelationalLinear(GRAPH, 13, 17, bias=True)
    masked.load_state_dict(block.state_dict())
    assert masked(x)[0, ~reads].isnan().all()

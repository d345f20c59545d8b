"""Attention heads: made of whole nodes where that is possible, and the same network otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from empty_memory import hollow
from hypothesis import given
from hypothesis import strategies as st

from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.layers.partition import node_sizes
from graph2nn.models import attention, build_model
from graph2nn.models.attention import MultiHeadAttention
from graph2nn.models.attention_heads import Heads, whole_nodes
from graph2nn.wiring import Dense, Layerwise, Relational

#: Four heads of three nodes each. Of 20 features eight nodes own two: runs of features are not whole nodes.
TWELVE = ws_flex(12, 3, 0.3, seed=1)


@given(heads=st.integers(1, 8), per_head=st.integers(1, 9), extra=st.integers(0, 40))
def test_each_head_has_whole_nodes_and_an_equal_share(heads, per_head, extra):
    nodes = heads * per_head
    width = nodes + heads * extra
    order = whole_nodes(width, heads, nodes)
    assert sorted(order) == list(range(width))
    node = np.repeat(np.arange(nodes), node_sizes(width, nodes))
    members = [set(node[features]) for features in order.reshape(heads, -1)]
    assert all(len(group) == per_head for group in members)
    assert len(set.union(*members)) == nodes


def test_merge_undoes_split():
    heads, x = Heads(22, 2, 4), torch.randn(3, 5, 22)
    assert heads.order is not None
    torch.testing.assert_close(heads.merge(heads.split(x)), x)


def readers(model, x, nodes):
    """Which nodes' outputs depend on which nodes' inputs, bool ``[nodes, nodes]``."""
    width = x.shape[2]
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x).sum(dim=(0, 1)), x)
    reads = jacobian.abs().sum(dim=(1, 2)) > 0
    node = np.repeat(np.arange(nodes), node_sizes(width, nodes))
    table = np.zeros((nodes, nodes), dtype=bool)
    for i, j in zip(*np.nonzero(reads.numpy()), strict=True):
        table[node[i], node[j]] = True
    return table


@pytest.mark.parametrize("aligned", [True, False])
def test_a_node_reads_the_nodes_of_its_head_and_no_other(aligned):
    """Without edges only the weights of attention carry signals between nodes, within each head."""
    torch.manual_seed(0)
    alone = RelationalGraph(np.zeros((4, 4), dtype=bool))
    layer = MultiHeadAttention(14, 2, Relational(alone, "masked"), aligned=aligned).double()
    with torch.no_grad():
        for wired in (layer.query, layer.key, layer.value, layer.out):
            wired.weight.copy_(torch.randn_like(wired.weight) * wired.mask)
    reads = readers(layer, torch.randn(1, 3, 14, dtype=torch.float64), 4)
    groups = {tuple(row) for row in reads}
    shared = [row for row in reads if row.sum() > 2]
    if aligned:
        assert len(groups) == 2
        assert not shared
    else:
        assert shared  # a head that cuts through a node joins the nodes of two heads


def test_the_order_of_features_is_that_of_a_plain_network_with_permuted_weights():
    torch.manual_seed(0)
    aligned = MultiHeadAttention(20, 4, Relational(TWELVE, "masked"), aligned=True).double()
    plain = MultiHeadAttention(20, 4, Dense()).double()
    order = torch.from_numpy(whole_nodes(20, 4, 12))
    assert aligned.heads.order is not None
    with torch.no_grad():
        for name in ("query", "key", "value"):
            getattr(plain, name).weight.copy_(getattr(aligned, name).weight[order])
            getattr(plain, name).bias.copy_(getattr(aligned, name).bias.normal_()[order])
        plain.out.weight.copy_(aligned.out.weight[:, order])
        plain.out.bias.copy_(aligned.out.bias.normal_())
    x = torch.randn(2, 5, 20, dtype=torch.float64)
    torch.testing.assert_close(aligned(x, causal=True), plain(x, causal=True))


@pytest.mark.parametrize(
    ("width", "wiring"),
    [
        (20, Dense()),
        (20, Relational(ws_flex(10, 3, 0.3, seed=1), "masked")),  # four heads do not share ten nodes
        (24, Relational(ws_flex(8, 3, 0.3, seed=1), "masked")),  # nodes of equal size: runs are whole nodes
        (20, Layerwise([ws_flex(8, 3, 0, 1), ws_flex(16, 3, 0, 1), *[ws_flex(8, 3, 0, 1)] * 2])),
    ],
    ids=["dense", "nodes not a multiple", "equal nodes", "layers of other graphs"],
)
def test_heads_are_runs_of_features_where_nothing_is_to_align(width, wiring):
    assert MultiHeadAttention(width, 4, wiring, aligned=True).heads.order is None


@pytest.mark.parametrize("name", ["translator", "gpt"])
def test_tables_are_made_again_after_meta_and_are_not_saved(name):
    options = {"depth": 1, "heads": 4, "aligned_heads": True}
    if name == "gpt":
        options["input_size"] = (6,)

    def build():
        return build_model(name, TWELVE, [20], num_classes=30, **options)

    made, bare = build(), hollow(build)
    assert all(heads.order is not None for heads in made.modules() if isinstance(heads, Heads))
    bare.load_state_dict(made.state_dict())
    assert not [key for key in made.state_dict() if "heads" in key]
    tokens = torch.randint(1, 30, (2, 2, 6) if name == "translator" else (2, 6))
    torch.testing.assert_close(bare.eval()(tokens), made.eval()(tokens))


def test_a_cache_decodes_as_the_whole_text_does():
    torch.manual_seed(0)
    model = build_model("translator", TWELVE, [20], num_classes=30, depth=2, heads=4, aligned_heads=True)
    model.double().eval()
    source, target = torch.randint(1, 30, (2, 5)), torch.randint(1, 30, (2, 4))
    memory, cache = model.encode(source), {}
    steps = [model.decode(target[:, i : i + 1], memory, cache=cache) for i in range(4)]
    torch.testing.assert_close(torch.cat(steps, dim=1), model.decode(target, memory))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_attention_with_dropout_is_torchs_own_but_for_its_draws(causal, padded, monkeypatch):
    monkeypatch.setattr(attention, "dropout", lambda weights, p: weights)
    q, k, v = (torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    visible = torch.ones(2, 1, 1, 5, dtype=torch.bool)
    visible[:, :, :, 3:] = not padded
    ours = attention.attend(q, k, v, visible=visible if padded else None, causal=causal, p=0.3)
    mask = visible & torch.ones(5, 5, dtype=torch.bool).tril() if causal else visible.expand(2, 1, 5, 5)
    torchs = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(ours, torchs)
    grads = [torch.autograd.grad(y.square().sum(), (q, k, v)) for y in (ours, torchs)]
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)

"""Wirings make layers and count their weights without making them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn

from graph2nn.budget import macs, match, parameters
from graph2nn.budget.bill import Bill
from graph2nn.errors import UserError
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.graphs.ws_flex import with_nodes
from graph2nn.layers.grouped_linear import ChannelShuffle, GroupedLinear
from graph2nn.layers.partition import node_sizes
from graph2nn.models import architecture, build_model
from graph2nn.wiring import Dense, Grouped, Layerwise, Relational, Staged, at_stage, begin, next_layer

GRAPH = ws_flex(8, 3, 0.3, 1)


def without_edges(n):
    return Relational(RelationalGraph(np.zeros((n, n), dtype=bool)), engine="masked")


def hidden_masks(network):
    return [layer.mask for layer in network.modules() if hasattr(layer, "mask")]


@given(graph=graphs(max_n=20), i=st.integers(20, 60), o=st.integers(20, 60))
def test_count_equals_the_mask(graph, i, o):
    wiring = Relational(graph)
    assert wiring.weights_on(i, o) == int(wiring.linear(i, o).mask.sum()) == wiring.free_weights(i, o)


def test_complete_graph_is_dense():
    wiring = Relational(ws_flex(8, 8, 0, 1))
    relational, dense = wiring.linear(16, 24), Dense().linear(16, 24)
    dense.load_state_dict({"weight": relational.weight})
    x = torch.randn(3, 16)
    assert torch.equal(relational(x), dense(x))
    assert wiring.weights_on(16, 24) == Dense().weights_on(16, 24)


def test_dense_makes_torch_layers():
    assert isinstance(Dense().linear(3, 4), nn.Linear)
    conv = Dense().conv2d(3, 4, 3, stride=2, padding=1)
    assert type(conv) is nn.Conv2d
    assert conv(torch.zeros(1, 3, 8, 8)).shape == (1, 4, 4, 4)
    assert Dense().linear(3, 4).bias is None


# --- symmetric weights -----------------------------------------------------------------------------------


def test_symmetric_layers_compute_with_a_symmetric_weight():
    wiring = Relational(GRAPH, symmetric=True)
    for layer in (wiring.linear(20, 20), wiring.conv2d(20, 20, 3, padding=1)):
        weight = layer.effective_weight()
        assert torch.equal(weight, weight.transpose(0, 1))
        assert torch.equal(weight != 0, layer.mask.expand_as(weight))
        assert "symmetric" in repr(layer)
    assert not wiring.linear(20, 24).symmetric  # no transpose to tie it to


@given(graph=graphs(max_n=12), width=st.integers(12, 40))
@settings(max_examples=25)
def test_tied_weights_count_once_as_parameters_and_fully_as_macs(graph, width):
    wiring = Relational(graph, symmetric=True)
    layer = wiring.linear(width, width)
    independent = torch.triu(layer.mask).sum()
    assert wiring.free_weights(width, width) == parameters(layer) == independent
    assert wiring.weights_on(width, width) == macs(layer, (width,)) == layer.mask.sum()


def test_symmetric_weights_keep_the_published_deviation():
    layer = Relational(ws_flex(8, 8, 0, 1), symmetric=True).linear(400, 400)
    off_diagonal = layer.effective_weight()[~torch.eye(400, dtype=torch.bool)]
    assert off_diagonal.std().item() == pytest.approx(0.01, rel=0.02)


def test_symmetric_weights_in_the_published_form_are_a_sum():
    halves, sums = (Relational(GRAPH, symmetric=form).linear(20, 20) for form in (True, "sum"))
    halves.load_state_dict(sums.state_dict())
    torch.testing.assert_close(sums.effective_weight(), 2**0.5 * halves.effective_weight())
    weight = sums.weight.detach()
    torch.testing.assert_close(sums.effective_weight(), (weight + weight.T) * sums.mask)
    conv = Relational(GRAPH, symmetric="sum").conv2d(20, 20, 3)
    torch.testing.assert_close(conv.effective_weight(), (conv.weight + conv.weight.transpose(0, 1)) * conv.mask)
    with pytest.raises(UserError, match="symmetric = 'mean', expected True, False or 'sum'"):
        Relational(GRAPH, symmetric="mean")


def test_symmetric_weights_need_an_undirected_graph():
    arrow = RelationalGraph.from_edges([(0, 1), (1, 2)], 3, directed=True)
    with pytest.raises(UserError, match="symmetric weights need an undirected graph"):
        Relational(arrow, symmetric=True)
    from graph2nn.layers import RelationalLinear

    with pytest.raises(UserError, match="as many outputs as inputs, got 8 → 9"):
        RelationalLinear(GRAPH, 8, 9, symmetric=True)


# --- groups ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("i", "o"), [(12, 20), (13, 22)])
def test_groups_equal_the_graph_without_edges(i, o):
    grouped, masked = Grouped(4), without_edges(4)
    linear, oracle = grouped.linear(i, o, bias=True), masked.linear(i, o, bias=True)
    if i % 4 == 0:
        assert isinstance(linear, GroupedLinear)
        with torch.no_grad():
            oracle.weight.copy_(torch.block_diag(*linear.weight))
            oracle.bias.normal_()
            linear.bias.copy_(oracle.bias)
    else:
        oracle.load_state_dict(linear.state_dict())
    x = torch.randn(2, 3, i)
    torch.testing.assert_close(linear(x), oracle(x))
    assert grouped.weights_on(i, o) == masked.weights_on(i, o) == macs(linear, (i,))
    assert parameters(linear) == grouped.free_weights(i, o) + o

    conv, oracle = grouped.conv2d(i, o, 3, stride=2, padding=1), masked.conv2d(i, o, 3, stride=2, padding=1)
    if i % 4 == 0:
        with torch.no_grad():
            oracle.weight.zero_()
            for group, block in enumerate(conv.weight.chunk(4)):
                rows, columns = (
                    slice(group * o // 4, (group + 1) * o // 4),
                    slice(group * i // 4, (group + 1) * i // 4),
                )
                oracle.weight[rows, columns] = block
    else:
        oracle.load_state_dict(conv.state_dict())
    x = torch.randn(2, i, 7, 7)
    torch.testing.assert_close(conv(x), oracle(x))
    assert macs(conv, (i, 7, 7)) == 9 * 16 * grouped.weights_on(i, o)


@given(groups=st.integers(2, 9), features=st.integers(9, 50))
def test_shuffle_deals_the_features_out_to_the_groups_in_turn(groups, features):
    shuffle = ChannelShuffle(features, groups, dim=1)
    assert sorted(shuffle.order.tolist()) == list(range(features))
    x = torch.arange(float(features)).expand(2, features)
    owner = np.repeat(np.arange(groups), node_sizes(features, groups))
    place = {int(feature): group for feature, group in zip(shuffle(x)[0], owner, strict=True)}
    assert [place[feature] for feature in range(groups)] == list(range(groups))
    if features % groups == 0:
        published = x.view(2, features // groups, groups).transpose(1, 2).reshape(2, features)
        assert torch.equal(shuffle(x), published)
        assert [place[feature] for feature in range(features)] == [f % groups for f in range(features)]


def test_a_shuffle_may_deal_to_another_number_of_groups():
    """The published code takes the groups of a layer from GROUP_SIZE, those of the shuffle from GROUP_NUM."""
    layer = Grouped(4, shuffle=3).linear(12, 12)
    assert layer[0].groups == 4
    assert layer[1].order.tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]
    assert Grouped(3, shuffle=True).linear(12, 12)[1].order.tolist() == layer[1].order.tolist()
    with pytest.raises(UserError, match="shuffle = 1, expected True, False or a number"):
        Grouped(4, shuffle=1)


def test_group_shuffle_lets_information_cross():
    def reach(shuffle):
        layers = nn.Sequential(*(Grouped(4, shuffle=shuffle).linear(16, 16) for _ in range(2)))
        x = torch.randn(1, 16, requires_grad=True)
        layers(x)[0, 0].backward()
        return int((x.grad != 0).sum())

    assert reach(shuffle=False) == 4
    assert reach(shuffle=True) == 16


def test_groups_are_matched_and_built_like_a_graph():
    found = match("mlp5", Grouped(8, shuffle=True), method="exact", multiple_of=8)
    network = build_model("mlp5", Grouped(8, shuffle=True), found.widths)
    assert macs(network, (3, 32, 32)) == found.macs
    assert parameters(network) == found.params
    assert abs(found.macs / found.target - 1) < 0.01
    with pytest.raises(UserError, match="groups = 1, expected at least 2"):
        Grouped(1)
    with pytest.raises(UserError, match="is too large"):
        Grouped(2**63)


# --- another graph in each layer or stage ----------------------------------------------------------------


def test_layerwise_gives_each_layer_its_own_graph():
    wiring = Layerwise(lambda depth: ws_flex(8 + depth, 4, 0.5, seed=depth))
    network = build_model("mlp5", wiring, [40])
    for depth, mask in enumerate(hidden_masks(network)):
        assert torch.equal(mask, Relational(wiring.at(depth).graph).linear(512 if depth == 0 else 40, 40).mask)
    again = build_model("mlp5", wiring, [40])  # a wiring does not remember the network before
    assert all(torch.equal(a, b) for a, b in zip(hidden_masks(network), hidden_masks(again), strict=True))


def test_layerwise_sequence_takes_graphs_and_wirings_and_says_when_they_run_out():
    wiring = Layerwise([GRAPH, Dense(), Grouped(4)])
    network = build_model("mlp5", wiring, [40])
    assert [type(block[0]).__name__ for block in network.hidden] == [
        "RelationalLinear",
        "DenseLinear",
        "GroupedLinear",
    ]
    with pytest.raises(UserError, match="more than 3 wired layers, yet only 3 graphs"):
        build_model("mlp6", wiring, [40])


@pytest.mark.parametrize(
    "wiring",
    [
        Layerwise(lambda depth: ws_flex(8 + depth, 4, 0.5, seed=depth)),
        Staged([Layerwise([ws_flex(8, 3, 0, 1), Dense(), ws_flex(9, 3, 0, 1)])]),
        Relational(GRAPH, symmetric=True),
    ],
)
def test_budget_of_a_varying_wiring_is_what_the_network_costs(wiring):
    found = match("mlp5", wiring, method="exact")
    network = build_model("mlp5", wiring, found.widths)
    assert macs(network, (3, 32, 32)) == found.macs
    assert parameters(network) == found.params
    assert abs(found.macs / found.target - 1) < 0.002


def test_staged_walks_each_stage_by_itself():
    walk = begin(Staged([Layerwise([GRAPH, Dense()]), Grouped(2)]))
    taken = [next_layer(at_stage(walk, stage)) for stage in (0, 1, 0, 1)]
    assert taken == [Relational(GRAPH), Grouped(2), Dense(), Grouped(2)]
    with pytest.raises(UserError, match="more than 2 stages, yet only 2 graphs or wirings"):
        at_stage(walk, 2)


def test_a_function_of_depth_is_asked_once_per_layer():
    asked = []

    def choose(depth):
        asked.append(depth)
        return GRAPH

    known = architecture("mlp5")
    bill = Bill(lambda widths: known.shapes(widths, 10, (3, 32, 32)), Layerwise(choose), [64])
    for width in range(64, 80):
        bill.macs([width])
    assert asked == [0, 1, 2]


# --- narrow layers ---------------------------------------------------------------------------------------


def test_shrinking_draws_the_same_graph_with_fewer_nodes():
    graph = ws_flex(16, 0.875 * 16, 0.3, 16)
    small = with_nodes(graph, 14)
    assert small == ws_flex(14, 0.875 * 14, 0.3, 16)
    layer = Relational(graph, shrink=True).linear(32, 14)
    assert layer.graph == small
    assert Relational(graph, shrink=True).weights_on(32, 14) == int(layer.mask.sum())
    assert Relational(graph, shrink=True).linear(32, 32).graph == graph
    with pytest.raises(UserError, match="width 14 is smaller than the graph's 16 nodes"):
        Relational(graph).linear(32, 14)
    with pytest.raises(UserError, match="only a WS-flex graph can be drawn again"):
        Relational(graph.permuted(range(16)), shrink=True).linear(32, 14)


def test_unknown_engine_is_refused():
    with pytest.raises(UserError, match=r"engine 'maskd' is not known; did you mean 'masked'\?"):
        Relational(ws_flex(8, 4, 0, 1), engine="maskd")


def test_stages_may_differ_in_their_number_of_nodes():
    wiring = Staged(
        [ws_flex(8, 3, 0.3, 1), Grouped(16), Layerwise([ws_flex(32, 6, 0.3, depth) for depth in (0, 1)])]
    )
    found = match("cnn6", wiring, method="exact", multiple_of=16)
    assert abs(found.macs / found.target - 1) < 0.01
    with torch.device("meta"):
        network = build_model("cnn6", wiring, found.widths)
    assert macs(network, (3, 224, 224)) == found.macs
    nodes = [layer.graph.n for layer in network.modules() if hasattr(layer, "graph")]
    assert nodes == [8, 8, 32, 32]

"""Budget: published widths, MACs and parameters; laws of the exact search."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from graph2nn.budget import macs, match, match_widths, parameters, width_search
from graph2nn.errors import UserError
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.models import architecture, build_model
from graph2nn.wiring import Dense, Relational

CIFAR = (3, 32, 32)


def published_graph(row, shared_file):
    if row["SPARSITY"] == 1 and row["MESSAGE_TYPE"] == "ws":
        return None
    if row["MESSAGE_TYPE"] == "ws":
        return ws_flex(row["GROUP_NUM"], row["GROUP_NUM"] * row["SPARSITY"], row["P"], row["SEED_GRAPH"])
    lines = shared_file(f"data/connectomes/{row['MESSAGE_TYPE'].removesuffix('raw')}.txt").read_text().split()
    return RelationalGraph.from_adjacency([[int(entry) for entry in line] for line in lines])


def test_published_widths_macs_and_parameters_of_the_mlp(golden_widths, shared_file):
    rows = [row for row in golden_widths if row["task"] in ("mlp_cifar10", "mlp_cifar10_bio")]
    assert len(rows) == 24
    for row in rows:
        graph = published_graph(row, shared_file)
        found = match("mlp5", graph, method="published")
        assert found.widths == row["DIM_LIST"] == match_widths("mlp5", graph)
        assert found.macs == row["exact_integer_flops"]
        assert found.params == row["params_count"]
        assert found.target == row["flops_baseline"]
        layers = architecture("mlp5").shapes(found.widths, 10, CIFAR)
        wiring = Relational(graph, engine="masked") if graph else Dense()
        assert sum(layer.published_macs(wiring) for layer in layers) == row["flops_count"]
        network = build_model("mlp5", wiring, found.widths)
        assert macs(network, CIFAR) == row["exact_integer_flops"]
        assert parameters(network) == row["params_count"]
        assert sum(p.numel() for p in network.parameters()) == row["dense_param_count"]


def test_baseline_counts():
    network = build_model("mlp5")
    assert macs(network, CIFAR) == 2_364_416
    assert parameters(network) == 2_368_522


@given(graph=graphs(max_n=16), widths=st.lists(st.integers(16, 60), min_size=1, max_size=4))
@settings(max_examples=25)
def test_shapes_cost_what_the_module_does(graph, widths):
    name, size = f"mlp{len(widths) + 2}", (2, 3, 4)
    network = build_model(name, Relational(graph), widths, num_classes=7, input_size=size, stem=20)
    layers = architecture(name).shapes(widths, 7, size, stem=20)
    wiring = Relational(graph)
    assert macs(network, size) == sum(layer.macs(wiring) for layer in layers)
    assert parameters(network) == sum(layer.parameters(wiring) for layer in layers)


def test_macs_agree_with_torchs_own_counter_on_dense_networks():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, groups=4), nn.Flatten(), nn.Linear(288, 5)
    )
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 16, 16))
    # Ours adds one multiply-add an output value for the bias of a convolution.
    assert macs(network, (3, 16, 16)) == counter.get_total_flops() // 2 + 8 * 8 * 8 + 8 * 6 * 6


def test_counting_leaves_the_module_as_it_was():
    network = build_model("mlp5", widths=[64], stem=64).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    macs(network, CIFAR)
    assert all(module.training for module in network.modules())
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@given(seed=st.integers(0, 50), p=st.floats(0, 1))
@settings(max_examples=20)
def test_macs_rise_with_k(seed, p):
    costs = [macs(build_model("mlp5", Relational(ws_flex(16, k, p, seed)), [80]), CIFAR) for k in (3, 5, 8, 16)]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


@pytest.mark.parametrize("side", ["nearest", "below", "above"])
def test_exact_search_is_the_best_of_all_widths(side):
    graph = ws_flex(64, 9.3, 0.2, 7)
    target = match("mlp5").target

    def cost(width):
        return sum(layer.macs(Relational(graph)) for layer in architecture("mlp5").shapes([width], 10, CIFAR))

    allowed = {
        width: abs(cost(width) - target)
        for width in range(64, 2500)
        if side == "nearest" or (cost(width) <= target if side == "below" else cost(width) >= target)
    }
    assert match_widths("mlp5", graph, method="exact", side=side) == [min(allowed, key=allowed.get)]


def test_exact_search_with_several_stages_and_multiples():
    graph = ws_flex(16, 5, 0.2, 7)
    found = match("mlp5", graph, widths=[256, 128, 64], method="exact", multiple_of=8)
    assert all(width % 8 == 0 for width in found.widths)
    assert found.widths[0] / found.widths[1] == pytest.approx(2, rel=0.2)
    fine = match("mlp5", graph, widths=[256, 128, 64], method="exact")
    assert abs(fine.macs - fine.target) <= abs(found.macs - found.target)
    assert abs(fine.macs / fine.target - 1) < 1e-4


@given(base=st.lists(st.integers(4, 40), min_size=1, max_size=3), times=st.floats(0.3, 3))
@settings(max_examples=30)
def test_exact_search_keeps_its_side(base, times):
    def cost(widths):
        return sum(width * width for width in widths)

    target = int(times * cost(base))
    assert cost(width_search.exact(cost, base, target, side="below")) <= target
    assert cost(width_search.exact(cost, base, target, side="above")) >= target


def test_exact_search_refuses_what_is_too_small():
    with pytest.raises(UserError, match=r"no widths of at least 8 cost below 10"):
        width_search.exact(lambda widths: sum(widths), [16, 16], 10, smallest=8, side="below")


def test_baseline_of_another_data_set_is_its_own_target():
    found = match("mlp5", num_classes=10, input_size=(1, 8, 8), widths=[128], stem=128)
    assert found.widths == [128]
    assert found.macs == found.target == 64 * 128 + 3 * 128 * 128 + 1280


def test_a_budget_that_cannot_be_met_is_an_error_not_a_larger_network():
    big = ws_flex(300, 20, 0.1, 1)
    with pytest.raises(UserError, match=r"closest mlp5 .* off the budget"):
        match("mlp5", big, widths=[32], stem=300, input_size=(1, 4, 4), method="exact")
    with pytest.raises(UserError, match="has 300 nodes and the stem of mlp5 has width 32"):
        match("mlp5", big, widths=[32], stem=32, method="exact")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mlp",), "model 'mlp' is not known; did you mean 'mlp"),
        (("mlp2",), "mlp2 has no hidden layer"),
        (("mlp5", "graph"), "graph: expected RelationalGraph or Wiring or None, got 'graph'"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(UserError, match=message):
        match(*arguments)
    with pytest.raises(UserError, match="method 'publishd' is not known; did you mean 'published'"):
        match("mlp5", method="publishd")


@given(stages=st.integers(1, 5), reach=st.integers(1, 5))
def test_candidates_are_all_the_vectors_within_reach(stages, reach):
    found = list(width_search._steps(stages, reach))
    everything = itertools.product(range(-reach, reach + 1), repeat=stages)
    assert sorted(found) == sorted(steps for steps in everything if sum(map(abs, steps)) <= reach)
    assert len(found) == width_search._within(stages, reach)


def test_exact_search_goes_past_widths_that_are_too_narrow_inside():
    """A bottleneck is a quarter as wide inside: 64 nodes need stages of at least 254 channels."""
    graph = ws_flex(64, 40, 0.2, 1)
    found = match("resnet50", graph, method="exact")
    assert round(found.widths[0] / 4) >= 64
    assert abs(found.macs / found.target - 1) < 1e-4
    with pytest.raises(UserError, match="has 64 nodes and the stem of mobilenet-v1 has width 32"):
        match("mobilenet-v1", graph, method="exact")
    assert match("mobilenet-v1", graph, method="exact", stem=64).widths[0] >= 64


def test_parameters_can_be_matched_instead():
    graph = ws_flex(16, 5, 0.2, 1)
    found = match("cnn3-cifar", graph, method="exact", quantity="params", side="below")
    assert found.target == 410_826
    assert 0.999 < found.params / found.target <= 1
    assert parameters(build_model("cnn3-cifar", Relational(graph), found.widths)) == found.params
    with pytest.raises(UserError, match="published procedure matches multiply-adds"):
        match("cnn3-cifar", graph, method="published", quantity="params")
    with pytest.raises(UserError, match="no published procedure for vit-tiny"):
        match("vit-tiny", graph, method="published")


@pytest.mark.parametrize("heads", [2, 4, 5])
def test_widths_are_multiples_of_the_heads_that_were_asked_for(heads):
    options = {"input_size": (1, 8, 8), "patch": 1, "depth": 1, "heads": heads}
    found = match("vit-tiny", ws_flex(16, 4.8, 0.1, 1), widths=[160], **options)
    assert found.widths[0] % heads == 0
    assert abs(found.macs / found.target - 1) < 0.05

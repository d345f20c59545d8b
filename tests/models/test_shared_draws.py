"""Shared draws: networks on different graphs and of different widths agree wherever both have a weight."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

from graph2nn.data import load_dataset
from graph2nn.graphs import ws_flex
from graph2nn.models import build_model
from graph2nn.models.shared_draws import dense_draw, share_draws
from graph2nn.training import Recipe, train
from graph2nn.wiring import Dense, Grouped, Relational


@given(seed=st.integers(0, 9), out=st.integers(1, 8), inputs=st.integers(1, 40), more=st.integers(0, 9))
@settings(max_examples=30)
def test_a_wider_layer_adds_weights_and_keeps_the_others(seed, out, inputs, more):
    narrow = dense_draw("hidden.0", (out, inputs, 3), seed)
    wide = dense_draw("hidden.0", (out + more, inputs + more, 3), seed)
    assert torch.equal(wide[:out, :inputs], narrow)


def test_draws_differ_by_seed_layer_and_row_and_are_standard_normal():
    one = dense_draw("a", (200, 100), 1)
    assert not torch.equal(one, dense_draw("a", (200, 100), 2))
    assert not torch.equal(one, dense_draw("b", (200, 100), 1))
    assert not torch.equal(one[0], one[1])
    assert one.mean().abs() < 0.03
    assert abs(one.std() - 1) < 0.03


@given(graph=graphs(min_n=4, max_n=12), width=st.integers(24, 40))
@settings(max_examples=15)
def test_a_graph_differs_from_the_dense_network_by_its_mask_alone(graph, width):
    shape = {"stem": 24, "input_size": (1, 4, 4)}
    dense, relational = (
        build_model("mlp4", Dense(), [width], **shape),
        build_model("mlp4", Relational(graph), [width], **shape),
    )
    for network in (dense, relational):
        share_draws(network, 5)
    for plain, masked in zip(dense.hidden, relational.hidden, strict=True):
        assert torch.equal(plain[0].weight * masked[0].mask, masked[0].weight)
    assert torch.equal(dense.stem[1][0].weight, relational.stem[1][0].weight)
    assert torch.equal(dense.head.weight, relational.head.weight)


def test_groups_take_their_blocks_of_the_dense_draw():
    dense, grouped = Dense().linear(12, 8), Grouped(4).linear(12, 8)
    convs = Dense().conv2d(12, 8, 3), Grouped(4).conv2d(12, 8, 3)
    for layer in (dense, grouped, *convs):
        share_draws(layer, 1)
    assert torch.equal(grouped.weight[1], dense.weight[2:4, 3:6])
    assert torch.equal(convs[1].weight[2:4], convs[0].weight[2:4, 3:6])
    assert dense.weight.std().item() == pytest.approx(0.01, rel=0.2)
    assert convs[0].weight.std().item() == pytest.approx((2 / 72) ** 0.5, rel=0.1)


def test_training_starts_from_shared_draws_if_asked():
    data = load_dataset("digits")
    recipe = Recipe(epochs=1, batch_size=256, lr=1e-12, weight_decay=0, initialisation="shared")
    networks = []
    for seed_of_graph in (1, 2):
        network = build_model(
            "mlp3", Relational(ws_flex(16, 5, 0.5, seed_of_graph)), [32], input_size=data.image_shape
        )
        train(network, data, recipe, seed=3)
        networks.append(network)
    both = networks[0].hidden[0][0].mask & networks[1].hidden[0][0].mask
    weights = [network.hidden[0][0].weight.detach() for network in networks]
    torch.testing.assert_close(weights[0][both], weights[1][both])
    assert weights[0][both].std() > 0.005

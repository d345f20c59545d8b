"""Own models at a matched budget, and multiply-adds of whatever a module computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import graph2nn as g
from graph2nn.conversion import match_scale

GRAPH = g.ws_flex(16, 4, 0.2, seed=1)


def perceptron(scale):
    width = round(96 * scale)
    first, last = nn.Linear(32, width), nn.Linear(width, 10)
    return nn.Sequential(first, nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), last)


class Block(nn.Module):
    """Takes a mapping, keyword arguments and None, and looks at its numbers."""

    def __init__(self, scale):
        super().__init__()
        width = 16 * round(4 * scale)
        self.stem, self.hidden, self.head = nn.Linear(8, width), nn.Linear(width, width), nn.Linear(width, 3)

    def forward(self, batch, *, mask=None):
        x = batch["x"] if mask is None else batch["x"] * mask
        if x.sum().item() < 0:
            raise ValueError("negative")
        return self.head(self.hidden(self.stem(x)).relu())


@pytest.mark.parametrize("degree", [3, 6, 15])
def test_the_scaled_network_costs_what_the_dense_one_does(degree):
    graph = g.ws_flex(16, degree, 0.2, seed=1)
    inputs = torch.zeros(1, 32)
    result = match_scale(perceptron, graph, inputs)
    dense = sum(layer.weight.numel() for layer in perceptron(1.0) if isinstance(layer, nn.Linear))
    assert result.target == dense
    report = g.relationalize(perceptron(result.scale), graph)
    assert g.macs(report.module, inputs=inputs) == result.macs
    assert abs(result.difference) < 0.02
    step = 1 / 96
    for other in (result.scale - step, result.scale + step):
        cost = g.macs(g.relationalize(perceptron(other), graph).module, inputs=inputs)
        assert abs(cost - result.target) >= abs(result.macs - result.target)


def test_the_complete_graph_needs_no_scaling():
    complete = g.RelationalGraph.from_adjacency(~torch.eye(16, dtype=torch.bool).numpy())
    assert match_scale(perceptron, complete, torch.zeros(1, 32)).scale == 1.0


def test_options_of_relationalize_are_passed_on():
    everything = match_scale(perceptron, GRAPH, torch.zeros(1, 32), include="*")
    only_hidden = match_scale(perceptron, GRAPH, torch.zeros(1, 32))
    assert everything.scale > only_hidden.scale


def test_models_that_need_numbers_mappings_and_keywords_are_run_on_copies():
    x = torch.ones(1, 8)
    inputs = {"batch": {"x": x}, "mask": None}
    result = match_scale(Block, GRAPH, inputs)
    assert result.target == 64 * 8 + 64 * 64 + 64 * 3
    assert result.scale > 1
    report = g.relationalize(Block(1.0), GRAPH, inputs=inputs)
    assert report.macs_before == result.target > report.macs_after
    assert torch.equal(x, torch.ones(1, 8))


def test_what_cannot_be_matched_is_refused():
    with pytest.raises(g.UserError, match=r"build\(1\) returned a list, not a module"):
        match_scale(lambda scale: [scale], GRAPH, torch.zeros(1, 32))
    with pytest.raises(g.UserError, match="multiply widths by scale"):
        match_scale(lambda scale: perceptron(1.0), GRAPH, torch.zeros(1, 32))
    with pytest.raises(g.UserError, match=r"Block fails on inputs of shape \[1, 8\]: negative"):
        g.macs(Block(1.0), inputs={"batch": {"x": -torch.ones(1, 8)}})


class Products(nn.Module):
    def __init__(self):
        super().__init__()
        self.matrix, self.experts = nn.Parameter(torch.randn(5, 7)), nn.Parameter(torch.randn(3, 7, 5))
        self.bilinear = nn.Bilinear(7, 5, 4)

    def forward(self, x):
        vector = self.matrix @ x
        single = torch.dot(vector, vector)
        by_hand = torch.einsum("i,eio->eo", x, self.experts)
        batched = x[None, None].expand(3, 1, -1) @ self.experts
        return self.bilinear(x[None], vector[None]).sum() + single + by_hand.sum() + batched.sum()


def test_every_kind_of_product_counts():
    model = Products()
    expected = 35 + 5 + 105 + 105 + 7 * 5 * 4
    assert g.macs(model, inputs=torch.zeros(7)) == expected
    assert g.macs(model, inputs=(torch.zeros(7),)) == expected


def test_build_model_takes_a_graph_as_match_widths_does():
    widths = g.match_widths("mlp5", GRAPH)
    by_graph = g.build_model("mlp5", GRAPH, widths)
    by_wiring = g.build_model("mlp5", g.Relational(GRAPH), widths)
    assert g.macs(by_graph, (3, 32, 32)) == g.macs(by_wiring, (3, 32, 32))
    assert {name: value.shape for name, value in by_graph.state_dict().items()} == {
        name: value.shape for name, value in by_wiring.state_dict().items()
    }
    with pytest.raises(g.UserError, match="wiring: expected Wiring or RelationalGraph or None, got"):
        g.build_model("mlp5", [1, 2])


def test_integers_of_numpy_are_integers_everywhere():
    """A catalogue gives NumPy's integers, and a row of it floats without a fraction."""
    rows = g.catalogue("n64-52")
    row = rows.iloc[3]
    graph = g.ws_flex(row["n"], row["n"] * row["sparsity"], row["p"], row["seed"])
    assert graph == g.ws_flex(int(row["n"]), 64 * float(row["sparsity"]), float(row["p"]), int(row["seed"]))
    assert g.ws_flex(rows["n"][0], 8, 0.5, rows["seed"][0]).origin.seed == int(rows["seed"][0])
    widths = [np.int64(128)]
    model = g.build_model(
        "mlp5", graph, widths, num_classes=np.int64(10), input_size=(np.int64(1), 8, np.int64(8))
    )
    assert g.macs(model, (np.int64(1), 8, 8)) == g.macs(model, (1, 8, 8))
    assert g.Recipe(epochs=np.int64(2), lr=np.float64(0.1)).epochs == 2
    with pytest.raises(g.UserError, match=r"n = 16\.5 is not a whole number"):
        g.ws_flex(16.5, 4, 0.1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: g.macs(5), "macs: model: expected Module, got 5"),
        (lambda: g.parameters("x"), "parameters: model: expected Module, got 'x'"),
        (lambda: g.relationalize(5, GRAPH), "relationalize: module: expected Module, got 5"),
        (lambda: g.densify(None), "densify: module: expected Module, got None"),
        (lambda: g.Relational([1]), "Relational: graph: expected RelationalGraph, got \\[1\\]"),
        (lambda: g.load_dataset(3), "load_dataset: name: expected text, got 3"),
        (lambda: g.catalogue(5), "catalogue: name: expected text or a path, got 5"),
    ],
)
def test_wrong_types_are_named_with_the_argument(call, message):
    with pytest.raises(TypeError, match=message):
        call()

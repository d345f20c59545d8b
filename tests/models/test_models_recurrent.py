"""Recurrent networks: equal to torch's own with the same weights; each gate follows the graph; cost."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from model_laws import (
    LAWS,
    Case,
    layers_that_ran,
    name_of,
    real,
    what_ran,
    what_should_run,
)
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from graph2nn.budget import macs, match, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalLinear, mask
from graph2nn.models import architecture, build_model
from graph2nn.models.recurrent import GRULayer, LSTMLayer, RecurrentClassifier, RNNLayer
from graph2nn.wiring import Dense, Layerwise, Relational

CELLS = {"rnn": (nn.RNN, RNNLayer, 1), "gru": (nn.GRU, GRULayer, 3), "lstm": (nn.LSTM, LSTMLayer, 4)}
#: Sequences, and for one cell images.
CASES = [*(Case(cell, [9], (3, 4)) for cell in CELLS), Case("gru", [9], (2, 4, 3))]
GRAPH = ws_flex(8, 4, 0.3, 1)


@pytest.mark.parametrize("law", LAWS, ids=name_of)
@pytest.mark.parametrize("case", CASES, ids=[*CELLS, "gru on images"])
def test_laws(case, law):
    law(case)


def stacked(layers, of):
    """The gates' effective weights or biases one above the other, as torch keeps them."""
    if of == "bias":
        return torch.cat([layer.bias for layer in layers])
    return torch.cat([layer.weight * getattr(layer, "mask", 1) for layer in layers])


def torchs(cell, layers, width):
    """Torch's network of the same weights as ``layers``."""
    network = CELLS[cell][0](width, width, len(layers), batch_first=True, dtype=torch.float64)
    state = {}
    for depth, layer in enumerate(layers):
        for name, gates in (("ih", layer.from_input), ("hh", layer.from_state)):
            state |= {f"{of}_{name}_l{depth}": stacked(gates, of).detach() for of in ("weight", "bias")}
    network.load_state_dict(state)
    return network


@pytest.mark.parametrize("wiring", [Dense(), Relational(GRAPH)], ids=["dense", "relational"])
@pytest.mark.parametrize("cell", CELLS)
def test_equals_torchs_with_the_same_weights(cell, wiring):
    torch.manual_seed(0)
    ours = nn.Sequential(*(CELLS[cell][1](11, wiring) for _ in range(2))).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(std=0.6)
    theirs = torchs(cell, ours, 11)
    x = torch.randn(3, 6, 11, dtype=torch.float64, requires_grad=True)
    mine, (expected, _) = ours(x), theirs(x)
    torch.testing.assert_close(mine, expected)
    weight = torch.randn_like(expected)
    found = torch.autograd.grad((mine * weight).sum(), [x, *ours.parameters()])
    wanted = torch.autograd.grad((expected * weight).sum(), [x, *theirs.parameters()])
    torch.testing.assert_close(found[0], wanted[0])
    by_name = dict(zip((name for name, _ in ours.named_parameters()), found[1:], strict=True))
    by_torch = dict(zip((name for name, _ in theirs.named_parameters()), wanted[1:], strict=True))
    gates = range(CELLS[cell][2])
    on = 1 if wiring == Dense() else torch.from_numpy(mask(GRAPH, 11, 11)).repeat(len(gates), 1)
    for depth in (0, 1):
        for part, short in (("from_input", "ih"), ("from_state", "hh")):
            for of in ("weight", "bias"):
                together = torch.cat([by_name[f"{depth}.{part}.{gate}.{of}"] for gate in gates])
                reference = by_torch[f"{of}_{short}_l{depth}"]
                torch.testing.assert_close(together, reference * on if of == "weight" else reference)


@pytest.mark.parametrize("cell", CELLS)
def test_classifier_is_projection_layers_and_head_on_the_last_state(cell):
    torch.manual_seed(1)
    network = RecurrentClassifier(cell, 5, 12, 4, depth=3).double().eval()
    recurrent = [layer for layer in network.layers if not isinstance(layer, nn.Dropout)]
    x = torch.randn(2, 7, 5, dtype=torch.float64)
    states, _ = torchs(cell, recurrent, 12)(network.stem(x))
    torch.testing.assert_close(network(x), network.head(states[:, -1]))


@pytest.mark.parametrize("options", [{}, {"depth": 1}, {"depth": 3, "dropout": 0.3}], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_cost(cell, options):
    layers = Layerwise(lambda depth: ws_flex(8, 3 + depth % 5, 0.2, depth))
    case = Case(cell, [13], (6, 5), options=options)
    for wiring in (case.wiring, layers):
        network, bill = case.build(wiring), case.bill(wiring)
        found = Counter(what_ran(*ran) for ran in layers_that_ran(network, case.inputs(2)))
        shapes = [(layer, its) for layer, its in bill.layers([13]) if real(layer)]
        assert found == Counter(what_should_run(*layer) for layer in shapes)
        assert parameters(network) == bill.parameters([13])
        assert macs(network, (6, 5)) == bill.macs([13])
    with FlopCounterMode(display=False) as counter:
        case.build(Dense()).eval()(*case.inputs(1))
    assert counter.get_total_flops() // 2 == case.bill(Dense()).macs([13])


@pytest.mark.parametrize("cell", CELLS)
def test_baseline_counts_those_of_torch(cell):
    theirs = CELLS[cell][0](128, 128, 2)
    inside = sum(parameter.numel() for parameter in theirs.parameters())
    assert match(cell).params == inside + (28 * 128 + 128) + (128 * 10 + 10)
    assert match(cell).macs == 28 * (28 * 128 + 4 * 128**2 * CELLS[cell][2]) + 1280


@pytest.mark.parametrize("cell", CELLS)
def test_an_image_is_the_sequence_of_its_rows(cell):
    network = build_model(cell, Relational(GRAPH), [9], input_size=(2, 4, 3)).eval()
    images = torch.randn(5, 2, 4, 3)
    rows = torch.stack([images[:, :, row].reshape(5, 6) for row in range(4)], dim=1)
    assert torch.equal(network(images), network(rows))
    assert match(cell, GRAPH, input_size=(2, 4, 3)) == match(cell, GRAPH, input_size=(4, 6))


@pytest.mark.parametrize("cell", CELLS)
def test_match(cell):
    found = match(cell, ws_flex(64, 10, 0.2, 1))
    assert found.method == "exact"
    assert found.widths[0] > 200
    assert abs(found.macs / found.target - 1) < 0.01


@pytest.mark.parametrize("cell", CELLS)
def test_its_own_initialisation_keeps_the_first_step_in_mind(cell):
    """N(0, 0.01), which suits networks with batch norm, forgets it."""

    def reach(network):
        x = torch.randn(16, 28, 8, requires_grad=True)
        (gradient,) = torch.autograd.grad(network(x).square().sum(), x)
        return float(gradient[:, 0].norm() / gradient[:, -1].norm())

    network = build_model(cell, Relational(GRAPH), [64], input_size=(28, 8))
    network.initialise(torch.Generator().manual_seed(0))
    assert reach(network) > 1e-5
    for layer in [module for module in network.layers.modules() if isinstance(module, RelationalLinear)]:
        layer.reset_parameters()
    assert reach(network) < 1e-6


def test_its_own_initialisation_depends_on_the_generator_alone():
    first, second = CASES[1].build(), CASES[1].build()
    for network, seed in ((first, 1), (second, 2)):
        torch.manual_seed(seed)
        network.initialise(torch.Generator().manual_seed(3))
    state = second.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RecurrentClassifier("gruu", 3, 4, 5), "cell 'gruu' is not known; did you mean 'gru'"),
        (lambda: build_model("lstm", input_size=(1, 1, 28, 28)), r"give \(time, features\)"),
        (lambda: build_model("lstm", input_size=(28,)), r"\(28,\) is not that of a sequence"),
        (lambda: match("rnn", input_size=(28, 0)), r"give \(time, features\)"),
        (lambda: build_model("gru", widths=[4, 4]), "gru takes 1 widths"),
        (lambda: build_model("gru", Relational(GRAPH), [7]), "width 7 is smaller than the graph's 8 nodes"),
        (lambda: architecture("lstm2"), "model 'lstm2' is not known; did you mean 'lstm'"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UserError, match=message):
        call()

"""The MLP: shapes, wirings, names, initialisation."""

from __future__ import annotations

import pytest
import torch
from model_laws import LAWS, Case, name_of
from torch import nn

from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalLinear
from graph2nn.models import MLP, build_model, initialise
from graph2nn.wiring import Dense, Relational

GRAPH = ws_flex(16, 4, 0.2, 1)


def relational_layers(model):
    return [module for module in model.modules() if isinstance(module, RelationalLinear)]


@pytest.mark.parametrize("hidden", [[20], [20, 30, 40], [16] * 6])
def test_any_depth_and_widths(hidden):
    model = MLP(12, 18, hidden, 3, wiring=Relational(GRAPH))
    assert model(torch.zeros(4, 3, 2, 2)).shape == (4, 3)
    assert [layer.out_features for layer in relational_layers(model)] == hidden
    assert isinstance(model.head, nn.Linear)
    assert isinstance(model.stem[1][0], nn.Linear)


def test_same_class_with_either_wiring():
    dense, relational = build_model("mlp5"), build_model("mlp5", Relational(GRAPH))
    assert type(dense) is type(relational)
    assert len(relational_layers(dense)) == 0
    assert len(relational_layers(relational)) == 3


def test_the_number_of_classes_is_the_fourth_argument():
    assert build_model("mlp5", Relational(GRAPH), [32], 7).head.out_features == 7


def test_backward_reaches_every_parameter():
    model = build_model("mlp4", Relational(GRAPH), [32], input_size=(1, 4, 4), stem=16)
    model(torch.randn(6, 1, 4, 4)).logsumexp(1).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_initialise_depends_on_the_generator_alone():
    first, second = (build_model("mlp5", Relational(GRAPH), [32], stem=16) for _ in range(2))
    torch.manual_seed(1)
    initialise(first, torch.Generator().manual_seed(3))
    torch.manual_seed(2)
    initialise(second, torch.Generator().manual_seed(3))
    state = second.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in first.state_dict().items())
    initialise(second, torch.Generator().manual_seed(4))
    assert not torch.equal(first.head.weight, second.head.weight)


def test_initialise_undoes_training():
    model = build_model("mlp3", Dense(), [32], stem=16, input_size=(1, 4, 4))
    model(torch.randn(8, 1, 4, 4) + 5)
    nn.init.constant_(model.head.bias, 3.0)
    initialise(model, torch.Generator().manual_seed(0))
    assert model.head.bias.count_nonzero() == 0
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    assert all(norm.running_mean.count_nonzero() == 0 for norm in norms)
    assert all(norm.weight.eq(1).all() for norm in norms)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_model("mpl5"), r"model 'mpl5' is not known; did you mean 'mlp5'"),
        (lambda: build_model("mlp5", widths=[1, 2]), r"mlp5 takes 1 or 3 widths, one per stage, got \[1, 2\]"),
        (lambda: build_model("mlp5", Relational(GRAPH), [8]), "width 8 is smaller than the graph's 16 nodes"),
        (lambda: build_model("mlp2"), "mlp2 has no hidden layer"),
        (lambda: build_model("mlp5", stm=3), "option 'stm' is not known; did you mean 'stem'"),
        (lambda: build_model("mlp5", stem="wide"), "option stem = 'wide': input should be a valid integer"),
        (lambda: build_model("mlp5", stem=-1), "option stem = -1 is negative"),
        (lambda: build_model("resnet18", blocks=3), "option blocks = 3: input should be"),
        (lambda: build_model("vgg11", head="pol"), "option head = 'pol': input should be 'standard' or 'pool'"),
        (lambda: build_model("vit-tiny", deth=3), "option 'deth' is not known; did you mean 'depth'"),
        (lambda: build_model("vgg11", dropout=2.0), r"vgg11 cannot be built with \{'dropout': 2.0\}: dropout"),
        (lambda: build_model("mlp5", widths=[0]), "mlp5: width 0 is not positive"),
        (lambda: MLP(4, 4, [], 2), "no hidden layer"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UserError, match=message):
        call()


@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(law):
    law(Case("mlp5", [20, 30, 40], (1, 4, 4), options={"stem": 18}))

"""Weight decay: on all parameters, or on weights alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graph2nn.graphs import ws_flex
from graph2nn.models import build_model
from graph2nn.training import Recipe
from graph2nn.training.optimiser import norms_and_biases, optimiser_of
from graph2nn.wiring import Relational

SPARED = Recipe(lr=0.5, momentum=0, weight_decay=0.1, weight_decay_on="weights")


def without_gradients(model, recipe):
    """Take a step of pure decay; return by what each parameter was multiplied."""
    optimiser = optimiser_of(model, recipe)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for parameter in model.parameters():
        parameter.data.add_(1)
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    return {
        name: float((value.detach() / (before[name] + 1)).flatten()[0])
        for name, value in model.named_parameters()
    }


@pytest.mark.parametrize("engine", ["masked", "block"])
def test_norms_and_biases_are_spared_and_nothing_else(engine):
    """Also where the block engine stores a weight as a vector."""
    model = build_model("mlp4", Relational(ws_flex(8, 3, 0, 1), engine), [24], stem=16)
    factors = without_gradients(model, SPARED)
    spared = {name for name, factor in factors.items() if factor == 1}
    norms = ("stem.1.1", "hidden.0.1", "hidden.1.1")
    assert spared == {f"{norm}.{name}" for norm in norms for name in ("weight", "bias")} | {"head.bias"}
    assert all(factors[name] == pytest.approx(0.95) for name in factors if name not in spared)


def test_everything_decays_by_default():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    factors = without_gradients(model, SPARED.model_copy(update={"weight_decay_on": "all"}))
    assert list(factors.values()) == [pytest.approx(0.95)] * 4


def test_recurrent_layers_and_attention_name_their_biases_otherwise():
    model = nn.ModuleList([nn.LSTM(3, 4), nn.MultiheadAttention(4, 2), nn.GroupNorm(2, 4)])
    spared = {id(parameter) for parameter in norms_and_biases(model)}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in spared}
    assert names == {
        "0.bias_ih_l0", "0.bias_hh_l0", "1.in_proj_bias", "1.out_proj.bias", "2.weight", "2.bias",
    }  # fmt: skip


def test_a_network_of_norms_alone_does_not_decay():
    assert set(without_gradients(nn.BatchNorm1d(3), SPARED).values()) == {1.0}

"""Wirings make layers and count their weights without making them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import graphs
from torch import nn

from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.wiring import Dense, Relational


@given(graph=graphs(max_n=20), i=st.integers(20, 60), o=st.integers(20, 60))
def test_count_equals_the_mask(graph, i, o):
    wiring = Relational(graph)
    assert wiring.weights_on(i, o) == int(wiring.linear(i, o).mask.sum())


def test_complete_graph_is_dense():
    wiring = Relational(ws_flex(8, 8, 0, 1))
    relational, dense = wiring.linear(16, 24), Dense().linear(16, 24)
    dense.load_state_dict({"weight": relational.weight})
    x = torch.randn(3, 16)
    assert torch.equal(relational(x), dense(x))
    assert wiring.weights_on(16, 24) == Dense().weights_on(16, 24)


def test_dense_makes_torch_layers():
    assert type(Dense().linear(3, 4)) is nn.Linear
    conv = Dense().conv2d(3, 4, 3, stride=2, padding=1)
    assert type(conv) is nn.Conv2d
    assert conv(torch.zeros(1, 3, 8, 8)).shape == (1, 4, 4, 4)
    assert Dense().linear(3, 4).bias is None


def test_unknown_engine_is_refused():
    with pytest.raises(UserError, match=r"engine 'maskd' is not known; did you mean 'masked'\?"):
        Relational(ws_flex(8, 4, 0, 1), engine="maskd")

"""Tracing counts what torch counts, less what a mask leaves out, whoever computes with the weight."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

from graph2nn.budget import layer_costs, macs, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import mask
from graph2nn.models import build_model
from graph2nn.wiring import Relational

GRAPH = ws_flex(16, 4, 0.3, 1)


class Masked(nn.Module):
    """The parametrisation of a masked weight."""

    def __init__(self, on):
        super().__init__()
        self.register_buffer("mask", on)

    def forward(self, weight):
        return weight * self.mask


def on(inputs, outputs, times=1):
    return torch.from_numpy(mask(GRAPH, inputs, outputs)).repeat(times, 1)


@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (nn.Conv3d(2, 6, 3, stride=2, bias=False), [torch.zeros(1, 2, 7, 7, 7)]),
        (nn.ConvTranspose2d(6, 4, 3, stride=2, bias=False), [torch.zeros(1, 6, 5, 5)]),
        (nn.Conv1d(8, 8, 3, groups=8, bias=False), [torch.zeros(1, 8, 20)]),
        (nn.GRU(12, 20, 2, bidirectional=True), [torch.zeros(7, 1, 12)]),
        (nn.MultiheadAttention(32, 4, batch_first=True), [torch.zeros(1, 10, 32)] * 3),
        (nn.Transformer(32, 4, 2, 2, 64, batch_first=True), [torch.zeros(1, 9, 32), torch.zeros(1, 5, 32)]),
    ],
)
def test_dense_modules_cost_what_torch_says(network, inputs):
    with FlopCounterMode(display=False) as counter:
        network(*inputs)
    assert macs(network, inputs=inputs) == counter.get_total_flops() // 2 > 0


def test_lstm_by_hand():
    """torch's counter does not see into the fused CPU kernel."""
    network = nn.LSTM(12, 20, 2)
    assert macs(network, inputs=[torch.zeros(7, 1, 12)]) == 7 * 4 * 20 * (12 + 20 + 20 + 20)


@given(graph=graphs(max_n=12), i=st.integers(12, 30), o=st.integers(12, 30), batch=st.integers(1, 3))
@settings(max_examples=20)
def test_masks_scale_what_they_mask(graph, i, o, batch):
    wiring = Relational(graph)
    assert macs(wiring.linear(i, o), inputs=[torch.zeros(batch, 5, i)]) == batch * 5 * wiring.weights_on(i, o)
    conv = wiring.conv2d(i, o, 3, stride=2, padding=1)
    assert macs(conv, (i, 9, 7)) == 5 * 4 * 9 * wiring.weights_on(i, o)


def test_a_masked_slice_of_a_weight_counts_by_its_own_share():
    """Attention reads its three projections as views of one weight; here only the first is masked."""
    attention = nn.MultiheadAttention(32, 4, batch_first=True)
    dense = torch.ones(64, 32, dtype=torch.bool)
    parametrize.register_parametrization(attention, "in_proj_weight", Masked(torch.cat([on(32, 32), dense])))
    x, y = torch.zeros(1, 10, 32), torch.zeros(1, 6, 32)
    share = int(on(32, 32).sum())
    products = 2 * 10 * 6 * 32
    assert macs(attention, inputs=[x, y, y]) == 10 * share + 2 * 6 * 32 * 32 + 10 * 32 * 32 + products
    assert parameters(attention) == share + 2 * 32 * 32 + 3 * 32 + 32 * 32 + 32


def test_masked_gates_of_a_recurrent_layer():
    gru = nn.GRU(20, 24)
    parametrize.register_parametrization(gru, "weight_hh_l0", Masked(on(24, 24, 3)))
    share = int(on(24, 24).sum())
    assert macs(gru, inputs=[torch.zeros(5, 1, 20)]) == 5 * 3 * (20 * 24 + share)


def test_joined_and_cast_weights_keep_their_masks():
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Relational(GRAPH).linear(20, 24), nn.Linear(20, 24, bias=False)

        def forward(self, x):
            weight = torch.cat([self.a.effective_weight(), self.b.weight]).double()
            return x.double() @ weight.clone().T

    assert macs(Joined(), (20,)) == int(on(20, 24).sum()) + 20 * 24


def test_costs_by_layer_add_up_and_name_the_layers():
    network = build_model("mlp5", Relational(GRAPH), [40])
    rows = layer_costs(network, (3, 32, 32))
    assert sum(row.macs for row in rows) == macs(network, (3, 32, 32))
    assert sum(row.parameters for row in rows) == parameters(network)
    assert sum(row.dense_parameters for row in rows) == sum(p.numel() for p in network.parameters())
    assert [row.name for row in rows if row.kind == "RelationalLinear"] == [
        "hidden.0.0",
        "hidden.1.0",
        "hidden.2.0",
    ]
    by_name = {row.name: row for row in rows}
    assert by_name["hidden.1.0"].dense_macs == by_name["hidden.1.0"].dense_parameters == 1600
    assert by_name["hidden.1.0"].macs == by_name["hidden.1.0"].parameters == int(on(40, 40).sum())


def test_tracing_changes_nothing():
    network = build_model("mlp5", Relational(GRAPH), [40]).train()
    network.hidden.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fast = torch.backends.mha.get_fastpath_enabled()
    layer_costs(network, (3, 32, 32))
    assert network.training
    assert not network.hidden.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.backends.mha.get_fastpath_enabled() is fast


def test_inputs_a_network_cannot_take():
    with pytest.raises(UserError, match=r"cost: MLP fails on inputs of shape \[1, 3\]:"):
        macs(build_model("mlp5"), (3,))

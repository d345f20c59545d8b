"""What the report says is in force: layers with a forward of their own, fused parts, concatenated inputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graph2nn import densify, mask, recover, relationalize, ws_flex
from graph2nn.errors import UserError
from graph2nn.layers.weight_layout import Layout

GRAPH = ws_flex(8, 3, 0.3, 1)


class Standardised(nn.Conv2d):
    """Weight standardisation, as in BiT and NFNet: what is zero becomes minus the mean."""

    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias)


class Padded(nn.Conv2d):
    def forward(self, x):
        return super().forward(F.pad(x, (1, 1, 1, 1)))


class Transposed(nn.ConvTranspose1d):
    def forward(self, x):
        return 2 * super().forward(x)


class Normalised(nn.Linear):
    def forward(self, x):
        return F.linear(x, F.normalize(self.weight, dim=1), self.bias)


class Softened(nn.Linear):
    def forward(self, x):
        return F.linear(x, self.weight.softmax(dim=1), self.bias)


class TwoInputs(nn.Linear):
    def forward(self, x, y):
        return super().forward(x) + y


class FirstOnly(nn.LSTM):
    def forward(self, x):
        return super().forward(x)[0]


HOLDS = {
    "padded": lambda: Padded(8, 16, 3),
    "transposed": lambda: Transposed(9, 8, 3),
    "normalised": lambda: Normalised(8, 9),
}
FAILS = {
    "standardised": (
        lambda: Standardised(8, 16, 3),
        "Standardised.forward changes the weight: 100% of the inputs",
    ),
    "zeros": (
        lambda: nn.init.zeros_((m := Standardised(8, 16, 3)).weight) is None or m,
        "changes the weight: 100%",
    ),
    "softened": (lambda: Softened(8, 9), "Softened.forward changes the weight"),
    "two inputs": (
        lambda: TwoInputs(8, 8),
        r"TwoInputs.forward could not be probed \(.*'y'\), so a mask might not",
    ),
}


@pytest.mark.parametrize("kind", HOLDS)
def test_a_forward_that_keeps_the_weight_follows_the_graph_and_the_report_says_so(kind):
    module = nn.Sequential(HOLDS[kind]())
    before = module.state_dict()["0.weight"].clone()
    report = relationalize(module, GRAPH, include="*")
    assert [row.weight for row in report.changed] == ["0.weight"]
    assert "was probed on a small input, and the mask holds" in report.notes[0]
    assert f"note: {report.notes[0]}" in str(report)
    densify(module, keep="original")
    assert torch.equal(module.state_dict()["0.weight"], before)


@pytest.mark.parametrize("kind", FAILS)
def test_a_forward_that_changes_the_weight_stays_dense_with_the_reason(kind):
    make, reason = FAILS[kind]
    module = nn.Sequential(make(), nn.Linear(8, 8))
    state = {name: value.clone() for name, value in module.state_dict().items()}
    report = relationalize(module, GRAPH, include="*")
    assert [row.weight for row in report.changed] == ["1.weight"]
    import re

    assert re.search(reason, report.skipped[0].reason)
    assert torch.equal(module[0].weight, state["0.weight"])
    with pytest.raises(UserError, match=r"'0' cannot change: 0\.weight: .*(changes the weight|not be probed)"):
        relationalize(nn.Sequential(make()), GRAPH, include="0")


def test_layers_without_memory_are_probed_too():
    with torch.device("meta"):
        module = nn.Sequential(Standardised(8, 16, 3), Padded(16, 16, 3))
    report = relationalize(module, GRAPH, include="*")
    assert [row.weight for row in report.changed] == ["1.weight"]


def test_a_recurrent_layer_with_its_own_forward_is_noted_as_not_probed():
    report = relationalize(nn.Sequential(FirstOnly(8, 8)), GRAPH, include="*")
    assert report.notes == (
        "0.weight_ih_l0 and 1 more: FirstOnly.forward is not torch's own and was not probed",
    )


def test_a_second_time_it_says_that_it_is_relational_already():
    module = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    relationalize(module, GRAPH)
    for options in ({}, {"include": ["1"]}, {"include": "*", "exclude": "0"}):
        with pytest.raises(UserError, match="relational already"):
            relationalize(module, GRAPH, **options)


# --- fused parts


class Attention(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.add_module(name, nn.Linear(16, 48))
        self.proj = nn.Linear(16, 16)


@pytest.mark.parametrize("name", ["qkv", "c_attn", "query_key_value", "to_qkv"])
def test_fused_projections_are_named_with_the_option_that_cuts_them(name):
    module = nn.ModuleDict({str(i): nn.ModuleDict({"attn": Attention(name)}) for i in range(2)})
    (note,) = relationalize(module, GRAPH, include="*").notes
    assert note.startswith(f"0.attn.{name}.weight and 1 more: 48 outputs look like 3 fused parts")
    assert f"stacked={{'*.{name}': 3}}" in note
    densify(module)
    assert relationalize(module, GRAPH, include="*", stacked={f"*.{name}": 3}).notes == ()


def test_layers_that_widen_three_times_are_not_taken_for_attention():
    assert relationalize(nn.Sequential(nn.Linear(16, 48), nn.Linear(48, 16)), GRAPH, include="*").notes == ()


# --- concatenated inputs


class UNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.stem, self.down = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.up, self.norm = nn.ConvTranspose2d(32, width, 2, 2), nn.BatchNorm2d(16 + width)
        self.merge, self.head = nn.Conv2d(16 + width, 16, 3, padding=1), nn.Conv2d(16, 2, 1)

    def forward(self, x):
        skip = self.stem(x).relu()
        low = self.down(skip).relu()
        return self.head(self.merge(F.relu(self.norm(torch.cat([self.up(low), skip], 1)))).relu())


@pytest.mark.parametrize(("width", "value"), [(16, 2), (24, (24, 16))])
def test_the_concatenation_of_a_unet_is_noted_and_spread_by_option(width, value):
    (note,) = relationalize(UNet(width), GRAPH, input_size=(3, 8, 8)).notes
    assert f"merge.weight: reads a concatenation of {width} + 16 features" in note
    assert f"stacked_inputs={{'merge': {value}}}" in note
    module = UNet(width)
    report = relationalize(module, GRAPH, input_size=(3, 8, 8), stacked_inputs={"merge": value})
    assert report.notes == ()
    on = module.merge.parametrizations.weight[0].mask.flatten(1)
    expected = [torch.from_numpy(mask(GRAPH, each, 16)) for each in (width, 16)]
    assert torch.equal(on, torch.cat(expected, 1))
    assert report.changed[-1].weights_on == 9 * int(on.sum())
    assert all(one.graph == GRAPH for one in recover(module).values())
    densify(module)
    found = recover(module, 8, threshold=0, layers="merge", stacked_inputs={"merge": value})["merge.weight"]
    assert found.graph == GRAPH
    assert found.captured == pytest.approx(1)


def test_both_directions_of_an_lstm_are_noted_and_spread_by_option():
    module = nn.Sequential(nn.LSTM(8, 8, 2, bidirectional=True))
    (note,) = relationalize(module, GRAPH, include="*").notes
    assert "weight_ih_l1 and 1 more: reads both directions of the layer below" in note
    densify(module)
    report = relationalize(module, GRAPH, include="*", stacked_inputs={"0.weight_ih_l[1-9]*": 2})
    assert report.notes == ()
    on = module[0].parametrizations["weight_ih_l1"][0].mask
    assert torch.equal(on, torch.from_numpy(mask(GRAPH, 8, 8)).repeat(4, 2))
    module(torch.randn(3, 2, 8))[0].sum().backward()
    assert module[0].parametrizations["weight_ih_l1"].original.grad[~on].count_nonzero() == 0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "reads 32 features, which 3 does not divide"),
        ((20, 20), r"reads 32 features, not 20 \+ 20"),
        (0, "reads 32 features, which 0"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(value, message):
    with pytest.raises(UserError, match=f"stacked_inputs: merge.weight {message}"):
        relationalize(UNet(), GRAPH, stacked_inputs={"merge": value})
    with pytest.raises(UserError, match="stacked_inputs: 'marge' matches no weight; did you mean 'merge'"):
        relationalize(UNet(), GRAPH, stacked_inputs={"marge": 2})
    assert Layout(8, 32).joining(2).inputs == (16, 16)

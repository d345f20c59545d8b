"""What relationalize chooses, what it leaves and why, and what its report says."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from graph2nn import MLP, Relational, RelationalGraph, mask, relationalize, ws_flex
from graph2nn.errors import UserError

GRAPH = ws_flex(4, 2, 0.3, 1)
NARROW = ws_flex(16, 4, 0.3, 1)


class LanguageModel(nn.Module):
    """An embedding, a projection, a recurrent layer, and a head that may be tied to the embedding."""

    def __init__(self, *, tied: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 6)
        self.project = nn.Linear(6, 8)
        self.lstm = nn.LSTM(8, 6, batch_first=True)
        self.head = nn.Linear(6, 20)
        if tied:
            self.head.weight = self.table.weight

    def forward(self, tokens):
        return self.head(self.lstm(self.project(self.table(tokens)))[0])


class Backwards(nn.Module):
    """Registers its layers in the order opposite to that in which it runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.b, self.a = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, value):
        return self.c(self.b(self.a(value)))


def mlp(*widths):
    layers = [nn.Linear(i, o) for i, o in pairwise(widths)]
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))


def changed(report):
    return [row.weight for row in report.changed]


def reasons(report):
    return {row.weight: row.reason for row in report.skipped}


# --- by default


@pytest.mark.parametrize(
    ("make", "dense"),
    [
        (lambda: mlp(8, 8, 8, 10), ["0.weight", "4.weight"]),
        (lambda: mlp(12, 8, 6, 8, 12), ["0.weight", "6.weight"]),
        (
            lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 5)),
            ["0.weight", "2.weight"],
        ),
        (lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True), []),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16), []),
        (lambda: nn.LSTM(5, 8, bidirectional=True), ["weight_ih_l0", "weight_ih_l0_reverse"]),
        (lambda: LanguageModel(tied=False), ["table.weight", "head.weight"]),
    ],
)
def test_stem_and_head_stay_dense(make, dense):
    report = relationalize(make(), GRAPH)
    assert list(reasons(report)) == dense
    assert changed(report)


def test_first_and_last_are_those_of_a_run_where_one_is_possible():
    assert list(reasons(relationalize(Backwards(), GRAPH))) == ["c.weight"]
    assert list(reasons(relationalize(Backwards(), GRAPH, input_size=(8,)))) == ["a.weight"]


def test_looking_at_a_run_leaves_no_trace():
    module = nn.Sequential(
        nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 8), nn.Linear(8, 3)
    )
    module[1].eval()
    state = {name: value.clone() for name, value in module[1].state_dict().items()}
    relationalize(module, GRAPH, input_size=(8,))
    assert [part.training for part in module] == [True, False, True, True, True]
    assert all(torch.equal(value, state[name]) for name, value in module[1].state_dict().items())
    assert not any(part._forward_pre_hooks for part in module)


def test_every_weight_left_dense_has_its_reason():
    class Raw(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 8))

    module = nn.Sequential(
        nn.Linear(8, 8),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Linear(8, 3),
        nn.Linear(3, 8),
        Raw(),
        Relational(GRAPH).linear(8, 8),
        nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
        nn.Bilinear(8, 8, 8),
        nn.Linear(8, 8),
        nn.Linear(8, 9),
    )
    report = relationalize(module, GRAPH)
    assert changed(report) == ["8.weight"]
    assert reasons(report) == {
        "0.weight": "stem: reads the input",
        "1.weight": "grouped convolution (groups=8): its channels are cut already",
        "2.weight": "3 features are fewer than the graph's 4 nodes",
        "3.weight": "3 features are fewer than the graph's 4 nodes",
        "4.token": "no rule for the parameters of Raw",
        "5.weight": "relational already",
        "6.weight": "parametrised by _WeightNorm already",
        "7.weight": "no rule for the parameters of Bilinear",
        "9.weight": "head: gives the outputs",
    }
    again = reasons(relationalize(module, GRAPH, include="9"))
    assert again["8.weight"] == "relational already"


def test_another_parametrisation_is_left_alone():
    module = mlp(8, 8, 8, 3)
    nn.utils.parametrizations.spectral_norm(module[2])
    with pytest.raises(UserError, match=r"'2' cannot change: 2\.weight: parametrised by _SpectralNorm already"):
        relationalize(module, GRAPH, include="2")


# --- shared parameters


def test_a_head_tied_to_the_embedding_is_left_alone():
    module = LanguageModel(tied=True)
    report = relationalize(module, GRAPH, include="*")
    assert changed(report) == ["project.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0"]
    assert reasons(report)["head.weight"] == "shares its parameter with table.weight, which stays dense"
    assert module.head.weight is module.table.weight


def test_layers_that_share_a_parameter_share_the_mask():
    module = mlp(8, 8, 8, 3)
    module[2].weight = module[0].weight
    before = module[0].weight.detach().clone()
    graphs = {"0": GRAPH, "2": ws_flex(8, 3, 1, 1)}
    report = relationalize(module, lambda name, _: graphs[name], include=["0", "2"], rescale=True)
    assert changed(report) == ["0.weight", "2.weight"]
    assert [row.graph for row in report.changed] == [GRAPH, GRAPH]
    assert report.params_before - report.params_after == 64 - report.changed[0].weights_on
    assert torch.equal(module[0].weight, module[2].weight)
    assert len([p for p in module.parameters() if p.shape == (8, 8)]) == 1
    from graph2nn import densify

    densify(module, keep="original")
    assert module[0].weight is module[2].weight
    torch.testing.assert_close(module[0].weight, before, rtol=1e-6, atol=0)


def test_a_parameter_shared_with_the_stem_stays_dense():
    module = mlp(8, 8, 8, 8, 3)
    module[4].weight = module[0].weight
    report = relationalize(module, GRAPH)
    assert changed(report) == ["2.weight"]
    assert reasons(report)["4.weight"] == "shares its parameter with 0.weight, which stays dense"


# --- by choice


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include": "encoder"}, 4),
        ({"include": "encoder.*"}, 4),
        ({"include": "*.linear?"}, 4),
        ({"include": "*.in_proj_weight"}, 3),
        ({"include": nn.MultiheadAttention}, 6),
        ({"include": [nn.TransformerEncoder, "decoder.layers.0.linear1"]}, 5),
        ({"include": lambda name, module: isinstance(module, nn.Linear) and "linear" in name}, 4),
        ({"exclude": nn.MultiheadAttention}, 4),
        ({"include": "decoder", "exclude": "*.multihead_attn"}, 4),
    ],
)
def test_include_and_exclude(options, expected):
    module = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    report = relationalize(module, GRAPH, **options)
    assert len(report.changed) == expected
    assert len(report.changed) + len(report.skipped) == 10


def test_a_graph_for_each_module():
    graphs = [ws_flex(4, 2, 0, seed) for seed in range(2)] + [None]
    report = relationalize(mlp(8, 8, 8, 8), graphs, include="*")
    assert [row.graph for row in report.changed] == graphs[:2]
    assert reasons(report) == {"4.weight": "no graph for it"}
    asked = []

    def by_name(name, module):
        asked.append((name, type(module)))
        return ws_flex(8, 3, 0, 1) if name == "2" else GRAPH

    report = relationalize(mlp(8, 8, 8, 8), by_name, include="*")
    assert asked == [("0", nn.Linear), ("2", nn.Linear), ("4", nn.Linear)]
    assert [row.graph.n for row in report.changed] == [4, 8, 4]


def test_the_parts_of_a_fused_layer_follow_the_graph_each():
    module = nn.ModuleDict({"qkv": nn.Linear(8, 24)})
    relationalize(module, GRAPH, include="*", stacked={"qkv": 3})
    found = module["qkv"].parametrizations.weight[0].mask
    assert torch.equal(found, torch.from_numpy(mask(GRAPH, 8, 8)).repeat(3, 1))


# --- the report


def test_the_report_is_a_table():
    module = MLP(12, 8, [8, 8], 3)
    report = relationalize(module, GRAPH)
    off = sum(row.weights - row.weights_on for row in report.changed)
    assert report.params_before == sum(p.numel() for p in module.parameters())
    assert report.params_after == report.params_before - off
    lines = str(report).splitlines()
    assert lines[0] == "MLP: 2 weights relational"
    assert lines[2].split() == [
        "hidden.0.0.weight",
        "Linear",
        "8×8",
        GRAPH.name,
        f"{report.changed[0].density:.4f}",
    ]
    assert "head.weight Linear 3×8 head: gives the outputs" in [" ".join(line.split()) for line in lines]
    before, after = report.params_before, report.params_after
    assert lines[-1] == f"parameters: {before} → {after} ({after / before:.1%})"
    assert report.macs_before is report.macs_after is None
    assert repr(report).startswith("Relationalized(MLP, 2 changed, 2 skipped")


def test_the_example_run_moves_no_average_and_no_mode():
    """A single sample: a norm in training mode would refuse it."""
    module = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Dropout(), nn.Linear(8, 3))
    module[3].eval()
    before, modes = copy.deepcopy(module[1].state_dict()), [part.training for part in module]
    assert changed(relationalize(module, GRAPH, inputs=torch.randn(1, 8))) == ["2.weight"]
    assert all(torch.equal(value, before[name]) for name, value in module[1].state_dict().items())
    assert [part.training for part in module] == modes


def test_multiply_adds_before_and_after():
    sides = [(3, 8, 3), (8, 8, 3), (8, 5, 1)]
    module = nn.Sequential(*(nn.Conv2d(i, o, k, bias=False) for i, o, k in sides))
    report = relationalize(module, GRAPH, input_size=(3, 6, 6))
    assert report.macs_before == 16 * 27 * 8 + 4 * 9 * 64 + 4 * 40
    assert report.macs_after == 16 * 27 * 8 + 4 * report.changed[0].weights_on + 4 * 40
    assert "multiply-adds: " in str(report)
    module = LanguageModel(tied=False)
    report = relationalize(module, GRAPH, inputs=torch.zeros(1, 3, dtype=torch.long))
    on = {row.weight: row.weights_on for row in report.changed}
    assert report.macs_before == 3 * (48 + 4 * 6 * 8 + 4 * 6 * 6 + 120)
    assert report.macs_after == 3 * (sum(on.values()) + 120)


# --- mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"include": "encoder.layer.0"},
            "include 'encoder.layer.0' matches no weight; did you mean 'encoder.layers",
        ),
        ({"exclude": "xyz*"}, r"exclude 'xyz\*' matches no weight. Names are like 'decoder'"),
        ({"include": nn.Conv2d}, "no weight of this Transformer is chosen by Conv2d"),
        ({"include": lambda name, module: False}, "no weight of this Transformer is chosen by <lambda>"),
        ({"graph": NARROW}, r"nothing in this Transformer would change \(encoder.*8 features are fewer"),
        ({"graph": NARROW, "include": "encoder.layers.0.linear1"}, "linear1' cannot change: .*fewer than"),
        ({"graph": [GRAPH]}, r"1 graphs for 10 modules \(encoder.layers.0.self_attn, "),
        ({"graph": None}, "graph: expected RelationalGraph or a list .* or a function, got None"),
        ({"graph": 7}, "graph: expected RelationalGraph or a list .* or a function, got 7"),
        ({"graph": lambda name, module: "ws"}, "encoder.layers.0.self_attn got a str, not a RelationalGraph"),
        ({"graph": lambda name, module: None}, "nothing in this Transformer would change .*no graph for it"),
        ({"stacked": {"linear7": 2}}, "stacked: 'linear7' matches no weight"),
        ({"stacked": {"*.linear1": 3}}, "linear1.weight gives 16 features, which 3 does not divide"),
        ({"input_size": (8,), "inputs": (1,)}, "give input_size or inputs, not both"),
        ({"include": "*", "exclude": "*"}, "nothing in this Transformer would change .*excluded"),
    ],
)
def test_mistakes_are_named_and_change_nothing(options, message):
    module = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    names = list(module.state_dict())
    with pytest.raises(UserError, match=message):
        relationalize(module, **{"graph": GRAPH, **options})
    assert list(module.state_dict()) == names


def test_modules_with_nothing_to_change():
    narrow = nn.Sequential(nn.Linear(8, 9), nn.Linear(9, 3), nn.Linear(3, 2), nn.Linear(2, 2), nn.Linear(2, 1))
    with pytest.raises(UserError, match=r"would change \(2\.weight: 2 .*; 1\.weight: 3 .*; 0\.weight: stem"):
        relationalize(narrow, GRAPH)
    with pytest.raises(UserError, match=r"nothing in this Linear would change \(weight: stem"):
        relationalize(nn.Linear(8, 8), GRAPH)
    with pytest.raises(UserError, match=r"nothing in this ReLU would change \(it has no weights\)"):
        relationalize(nn.ReLU(), GRAPH)
    with pytest.raises(UserError, match=r"1\.weight has no shape yet; run the module once"):
        relationalize(nn.Sequential(nn.Linear(8, 8), nn.LazyLinear(3)), GRAPH)


def test_a_networkx_graph_is_refused_by_name():
    import networkx as nx

    with pytest.raises(UserError, match=r"got a Graph, not a RelationalGraph; RelationalGraph.from_networkx"):
        relationalize(nn.Linear(8, 8), nx.path_graph(4), include="*")
    assert RelationalGraph.from_networkx(nx.path_graph(4)).n == 4

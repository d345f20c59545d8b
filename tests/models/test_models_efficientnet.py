"""EfficientNet-B0: the published widths and counts, both rules of expansion, narrow layers, options."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from model_counts import on_meta, weights
from model_laws import LAWS, Case, layers_that_ran, name_of, what_ran
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from graph2nn.budget import match, parameters
from graph2nn.budget.bill import Bill
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalConv2d
from graph2nn.models import architecture, build_model, initialise
from graph2nn.models.efficientnet import B0, B0_WIDTHS, EfficientNet
from graph2nn.models.inverted_bottleneck import StochasticDepth
from graph2nn.models.squeeze_excite import SqueezeExcite
from graph2nn.wiring import Dense, Grouped, Layerwise, Relational, Staged

SHALLOW = tuple(replace(stage, depth=2 if index == 2 else 1) for index, stage in enumerate(B0))
SMALL = {"stages": SHALLOW, "stem": 16, "head": 24, "baseline": [8, 9, 10, 11, 12, 13, 14]}
CASE = Case("efficientnet-b0", [9, 10, 11, 8, 12, 13, 14], (3, 40, 24), options=SMALL)
IMAGE = (3, 224, 224)


def spent(network, size):
    """Multiply-adds of the network as it ran: weights in use at each position, and biases of convolutions."""
    total = 0
    for module, positions in layers_that_ran(network, (torch.zeros(1, *size),)):
        outputs, _, kernel, _, _, pairs, bias = what_ran(module, positions)
        total += positions * (pairs * kernel + (outputs if bias and module.weight.dim() == 4 else 0))
    return total


@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(law):
    law(CASE)


def test_layers_of_the_dense_network():
    """Tan and Le (2019), table 1: a block expands what comes in, squeezes to a quarter of it, projects."""
    expected, before = [(32, 3, 3, 3)], 32
    table = [
        (1, 3, 16, 1),
        (6, 3, 24, 2),
        (6, 5, 40, 2),
        (6, 3, 80, 3),
        (6, 5, 112, 3),
        (6, 5, 192, 4),
        (6, 3, 320, 1),
    ]
    for ratio, kernel, width, depth in table:
        for _ in range(depth):
            wide, squeezed = ratio * before, before // 4
            if ratio > 1:
                expected.append((wide, before, 1, 1))
            expected += [
                (wide, 1, kernel, kernel),
                (squeezed, wide, 1, 1),
                (wide, squeezed, 1, 1),
                (width, wide, 1, 1),
            ]
            before = width
    assert weights(on_meta("efficientnet-b0")) == [*expected, (1280, 320, 1, 1), (1000, 1280)]


def test_published_widths_multiply_adds_and_parameters(golden_widths):
    rows = [row for row in golden_widths if row["task"] == "efficient_imagenet"]
    assert len(rows) == 3
    known = architecture("efficientnet-b0")
    for row in rows:
        n, sparsity = row["GROUP_NUM"], row["SPARSITY"]
        graph = ws_flex(n, n * sparsity, row["P"], row["SEED_GRAPH"]) if sparsity < 1 else None
        found = match("efficientnet-b0", graph, method="published")
        assert found.widths == row["DIM_LIST"]
        assert found.macs == row["exact_integer_flops"]
        assert found.params == row["params_count"]
        assert found.target == row["flops_baseline"]
        wiring = known.prepare(Relational(graph, engine="masked") if graph else Dense())
        bill = Bill(lambda widths: known.shapes(widths, 1000, IMAGE), wiring, found.widths)
        assert bill.published_macs(found.widths) == row["flops_count"]
        network = build_model("efficientnet-b0", wiring, found.widths)
        assert parameters(network) == row["params_count"]
        assert sum(parameter.numel() for parameter in network.parameters()) == row["dense_param_count"]


def test_the_dense_network_costs_what_torch_counts_and_the_squeezed_biases():
    network = build_model("efficientnet-b0").eval()
    biases = sum(
        module.bias.numel()
        for module in network.modules()
        if isinstance(module, nn.Conv2d) and module.bias is not None
    )
    with FlopCounterMode(display=False) as counter:
        network.to("meta")(torch.zeros(1, *IMAGE, device="meta"))
    assert counter.get_total_flops() // 2 + biases == match("efficientnet-b0").macs == 385_824_092
    assert match("efficientnet-b0").params == 5_288_548


OPTIONS = [
    {}, {"se": 0}, {"se": 0.5}, {"head": 0}, {"dropout": 0.2, "drop_connect": 0.2}, {"stem": 20},
    {"head_type": "linear"}, {"linear_projection": False, "activation": "relu"},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    "wiring",
    [
        None,
        CASE.wiring,
        Grouped(4),
        Staged([Dense() if stage % 2 else ws_flex(16, 5, 0.2, stage) for stage in range(7)]),
        Layerwise(lambda depth: Dense() if depth % 3 else CASE.wiring),
    ],
    ids=["dense", "relational", "grouped", "some stages", "some layers"],
)
def test_shapes_cost_what_the_module_does(wiring, options):
    case = replace(CASE, options={**SMALL, **options})
    network, bill = case.build(wiring or Dense()), case.bill(wiring or Dense())
    assert spent(network, case.input_size) == bill.macs(case.widths)
    assert parameters(network) == bill.parameters(case.widths)


def expanded(network):
    return [
        module.groups for module in network.modules() if isinstance(module, nn.Conv2d) and module.groups > 1
    ]


def test_expanded_widths_follow_the_block_in_dense_networks_and_the_baseline_in_others():
    widths = [14, 20, 32, 65, 97, 168, 278]
    dense = EfficientNet(widths)
    assert expanded(dense)[:4] == [32, 14 * 6, 20 * 6, 20 * 6]
    relational = EfficientNet(widths, wiring=CASE.wiring)
    assert expanded(relational)[:4] == [32, 24 * 6, 24 * 6, 40 * 6]
    # One dense layer more or less does not turn a wired network into the baseline.
    mixed = EfficientNet(widths, wiring=Staged([Dense()] * 6 + [CASE.wiring]))
    assert expanded(mixed) == expanded(relational)


def test_narrow_layers_use_a_graph_of_as_many_nodes():
    graph = ws_flex(16, 14, 0.3, 16)
    for wiring in (Relational(graph), Staged([graph] * 7), Layerwise([graph] * 31)):
        network = EfficientNet([14, 20, 32, 65, 97, 168, 278], wiring=wiring)
        layers = [module for module in network.modules() if isinstance(module, RelationalConv2d)]
        assert [layer.graph.n for layer in layers[:3]] == [14, 14, 16]
        assert layers[0].graph == ws_flex(14, 14 / 16 * 14, 0.3, 16)
    prepared = architecture("efficientnet-b0").prepare(Relational(graph))
    assert prepared == Relational(graph, shrink=True)
    assert architecture("efficientnet-b0").prepare(Dense()) == Dense()


def test_a_block_is_skipped_over_only_where_it_keeps_the_shape():
    network = CASE.build().eval()
    kept = [block.residual for block in network.blocks]
    assert kept == [False, False, False, True, False, False, False, False]
    block = network.blocks[3]
    nn.init.zeros_(block.branch[-1].weight)
    nn.init.zeros_(block.branch[-1].bias)
    x = torch.randn(2, 11, 5, 4)
    assert torch.equal(block(x), x)


def test_drop_connect_grows_with_depth_and_keeps_the_mean():
    network = EfficientNet(drop_connect=0.2)
    rates = [block.drop.rate for block in network.blocks]
    assert rates == pytest.approx([0.2 * block / 16 for block in range(16)])
    torch.manual_seed(0)
    drop, x = StochasticDepth(0.25), torch.ones(4_000, 2, 3)
    kept = drop(x)
    assert kept.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(kept, kept[:, :1, :1].expand_as(kept))
    assert float(kept.mean()) == pytest.approx(1, abs=0.04)
    assert torch.equal(drop.eval()(x), x)


def test_drop_connect_is_the_same_in_all_blocks_as_published():
    network = EfficientNet(drop_connect=0.2, drop_schedule="constant")
    assert {block.drop.rate for block in network.blocks} == {0.2}


def test_stages_by_numbers():
    """DEPTHS, KERNELS, STRIDES and EXP_RATIOS of the published config."""
    options = {"depths": [1, 2], "kernels": [3, 5], "strides": [2, 1], "expansions": [1, 4]}
    network = build_model("efficientnet-b0", None, [8, 12], baseline=[8, 12], **options)
    blocks = [weight for weight in weights(network) if weight[1:] in ((1, 3, 3), (1, 5, 5))]
    assert blocks == [(32, 1, 3, 3), (32, 1, 5, 5), (48, 1, 5, 5)]
    deeper = on_meta("efficientnet-b0", depths=[2, 2, 2, 3, 3, 4, 1])
    assert len(weights(deeper)) == len(weights(on_meta("efficientnet-b0"))) + 4
    cases = [
        ({"depths": [1, 2]}, "one number per stage each, got 2 of depth"),
        ({"kernels": [3, 3, 5, 3, 5, 5, 4]}, "kernel 4, expected odd numbers"),
        ({"strides": [0, 2, 2, 2, 1, 2, 1]}, "stride 0, expected numbers of at least 1"),
        ({"head_type": "none"}, "input should be 'conv' or 'linear'"),
        ({"activation": "gelu"}, "input should be 'swish' or 'relu'"),
    ]
    for wrong, message in cases:
        with pytest.raises(UserError, match=message):
            build_model("efficientnet-b0", **wrong)


def test_a_linear_head_a_relu_and_an_activation_behind_the_projection():
    linear = on_meta("efficientnet-b0", head_type="linear")
    assert weights(linear)[-2:] == [(1280, 320), (1000, 1280)]
    relu = EfficientNet(activation="relu", linear_projection=False)
    assert not any(isinstance(module, nn.SiLU) for module in relu.modules())
    assert all(isinstance(block.branch[-1], nn.ReLU) for block in relu.blocks)


def test_biases_of_squeeze_excite_start_as_torch_draws_them():
    """The published initialisation leaves them at torch's default: uniform within ±1/√fan-in."""
    network = EfficientNet()
    initialise(network, torch.Generator().manual_seed(3))
    for block in network.blocks:
        gate = next(layer for layer in block.branch if isinstance(layer, SqueezeExcite))
        for conv in (gate.reduce, gate.expand):
            bound = conv.in_channels**-0.5
            assert 0 < float(conv.bias.detach().abs().max()) <= bound
    biases = torch.cat([m.reduce.bias * m.reduce.in_channels**0.5 for m in network.modules()
                        if isinstance(m, SqueezeExcite)])  # fmt: skip
    assert float(biases.detach().var()) == pytest.approx(1 / 3, rel=0.25)
    again = EfficientNet()
    initialise(again, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EfficientNet(B0_WIDTHS[:3]), "efficientnet takes 7 widths"),
        (lambda: EfficientNet(baseline=[1]), "baseline of efficientnet takes 7 widths"),
        (lambda: EfficientNet(drop_connect=1.5), r"rate 1\.\d+ lies outside \[0, 1\)"),
        (lambda: EfficientNet(se=2), r"se = 2 lies outside \[0, 1\]"),
        (
            lambda: EfficientNet(wiring=Relational(replace(ws_flex(64, 8, 0.1, 1), origin=None))),
            "64 nodes are more than the 16 features",
        ),
        (lambda: architecture("efficientnet-b0").shapes(B0_WIDTHS, 10, (224, 224)), "give .channels, height"),
        (lambda: build_model("efficientnet-b0", input_size=(224, 224)), "give .channels, height"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UserError, match=message):
        call()

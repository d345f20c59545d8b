"""Vision transformers: published counts, patches, options, and what holds for every architecture."""

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
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from graph2nn.budget import match, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalLinear
from graph2nn.models import architecture, build_model
from graph2nn.models.vit import VisionTransformer
from graph2nn.wiring import Dense, Relational

CASE = Case("vit-tiny", [24], (3, 8, 12), options={"patch": 4, "depth": 2, "heads": 4})
CIFAR = (3, 32, 32)


@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(law):
    law(CASE)


@pytest.mark.parametrize(
    ("name", "count"), [("vit-tiny", 5_717_416), ("vit-small", 22_050_664), ("vit-base", 86_567_656)]
)
def test_published_parameters(name, count):
    with torch.device("meta"):
        network = build_model(name)
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    assert match(name).params == count


@pytest.mark.parametrize(
    ("size", "options"),
    [((3, 224, 224), {}), (CIFAR, {"patch": 4, "depth": 3, "heads": 2}), ((1, 16, 48), {"mlp_ratio": 2.5})],
)
def test_the_dense_network_costs_what_torch_counts(size, options):
    network = build_model("vit-tiny", input_size=size, **options).eval()
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        network.to("meta")(torch.zeros(1, *size, device="meta"))
    biases = network.patches.bias.numel() * (network.positions.shape[1] - 1)
    assert counter.get_total_flops() // 2 + biases == match("vit-tiny", input_size=size, **options).macs


@pytest.mark.parametrize("options", [{}, {"mlp_ratio": 2.5}, {"patch": 2, "heads": 3}, {"depth": 1}], ids=str)
def test_layers_are_those_of_its_shapes(options):
    case = Case(CASE.name, CASE.widths, CASE.input_size, options={**CASE.options, **options})
    network, bill = case.build(), case.bill()
    found = Counter(what_ran(*ran) for ran in layers_that_ran(network, case.inputs(2)))
    layers = [(layer, its) for layer, its in bill.layers(case.widths) if real(layer)]
    assert found == Counter(what_should_run(*layer) for layer in layers)
    assert parameters(network) == bill.parameters(case.widths)


def test_match_keeps_the_heads_whole():
    found = match("vit-tiny", ws_flex(64, 16, 0.3, 1), num_classes=10, input_size=CIFAR, patch=4)
    assert found.method == "exact"
    assert found.widths[0] > 192
    assert found.widths[0] % 3 == 0
    assert abs(found.macs / found.target - 1) < 0.01
    other = match("vit-tiny", ws_flex(64, 16, 0.3, 1), input_size=CIFAR, patch=4, heads=4)
    assert other.widths[0] % 4 == 0


def test_all_layers_inside_are_wired_and_the_ends_are_dense():
    network = CASE.build()
    assert sum(isinstance(module, RelationalLinear) for module in network.layers.modules()) == 2 * 6
    assert isinstance(network.patches, nn.Conv2d)
    assert isinstance(network.head, nn.Linear)
    assert all(layer.bias is not None for layer in network.modules() if isinstance(layer, RelationalLinear))


def test_positions_tell_patches_apart():
    network = CASE.build(Dense()).eval()
    x = torch.randn(2, *CASE.input_size)
    swapped = torch.cat([x[..., 4:8], x[..., :4], x[..., 8:]], dim=3)
    network.initialise()
    assert not torch.allclose(network(x), network(swapped), atol=1e-4)
    nn.init.zeros_(network.positions)
    torch.testing.assert_close(network(x), network(swapped))


@pytest.mark.parametrize("wiring", [Dense(), CASE.wiring], ids=["dense", "relational"])
def test_its_own_initialisation_depends_on_the_generator_alone(wiring):
    first, second = CASE.build(wiring), CASE.build(wiring)
    for network, seed in ((first, 1), (second, 2)):
        torch.manual_seed(seed)
        network.initialise(torch.Generator().manual_seed(3))
    state = second.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in first.state_dict().items())
    second.initialise(torch.Generator().manual_seed(4))
    assert not torch.equal(first.positions, second.positions)


def test_a_sparse_layer_keeps_the_scale_of_its_outputs():
    graph = ws_flex(16, 3, 0.2, 1)
    wiring = Relational(graph, engine="masked")
    network = VisionTransformer(96, 10, input_size=CIFAR, patch=8, depth=1, wiring=wiring)
    torch.manual_seed(0)
    x = torch.randn(500, 96)
    for layer in network.layers.modules():
        if isinstance(layer, RelationalLinear) and layer.in_features == 96:
            assert float(layer(x).detach().std()) == pytest.approx(1, abs=0.1)
            assert layer.weight[~layer.mask].count_nonzero() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_model("vit-tiny", input_size=CIFAR, patch=5), "patches of 5×5 do not tile .* 32×32"),
        (lambda: match("vit-tiny", input_size=(3, 225, 224)), "patches of 16×16 do not tile"),
        (lambda: build_model("vit-tiny", widths=[100]), "width 100 cannot be shared by 3 heads"),
        (lambda: build_model("vit-tiny", widths=[96, 96]), "vit-tiny takes 1 widths"),
        (lambda: build_model("vit-tiny", input_size=(32, 32)), r"give \(channels, height, width\)"),
        (lambda: architecture("vit-huge"), "model 'vit-huge' is not known"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UserError, match=message):
        call()

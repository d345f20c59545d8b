"""VGG: known counts, layer by layer, its two heads, and the laws of all networks."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from model_counts import on_meta, stage_sizes, weights
from model_laws import LAWS, Case, name_of

from graph2nn.budget import macs, match, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.models import architecture, build_model
from graph2nn.models.vgg import vgg
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)

CASES = [
    Case("vgg11", [8, 9, 10, 11, 12], (1, 67, 32), options={"hidden": 16}),
    Case("vgg13-pool", [8, 9, 10, 11, 12], (3, 39, 32)),
]


@pytest.mark.parametrize(
    ("layers", "known"), [(11, 132_868_840), (13, 133_053_736), (16, 138_365_992), (19, 143_678_248)]
)
def test_parameters(layers, known):
    network = on_meta(f"vgg{layers}")
    assert parameters(network) == known


def test_macs():
    """15.47 billion as published, with the biases of the convolutions 0.01 more; their share, spelt out."""
    sides = {224: [(3, 64), (64, 64)], 112: [(64, 128), (128, 128)], 56: [(128, 256), (256, 256), (256, 256)]}
    sides |= {28: [(256, 512), (512, 512), (512, 512)], 14: [(512, 512)] * 3}
    convolutions = sum(side**2 * (9 * i * o + o) for side, layers in sides.items() for i, o in layers)
    assert macs(on_meta("vgg16")) == convolutions + 25_088 * 4096 + 4096**2 + 4096 * 1000
    assert match("vgg16").macs == macs(on_meta("vgg16"))
    biases = sum(side**2 * o for side, layers in sides.items() for _, o in layers)
    assert macs(on_meta("vgg16-pool")) == convolutions - biases + 512 * 1000


def test_layers_of_vgg16():
    widths = [3, 64, 64, 128, 128, 256, 256, 256, *[512] * 6]
    convolutions = [(o, i, 3, 3) for i, o in pairwise(widths)]
    assert weights(on_meta("vgg16")) == [*convolutions, (4096, 25_088), (4096, 4096), (1000, 4096)]
    assert weights(on_meta("vgg16-pool")) == [*convolutions, (1000, 512)]


def test_sizes_of_the_stages():
    expected = [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]
    assert stage_sizes(on_meta("vgg16"), (3, 224, 224)) == expected


@pytest.mark.parametrize("layers", [11, 13, 16, 19])
def test_all_convolutions_but_the_first_follow_the_wiring(layers):
    network = build_model(f"vgg{layers}", Relational(GRAPH), [8] * 5, input_size=(3, 32, 32), hidden=8)
    assert [len(shape) for shape in weights(network)] == [4, 2, 2, 2]
    assert sum(hasattr(module, "graph") for module in network.modules()) == layers - 4


@pytest.mark.parametrize("name", ["vgg11", "vgg11-pool"])
def test_images_of_cifar_and_larger_ones(name):
    network = build_model(name, None, [8] * 5, num_classes=10, input_size=(3, 32, 32)).eval()
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert network(torch.zeros(2, 3, 70, 50)).shape == (2, 10)


def test_the_pooled_form_has_a_fixed_stem_no_biases_and_four_poolings():
    """As the published network: 3 → 64 whatever the widths are, and the last stage is not pooled."""
    network = on_meta("vgg13-pool", None, [80, 96, 112, 128, 128])
    assert weights(network)[:2] == [(64, 3, 3, 3), (80, 64, 3, 3)]
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert all(module.bias is None for module in convolutions)
    assert sum(isinstance(module, torch.nn.MaxPool2d) for module in network.modules()) == 4
    assert weights(on_meta("vgg13-pool", stem=32))[0] == (32, 3, 3, 3)
    small = build_model("vgg13-pool", None, [8] * 5, num_classes=10, input_size=(3, 16, 16)).eval()
    assert small(torch.zeros(2, 3, 16, 16)).shape == (2, 10)
    with pytest.raises(UserError, match="15 × 16 is below 16 × 16"):
        build_model("vgg13-pool", input_size=(3, 15, 16))


def test_head_is_an_option():
    pooled = on_meta("vgg11", head="pool")
    assert weights(pooled) == weights(on_meta("vgg11-pool"))
    assert match("vgg11", head="pool").params == match("vgg11-pool").params


@pytest.mark.parametrize("name", ["vgg11", "vgg16-pool"])
def test_match(name):
    found = match(name, ws_flex(64, 9.3, 0.2, 7))
    assert found.method == "exact"
    assert found.macs == pytest.approx(found.target, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vgg(12), "vgg12 is not known; VGG has 11, 13, 16 or 19"),
        (lambda: architecture("vgg12"), "'vgg12' is not known; did you mean"),
        (lambda: build_model("vgg11", head="avg"), "option head = 'avg': input should be 'standard' or 'pool'"),
        (lambda: match("vgg11", head="avg"), "option head = 'avg': input should be 'standard' or 'pool'"),
        (lambda: build_model("vgg11", input_size=(3, 32, 28)), "32 × 28 is below 32 × 32"),
        (lambda: build_model("vgg11", widths=[64]), "vgg11 takes 5 widths"),
        (lambda: match("vgg11", GRAPH, method="published"), "no published procedure for vgg11"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UserError, match=message):
        call()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(case, law):
    law(case)

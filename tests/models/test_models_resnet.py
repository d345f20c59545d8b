"""Residual networks: published counts and widths, layer by layer, their start, and the laws of all networks."""

from __future__ import annotations

import pytest
import torch
from model_counts import assert_published_widths, on_meta, stage_sizes, weights
from model_laws import LAWS, Case, name_of
from torch import nn

from graph2nn.budget import macs, match, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.models import architecture, build_model, initialise
from graph2nn.models.resnet import resnet
from graph2nn.models.resnet_blocks import ResidualBlock
from graph2nn.wiring import Layerwise, Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)
IMAGENET = (3, 224, 224)

CASES = [
    # The first width equals the stem's: an identity takes the place of the first projection.
    Case("resnet18", [8, 10, 12, 14], (3, 39, 32), options={"stem": 8, "blocks": (2, 1, 1, 1)}),
    Case("resnet34-sep", [9, 10, 12, 14], (3, 39, 32), options={"stem": 8, "blocks": (1, 2, 1, 1)}),
    # Widths that four does not divide: 33 → 8, 34 → 8 (half to even), 36 → 9, 38 → 10.
    Case("resnet50", [33, 34, 36, 38], (3, 39, 32), options={"stem": 8, "blocks": (1, 1, 2, 1)}),
    Case("resnet20-cifar", [9, 10, 12], (1, 11, 12), options={"stem": 8, "blocks": (1, 2, 1)}),
    Case("resnet20-cifar-sep", [9, 10, 12], (1, 11, 12), options={"stem": 8, "blocks": (1, 2, 1)}),
    Case("resnet20-cifar-bottleneck", [33, 34, 36], (1, 11, 12), options={"stem": 8, "blocks": (1, 1, 1)}),
]


@pytest.mark.parametrize(
    ("task", "name", "how_many"),
    [
        ("resnet34_imagenet", "resnet34", 2),
        ("resnet34sep_imagenet", "resnet34-sep", 3),
        ("resnet50_imagenet", "resnet50", 2),
    ],
)
def test_published_widths_macs_and_parameters(task, name, how_many, golden_widths):
    assert_published_widths(golden_widths, task, name, how_many=how_many)


@pytest.mark.parametrize(
    ("name", "multiply_adds", "learnt"),
    [
        ("resnet34", 3_663_761_408, 21_797_672),
        ("resnet50", 4_089_184_256, 25_557_032),
        ("resnet34-sep", 553_614_592, 3_118_312),
        ("resnet20-cifar", 58_131_072, 289_514),
    ],
)
def test_published_counts(name, multiply_adds, learnt):
    network = on_meta(name)
    assert macs(network, architecture(name).input_size) == multiply_adds
    assert parameters(network) == learnt


@pytest.mark.parametrize(("layers", "learnt"), [(18, 11_689_512), (101, 44_549_160), (152, 60_192_808)])
def test_parameters_of_the_other_depths(layers, learnt):
    """The counts every implementation of these networks gives (He et al. 2016, table 1)."""
    assert match(f"resnet{layers}").params == learnt


def test_any_depth_has_any_kind_of_block():
    """The published code reads the kind of block from TRANS_FUN alone: 34 and 50 layers differ by it."""
    widths = [256, 512, 1024, 2048]
    assert weights(on_meta("resnet34-bottleneck")) == weights(on_meta("resnet50", None, widths))
    assert weights(on_meta("resnet50-basic")) == weights(on_meta("resnet34"))
    assert weights(on_meta("resnet50-sep")) == weights(on_meta("resnet34-sep"))
    assert architecture("resnet26-cifar-sep").widths == (16, 32, 64)


@pytest.mark.parametrize(("name", "zero"), [("resnet18", True), ("resnet20-cifar", False)])
def test_the_start_of_the_last_norms_is_an_option(name, zero):
    def starts_at_zero(**options):
        network = build_model(name, widths=[8] * len(architecture(name).widths), **options)
        initialise(network, torch.Generator().manual_seed(0))
        last = [module.path[-1].weight for module in network.modules() if isinstance(module, ResidualBlock)]
        return all(not weight.any() for weight in last)

    assert starts_at_zero() is zero
    assert starts_at_zero(zero_init=not zero) is not zero


def test_layers_of_resnet34():
    expected, before = [(64, 3, 7, 7)], 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        if width != before:
            expected.append((width, before, 1, 1))
        expected += [(width, before, 3, 3)] + [(width, width, 3, 3)] * (2 * blocks - 1)
        before = width
    assert weights(on_meta("resnet34")) == [*expected, (1000, 512)]


def test_layers_of_resnet50():
    expected, before = [(64, 3, 7, 7)], 64
    for inner, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        expected.append((4 * inner, before, 1, 1))
        for _ in range(blocks):
            expected += [(inner, before, 1, 1), (inner, inner, 3, 3), (4 * inner, inner, 1, 1)]
            before = 4 * inner
    assert weights(on_meta("resnet50")) == [*expected, (1000, 2048)]


def test_layers_of_resnet34_sep():
    expected, before = [(64, 3, 7, 7)], 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        if width != before:
            expected.append((width, before, 1, 1))
        for _ in range(blocks):
            expected += [(before, 1, 3, 3), (width, before, 1, 1), (width, 1, 3, 3), (width, width, 1, 1)]
            before = width
    assert weights(on_meta("resnet34-sep")) == [*expected, (1000, 512)]


@pytest.mark.parametrize("layers", [20, 32, 44, 56, 110])
def test_layers_of_the_cifar_networks(layers):
    expected, before, each = [(64, 3, 7, 7)], 64, (layers - 2) // 6
    for width in (16, 32, 64):
        expected += [(width, before, 1, 1), (width, before, 3, 3)] + [(width, width, 3, 3)] * (2 * each - 1)
        before = width
    assert weights(on_meta(f"resnet{layers}-cifar")) == [*expected, (10, 64)]


def test_sizes_of_the_stages():
    sides = (56, 56, 28, 14, 7)
    for name, channels in (
        ("resnet34", (64, 64, 128, 256, 512)),
        ("resnet18-sep", (64, 64, 128, 256, 512)),
        ("resnet50", (64, 256, 512, 1024, 2048)),
    ):
        expected = [(width, side, side) for width, side in zip(channels, sides, strict=True)]
        assert stage_sizes(on_meta(name), IMAGENET) == expected
    found = stage_sizes(on_meta("resnet20-cifar"), (3, 32, 32))
    assert found == [(64, 32, 32), (16, 32, 32), (32, 16, 16), (64, 8, 8)]


def test_the_stride_of_a_bottleneck_is_on_its_3x3():
    strides = {
        m.kernel_size: m.stride
        for m in on_meta("resnet50").stages[1][0].path.modules()
        if isinstance(m, nn.Conv2d)
    }
    assert strides == {(1, 1): (1, 1), (3, 3): (2, 2)}


@pytest.mark.parametrize(
    ("name", "relational", "dense"),
    # Stem and head are dense; so are a bottleneck's four projections, and the 16 depthwise convolutions.
    [("resnet18", 16 + 4, 2), ("resnet18-sep", 16 + 4, 2 + 16), ("resnet50", 48, 2 + 4)],
)
def test_what_follows_the_wiring(name, relational, dense):
    widths = [36] * 4
    network = build_model(name, Relational(GRAPH), widths, stem=16)
    assert len(weights(network)) == dense
    assert sum(hasattr(module, "graph") for module in network.modules()) == relational


def test_graphs_of_layers_do_not_shift_when_the_first_projection_appears():
    wiring = Layerwise(lambda depth: ws_flex(8, 3, 0.5, depth))
    plain = build_model("resnet18", wiring, [8, 12, 12, 12], stem=8)
    projected = build_model("resnet18", wiring, [12, 12, 12, 12], stem=8)
    first, second = (
        [block.path[1].graph for stage in net.stages for block in stage] for net in (plain, projected)
    )
    assert first == second
    assert isinstance(plain.stages[0][0].shortcut, nn.Identity)
    assert not isinstance(projected.stages[0][0].shortcut, nn.Identity)


@pytest.mark.parametrize("name", ["resnet18", "resnet18-sep", "resnet50"])
def test_imagenet_blocks_begin_as_their_shortcut(name):
    network = build_model(name, Relational(GRAPH), [32] * 4, stem=8).train()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.constant_(norm.weight, 2.0)
    initialise(network, torch.Generator().manual_seed(0))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    blocks = [module for module in network.modules() if isinstance(module, ResidualBlock)]
    assert sum(norm.weight.eq(0).all().item() for norm in norms) == len(blocks)
    assert sum(norm.weight.eq(1).all().item() for norm in norms) == len(norms) - len(blocks)
    block = network.stages[0][1]
    x = torch.randn(2, 32, 8, 8).relu()
    assert torch.equal(block(x), x)


def test_cifar_blocks_begin_with_their_path():
    network = build_model("resnet8-cifar", widths=[8] * 3, stem=8)
    initialise(network, torch.Generator().manual_seed(0))
    assert all(norm.weight.eq(1).all() for norm in network.modules() if isinstance(norm, nn.BatchNorm2d))


@pytest.mark.parametrize("name", ["resnet18", "resnet34-sep", "resnet50", "resnet20-cifar"])
def test_other_images_and_classes(name):
    widths = [8] * len(architecture(name).widths)
    network = build_model(name, None, widths, num_classes=7, input_size=(1, 32, 21), stem=4)
    assert network(torch.zeros(2, 1, 32, 21)).shape == (2, 7)


def test_blocks_are_an_option():
    network = on_meta("resnet18", blocks=(3, 4, 6, 3))
    assert weights(network) == weights(on_meta("resnet34"))
    assert match("resnet18", blocks=(3, 4, 6, 3)).macs == match("resnet34").macs


def test_cifar_has_a_published_match():
    found = match("resnet20-cifar", ws_flex(16, 5.3, 0.2, 7))
    assert found.method == "published"
    assert found.target == 58_131_072 <= found.macs < 1.01 * found.target


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: architecture("resnet21-cifar"), "resnet21-cifar is not known; .* 6n \\+ 2 layers"),
        (lambda: architecture("resnet2-cifar"), "6n \\+ 2 layers"),
        (lambda: architecture("resnet35"), "'resnet35' is not known; did you mean"),
        (lambda: resnet(35), "resnet35 is not known; ImageNet's have 18, 34"),
        (lambda: build_model("resnet50", widths=[64]), r"resnet50 takes 4 widths, one per stage, got \[64\]"),
        (lambda: build_model("resnet20-cifar", widths=[16, 0, 64]), "width 0 is not positive"),
        (
            lambda: build_model("resnet18", blocks=(2, 2, 2)),
            r"resnet18 takes 4 numbers of blocks, got \[2, 2, 2\]",
        ),
        (lambda: match("resnet18", blocks=(2, 2, 2, 0)), "at least one each"),
        (lambda: build_model("resnet18", input_size=(3, 224)), r"reads images, got input size \(3, 224\)"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UserError, match=message):
        call()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(case, law):
    law(case)

"""Plain convolutional networks: published counts and widths, layer by layer, and the laws of all networks."""

from __future__ import annotations

import pytest
import torch
from model_counts import assert_published_widths, on_meta, stage_sizes, weights
from model_laws import LAWS, Case, name_of

from graph2nn.budget import macs, match, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.models import architecture, build_model
from graph2nn.wiring import Relational

CASES = [
    Case("cnn6", [9, 10, 12], (3, 32, 45), options={"stem": 8}),
    Case("cnn3-cifar", [9, 10, 12], (1, 17, 16), options={"stem": 8}),
    Case("cnn6-cifar", [9, 10, 12], (3, 33, 24), options={"stem": 8, "downsample": True}),
]


def test_published_widths_macs_and_parameters(golden_widths):
    assert_published_widths(golden_widths, "cnn_imagenet", "cnn6", how_many=5)


@pytest.mark.parametrize(
    ("name", "size", "multiply_adds", "learnt"),
    [("cnn6", (3, 224, 224), 166_438_912, 1_440_296), ("cnn3-cifar", (3, 32, 32), 20_646_400, 410_826)],
)
def test_published_counts(name, size, multiply_adds, learnt):
    network = on_meta(name)
    assert macs(network, size) == multiply_adds
    assert parameters(network) == learnt


def test_layers():
    stages = [(64, 64), (128, 64), (256, 128)]
    six = [(o, i, 3, 3) for first in stages for o, i in (first, (first[0], first[0]))]
    assert weights(on_meta("cnn6")) == [(64, 3, 3, 3), *six, (1000, 256)]
    three = [(o, i, 3, 3) for o, i in stages]
    assert weights(on_meta("cnn3-cifar")) == [(64, 3, 3, 3), *three, (10, 256)]


def test_sizes_of_the_stages():
    assert stage_sizes(on_meta("cnn6"), (3, 224, 224)) == [
        (64, 56, 56),
        (64, 28, 28),
        (128, 14, 14),
        (256, 7, 7),
    ]
    assert stage_sizes(on_meta("cnn3-cifar"), (3, 32, 32)) == [
        (64, 32, 32),
        (64, 16, 16),
        (128, 8, 8),
        (256, 4, 4),
    ]


@pytest.mark.parametrize("name", ["cnn6", "cnn3-cifar"])
def test_other_images_and_classes(name):
    network = build_model(name, widths=[8, 8, 8], num_classes=7, input_size=(1, 19, 30), stem=4)
    assert network(torch.zeros(2, 1, 19, 30)).shape == (2, 7)


def test_cifar_has_a_published_match():
    found = match("cnn3-cifar", ws_flex(64, 9.3, 0.2, 7))
    assert found.method == "published"
    assert found.target == 20_646_400 <= found.macs < 1.01 * found.target


def test_short_name():
    assert architecture("cnn3") is architecture("cnn3-cifar")


def test_any_multiple_of_three_convolutions_and_a_stem_that_halves_the_image():
    nine = build_model("cnn9-imagenet", widths=[8] * 3, num_classes=7, stem=4)
    assert len(weights(nine)) == 1 + 9 + 1
    kept, halved = (on_meta("cnn6-cifar", downsample=halve) for halve in (False, True))
    assert stage_sizes(kept, (3, 32, 32))[0] == (64, 32, 32)
    assert stage_sizes(halved, (3, 32, 32))[:2] == [(64, 16, 16), (64, 8, 8)]
    with pytest.raises(UserError, match="cnn4-cifar is not known; a CNN has 3, 6, 9"):
        architecture("cnn4-cifar")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_model("cnn6", widths=[64]), r"cnn6 takes 3 widths, one per stage, got \[64\]"),
        (lambda: build_model("cnn6", input_size=(784,)), r"cnn6 reads images, got input size \(784,\)"),
        (lambda: match("cnn6", input_size=(784,)), r"reads images, got input size \(784,\)"),
        (
            lambda: build_model("cnn6", Relational(ws_flex(80, 8, 0, 1)), [99] * 3),
            "width 64 is smaller .* 80 nodes",
        ),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UserError, match=message):
        call()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(case, law):
    law(case)

"""MobileNetV1: published counts, layer by layer, and the laws of all networks."""

from __future__ import annotations

import pytest
import torch
from model_counts import on_meta, stage_sizes, weights
from model_laws import LAWS, Case, name_of

from graph2nn.budget import macs, match, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.models import build_model
from graph2nn.wiring import Relational

CASE = Case("mobilenet-v1", [8, 9, 10, 11, 12], (3, 39, 32), options={"stem": 8})


def test_published_counts():
    """569 million multiply-adds and 4.2 million parameters (Howard et al. 2017, table 8)."""
    network = on_meta("mobilenet-v1")
    assert macs(network) == 568_740_352
    assert parameters(network) == 4_231_976


def test_layers():
    expected, before = [(32, 3, 3, 3)], 32
    for width in (64, 128, 128, 256, 256, *[512] * 6, 1024, 1024):
        expected += [(before, 1, 3, 3), (width, before, 1, 1)]
        before = width
    assert weights(on_meta("mobilenet-v1")) == [*expected, (1000, 1024)]


def test_sizes_of_the_stages():
    sides, channels = (112, 112, 56, 28, 14, 7), (32, 64, 128, 256, 512, 1024)
    expected = [(width, side, side) for width, side in zip(channels, sides, strict=True)]
    assert stage_sizes(on_meta("mobilenet-v1"), (3, 224, 224)) == expected


def test_only_1x1_convolutions_follow_the_wiring():
    network = build_model("mobilenet-v1", Relational(ws_flex(8, 3.5, 0.3, 1)), [8] * 5, stem=8)
    assert [shape[2:] for shape in weights(network)] == [(3, 3)] * 14 + [()]
    wired = [module for module in network.modules() if hasattr(module, "graph")]
    assert [module.kernel_size for module in wired] == [(1, 1)] * 13


def test_other_images_and_classes():
    network = build_model("mobilenet-v1", widths=[8] * 5, num_classes=7, input_size=(1, 32, 21), stem=4)
    assert network(torch.zeros(2, 1, 32, 21)).shape == (2, 7)


def test_match_needs_a_stem_as_wide_as_the_graph_has_nodes():
    found = match("mobilenet-v1", ws_flex(32, 7, 0.2, 7))
    assert found.macs == pytest.approx(found.target, rel=1e-3)
    with pytest.raises(UserError, match="has 64 nodes and the stem of mobilenet-v1 has width 32"):
        match("mobilenet-v1", ws_flex(64, 9.3, 0.2, 7))
    found = match("mobilenet-v1", ws_flex(64, 9.3, 0.2, 7), stem=64)
    assert found.macs == pytest.approx(found.target, rel=1e-3)


def test_wrong_number_of_widths():
    with pytest.raises(UserError, match="mobilenet-v1 takes 5 widths"):
        build_model("mobilenet-v1", widths=[32])


@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(law):
    law(CASE)

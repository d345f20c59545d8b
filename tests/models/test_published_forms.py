"""Layers and networks in the published form, against golden outputs of the published code."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import read_golden

from graph2nn.experiments.presets.convert import convert
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.models import build_model
from graph2nn.models.efficientnet import EfficientNet, with_numbers
from graph2nn.wiring import Grouped, Relational

FORMS = read_golden("published_forms")
COMPLETE = RelationalGraph(~torch.eye(2, dtype=torch.bool).numpy(), name="complete")


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def ramp(k, shape):
    return torch.sin(torch.arange(math.prod(shape)) * 0.37 + k).view(shape)


def inputs(*shape):
    return torch.cos(torch.arange(math.prod(shape)) * 0.11).view(shape)


def filled(network):
    """Fill a network as the golden ones were: by the number of each entry of the state and its elements."""
    state = [(name, entry) for name, entry in network.state_dict().items() if entry.is_floating_point()]
    for k, (name, entry) in enumerate(state):
        scale = name.endswith("running_var") or (entry.dim() == 1 and name.endswith("weight"))
        entry.copy_(1 + 0.3 * ramp(k, entry.shape) if scale else 0.2 * ramp(k, entry.shape))
    return network.eval()


def close(result, golden):
    torch.testing.assert_close(result.detach(), torch.tensor(golden), rtol=1e-9, atol=1e-11)


def test_grouped_layers_with_the_published_shuffle():
    golden = FORMS["group_shuffle_linear"]
    groups = 12 // golden["group_size"]
    layer = Grouped(groups, shuffle=golden["group_num"]).linear(12, 12)
    dense = 0.2 * ramp(0, (groups, 3, groups, 3))
    with torch.no_grad():
        layer[0].weight.copy_(torch.stack([dense[g, :, g] for g in range(groups)]))
    close(layer(inputs(2, 12)), golden["output"])


def test_symmetric_weights_are_a_sum():
    wiring = Relational(COMPLETE, "masked", symmetric="sum")
    linear, conv = wiring.linear(6, 6), wiring.conv2d(4, 4, 3, stride=2, padding=1)
    linear.set_weight(0.2 * ramp(0, (6, 6)))
    conv.set_weight(0.2 * ramp(0, (4, 4, 3, 3)))
    close(linear(inputs(2, 6)), FORMS["sym_linear"])
    close(conv(inputs(1, 4, 5, 5)).flatten(), FORMS["sym_conv"])


def test_vgg():
    golden = FORMS["vgg"]
    widths = [*golden["dim_list"], golden["dim_list"][-1]]
    network = filled(build_model("vgg13-pool", None, widths, num_classes=7, input_size=(3, 16, 16)))
    close(network(inputs(2, 3, 16, 16)), golden["output"])
    close(network.train()(inputs(2, 3, 16, 16)), golden["train"])


def test_vgg_on_a_graph():
    golden = FORMS["vgg_graph"]
    widths = [*golden["dim_list"], golden["dim_list"][-1]]
    wiring = Relational(ws_flex(**golden["graph"]), "masked")
    network = filled(build_model("vgg13-pool", wiring, widths, num_classes=7, input_size=(3, 16, 16)))
    close(network(inputs(2, 3, 16, 16)), golden["output"])
    close(network.train()(inputs(2, 3, 16, 16)), golden["train"])


def test_efficientnet_on_a_graph():
    golden = FORMS["efficientnet_graph"]
    stages = with_numbers((), depths=[1, 2], kernels=[3, 5], strides=[1, 2], expansions=[1, 4])
    wiring = Relational(ws_flex(**golden["graph"]), "masked")
    network = filled(
        EfficientNet(golden["dim_list"], 5, wiring=wiring, baseline=[8, 12], stages=stages, stem=8, head=20)
    )
    close(network(inputs(2, 3, 20, 20)), golden["output"])
    close(network.train()(inputs(2, 3, 20, 20)), golden["train"])


@pytest.mark.parametrize(
    "golden", FORMS["graphs"], ids=lambda g: f"{g['message']}-{g['n']}{'-directed' if g['directed'] else ''}"
)
def test_graphs_of_every_message_type(golden):
    """Masks of the published layers, node by node; a directed graph is one of a CNN."""
    kind = ("cnn", "convtalk_transform", 3) if golden["directed"] else ("mlpnet", "talklinear_transform", 1)
    values = {
        "MODEL.TYPE": kind[0], "RESNET.TRANS_FUN": kind[1], "TRAIN.DATASET": "cifar10",
        "RGRAPH.DIM_FIRST": 64, "RGRAPH.DIM_LIST": [64] * kind[2], "RGRAPH.MESSAGE_TYPE": golden["message"],
        "RGRAPH.GROUP_NUM": golden["n"], "RGRAPH.SPARSITY": golden["sparsity"], "RGRAPH.P": golden["p"],
        "RGRAPH.SEED_GRAPH": golden["seed"], "RGRAPH.DIRECTED": golden["directed"],
    }  # fmt: skip
    graph = convert(values, name="graphs").best.build()
    layer = Relational(graph, "masked").linear(golden["n"], golden["n"])
    rows = ["".join(str(int(entry)) for entry in row) for row in layer.masked(torch.ones(layer.weight.shape))]
    assert rows == golden["rows"]


@pytest.mark.parametrize("golden", FORMS["efficientnet"], ids=lambda golden: golden["head_type"])
def test_efficientnet(golden):
    stages = with_numbers((), depths=[1, 2], kernels=[3, 5], strides=[1, 2], expansions=[1, 4])
    network = EfficientNet(
        [8, 12],
        5,
        baseline=[8, 12],
        stages=stages,
        stem=8,
        head=0 if golden["head_type"] == "simple_head" else 20,
        head_type="linear" if golden["head_type"] == "linear_head" else "conv",
        activation=golden["act_fun"],
        linear_projection=golden["lin_proj"],
    )
    close(filled(network)(inputs(2, 3, 20, 20)), golden["output"])

"""What the tests of the networks count: weights layer by layer, sizes of stages, the published widths."""

from __future__ import annotations

import torch
from torch import nn

from graph2nn.budget import macs, match, parameters
from graph2nn.graphs import ws_flex
from graph2nn.models import architecture, build_model
from graph2nn.wiring import Dense, Relational


def on_meta(name, wiring=None, widths=None, **arguments):
    """A network whose weights take no memory."""
    with torch.device("meta"):
        return build_model(name, wiring, widths, **arguments)


def weights(network):
    """Shape of the weight of each convolution and linear layer, in the order of the modules."""
    return [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def stage_sizes(network, input_size):
    """Channels, height and width behind the stem, if there is one, and behind each stage."""
    sizes = []
    watched = [*([network.stem] if hasattr(network, "stem") else []), *network.stages]
    for module in watched:
        module.register_forward_hook(lambda _module, _inputs, y: sizes.append(tuple(y.shape[1:])))
    network(torch.empty(2, *input_size, device="meta"))
    return sizes


def assert_published_widths(rows, task, name, *, how_many):
    """Widths, multiply-adds and parameters of every row of a task, from the shapes and from the network."""
    rows, known = [row for row in rows if row["task"] == task], architecture(name)
    assert len(rows) == how_many
    for row in rows:
        nodes, graph = row["GROUP_NUM"], None
        if row["SPARSITY"] < 1:
            graph = ws_flex(nodes, nodes * row["SPARSITY"], row["P"], row["SEED_GRAPH"])
        wiring = Relational(graph, engine="masked") if graph else Dense()
        found = match(name, graph, method="published")
        assert found.widths == row["DIM_LIST"]
        assert found.macs == row["exact_integer_flops"]
        assert found.params == row["params_count"]
        assert found.target == row["flops_baseline"]
        layers = known.shapes(found.widths, known.num_classes, known.input_size)
        assert sum(layer.published_macs(wiring) for layer in layers) == row["flops_count"]
        assert sum(layer.parameters(Dense()) for layer in layers) == row["dense_param_count"]
        network = on_meta(name, wiring, found.widths)
        assert sum(parameter.numel() for parameter in network.parameters()) == row["dense_param_count"]
        assert parameters(network) == row["params_count"]
        assert macs(network, known.input_size) == row["exact_integer_flops"]

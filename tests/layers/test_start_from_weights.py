"""Layers that start from the weights of their graph: each block is the draw times the weight of its edge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graph2nn import Relational, RelationalGraph, UserError, build_model, macs, match, parameters
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.layers.edge import linear as edge_linear
from graph2nn.layers.partition import initial_scale, node_sizes
from graph2nn.models import initialise
from graph2nn.models.initialise import draw_by_fan_in
from graph2nn.models.shared_draws import share_draws

N = 6
ENGINES = ("masked", "masked-in-place", "block", "edge")


def weighted(self_loops: str = "all", seed: int = 0) -> RelationalGraph:
    """A directed graph with weights from 1 to 300, as synapses are counted."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((N, N)) < 0.5
    if self_loops == "all":
        np.fill_diagonal(matrix, False)
    readers, read = np.nonzero(matrix)
    weights = rng.integers(1, 300, len(read))
    return RelationalGraph.from_edge_index(
        [read, readers], N, weights=weights, name="counts", self_loops=self_loops
    )


def by_hand(graph: RelationalGraph, into: int, out: int) -> torch.Tensor:
    """Factor of each pair of features, entry by entry."""
    root = float(np.sqrt((graph.weights**2).mean()))
    factor = {
        (int(to), int(source)): float(weight) / root
        for source, to, weight in zip(*graph.edge_index, graph.weights, strict=True)
    }
    rows = [i for i, size in enumerate(node_sizes(out, N)) for _ in range(size)]
    columns = [j for j, size in enumerate(node_sizes(into, N)) for _ in range(size)]
    return torch.tensor([[factor.get((i, j), 1.0) for j in columns] for i in rows])


def drawn(layer, seed: int = 3) -> torch.Tensor:
    layer.reset_parameters(torch.Generator().manual_seed(seed))
    return layer.effective_weight().detach()


@pytest.mark.parametrize("self_loops", ["all", "given"])
@pytest.mark.parametrize(("into", "out"), [(N, N), (13, 20)])
@pytest.mark.parametrize("engine", ENGINES)
def test_linear_blocks_are_the_published_draw_times_the_weight(engine, into, out, self_loops):
    graph = weighted(self_loops)
    plain = drawn(Relational(graph, "masked").linear(into, out))
    layer = Relational(graph, engine, init="weights").linear(into, out)
    torch.testing.assert_close(drawn(layer), plain * by_hand(graph, into, out))
    assert layer.engine == engine
    assert layer.init == "weights"


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("engine", ["masked", "masked-in-place", "block"])
def test_blocks_of_convolutions_are_scaled_at_every_position(engine, kernel):
    graph = weighted()
    plain = drawn(Relational(graph, "masked").conv2d(13, 20, kernel))
    layer = Relational(graph, engine, init="weights").conv2d(13, 20, kernel)
    torch.testing.assert_close(drawn(layer), plain * by_hand(graph, 13, 20)[:, :, None, None])


def test_large_edge_layers_scale_connection_by_connection(monkeypatch):
    monkeypatch.setattr(edge_linear, "AS_MASKED", 0)
    graph = weighted()
    plain = drawn(Relational(graph, "edge").linear(13, 20))
    scaled = drawn(Relational(graph, "edge", init="weights").linear(13, 20))
    torch.testing.assert_close(scaled, plain * by_hand(graph, 13, 20))


def test_tied_weights_start_symmetric():
    graph = weighted().symmetrised()
    plain = drawn(Relational(graph, symmetric=True).linear(20, 20))
    scaled = drawn(Relational(graph, symmetric=True, init="weights").linear(20, 20))
    torch.testing.assert_close(scaled, plain * by_hand(graph, 20, 20))
    assert torch.equal(scaled, scaled.T)


@pytest.mark.parametrize("start", ["published", "shared", "fan-in"])
def test_networks_start_from_the_weights_whatever_draws_them(start):
    graph = weighted()
    networks = [
        build_model("mlp5", Relational(graph, engine, init=init), (20,), input_size=(8,), num_classes=3)
        for engine, init in (("masked", "published"), ("masked", "weights"), ("block", "weights"))
    ]
    for network in networks:
        generator = torch.Generator().manual_seed(0)
        (draw_by_fan_in if start == "fan-in" else initialise)(network, generator)
        if start == "shared":
            share_draws(network, 7)
    plain, scaled, block = (
        [layer.effective_weight().detach() for layer in network.modules() if hasattr(layer, "mask")]
        for network in networks
    )
    assert plain
    for before, after, same in zip(plain, scaled, block, strict=True):
        expected = before * by_hand(graph, before.shape[1], before.shape[0])
        if start == "fan-in":  # keeps the sum of squares, which the paper's start does not know
            expected *= before.norm() / expected.norm()
        torch.testing.assert_close(after, expected)
        torch.testing.assert_close(same, expected)


def test_equal_weights_are_the_published_start_and_the_budget_never_moves():
    graph = weighted()
    even = RelationalGraph.from_edge_index(
        graph.edge_index, N, weights=np.full(graph.arcs, 17.0), self_loops="all"
    )
    torch.testing.assert_close(
        drawn(Relational(even, init="weights").linear(20, 20)), drawn(Relational(even).linear(20, 20))
    )
    size = {"input_size": (8,), "num_classes": 3}
    found = [match("mlp5", Relational(graph, init=init), **size) for init in ("published", "weights")]
    assert found[0] == found[1]
    networks = [
        build_model("mlp5", Relational(graph, init=init), found[0].widths, **size)
        for init in ("published", "weights")
    ]
    assert macs(networks[0], (8,)) == macs(networks[1], (8,)) == found[0].macs
    assert parameters(networks[0]) == parameters(networks[1])


def test_a_graph_without_weights_names_the_option_that_keeps_them():
    ring = ws_flex(8, 3, 0.2, 1)
    for make in (lambda: Relational(ring, init="weights"), lambda: initial_scale(ring, [0], [1])):
        with pytest.raises(UserError, match=r"has no weights .* keep_weights=True.* FILE:keep_weights=yes"):
            make()
    with pytest.raises(UserError, match="init 'synapses' is not known"):
        Relational(weighted(), init="synapses")


def test_an_edgeless_graph_has_nothing_to_scale():
    empty = RelationalGraph.from_edge_index(np.zeros((2, 0), int), N, weights=[], self_loops="all")
    layer = Relational(empty, "masked", init="weights").linear(N, N)
    assert layer.effective_weight().count_nonzero() == N

"""Given self-connections: layers of every engine read a node's own features only where the graph says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graph2nn import Relational, RelationalGraph, mask
from graph2nn.layers.block.operator import graph_as_text, graph_from_text
from graph2nn.layers.partition import tied_weights_on, weights_on


def wiring(seed: int, n: int = 12) -> RelationalGraph:
    matrix = np.random.default_rng(seed).random((n, n)) < 0.2
    matrix[3] = False  # a node that reads nothing
    matrix[:, 5] = False  # and one that nothing reads
    matrix[7, 7] = True
    return RelationalGraph(matrix, directed=True, self_loops="given")


def test_the_mask_has_the_given_diagonal():
    graph = wiring(0)
    assert (mask(graph, 12, 12) == graph.adjacency).all()
    assert not mask(graph, 24, 24)[np.repeat(np.arange(12), 2) == 3].any()
    implied = RelationalGraph.from_adjacency(graph.adjacency, drop_self_loops=True)
    assert mask(implied, 12, 12).diagonal().all()


@pytest.mark.parametrize("width", [12, 30])
@pytest.mark.parametrize("seed", range(3))
def test_masked_and_block_layers_agree(width, seed):
    graph = wiring(seed)
    masked, block = (Relational(graph, engine).linear(width, width) for engine in ("masked", "block"))
    block.load_state_dict(masked.state_dict())
    x, upstream = torch.randn(2, 7, width)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    results = [layer(one) for layer, one in zip((masked, block), inputs, strict=True)]
    for result in results:
        (result * upstream).sum().backward()
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    assert masked.weights_in_use() == block.weights_in_use() == weights_on(graph, width, width)


def test_tied_weights_count_the_given_diagonal():
    graph = wiring(1).symmetrised()
    layer = Relational(graph, "masked", symmetric=True).linear(12, 12)
    upper = int(np.triu(graph.adjacency).sum())
    assert layer.weights_in_use() == tied_weights_on(graph, 12) == upper


def test_an_exported_graph_keeps_what_it_says_of_self_connections():
    graph = wiring(2)
    assert graph_from_text(graph_as_text(graph)) == graph

"""C of graphs that are too full: the estimate is that of the definition, and it is said to be one."""

from __future__ import annotations

import numpy as np
import pytest

from graph2nn import ws_flex
from graph2nn.errors import Graph2nnWarning
from graph2nn.graphs.generators.families import ws_flex_directed
from graph2nn.graphs.measures import sampled
from graph2nn.graphs.measures.basic import clustering


@pytest.mark.parametrize("make", [ws_flex, ws_flex_directed])
def test_all_nodes_give_the_exact_value_and_some_give_it_nearly(make, monkeypatch):
    graph = make(400, 12, 0.2, 1)
    directed = bool(graph.directed)
    exact = clustering(graph.adjacency, directed=directed)
    assert sampled.triangle_work(graph.csr) > 400
    monkeypatch.setattr(sampled, "EXACT_WORK", 399)
    monkeypatch.setattr(sampled, "_LEAST", 400)
    with pytest.warns(Graph2nnWarning, match="estimated from 400 of 400 nodes"):
        assert clustering(graph.adjacency, directed=directed) == pytest.approx(exact, rel=1e-6)
    monkeypatch.setattr(sampled, "_LEAST", 100)
    with pytest.warns(Graph2nnWarning, match="estimated from 100 of 400 nodes"):
        assert clustering(graph.adjacency, directed=directed) == pytest.approx(exact, abs=0.06)


def test_a_complete_graph_is_too_much_from_some_size_on():
    """n nodes of degree n − 1: n(n−1)/2 edges, each with n − 1 pairs."""
    from graph2nn.graphs.storage import to_csr

    assert sampled.triangle_work(to_csr(~np.eye(300, dtype=bool))) == 300 * 299 * 299 // 2

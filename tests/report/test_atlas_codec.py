"""Packed arrays and graphs come back bit for bit, in as few bytes as they need."""

import base64

import numpy as np
import pytest
from atlas_pages import unpacked, unpacked_edges
from hypothesis import given
from hypothesis import strategies as st
from strategies import graphs

from graph2nn.report.atlas.codec import DIRECTED, UNDIRECTED, pack, pack_edges, packed_bytes


@given(st.lists(st.floats(allow_infinity=False) | st.integers(0, 70_000).map(float) | st.just(31.98)))
def test_numbers_come_back_bit_for_bit(values):
    back = unpacked(pack(values))
    np.testing.assert_array_equal(back, np.array(values, dtype=np.float64))


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_errors_counted_out_of_ten_thousand_take_two_bytes(wrong):
    packed = pack([count / 100 for count in wrong])
    assert int(packed["type"][1:]) <= 2
    assert unpacked(packed).tolist() == [count / 100 for count in wrong]


@pytest.mark.parametrize(
    ("values", "kind", "scale"),
    [([0, 254], "u1", 1), ([0, 255], "u2", 1), ([0.5, np.nan], "u1", 10), ([24.574], "u2", 1000),
     ([-1.0], "f8", 1), ([np.pi], "f8", 1), ([70_000], "u4", 1), ([], "u1", 1), ([np.nan], "u1", 1)],
)  # fmt: skip
def test_the_shortest_type_that_loses_nothing(values, kind, scale):
    packed = pack(values)
    assert (packed["type"], packed["scale"]) == (kind, scale)


@given(st.lists(st.none() | graphs(max_n=20, directed=None), max_size=5))
def test_graphs_come_back(drawn):
    packed = pack_edges(drawn)
    back = unpacked_edges(packed)
    assert [matrix is None for matrix in back] == [graph is None for graph in drawn]
    for matrix, graph in zip(back, drawn, strict=True):
        if graph is not None:
            np.testing.assert_array_equal(matrix, graph.adjacency)
    size = sum(packed_bytes(graph) for graph in drawn if graph is not None)
    assert len(base64.b64decode(packed["data"])) == size


def test_a_graph_of_64_nodes_takes_252_bytes_and_directions_cost_twice():
    import graph2nn as g

    graph = g.ws_flex(n=64, k=8.0, p=0.1, seed=1)
    both = [graph, g.RelationalGraph(graph.adjacency, directed=True)]
    assert [packed_bytes(one) for one in both] == [252, 512]
    assert unpacked(pack_edges(both)["kind"]).tolist() == [UNDIRECTED, DIRECTED]

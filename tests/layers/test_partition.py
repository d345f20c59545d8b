"""Masks: the published hashes, and the laws that tie a mask to its graph."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import graphs

from graph2nn.errors import UserError
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.layers import graph_from_mask, mask, node_sizes, weights_on


def test_published_node_sizes(golden_graphs):
    for key, sizes in golden_graphs["node_sizes"].items():
        width, n = map(int, key.split(","))
        assert node_sizes(width, n).tolist() == sizes


def test_published_masks_of_ws_flex(golden_graphs):
    checked = 0
    for row in golden_graphs["ws_flex"]:
        graph = ws_flex(row["n"], row["n"] * row["sparsity"], row["p"], row["seed"])
        checked += _check_masks(graph, row["masks"])
    assert checked == 4 * len(golden_graphs["ws_flex"])


def test_published_masks_of_connectomes(golden_graphs, shared_file):
    checked = 0
    for row in golden_graphs["connectomes"]:
        lines = shared_file(f"data/connectomes/{row['name']}.txt").read_text().split()
        graph = RelationalGraph.from_adjacency([[int(entry) for entry in line] for line in lines])
        checked += _check_masks(graph, row["masks"])
    assert checked == 10  # mcwhole has 71 nodes: no mask of 64 channels, in or out


def _check_masks(graph, rows):
    checked = 0
    for row in rows:
        if "not_applicable" in row:
            with pytest.raises(UserError, match="smaller than the graph's 71 nodes"):
                mask(graph, row["in_channels"], row["out_channels"])
            continue
        on = mask(graph, row["in_channels"], row["out_channels"])
        assert list(on.shape) == row["shape"]
        assert on.sum() == row["sum"] == weights_on(graph, row["in_channels"], row["out_channels"])
        assert hashlib.sha256(on.astype(np.uint8).tobytes()).hexdigest() == row["sha256_uint8"]
        checked += 1
    return checked


@given(n=st.integers(2, 80), extra=st.integers(0, 500))
def test_sizes_share_the_width_out_evenly(n, extra):
    sizes = node_sizes(n + extra, n)
    assert sizes.sum() == n + extra
    assert sizes.max() - sizes.min() <= 1


def test_sizes_are_shared_and_so_read_only():
    with pytest.raises(ValueError, match="read-only"):
        node_sizes(10, 3)[0] = 7


@given(graph=graphs(max_n=20), out_extra=st.integers(0, 40), in_extra=st.integers(0, 40))
def test_mask_gives_the_graph_back(graph, out_extra, in_extra):
    on = mask(graph, graph.n + in_extra, graph.n + out_extra)
    assert graph_from_mask(on, graph.n) == RelationalGraph(graph.adjacency)


@given(graph=graphs(max_n=16), repeat=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_permuting_the_nodes_permutes_the_mask(graph, repeat, seed):
    order = np.random.default_rng(seed).permutation(graph.n)
    features = (order[:, None] * repeat + np.arange(repeat)).ravel()
    width = graph.n * repeat
    permuted = mask(graph.permuted(order), width, width)
    assert np.array_equal(permuted, mask(graph, width, width)[np.ix_(features, features)])


def test_rows_read_columns():
    graph = RelationalGraph.from_edges([(0, 1)], 3, directed=True)
    assert mask(graph, 3, 3).tolist() == [[True, True, False], [False, True, False], [False, False, True]]


def test_a_matrix_that_is_no_mask_is_refused():
    on = mask(ws_flex(8, 4, 0.3, 1), 16, 16).copy()
    on[0, 0] ^= True
    with pytest.raises(UserError, match="whole blocks"):
        graph_from_mask(on, 8)
    with pytest.raises(UserError, match="node 0 does not read itself"):
        graph_from_mask(np.zeros((16, 16)), 8)

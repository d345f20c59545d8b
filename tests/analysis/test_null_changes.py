"""What nulls change next to an effect: deltas, one kind of graph on both sides, uninformative effects."""

import numpy as np
import pandas as pd
import pytest

import graph2nn as g
from graph2nn.analysis import compare_nulls
from graph2nn.analysis.beyond.null_changes import null_changes, sentence


def compared(count=3, seeds=2):
    rng = np.random.default_rng(0)
    names = ["own", *(f"null{i}" for i in range(count))]
    rows = [(name, "relational", seed, 30 + rng.normal(0, 0.2)) for name in names for seed in range(seeds)]
    runs = pd.DataFrame(rows, columns=["graph", "kind", "seed", "test_error"])
    return compare_nulls(runs, pd.DataFrame({"graph": "own", "null": names[1:]}))


def changes(graph, nulls):
    named = {"own": graph, **{f"null{i}": null for i, null in enumerate(nulls)}}
    (row,) = null_changes(compared(len(nulls)), named).to_dict("records")
    return row


def test_degree_nulls_keep_edges_and_lose_triangles():
    graph = g.ws_flex(32, 6, 0.1, seed=1)
    nulls = g.ensemble(graph, "degree", 3)
    row = changes(graph, nulls)
    assert row["edges"] == row["null_edges"] == graph.edges
    assert row["delta_clustering"] == pytest.approx(np.mean([n.clustering for n in nulls]) - graph.clustering)
    assert row["informative"]
    assert not row["symmetrised"]
    assert not row["directed"]
    assert "uninformative" not in sentence(pd.Series(row))


def test_nulls_that_hardly_differ_are_uninformative():
    graph = g.ws_flex(16, 4, 0.1, seed=1)
    row = changes(graph, [graph, graph])
    assert not row["informative"]
    assert "uninformative" in sentence(pd.Series(row))


def test_a_directed_graph_and_undirected_nulls_are_both_symmetrised():
    matrix = np.random.default_rng(2).random((20, 20)) < 0.25
    np.fill_diagonal(matrix, False)
    graph = g.RelationalGraph(matrix, directed=True, name="own")
    nulls = g.ensemble(graph.symmetrised(), "ws_flex", 2)
    row = changes(graph, nulls)
    both = graph.symmetrised()
    assert row["symmetrised"]
    assert (row["edges"], row["clustering"]) == (both.edges, pytest.approx(both.clustering))
    assert row["delta_reciprocity"] == pytest.approx(1 - row["reciprocity"])


def test_changes_of_directed_graphs_say_what_c_and_l_are():
    matrix = np.random.default_rng(2).random((20, 20)) < 0.25
    np.fill_diagonal(matrix, False)
    graph = g.RelationalGraph(matrix, directed=True, name="own")
    row = changes(graph, [g.null(graph, "degree", seed) for seed in range(2)])
    assert (row["directed"], row["symmetrised"]) == (True, False)
    # As many edges; rewired they are less reciprocal, so there are more of them once symmetrised.
    assert row["null_edges"] == row["edges"] == graph.edges
    assert row["pairs"] == graph.symmetrised().edges < row["null_pairs"]
    assert f"edges {graph.edges} (symmetrised {row['pairs']} → " in sentence(pd.Series(row))
    assert "directed C of Fagiolo 2007, L along the edges" in sentence(pd.Series(row))


def test_a_graph_that_nothing_builds_gets_no_row():
    assert null_changes(compared(), {}).empty

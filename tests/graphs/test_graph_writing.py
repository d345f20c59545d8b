"""What a format of graph files cannot hold is said when a graph is written; unknown endings are refused."""

import warnings

import numpy as np
import pandas as pd
import pytest

from graph2nn import RelationalGraph, ws_flex
from graph2nn.cli import main
from graph2nn.graphs.io import GraphNote, read_graph, write_graph

EDGES = np.array([[0, 1, 2, 3], [1, 2, 3, 0]])
NAMES = ("a", "b", "c", "d")
ENDINGS = (".npy", ".npz", ".mtx", ".csv", ".tsv", ".txt", ".edgelist", ".graphml", ".gml", ".graph")


def notes(graph, path):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        write_graph(graph, path)
    return [str(each.message).partition(" does not hold ")[2] for each in said]


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_lost_is_said_and_nothing_else(ending, tmp_path):
    path = tmp_path / f"g{ending}"
    assert notes(ws_flex(8, 4, 0.2, 1), path) == []
    named = RelationalGraph.from_edge_index(EDGES, 4, node_names=NAMES)
    said = notes(named, path)
    kept = read_graph(path).node_names == NAMES
    assert said == ([] if kept else ["names of nodes; a .graph file does."])
    weighted = RelationalGraph.from_edge_index(EDGES, 4, weights=[1, 2, 3, 4.5])
    said = notes(weighted, path)
    options = {} if ending == ".graph" else {"keep_weights": True}
    kept = np.array_equal(read_graph(path, **options).weights, weighted.weights)
    assert said == ([] if kept else ["weights; a .graph file does."])


def test_a_table_of_nodes_is_kept_by_graph_files_alone(tmp_path):
    nodes = pd.DataFrame({"type": ["x", "y", "x", "y"]})
    graph = RelationalGraph.from_edge_index(EDGES, 4, nodes=nodes, node_names=NAMES)
    assert notes(graph, tmp_path / "g.edgelist") == ["the table of nodes; a .graph file does."]
    assert notes(graph, tmp_path / "g.npy") == ["names of nodes and the table of nodes; a .graph file does."]
    assert notes(graph, tmp_path / "g.graph") == []
    assert read_graph(tmp_path / "g.graph").nodes["type"].tolist() == ["x", "y", "x", "y"]


def test_signs_without_weights_are_lost_by_files_of_numbers(tmp_path):
    graph = RelationalGraph.from_edge_index(EDGES, 4, signs=[1, -1, 1, 1])
    assert notes(graph, tmp_path / "g.csv") == ["signs; a .graph file does."]
    both = RelationalGraph.from_edge_index(EDGES, 4, weights=[1, 2, 3, 4], signs=[1, -1, 1, 1])
    assert notes(both, tmp_path / "g.csv") == []  # weights are written with their signs
    with pytest.warns(GraphNote, match=r"txt does not hold weights and signs; a \.graph file does"):
        write_graph(both, tmp_path / "g.txt")


@pytest.mark.parametrize(
    ("name", "said"), [("g.foo", "the ending '.foo' is not written"), ("g", "the name has no ending")]
)
def test_the_command_names_no_option_that_it_lacks(name, said, tmp_path, capsys):
    assert main(["graphs", "show", "ws_flex:n=8,k=4,p=0.1,seed=1", "--out", str(tmp_path / name)]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert f"{said}; expected one of .npy, .npz" in error
    assert "format" not in error
    assert list(tmp_path.iterdir()) == []

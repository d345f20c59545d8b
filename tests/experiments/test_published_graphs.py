"""Graphs of the published code by name: its arrays, directed WS graphs, trees, symmetrised connectomes."""

from __future__ import annotations

import numpy as np
import pytest

from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.experiments import preset, select
from graph2nn.graphs.catalogue_files import holds_catalogue
from graph2nn.graphs.catalogues import catalogue
from graph2nn.graphs.connectomes import connectome
from graph2nn.graphs.spec import parse_graph
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.results.config import GraphSpec

DIGITS = preset("mlp-digits")


@pytest.fixture
def array(tmp_path):
    """A catalogue in the published form: n, sparsity, p, seed, C, L."""
    rows = catalogue("n64-52").to_numpy(dtype=float)
    np.save(tmp_path / "graphs_n64_52.npy", rows)
    return tmp_path / "graphs_n64_52.npy"


def test_a_published_array_is_read_as_a_catalogue(array):
    assert catalogue(array).equals(catalogue("n64-52"))
    graphs = select(DIGITS, [str(array)])
    assert graphs == select(DIGITS, ["n64-52"])
    assert select(DIGITS, [f"{array}:7"]) == [graphs[7]]
    assert select(DIGITS, [f"{array}:0:3"]) == graphs[:3]


def test_a_csv_of_a_catalogue_is_one(tmp_path):
    """Its rows are graphs; they are not the edges of one."""
    catalogue("n64-52").to_csv(tmp_path / "rows.csv", index=False)
    assert select(DIGITS, [f"{tmp_path / 'rows.csv'}:7"]) == select(DIGITS, ["n64-52:7"])
    (tmp_path / "edges.csv").write_text("n,p\n0,1\n1,2\n")
    assert not holds_catalogue(tmp_path / "edges.csv")


def test_the_published_file_is_our_catalogue(shared_file):
    path = shared_file("data/published/graphs_n64_52.npy")
    assert select(DIGITS, [str(path)]) == select(DIGITS, ["n64-52"])


def test_the_command_sweeps_over_a_published_array(array, capsys):
    assert main(["sweep", "mlp-digits", "--select", f"{array}:0:2", "--seeds", "1", "--dry-run", "--json"]) == 0
    assert capsys.readouterr().out.count('"run"') == 2


def test_a_matrix_of_six_nodes_is_a_graph(tmp_path):
    np.save(tmp_path / "six.npy", np.ones((6, 6)) - np.eye(6))
    assert not holds_catalogue(tmp_path / "six.npy")
    (spec,) = select(DIGITS, [str(tmp_path / "six.npy")])
    assert spec.build().n == 6


@pytest.mark.parametrize(
    ("column", "value"), [(0, 64.5), (0, 1), (1, 1.5), (2, -0.1), (3, -1), (3, 0.5), (1, np.nan)]
)
def test_a_row_that_is_not_a_graph_is_named(array, column, value):
    rows = np.load(array)
    rows[3, column] = value
    np.save(array, rows)
    with pytest.raises(UserError, match=r"row 3 .* is not a graph"):
        catalogue(array)


def test_an_array_of_another_shape_is_not_a_catalogue(tmp_path):
    np.save(tmp_path / "wide.npy", np.zeros((5, 7)))
    with pytest.raises(UserError, match="is not an array of six columns"):
        catalogue(tmp_path / "wide.npy")


def test_a_directed_ws_graph_reads_later_nodes_alone():
    """The published code takes each edge {i, j}, i < j, once, and lets row i read column j."""
    plain = ws_flex(16, 5.5, 0.3, 4)
    directed = parse_graph("ws_flex_directed:n=16,k=5.5,p=0.3,seed=4")
    assert directed.directed
    assert directed.edges * 2 == plain.adjacency.sum()
    assert not np.tril(directed.adjacency).any()
    assert np.array_equal(directed.adjacency | directed.adjacency.T, plain.adjacency)
    spec = GraphSpec.of_ws_flex(16, 5.5 / 16, 0.3, 4, directed=True)
    assert np.array_equal(spec.build().adjacency, directed.adjacency)
    assert spec.name == directed.name != plain.name


def test_a_random_tree_is_the_published_one():
    """Edges of networkx 2.3's random_tree(n=8, seed=1), by its Prüfer sequence 2, 1, 4, 1, 7, 7."""
    tree = parse_graph("random_tree:n=8,seed=1")
    edges = {tuple(sorted(map(int, pair))) for pair in np.argwhere(tree.adjacency)}
    assert edges == {(0, 2), (1, 2), (1, 4), (1, 7), (3, 4), (5, 7), (6, 7)}
    assert tree.connected
    assert tree.clustering == 0
    with pytest.raises(UserError, match="random_tree: n = 1"):
        parse_graph("random_tree:n=1")


def test_symmetrised_connectomes_have_a_name(shared_file):
    folder = shared_file("data/connectomes")
    both = parse_graph("cat:symmetrised", data=folder)
    assert both == connectome("cat", symmetrised=True, data=folder)
    names = [spec.name for spec in select(DIGITS, ["cat", "cat:symmetrised"], data=folder)]
    assert names == ["cat", "cat-symmetrised"]
    with pytest.raises(UserError, match="a connectome takes one word, cat:symmetrised"):
        parse_graph("cat:directed", data=folder)

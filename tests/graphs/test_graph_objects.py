"""Objects of other libraries, and the numbers of networkx on real graphs."""

from __future__ import annotations

import io
import lzma
from functools import lru_cache

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import graphs

from graph2nn import RelationalGraph, UserError, read_graph
from graph2nn.graphs.io import GraphNote

pytestmark = pytest.mark.filterwarnings("ignore::graph2nn.graphs.io.GraphNote")

RING = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])


@given(graph=graphs(max_n=14, directed=None))
def test_matrices_of_every_library(graph):
    dense = torch.tensor(graph.adjacency, dtype=torch.float32, requires_grad=True)
    told = {"directed": graph.directed}
    for matrix in (dense, dense.detach().to_sparse(), dense.detach().to_sparse_csr(), dense.bfloat16()):
        assert read_graph(matrix, **told) == graph
    for kind in (sparse.csr_array, sparse.csc_matrix, sparse.lil_matrix, sparse.dok_array, sparse.dia_matrix):
        assert read_graph(kind(graph.adjacency), **told) == graph


@given(graph=graphs(min_n=3, max_n=14, directed=None, connected=True))
def test_edge_indices_keep_who_reads_whom(graph):
    index = torch.tensor(graph.edge_index)
    if index.shape[1] > 2:
        assert read_graph(index) == read_graph(index.numpy())
    assert read_graph(index, format="edge_index", directed=graph.directed) == graph


def test_a_sparse_tensor_with_gradients():
    values = torch.tensor([0.5, 0.25], requires_grad=True)
    tensor = torch.sparse_coo_tensor(torch.tensor([[0, 1], [1, 2]]), values, (3, 3))
    graph = read_graph(tensor, directed=True, keep_weights=True)
    assert graph.weights.tolist() == [0.5, 0.25]


def test_a_data_object_of_pytorch_geometric():
    class Data:
        edge_index = torch.tensor([[0, 1, 1], [1, 2, 0]])
        num_nodes = 5
        edge_weight = torch.tensor([1.0, 2.0, 3.0])

    graph = read_graph(Data(), keep_weights=True)
    assert (graph.n, graph.edges, graph.directed) == (5, 3, True)
    assert graph.adjacency[2, 1], "the second row reads the first"
    assert graph.weights.tolist() == [3.0, 1.0, 2.0]


def test_igraph_objects():
    igraph = pytest.importorskip("igraph", reason="python-igraph is not installed")
    graph = igraph.Graph.TupleList([("a", "b", 2.0), ("b", "c", 3.0)], edge_attrs=["weight"], directed=True)
    read = read_graph(graph, keep_weights=True)
    assert (read.node_names, read.edges, read.directed) == (("a", "b", "c"), 2, True)
    assert read.adjacency[0, 1], "the first reads the second, as in a networkx DiGraph"
    assert read_graph(igraph.Graph.Famous("Zachary")).edges == 78


def test_data_frames():
    matrix = pd.DataFrame(RING, index=list("abc"), columns=list("abc"))
    assert read_graph(matrix, directed=True).node_names == ("a", "b", "c")
    turned = matrix.loc[["c", "a", "b"]]
    assert read_graph(turned, directed=True) == read_graph(matrix, directed=True)
    edges = pd.DataFrame({"source": ["a", "b"], "target": ["b", "c"], "weight": [1.0, 0.5]})
    assert read_graph(edges, threshold=0.7).edges == 1
    indexed = edges.rename(columns={"source": "pre", "target": "post"}).set_index(["pre", "post"])
    assert read_graph(indexed).directed
    assert read_graph(pd.DataFrame([("a", "b"), ("b", "c")])).edges == 2
    with pytest.raises(UserError, match="labels of rows and columns differ"):
        read_graph(pd.DataFrame(RING, index=list("abc"), columns=list("abd")))
    with pytest.raises(UserError, match="expected two columns named"):
        read_graph(pd.DataFrame(np.zeros((3, 5))))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (torch.tensor([[0, 0], [1, 1]]), "may be a matrix or an edge_index"),
        (np.array([[0, 1j], [1j, 0]]), "complex numbers"),
        (
            sparse.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2)),
            "stands twice, with different weights",
        ),
        (sparse.csr_array((np.array([0.0]), np.array([1]), np.array([0, 1, 1])), shape=(2, 2)), "weight 0"),
        (torch.zeros(2, 3), "is not square"),
        (torch.tensor([[-1, 0, 1], [0, 1, 2]]), "node -1 is negative"),
        (5, "a int is not a graph"),
        (nx.Graph([(0, 0), (0, 1)]), "node 0 has a self-loop"),
    ],
    ids=str,
)
def test_objects_that_are_refused(source, words):
    with pytest.raises(UserError) as caught:
        read_graph(source)
    assert words in str(caught.value)
    assert "--" not in str(caught.value), "Python's options are not the command's"


def test_both_roads_from_networkx_treat_weights_alike():
    graph = nx.les_miserables_graph()
    with pytest.warns(GraphNote, match="every nonzero weight makes an edge"):
        one = read_graph(graph, keep_weights=True)
    other = RelationalGraph.from_networkx(graph)
    assert one == other
    assert one.node_names == other.node_names
    assert np.array_equal(one.weights, other.weights)
    back = one.to_networkx()
    assert {frozenset(e): w for *e, w in back.edges(data="weight")} == {
        frozenset(e): w for *e, w in graph.edges(data="weight")
    }
    zero = nx.Graph()
    zero.add_edge("a", "b", weight=0)
    for read in (read_graph, RelationalGraph.from_networkx):
        with pytest.raises(UserError, match="weight 0"):
            read(zero)


@given(st.data())
def test_parallel_edges_of_networkx_are_merged_or_refused(data):
    weights = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    multi = nx.MultiDiGraph()
    multi.add_edges_from(("a", "b", {"weight": w}) for w in weights)
    if len(set(weights)) > 1:
        with pytest.raises(UserError, match="combine='sum' adds them"):
            read_graph(multi)
    for how, value in (("sum", sum(weights)), ("max", max(weights)), ("first", weights[0])):
        assert read_graph(multi, combine=how, keep_weights=True).weights.tolist() == [value]


def _worm(shared_file) -> nx.DiGraph:
    path = shared_file("data/connectomes/worm/edges.csv.xz")
    table = pd.read_csv(io.BytesIO(lzma.decompress(path.read_bytes())))
    table = table[(table.kind == "chemical") & (table.pre != table.post)]
    return nx.from_pandas_edgelist(table, "pre", "post", "synapses", create_using=nx.DiGraph)


def _gap_junctions(shared_file) -> nx.Graph:
    table = pd.read_csv(shared_file("data/connectomes/worm/edges.csv.xz"))
    table = table[(table.kind == "electrical") & (table.pre < table.post)]
    return nx.from_pandas_edgelist(table.rename(columns={"synapses": "weight"}), "pre", "post", "weight")


def _mushroom_body(shared_file) -> nx.DiGraph:
    """Kenyon cells and mushroom body output neurons of the larva, with what joins them."""
    neurons = pd.read_csv(shared_file("data/connectomes/larva/neurons.csv.xz"), dtype=str)
    chosen = set(neurons["id"][neurons["celltype"].isin(["KC", "MBON"])])
    table = pd.read_csv(shared_file("data/connectomes/larva/edges.csv.xz"), dtype={"pre": str, "post": str})
    table = table[table.pre.isin(chosen) & table.post.isin(chosen) & (table.pre != table.post)]
    table = table.rename(columns={"synapses": "weight"})
    return nx.from_pandas_edgelist(table, "pre", "post", "weight", create_using=nx.DiGraph)


def _matrix(name):
    def load(shared_file) -> nx.DiGraph:
        rows = shared_file(f"data/connectomes/{name}.txt").read_text().split()
        return nx.from_numpy_array(np.array([[int(c) for c in row] for row in rows]), create_using=nx.DiGraph)

    return load


REAL = {
    "karate": lambda _: nx.karate_club_graph(),
    "les miserables": lambda _: nx.les_miserables_graph(),
    "florentine": lambda _: nx.florentine_families_graph(),
    "southern women": lambda _: nx.davis_southern_women_graph(),
    "petersen": lambda _: nx.petersen_graph(),
    "tutte": lambda _: nx.tutte_graph(),
    "desargues": lambda _: nx.desargues_graph(),
    "worm": _worm,
    "gap junctions": _gap_junctions,
    "mushroom body": _mushroom_body,
    **{name: _matrix(name) for name in ("mcwhole", "mcvisual", "cat")},
}


@lru_cache
def numbers_of_networkx(name: str, shared_file) -> tuple[nx.Graph, float, list[int]]:
    network = REAL[name](shared_file)
    network.graph.clear()
    lengths = [d for _, row in nx.all_pairs_shortest_path_length(network) for d in row.values() if d]
    return network, nx.average_clustering(network), lengths


def write_with_networkx(network: nx.Graph, path) -> None:
    writers = {
        ".graphml": nx.write_graphml_xml, ".edgelist": nx.write_edgelist, ".gexf": nx.write_gexf,
        ".net": nx.write_pajek,
    }  # fmt: skip
    if path.suffix == ".edgelist" and any(" " in str(node) for node in network):
        nx.write_edgelist(network, path, delimiter="\t")
    elif path.suffix == ".adjlist":
        nx.write_adjlist(network, path, delimiter="\t")
    elif path.suffix == ".gml":
        nx.write_gml(network, path, stringizer=str)
    else:
        writers[path.suffix](network, path)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("ending", [".graphml", ".gml", ".edgelist", ".net", ".gexf", ".adjlist", "object"])
def test_the_numbers_of_networkx_on_real_graphs(name, ending, shared_file, tmp_path):
    network, clustering, lengths = numbers_of_networkx(name, shared_file)
    source = network
    if ending != "object":
        source = tmp_path / f"g{ending}"
        write_with_networkx(network, source)
    told = {"directed": network.is_directed()} if ending in (".edgelist", ".adjlist") else {}
    weighted = bool(nx.get_edge_attributes(network, "weight")) and ending != ".adjlist"
    graph = read_graph(source, keep_weights=weighted, **told)
    assert (graph.n, graph.edges, graph.directed) == (len(network), network.size(), network.is_directed())
    assert graph.clustering == pytest.approx(clustering, abs=1e-12)
    assert graph.paths.mean == pytest.approx(np.mean(lengths), abs=1e-12)
    assert graph.reachable == pytest.approx(len(lengths) / (graph.n * (graph.n - 1)), abs=1e-12)
    if weighted:
        times = 1 if network.is_directed() else 2
        expected = sorted([weight for *_, weight in network.edges(data="weight")] * times)
        assert sorted(graph.weights.tolist()) == pytest.approx(expected)


def test_masked_entries_of_a_matrix_are_not_edges():
    mask = np.zeros((3, 3), dtype=bool)
    mask[0, 1] = mask[1, 0] = True
    full = 1 - np.eye(3, dtype=int)
    for kind in (int, float, bool):
        matrix = np.ma.array(full.astype(kind), mask=mask)
        for graph in (read_graph(matrix), RelationalGraph(matrix), RelationalGraph.from_adjacency(matrix)):
            assert np.argwhere(graph.adjacency).tolist() == [[0, 2], [1, 2], [2, 0], [2, 1]]
        assert read_graph(list(matrix)) == RelationalGraph.from_adjacency(list(matrix)) == graph
    with pytest.warns(GraphNote, match="masked entries are not edges"):
        read_graph(matrix)
    weights = np.ma.array([[0, 5, 2], [5, 0, 3], [2, 3, 0]], mask=mask)
    assert read_graph(weights, keep_weights=True, threshold=0).weights.tolist() == [2, 3, 2, 3]
    unmasked = np.ma.array(full)
    assert read_graph(unmasked).edges == 3


def test_masked_numbers_of_nodes_and_values_of_edges_are_refused():
    pairs = np.ma.array([[0, 1, 2], [1, 2, 0]], mask=[[0, 0, 1], [0, 0, 0]])
    values = np.ma.array([1, 1, 1], mask=[0, 1, 1])
    arcs = [[0, 1, 2], [1, 2, 0]]
    for make, words in (
        (lambda: read_graph(pairs), "numbers of nodes: one entry is masked"),
        (lambda: read_graph(pairs.T), "numbers of nodes: one entry is masked"),
        (lambda: RelationalGraph.from_edge_index(pairs, 3), "edge_index: one entry is masked"),
        (lambda: RelationalGraph.from_edge_index(arcs, 3, weights=values), "weights: 2 entries are masked"),
        (lambda: RelationalGraph.from_edge_index(arcs, 3, signs=values), "signs: 2 entries are masked"),
        (lambda: RelationalGraph.from_edge_index(arcs, 3).subgraph(values), "nodes: 2 entries are masked"),
    ):
        with pytest.raises(UserError, match=words):
            make()


def test_ragged_lists_are_refused_in_one_line():
    ring = RelationalGraph(RING)
    ragged = [[0, 1, 2], [1, 2]]
    for make, words in (
        (lambda: RelationalGraph.from_edge_index(ragged, 4), "edge_index: the rows differ in length"),
        (lambda: RelationalGraph.from_edge_index(RING[:2], 3, weights=ragged), "weights: the rows differ"),
        (lambda: RelationalGraph.from_edge_index(RING[:2], 3, signs=ragged), "signs: the rows differ"),
        (lambda: RelationalGraph.from_adjacency(ragged), "adjacency: the rows differ in length"),
        (lambda: RelationalGraph(RING, weights=ragged), "weights: the rows differ in length"),
        (lambda: RelationalGraph(RING, signs=ragged), "signs: the rows differ in length"),
        (lambda: read_graph(ragged), "adjacency: the rows differ in length"),
        (lambda: ring.permuted(ragged), "order: the rows differ in length"),
        (lambda: ring.subgraph(ragged), "nodes: the rows differ in length"),
    ):
        with pytest.raises(UserError, match=words) as refused:
            make()
        assert len(str(refused.value).splitlines()) == 1

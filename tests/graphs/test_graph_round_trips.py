"""Every format that is written, there and back: wiring, direction, names, weights, given self-connections."""

from __future__ import annotations

import bz2
import gzip
import lzma

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import io as scipy_io
from strategies import graphs

from graph2nn import RelationalGraph, UserError, read_graph
from graph2nn.graphs.graph import DENSE_LIMIT
from graph2nn.graphs.io import FORMATS, write_graph

pytestmark = pytest.mark.filterwarnings("ignore::graph2nn.graphs.io.GraphNote")
IN_TMP = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])

#: What each ending keeps besides the wiring.
DIRECTION = {".graph", ".npz", ".edgelist", ".edges", ".graphml", ".gml"}
NAMES = {*DIRECTION, ".csv", ".tsv"}
WEIGHTS = {".graph", ".npy", ".npz", ".mtx", ".csv", ".tsv", ".edgelist", ".edges", ".graphml", ".gml"}

names = st.lists(
    st.text("abcXYZ é,;\"'#%{}0123456789", min_size=1, max_size=8).map(str.strip).filter(bool),
    min_size=12,
    max_size=12,
    unique=True,
)


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
@pytest.mark.parametrize("name", ["0 {", "a {}", "b {'w'", 'c {"w"', "d {'w': 1}"])
def test_braces_in_names_are_not_attributes(tmp_path, ending, name):
    wiring = np.zeros((3, 3), dtype=bool)
    wiring[0, 1] = wiring[1, 0] = True
    for names in ((name, "x", "y"), ("x", "y", name)):
        write_graph(RelationalGraph(wiring, node_names=names), tmp_path / f"g{ending}")
        assert read_graph(tmp_path / f"g{ending}").node_names == names


def test_quoted_names_may_stand_before_attributes(tmp_path):
    file = tmp_path / "g.edgelist"
    file.write_text('"a b" "c" {\'weight\': 2.0}\n"c" "d" {\'weight\': 3.0}\n')
    graph = read_graph(file, threshold=2.5)
    assert graph.node_names == ("a b", "c", "d")
    assert np.argwhere(graph.adjacency).tolist() == [[1, 2], [2, 1]]


def test_names_with_braces_may_stand_before_attributes(tmp_path):
    file = tmp_path / "g.edgelist"
    file.write_text('"a {x" "b" {\'weight\': 2.0}\n"b" "c}" {\'weight\': 3.0}\n"c}" "a {x" {\'weight\': 4.0}\n')
    graph = read_graph(file, threshold=2.5)
    assert graph.node_names == ("a {x", "b", "c}")
    assert np.argwhere(graph.adjacency).tolist() == [[0, 2], [1, 2], [2, 0], [2, 1]]


@st.composite
def valued(draw) -> RelationalGraph:
    """A graph with names and, often, weights and signs."""
    graph = draw(graphs(max_n=12, directed=None))
    labels = draw(st.none() | names)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    matrix = np.round(rng.uniform(0.1, 9, (graph.n, graph.n)), 3) * (rng.choice([-1, 1], (graph.n, graph.n)))
    matrix = matrix if graph.directed else np.triu(matrix) + np.triu(matrix, 1).T
    read, readers = graph.edge_index
    values = matrix[readers, read]
    kind = draw(st.sampled_from(["none", "weights", "signs"]))
    if kind == "none" or not len(values):
        values = None
    elif kind == "weights":
        values = np.abs(values)
    return RelationalGraph.from_edge_index(
        graph.edge_index,
        graph.n,
        weights=None if values is None else np.abs(values),
        signs=None if values is None or (values > 0).all() else np.sign(values).astype(np.int8),
        node_names=None if labels is None else labels[: graph.n],
        name="drawn",
        directed=graph.directed,
        self_loops="all",
    )


@IN_TMP
@given(graph=valued(), ending=st.sampled_from(sorted(FORMATS)))
def test_nothing_is_lost_that_a_format_can_hold(graph, ending, tmp_path):
    path = write_graph(graph, tmp_path / f"drawn{ending}")
    told = {} if ending in DIRECTION else {"directed": graph.directed}
    weighted = graph.weights is not None and ending in WEIGHTS
    # A matrix that is filled, or has negative entries, needs to be told what makes an edge.
    tell = weighted and ending != ".graph"
    chosen = {"threshold": 0, "absolute": True, "keep_weights": True} if tell else {}
    back = read_graph(path, **told, **chosen)
    assert (back.n, back.directed) == (graph.n, graph.directed)
    assert np.array_equal(back.edge_index, graph.edge_index)
    if (
        ending in NAMES
        and graph.node_names is not None
        and list(graph.node_names) != [str(i) for i in range(graph.n)]
    ):
        assert back.node_names == graph.node_names
    if weighted:
        assert back.weights == pytest.approx(graph.weights, rel=1e-12)
        assert (back.signs is None) == (graph.signs is None)
        assert graph.signs is None or np.array_equal(back.signs, graph.signs)


@pytest.mark.parametrize("compressed", [".gz", ".bz2", ".xz", ".GZ"])
@pytest.mark.parametrize("ending", sorted(FORMATS))
def test_compressed_files_hold_what_the_ending_before_says(tmp_path, ending, compressed):
    pairs = [[1, 0, 2, 1], [0, 1, 1, 2]]
    graph = RelationalGraph.from_edge_index(
        pairs, 3, weights=[3, 3, 4, 4], node_names=["A", "B", "C"], directed=False, name="drawn"
    )
    plain, path = tmp_path / f"drawn{ending}", tmp_path / f"drawn{ending}{compressed}"
    write_graph(graph, plain)
    write_graph(graph, path)
    reader = {".gz": gzip, ".bz2": bz2, ".xz": lzma}[compressed.lower()]
    content = reader.decompress(path.read_bytes())
    if ending not in (".graph", ".npz"):  # archives hold the time
        assert content == plain.read_bytes()
    told = {} if ending in (".graph", ".txt") else {"keep_weights": True, "threshold": 0}
    back = read_graph(path, **told)
    assert back == read_graph(plain, **told)
    assert back.name == "drawn"
    if ending in WEIGHTS:
        assert back.weights.tolist() == graph.weights.tolist()
    if ending in NAMES:
        assert back.node_names == graph.node_names


@pytest.mark.parametrize("name", ["g.graph", "g.graph.gz", "g.csv.gz"])
def test_a_damaged_file_is_named_once(tmp_path, name):
    (tmp_path / name).write_text("not a graph")
    with pytest.raises(UserError) as refused:
        read_graph(tmp_path / name)
    assert str(refused.value).count(name) == 1


def test_other_archives_are_refused_by_their_ending(tmp_path):
    for ending in (".zip", ".7z", ".zst"):
        with pytest.raises(UserError, match=f"the ending '{ending}' is not known"):
            write_graph(RelationalGraph([[0, 1], [1, 0]]), tmp_path / f"drawn.csv{ending}")
    assert not list(tmp_path.iterdir())


@IN_TMP
@given(
    graph=graphs(min_n=2, max_n=12, directed=None),
    ending=st.sampled_from([".net", ".gexf", ".dot", ".adjlist", ".mat"]),
)
def test_formats_that_are_only_read(graph, ending, tmp_path):
    path = tmp_path / f"drawn{ending}"
    network = graph.to_networkx()
    told = {"directed": graph.directed} if ending in (".adjlist", ".mat") else {}
    if ending == ".mat":
        scipy_io.savemat(path, {"A": graph.adjacency})
    elif ending == ".dot":
        arrow, kind = ("->", "digraph") if graph.directed else ("--", "graph")
        lines = [f"  {node};" for node in network] + [f'  "{u}" {arrow} {v}' for u, v in network.edges]
        path.write_text(f"{kind} {{\n" + "\n".join(lines) + "\n}\n")
    else:
        {".net": nx.write_pajek, ".gexf": nx.write_gexf, ".adjlist": nx.write_adjlist}[ending](network, path)
    back = read_graph(path, **told)
    assert np.array_equal(back.edge_index, graph.edge_index)
    if ending != ".net" or graph.edges:  # Pajek says a direction only by its edges
        assert back.directed == graph.directed


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    graph=graphs(min_n=2, max_n=10, directed=None),
    ending=st.sampled_from([".feather", ".parquet", ".xlsx"]),
    seed=st.integers(0, 99),
)
def test_edge_tables_of_pandas(graph, ending, seed, tmp_path):
    assume(graph.edges)
    if ending == ".xlsx":
        pytest.importorskip("openpyxl", reason="openpyxl, of the extra [excel], is not installed")
    read, readers = graph.edge_index
    kept = np.ones(len(read), dtype=bool) if graph.directed else read < readers
    labels = np.array([f"area {i}" for i in range(graph.n)])
    weights = np.random.default_rng(seed).integers(1, 2**20, len(read)) / 8
    heads = ("from", "to") if graph.directed else ("source", "target")
    frame = pd.DataFrame({heads[0]: labels[read[kept]], heads[1]: labels[readers[kept]]})
    frame = frame.assign(count=weights[kept])
    path = tmp_path / f"drawn{ending}"
    write = {".feather": frame.to_feather, ".parquet": frame.to_parquet, ".xlsx": frame.to_excel}[ending]
    write(path, **({"index": False} if ending == ".xlsx" else {}))
    back = read_graph(path, keep_weights=True)
    assert back.directed == graph.directed
    back_names, (source, target) = np.array(back.node_names), back.edge_index
    found = dict(zip(zip(back_names[source], back_names[target], strict=True), back.weights, strict=True))
    expected = {(row[0], row[1]): row[2] for row in frame.itertuples(index=False)}
    if not graph.directed:
        expected |= {(b, a): weight for (a, b), weight in expected.items()}
    assert found == expected


def test_given_self_connections_and_names_with_spaces_come_back(tmp_path):
    graph = RelationalGraph.from_edge_index(
        [[0, 0, 1], [0, 1, 2]],
        3,
        weights=[1.5, 2, 3],
        node_names=["Apollo 13", "a name=b", 'q"'],
        name="my graph",
    )
    back = read_graph(write_graph(graph, tmp_path / "g.edgelist"), keep_weights=True)
    assert (back.self_loops, back.edges, back.name) == ("given", 3, "my graph")
    assert back.node_names == graph.node_names
    assert back.weights.tolist() == graph.weights.tolist()


def test_dense_formats_refuse_large_graphs(tmp_path):
    n = DENSE_LIMIT + 10
    ring = RelationalGraph.from_edge_index([list(range(n)), [*range(1, n), 0]], n, self_loops="all")
    with pytest.raises(UserError, match=r"write \.npz, \.mtx or \.edgelist"):
        write_graph(ring, tmp_path / "g.csv")
    back = read_graph(write_graph(ring, tmp_path / "g.npz"))
    assert back == ring
    assert not isinstance(back.adjacency, np.ndarray)

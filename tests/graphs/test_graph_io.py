"""Reading and writing: every format there and back, and each bad file one clear line."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from strategies import graphs

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.graphs.io import FORMATS, GraphNote, read_graph, write_graph

pytestmark = pytest.mark.filterwarnings("ignore::graph2nn.graphs.io.GraphNote")

KEEPS_ALL = (".edgelist", ".edges", ".graphml", ".gml", ".graph")
IN_TMP = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


@IN_TMP
@given(graph=graphs(max_n=12, directed=None), ending=st.sampled_from(sorted(FORMATS)))
def test_there_and_back(graph, ending, tmp_path):
    path = write_graph(graph, tmp_path / f"drawn{ending}")
    told = None if ending in KEEPS_ALL else graph.directed
    back = read_graph(path, directed=told)
    assert back == graph
    assert back.name == "drawn"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_names_survive_where_the_format_has_room(tmp_path):
    graph = ws_flex(12, 4.5, 0.2, seed=1)
    for ending in KEEPS_ALL:
        assert read_graph(write_graph(graph, tmp_path / f"x{ending}")).name == graph.name


@IN_TMP
@given(graph=graphs(directed=None))
def test_objects(graph):
    assert read_graph(graph) == graph
    assert read_graph(graph.to_networkx()) == graph
    for matrix in (graph.adjacency, graph.adjacency.astype(int).tolist(), pd.DataFrame(graph.adjacency)):
        assert read_graph(matrix, directed=graph.directed) == graph
    for kind in (sparse.csr_matrix, sparse.coo_array):
        assert read_graph(kind(graph.adjacency), directed=graph.directed) == graph


@pytest.mark.parametrize(
    ("file", "content", "edges"),
    [
        ("chars.txt", "011\n101\n110\n", [(0, 1), (0, 2), (1, 2)]),
        ("spaces.txt", "0 1 0\n1 0 1\n0 1 0\n", [(0, 1), (1, 2)]),
        ("commas.csv", "0,1,0\r\n1,0,1\r\n0,1,0", [(0, 1), (1, 2)]),
        ("semicolons.csv", "0;1;0\n1;0;1\n0;1;0", [(0, 1), (1, 2)]),
        ("floats.txt", "0.0 1.0\n1.0 0.0\n", [(0, 1)]),
        ("tabs.tsv", "0\t1\n1\t0\n", [(0, 1)]),
        ("pandas.csv", ",a,b,c\na,0,1,0\nb,1,0,1\nc,0,1,0\n", [(0, 1), (1, 2)]),
        ("numbered.csv", ",0,1\n0,False,True\n1,True,False\n", [(0, 1)]),
        ("head.csv", "a,b,c\n0,1,0\n1,0,1\n0,1,0\n", [(0, 1), (1, 2)]),
        ("comment.txt", "# made by hand\n\n01\n10\n", [(0, 1)]),
        ("bom.csv", "\ufeff0,1\n1,0\n", [(0, 1)]),
        ("numbers.edgelist", "1 2\n2 3\n", [(0, 1), (1, 2)]),
        ("gaps.edgelist", "10 2\n2 7\n", [(0, 2), (0, 1)]),
        ("names.edges", "V1 V2\nV2 MT\n", [(0, 1), (1, 2)]),
        ("networkx.edgelist", "0 1 {}\n1 2 {}\n", [(0, 1), (1, 2)]),
        ("listed.txt", "0 1\n1 2\n2 3\n", [(0, 1), (1, 2), (2, 3)]),
        ("named.csv", "source,target\nanna,ben\nben,cid\n", [(0, 1), (1, 2)]),
        ("words.txt", "anna ben\nben cid\n", [(0, 1), (1, 2)]),
        ("ones.csv", "source,target,weight\n0,1,1\n1,2,1\n", [(0, 1), (1, 2)]),
    ],
)
def test_text_as_people_write_it(tmp_path, file, content, edges):
    path = tmp_path / file
    path.write_bytes(content.encode())
    graph = read_graph(path)
    assert graph == RelationalGraph.from_edges(edges, graph.n)
    assert graph.name == path.stem


def test_an_edge_list_is_directed_when_told(tmp_path):
    path = tmp_path / "arrows.edgelist"
    path.write_text("0 1\n1 2\n")
    assert read_graph(path).edges == 2
    one_way = read_graph(path, directed=True)
    assert one_way == RelationalGraph.from_edges([(0, 1), (1, 2)], 3, directed=True)


def test_format_wins_over_the_ending(tmp_path):
    path = tmp_path / "triangle.dat"
    path.write_text("0 1 1\n1 2 1\n2 0 1\n")
    assert read_graph(path, format="edges").edges == 3
    loopy = read_graph(path, format="matrix", threshold=1.5, drop_self_loops=True)
    assert loopy == RelationalGraph.from_edges([(2, 0)], 3, directed=True), "only entries above 1.5"
    with pytest.raises(UserError, match=r"ending '.dat' is not known; expected one of .npy"):
        read_graph(path)
    with pytest.raises(UserError, match="format 'word' is not known"):
        read_graph(path, format="word")


def test_weights_need_a_threshold(tmp_path):
    weights = np.array([[0, 0.2, 0.9], [0.2, 0, 0.5], [0.9, 0.5, 0]])
    for path in (tmp_path / "w.npy", tmp_path / "w.csv", tmp_path / "w.edgelist", tmp_path / "w.graphml"):
        if path.suffix == ".npy":
            np.save(path, weights)
        elif path.suffix == ".csv":
            np.savetxt(path, weights, delimiter=",")
        elif path.suffix == ".edgelist":
            nx.write_edgelist(nx.from_numpy_array(weights), path)
        else:
            nx.write_graphml(nx.from_numpy_array(weights), path)
        if path.suffix in (".npy", ".csv"):
            with pytest.raises(
                UserError, match=r"weighted \(an entry is 0\.2\) and more than half.*threshold=0"
            ):
                read_graph(path)
        else:
            with pytest.warns(GraphNote, match="every nonzero weight makes an edge"):
                assert read_graph(path).edges == 3
        assert read_graph(path, threshold=0).edges == 3
        assert read_graph(path, threshold=0.5).edges == 1, "greater, not equal"
    with pytest.warns(GraphNote, match="every nonzero weight makes an edge"):
        assert read_graph(nx.karate_club_graph()).edges == 78
    assert read_graph(nx.karate_club_graph(), threshold=0).edges == 78
    with pytest.raises(UserError, match="negative"):
        read_graph(weights, threshold=-1)


def test_self_loops(tmp_path):
    path = tmp_path / "loops.txt"
    path.write_text("11\n11\n")
    with pytest.raises(UserError, match=r"loops.txt: adjacency: node 0 has a self-loop"):
        read_graph(path)
    assert read_graph(path, drop_self_loops=True).edges == 1


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("empty.txt", b"", "the file is empty"),
        ("blank.csv", b"\n  \n# nothing\n", "the file is empty; expected a square"),
        ("empty.edgelist", b"# only a comment\n", "the file is empty; expected two nodes"),
        ("empty.npy", b"", "the file is empty"),
        ("wide.csv", b"0,1,0,1\n1,0,0,1\n", "2 rows of 4 entries are not a graph; expected a square"),
        ("wide.txt", b"0101\n1010\n", "(2, 4) is not square"),
        ("ragged.txt", b"010\n10\n010\n", "row 2 has 2 entries and row 1 has 3"),
        ("ragged.csv", b"0,1,0\n1,0\n0,1,0\n", "row 2 has 2 entries"),
        ("ragged.edges", b"0 1\n1 2 3 4\n", "row 2 has 4 entries"),
        ("four.edges", b"0 1 2 3\n1 2 3 4\n", "'0 1 2 3' is not an edge"),
        ("word.csv", b"0,1,0,1\n1,0,x,1\n0,1,0,1\n1,1,1,0\n", "row 2, column 3: 'x' is not a number"),
        ("nan.csv", b"0,nan\nnan,0\n", "NaN"),
        ("one.txt", b"0\n", "n = 1, expected at least 2"),
        ("weight.edges", b"0 1 heavy\n1 2 1\n", "the weight 'heavy' is not a number"),
        ("brace.edges", b"0 1 {'oops'\n", "is not an edge"),
        ("lies.edges", b"# graph2nn n=2 directed=no name=x\n0 5\n", "says n=2, but an edge names node '5'"),
        ("lies2.edges", b"# graph2nn n=many directed=no\n0 1\n", "n=many"),
        ("garbage.txt", bytes(range(256)), "is not text"),
        ("garbage.npy", bytes(range(256)), "cannot be read as npy"),
        ("garbage.npz", bytes(range(256)), "cannot be read as npz"),
        ("garbage.mtx", bytes(range(256)), "cannot be read as mtx"),
        ("garbage.gml", bytes(range(256)), "cannot be read as gml"),
        ("garbage.graphml", bytes(range(256)), "cannot be read as graphml"),
    ],
)
def test_bad_files(tmp_path, file, content, words):
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_graph(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"gone.csv: no such file"):
        read_graph(tmp_path / "gone.csv")
    with pytest.raises(UserError, match="no such file"):
        read_graph(tmp_path)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text("01 \n,#{x-.", max_size=30).map(str.encode))
@pytest.mark.parametrize("ending", [".txt", ".csv", ".edges", ".mtx", ".npy", ".gml"])
def test_garbage_never_escapes_as_another_error(tmp_path, ending, content):
    path = tmp_path / f"fuzz{ending}"
    path.write_bytes(content)
    try:
        graph = read_graph(path)
    except UserError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either a graph or one line
    else:
        assert graph.n >= 2


def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([[None, 1], [1, None]], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="cannot be read as npy"):
        read_graph(path)


def test_archives(tmp_path):
    graph = ws_flex(8, 4, 0.1, seed=2)
    np.savez(tmp_path / "one.npz", graph.adjacency)
    assert read_graph(tmp_path / "one.npz") == graph
    np.savez(tmp_path / "two.npz", a=graph.adjacency, b=graph.adjacency)
    with pytest.raises(UserError, match="holds 2 arrays"):
        read_graph(tmp_path / "two.npz")
    with pytest.raises(UserError, match=r"shape \(2, 3\) is not square"):
        read_graph(sparse.csr_matrix(np.zeros((2, 3))))


@pytest.mark.parametrize("odd", [[[0, 1], [1]], [["a", "b"], ["c", "d"]]])
def test_odd_objects(odd):
    with pytest.raises(UserError):
        read_graph(odd)


def test_writing_where_there_is_no_room(tmp_path):
    graph = ws_flex(8, 4, 0.1, seed=2)
    with pytest.raises(UserError, match=r"the folder .* does not exist"):
        write_graph(graph, tmp_path / "no" / "x.npy")
    with pytest.raises(UserError, match=r"ending '\.xls' is not known"):
        write_graph(graph, tmp_path / "x.xls")
    (tmp_path / "dir.npy").mkdir()
    with pytest.raises(UserError, match="is a folder; name a file"):
        write_graph(graph, tmp_path / "dir.npy")
    assert [p.name for p in tmp_path.iterdir()] == ["dir.npy"]


def test_the_published_text_files_read_as_they_are(golden_graphs, shared_file):
    for row in golden_graphs["connectomes"]:
        graph = read_graph(shared_file(f"data/connectomes/{row['name']}.txt"))
        assert graph.digest == row["directed"]["adjacency_sha256_uint8"]
        assert graph.directed

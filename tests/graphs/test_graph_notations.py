"""Signs between nodes in text files: arrows between two nodes, and colons behind the node of a list."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graph2nn import UserError, read_graph
from graph2nn.graphs.io import GraphNote

pytestmark = pytest.mark.filterwarnings("ignore::graph2nn.graphs.io.GraphNote")


def arcs(graph) -> set[tuple[str, str]]:
    """Reader and node read of each arc, by name."""
    names = graph.node_names or tuple(map(str, range(graph.n)))
    return {(names[i], names[j]) for i, j in np.argwhere(graph.adjacency).tolist()}


STAR = {("0", "1"), ("0", "2"), ("1", "0"), ("2", "0")}


@pytest.mark.parametrize(
    "content",
    [
        "0: 1 2\n1: 0\n2: 0\n",
        "0 : 1 2\n1 :\n2 :\n",
        "0:1 2\n1:0\n2:0\n",
        "0: 1, 2\n1: 0\n2: 0\n",
        "0:\t1\t2\n1:\n2:\n",
        "0: 1 2 # a comment\n1: 0\n2: 0\n",
        '"0": 1 2\n"1": 0\n"2": 0\n',
    ],
)
def test_a_colon_behind_each_node_of_an_adjacency_list_is_not_its_name(tmp_path, content):
    file = tmp_path / "k.adjlist"
    file.write_text(content)
    graph = read_graph(file, directed=False)
    assert (graph.n, arcs(graph)) == (3, STAR)


@pytest.mark.parametrize(
    ("content", "edges"),
    [
        ("a: b: c:\nb: c:\n", {("a:", "b:"), ("a:", "c:"), ("b:", "c:")}),
        ("New York: Oslo, Rome\nOslo: Rome\n", {("New York", "Oslo"), ("New York", "Rome"), ("Oslo", "Rome")}),
        ("x:1 y:2\ny:2 z:3\n", {("x:1", "y:2"), ("y:2", "z:3")}),
        ("a b: c\nc\n", {("a", "b:"), ("a", "c")}),
    ],
)  # fmt: skip
def test_colons_that_belong_to_names_stay(tmp_path, content, edges):
    file = tmp_path / "k.adjlist"
    file.write_text(content)
    assert arcs(read_graph(file, directed=True)) == edges


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("k.adjlist", "0: 1 2\n1 0\n2 0\n", ["'1 0' has no colon behind its node"]),
        ("k.adjlist", "a -> b\nb -> c\n", ["the arrow '->' is not a neighbour", "format='edges'"]),
        ("k.txt", "0: 1\n1: 2\n2: 0\n", ["a node, a colon and its neighbours", "format='adjlist'"]),
        ("k.edgelist", "0: 1 2\n1: 0 2\n2: 0 1\n", ["format='adjlist'"]),
        ("k.txt", "a => b\nb => c\n", ["the arrow '=>'", "write -> for directed edges and -- for"]),
        ("k.edgelist", "a <- b\nb -> c\n", ["the arrow '<-'"]),
        ("k.edgelist", "a -> b\nb c 2\n", ["row 2 ('b c 2') has no arrow"]),
        ("k.csv", "edge,weight\na->b,1\nb->c,2\n", ["'edge' holds edges such as 'a->b'", "source and target"]),
        ("k.edgelist", "a -> b -> c\n", ["is not an edge"]),
    ],
)
def test_what_is_open_is_refused(tmp_path, name, content, words):
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(UserError) as refused:
        read_graph(file)
    assert len(str(refused.value).splitlines()) == 1
    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_a_matrix_with_colons_behind_its_labels_is_read(tmp_path):
    file = tmp_path / "k.txt"
    file.write_text("A: 0 1 1\nB: 1 0 0\nC: 1 0 0\n")
    assert read_graph(file).node_names == ("A:", "B:", "C:")
    file.write_text("0: 0 1 1\n1: 1 0 0\n2: 1 0 0\n")
    assert read_graph(file, format="matrix").node_names == ("0:", "1:", "2:")


@pytest.mark.parametrize("ending", [".txt", ".edgelist", ".csv"])
@pytest.mark.parametrize(
    ("content", "directed", "edges"),
    [
        ("1 -> 2\n2 -> 3\n", True, {("1", "2"), ("2", "3")}),
        ("a -> b\nb -> c\nc -> a\n", True, {("a", "b"), ("b", "c"), ("c", "a")}),
        ("a->b\nb->c\n", True, {("a", "b"), ("b", "c")}),
        ("a\t->\tb\nb\t->\tc\n", True, {("a", "b"), ("b", "c")}),
        ("a,->,b\nb,->,c\n", True, {("a", "b"), ("b", "c")}),
        ("a -- b\nb -- c\n", False, {("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")}),
        ("a--b\nb--c\n", False, {("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")}),
        ("a -> b\nb -- c\n", True, {("a", "b"), ("b", "c"), ("c", "b")}),
        ("u -> v\nv -> w\n", True, {("u", "v"), ("v", "w")}),
        ("from -> to\na -> b\nb -> c\n", True, {("b", "a"), ("c", "b")}),
        ("source\tsign\ttarget\na\t->\tb\nb\t->\tc\n", True, {("b", "a"), ("c", "b")}),
    ],
)  # fmt: skip
def test_arrows_say_the_direction(tmp_path, ending, content, directed, edges):
    file = tmp_path / f"k{ending}"
    file.write_text(content)
    graph = read_graph(file)
    assert graph.directed is directed
    assert arcs(graph) == edges


def test_weights_stand_behind_arrows(tmp_path):
    file = tmp_path / "k.txt"
    for content in ("a -> b 2\nb -> c 5\n", "a->b 2\nb->c 5\n"):
        file.write_text(content)
        graph = read_graph(file, keep_weights=True)
        assert (arcs(graph), graph.weights.tolist()) == ({("a", "b"), ("b", "c")}, [2, 5])


def test_arrows_in_names_and_marks_of_missing_values_stay(tmp_path):
    file = tmp_path / "k.csv"
    file.write_text("source,target\nA->B,C\nC,A->B2\n")
    assert set(read_graph(file).node_names) == {"A->B", "C", "A->B2"}
    file.write_text("source,target,size\nA,--,1\nA,C,2\n")
    with pytest.warns(GraphNote):
        assert set(read_graph(file).node_names) == {"A", "--", "C"}


def test_a_column_of_arrows_in_a_data_frame_is_refused():
    with pytest.raises(UserError, match=r"column '1' holds arrows \('->'\)"):
        read_graph(pd.DataFrame([[1, "->", 2], [2, "->", 3]]))
    graph = read_graph(pd.DataFrame({"source": ["a"], "sign": ["->"], "target": ["b"]}), directed=True)
    assert arcs(graph) == {("b", "a")}

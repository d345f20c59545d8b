"""parse_graph: every way to name a graph in one text, and every way to get it wrong."""

from __future__ import annotations

import pytest

from graph2nn import UserError, ws_flex
from graph2nn.graphs import generators
from graph2nn.graphs.io import GraphNote, write_graph
from graph2nn.graphs.spec import parse_graph


def test_families():
    assert parse_graph("ws_flex:n=64,k=8.2,p=0.1,seed=4") == ws_flex(64, 8.2, 0.1, 4)
    assert parse_graph("ws_flex:n=64,sparsity=0.128,p=0.1,seed=4") == ws_flex(64, 64 * 0.128, 0.1, 4)
    assert parse_graph("barabasi_albert:n=20,m=3,seed=1") == generators.barabasi_albert(20, 3, seed=1)
    assert parse_graph("gnm_random: n=20, m=30, directed=yes").directed
    assert parse_graph("cycle:n=5").edges == 5
    blocks = parse_graph("stochastic_block:sizes=4/6,p=0.9/0.1/0.1/0.8,seed=3")
    assert blocks == generators.stochastic_block([4, 6], [[0.9, 0.1], [0.1, 0.8]], seed=3)
    assert parse_graph("configuration:degrees=2/2/1/1").n == 4


def test_files_win_over_names(tmp_path, monkeypatch):
    graph = ws_flex(8, 4, 0.1, seed=2)
    monkeypatch.chdir(tmp_path)
    write_graph(graph, "cat.txt")
    (tmp_path / "cat.txt").rename("cat")
    with pytest.raises(UserError, match="cat: the name has no ending"):
        parse_graph("cat")
    write_graph(graph, "mine.edgelist")
    assert parse_graph("mine.edgelist") == graph
    write_graph(graph, "a:b.npy")
    assert parse_graph("a:b.npy") == graph


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("barabasi:n=64,m=4", "graph 'barabasi:n=64,m=4' is not known; did you mean"),
        ("dog", "graph 'dog' is not known"),
        ("", "graph '' is not known"),
        ("gone.csv", "gone.csv: no such file"),
        ("some/where", "some/where: no such file"),
        ("cycle", "cycle: n missing; write cycle:n=…"),
        ("ws_flex:n=64,p=0.1,seed=1", "ws_flex: k missing; write ws_flex:n=…,k=…,p=…,seed=…"),
        ("ws_flex:sparsity=0.1,p=0.1,seed=1", "ws_flex: n, k missing"),
        ("ws_flex:n=64,k=8,sparsity=0.1,p=0.1,seed=1", "give one of them"),
        ("ws_flex:n=64,kk=8,p=0.1,seed=1", "ws_flex: argument 'kk' is not known; did you mean 'k'"),
        ("cycle:n=5,sparsity=0.1", "argument 'sparsity' is not known"),
        ("cycle:n=five", "cycle: n = 'five' is not a whole number"),
        ("cycle:n=5.0", "is not a whole number"),
        ("cycle:5", "'5' is not argument=value; write cycle:n=…"),
        ("cycle:n=", "is not argument=value"),
        ("cycle:n=5,n=6", "n is given twice"),
        ("gnp_random:n=5,p=often", "p = 'often' is not a number"),
        ("gnp_random:n=5,p=nan", "lies outside [0, 1]"),
        ("gnp_random:n=5,p=0.5,directed=perhaps", "is not yes or no"),
        ("configuration:degrees=a/b", "is not a list of numbers"),
        ("hypercube:n=64", "For 64 nodes say n=6"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises(UserError) as caught:
        parse_graph(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", [{"threshold": 0}, {"directed": True}, {"drop_self_loops": True}])
def test_options_of_files_are_not_ignored_elsewhere(option):
    for text in ("cycle:n=5", "cat"):
        with pytest.raises(UserError, match="is not a file"):
            parse_graph(text, **option)


def test_options_behind_the_name_of_a_file(tmp_path):
    path = tmp_path / "worm.csv"
    path.write_text("pre,post,type,count\na,b,chemical,3\nb,c,chemical,1\na,c,gap,5\n")
    with pytest.warns(GraphNote, match="'count', the only column of numbers"):
        graph = parse_graph(f"{path}:where=type=chemical,threshold=2,name=mine,keep_weights=yes")
    assert (graph.name, graph.n, graph.edges, graph.weights.tolist()) == ("mine", 3, 1, [3.0])
    for text, words in (
        (f"{path}:colour=red", "option 'colour' is not known"),
        (f"{path}:threshold", "is not option=value"),
        (f"{path}:threshold=high", "threshold = 'high' is not a number"),
        (f"{path}:directed=yes,directed=no", "worm.csv: directed is given twice"),
        (f"{path}:transpose=yes, transpose = yes", "worm.csv: transpose is given twice"),
        (f"{path}:min_weight=1,min_weight=2", "worm.csv: min_weight is given twice"),
        (f"{path}:weight=size", "FILE:weight=…: there is no column 'size'"),
    ):
        with pytest.raises(UserError) as caught:
            parse_graph(text)
        assert words in str(caught.value)


def test_several_values_of_a_column_may_be_asked_for(tmp_path):
    path = tmp_path / "worm.csv"
    path.write_text("pre,post,type\na,b,chemical\nb,c,gap\nc,d,muscle\n")
    assert parse_graph(f"{path}:where=type=chemical,where=type=gap").edges == 2

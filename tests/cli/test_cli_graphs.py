"""``graph2nn graphs show``: what it prints, writes and draws, and one line for each mistake."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from graph2nn import small_world, ws_flex
from graph2nn.cli import main
from graph2nn.graphs.io import read_graph
from graph2nn.graphs.measures.registry import MEASURES

WS = "ws_flex:n=16,k=4.5,p=0.2,seed=1"


def show(*arguments) -> int:
    return main(["graphs", "show", *map(str, arguments)])


def test_a_table_of_measures(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert show(WS) == 0
    out, err = capsys.readouterr()
    graph = ws_flex(16, 4.5, 0.2, seed=1)
    assert f"16 nodes, {graph.edges} undirected edges" in out
    assert f"{graph.clustering:.6g}" in out
    assert f"{graph.path_length:.6g}" in out
    assert "small_world_sigma" not in out
    assert err == ""


def test_json_has_the_digits(capsys):
    assert show(WS, "--json", "--all") == 0
    facts = json.loads(capsys.readouterr().out)
    graph = ws_flex(16, 4.5, 0.2, seed=1)
    assert list(facts["measures"]) == list(MEASURES)
    assert facts["measures"]["clustering"] == graph.clustering
    assert (facts["n"], facts["directed"], facts["sha256"]) == (16, False, graph.digest)
    assert show("cycle:n=6", "--json") == 0
    assert json.loads(capsys.readouterr().out)["measures"]["assortativity"] is None


def test_a_directed_graph_says_what_each_measure_does(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert show("random_directed:n=12,m=40") == 0
    out = capsys.readouterr().out
    assert "40 directed edges" in out
    assert "along directed edges" in out


def test_a_graph_in_parts_is_shown_all_the_same(capsys):
    assert show("gnm_random:n=20,m=3", "--all") == 0
    assert "–" in capsys.readouterr().out


def test_writing_and_drawing(tmp_path, capsys):
    out, plot = tmp_path / "g.graphml", tmp_path / "g.svg"
    assert show(WS, "--out", out, "--plot", plot, "--layout", "spring") == 0
    assert read_graph(out) == ws_flex(16, 4.5, 0.2, seed=1)
    assert plot.read_text().lstrip().startswith("<?xml")
    printed = capsys.readouterr().out
    assert "wrote" in printed
    assert show(out, "--json", "--plot", tmp_path / "g.png") == 0
    assert json.loads(capsys.readouterr().out)["n"] == 16


def test_connectomes(shared_file, capsys):
    folder = shared_file("data/connectomes")
    assert show("cat", "--data", folder, "--symmetrise", "--json") == 0
    assert json.loads(capsys.readouterr().out)["directed"] is False


def test_options_for_files(tmp_path, capsys):
    weights = tmp_path / "w.csv"
    weights.write_text("1,0.2,0.9\n0.2,1,0.4\n0.9,0.4,1\n")
    assert show(weights, "--threshold", 0.3, "--drop-self-loops", "--json") == 0
    assert json.loads(capsys.readouterr().out)["edges"] == 2
    arrows = tmp_path / "a.edgelist"
    arrows.write_text("0 1\n1 2\n")
    assert show(arrows, "--directed", "--json") == 0
    assert json.loads(capsys.readouterr().out)["directed"] is True


def test_every_option_of_a_file(tmp_path, capsys):
    table = tmp_path / "worm.csv"
    table.write_text(
        "Source,Target,Weight,Type\nA , B,10,chemical\nA,C,3,chemical\nB,C,2,chemical\n"
        "A,B,4,electrical\nX,Y,9,chemical\n"
    )
    assert show(table) == 2
    err = capsys.readouterr().err
    assert "the pair A, B stands twice, with Type chemical and electrical" in err
    assert "--where Type=chemical takes one kind, --combine sum adds them" in err
    options = (
        "--where",
        "Type=chemical",
        "--directed",
        "--threshold",
        2,
        "--largest-component",
        "--name",
        "mine",
    )
    assert show(table, *options, "--json") == 0
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert (facts["name"], facts["n"], facts["edges"], facts["directed"]) == ("mine", 3, 2, True)
    assert facts["node_names"] == ["A", "B", "C"]
    assert any("largest of 2 components" in note for note in facts["notes"])
    assert "'Target' reads 'Source'" in facts["read"]
    assert "largest of 2 components" in err, "a person sees the notes, too"
    assert show(table, "--combine", "sum", "--keep-strongest", "10%", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["n"], facts["edges"], facts["directed"]) == (5, 1, False)
    assert any("read as undirected" in note for note in facts["notes"])


def test_isolated_nodes_are_named_and_both_pairs_of_c_and_l_labelled(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    table = tmp_path / "areas.csv"
    table.write_text("from,to,fibres\nV1,V2,9\nV2,MT,8\nMT,V1,7\nV2,V1,5\nIT,V4,1\nV4,LGN,1\n")
    assert show(table, "--threshold", 2) == 0
    out = capsys.readouterr().out
    assert "In 4 parts, so off the (C, L) plane; isolated: IT, V4, LGN." in out
    assert "directed triangles (Fagiolo 2007)" in next(
        line for line in out.splitlines() if line.lstrip().startswith("clustering, directed")
    )
    assert "0.2 of the ordered pairs have one" in next(
        line for line in out.splitlines() if line.lstrip().startswith("path_length, symmetrised")
    )
    assert show(table, "--threshold", 2, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["components"], facts["isolated"]) == (4, ["IT", "V4", "LGN"])
    assert "Fagiolo 2007" in facts["measures_of"]
    assert facts["symmetrised"] == {"clustering": 0.5, "path_length": 1.0, "reachable": 0.2}
    assert sum(facts["triads"].values()) == math.comb(facts["n"], 3)
    # Another command that is given the file says what was read in one line of its own.
    assert main(["match", "mlp5", "--graph", f"{table}:threshold=2", "--json"]) == 0
    err = capsys.readouterr().err
    assert "graph2nn: areas: weights are taken from 'fibres', the only column of numbers.\n" in err
    assert ".py" not in err


def test_formats_variables_and_weights(tmp_path, capsys):
    arrays = tmp_path / "two.npz"
    np.savez(arrays, a=np.ones((3, 3)) - np.eye(3), b=np.array([[0, -2.0, 0], [0, 0, 1], [0, 0, 0]]))
    assert show(arrays) == 2
    assert "--variable a" in capsys.readouterr().err
    assert show(arrays, "--variable", "b", "--directed") == 2
    assert "--threshold 0 or --keep-strongest 10%" in capsys.readouterr().err
    out = tmp_path / "b.edgelist"
    told = ("--variable", "b", "--directed", "--absolute", "--transpose", "--keep-weights", "--out", out)
    assert show(arrays, *told, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["measures"]["weighted_path_length"] == pytest.approx((0.5 + 1 + 1.5) / 3)
    assert facts["reachable"] == 0.5
    assert "1 0 -2.0" in out.read_text()
    odd = tmp_path / "odd.dat"
    odd.write_text("a,b\nb,c\n")
    assert show(odd) == 2
    assert "give --format" in capsys.readouterr().err
    assert show(odd, "--format", "edges", "--json") == 0


def test_both_values_of_a_directed_graph_are_labelled(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    path = tmp_path / "d.edgelist"
    path.write_text("0 1\n1 2\n2 0\n2 3\n")
    assert show(path, "--directed") == 0
    out = capsys.readouterr().out
    for name in (
        "clustering, directed",
        "clustering, symmetrised",
        "path_length, directed",
        "path_length, symmetrised",
    ):
        assert name in out
    assert "Fagiolo 2007" in out
    assert "0.75 of the ordered pairs have one" in out


def test_a_table_of_neurons_makes_a_connectome(tmp_path, capsys):
    edges, neurons = tmp_path / "edges.csv", tmp_path / "neurons.csv"
    edges.write_text("pre,post,synapses\n11,12,6\n11,12,5\n12,12,7\n12,99,1\n")
    neurons.write_text("id,celltype\n11,sensory\n12,motor\n13,motor\n")
    assert show(edges, "--neurons", neurons, "--min-weight", 5, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["n"], facts["edges"]) == (3, 2)
    assert show(edges, "--neurons", neurons, "--threshold", 2) == 2
    assert "--threshold is not an option of a connectome of neurons" in capsys.readouterr().err


def test_help_teaches_by_example(capsys):
    assert show("--help") == 0
    out = capsys.readouterr().out
    assert "graph2nn graphs show ws_flex:n=64" in out
    assert "--threshold" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("dog",),
        ("ws_flex:n=64,k=70,p=0.1,seed=1",),
        ("ws_flex:n=64",),
        ("ws_flex:n=64,q=1",),
        ("hypercube:n=64",),
        ("gone.csv",),
        ("binary.npy",),
        ("ragged.csv",),
        ("wide.txt",),
        ("empty.txt",),
        ("weighted.csv",),
        ("weighted.csv", "--threshold", "-1"),
        ("weighted.csv", "--threshold", "high"),
        ("loops.txt",),
        ("unknown.xls",),
        ("cat",),
        (WS, "--layout", "circle", "--plot", "x.png"),
        (WS, "--plot", "x.gif"),
        (WS, "--plot", "no/where/x.png"),
        (WS, "--out", "x.xls"),
        (WS, "--colour"),
        (WS, "more"),
        (),
    ],
)
def test_each_mistake_is_one_line_and_code_two(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRAPH2NN_DATA", raising=False)
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("graph2nn.graphs.connectomes.URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "binary.npy").write_bytes(bytes(range(256)))
    (tmp_path / "ragged.csv").write_text("0,1\n1\n")
    (tmp_path / "wide.txt").write_text("0101\n1010\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "weighted.csv").write_text("0,0.5,0.1\n0.5,0,0.2\n0.1,0.2,0\n")
    (tmp_path / "loops.txt").write_text("11\n11\n")
    (tmp_path / "unknown.xls").write_text("01\n10\n")
    before = sorted(tmp_path.iterdir())
    assert show(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("graph2nn: ")
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "cache"] == before


def test_measures_against_references_are_shown_with_their_error(capsys):
    graph = "ws_flex:n=32,k=6,p=0.1,seed=1"
    assert main(["graphs", "show", graph, "--all", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    world = small_world(ws_flex(32, 6, 0.1, seed=1))
    assert facts["measures"]["small_world_sigma"] == world.sigma
    assert facts["standard_errors"]["small_world_sigma"] == world.sigma_error > 0
    assert len(facts["standard_errors"]) == 5
    assert main(["graphs", "show", graph, "--all"]) == 0
    assert f"{world.sigma:.4g} ± {world.sigma_error:.1g}" in capsys.readouterr().out
    assert main(["graphs", "show", graph, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["standard_errors"] == {}

"""Kinds of synapses in tables of the worm: codes of WormAtlas, gap junctions, and kinds that are not known."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from graph2nn import RelationalGraph, UserError, connectome, parse_graph, read_connectome
from graph2nn.cli import main
from graph2nn.graphs.io import GraphNote
from graph2nn.graphs.io.connectome import ConnectomeOptions, read_tables

ATLAS = pd.read_csv(
    io.StringIO(
        "Neuron 1,Neuron 2,Type,Nbr\nADAL,AIBL,Sp,1\nAIBL,ADAL,Rp,1\nADAL,AVAR,S,2\nAVAR,ADAL,R,2\n"
        "AVAR,AIBL,EJ,3\nAIBL,AVAR,EJ,3\nADAL,AIBL,EJ,1\nADAL,ADAL,EJ,5\nAVAR,NMJ,NMJ,4\n"
    )
)
SENT = {("ADAL", "AIBL"): 1, ("ADAL", "AVAR"): 2}
GAPS = {
    ("AVAR", "AIBL"): 3, ("AIBL", "AVAR"): 3, ("ADAL", "AIBL"): 1, ("AIBL", "ADAL"): 1, ("ADAL", "ADAL"): 5,
}  # fmt: skip
AGAIN = "Rp 1, R 1 rows list the same synapses from the receiver's side and were left out"


def read(edges: pd.DataFrame = ATLAS, **options) -> tuple[RelationalGraph, str]:
    reading = read_tables(edges, None, ConnectomeOptions(**options))
    return reading.graph, "; ".join(reading.notes)


def connections(graph: RelationalGraph) -> dict[tuple[str, str], float]:
    names = np.array(graph.node_names)
    ends = (names[row].tolist() for row in graph.edge_index)
    return dict(zip(zip(*ends, strict=True), graph.weights.tolist(), strict=True))


@pytest.mark.parametrize("ends", [{}, {"pre": "Neuron 1", "post": "Neuron 2"}])
def test_received_synapses_are_counted_and_not_added(ends):
    graph, notes = read(where={"Type": "chemical"}, **ends)
    assert connections(graph) == SENT
    assert AGAIN in notes
    assert (
        "NMJ 1 rows are neuromuscular junctions and were left out; where={'Type': ['Sp', 'S', 'NMJ']}" in notes
    )
    asked, notes = read(where={"Type": ["chemical", "NMJ"]}, **ends)
    assert connections(asked) == {**SENT, ("AVAR", "NMJ"): 4}
    assert "neuromuscular" not in notes
    with pytest.raises(UserError, match=r"R 1.* or where=\{'Type': 'electrical'\} \(EJ\) takes one kind"):
        read(**ends)
    with pytest.warns(GraphNote, match=AGAIN):
        assert connections(read_connectome(ATLAS, where={"Type": "chemical"}, **ends)) == SENT


def test_a_table_of_one_network_needs_no_choice():
    graph, notes = read(ATLAS[ATLAS["Type"] != "EJ"])
    assert connections(graph) == SENT
    assert AGAIN in notes
    assert "meet the condition" not in notes
    alone, notes = read(ATLAS[ATLAS["Type"].isin(["S", "Sp"])], where={"Type": "chemical"})
    assert (connections(alone), notes) == (SENT, "")


def test_pairs_that_only_the_receiver_lists_are_said():
    lacking = ATLAS[ATLAS["Type"].isin(["S", "R", "Rp"])]
    assert (
        "1 pairs stand from the receiver's side alone and were not read, such as ADAL → AIBL"
        in read(lacking)[1]
    )


@pytest.mark.parametrize("asked", ["R", ["S", "R"], ["Rp", "Sp", "S", "R"]])
def test_received_synapses_cannot_be_asked_for(asked):
    with pytest.raises(
        UserError, match=r"the same as Sp, S from the sender's; where=\{'Type': 'chemical'\} reads"
    ):
        read(where={"Type": asked})
    with pytest.raises(UserError, match="swap the two columns of neurons"):
        read(ATLAS[ATLAS["Type"].isin(["R", "Rp"])])


def test_gap_junctions_conduct_both_ways():
    graph, notes = read(where={"Type": "electrical"})
    assert connections(graph) == GAPS
    assert (graph.directed, graph.edges) == (False, 3)
    assert "1 gap junctions stand in one direction and were read in both" in notes
    both, _ = read(where={"Type": ["chemical", "electrical"]})
    assert connections(both) == {**GAPS, **SENT, ("ADAL", "AIBL"): 2}
    assert both.directed
    uneven = ATLAS.assign(Nbr=[*ATLAS["Nbr"][:5], 7, *ATLAS["Nbr"][6:]])
    graph, notes = read(uneven, where={"Type": "EJ"})
    assert connections(graph)["AVAR", "AIBL"] == connections(graph)["AIBL", "AVAR"] == 7
    assert "1 gap junctions have two weights, of which the larger was taken" in notes
    assert connections(read(ATLAS.drop(columns="Nbr"), where={"Type": "EJ"})[0]) == dict.fromkeys(GAPS, 1)


def test_whites_table_gives_the_worm_that_has_a_name(shared_file):
    white = pd.read_csv(shared_file("data/connectomes/worm/aconnectome_white_1986_whole.csv"), sep="\t")
    data = shared_file("data/connectomes/worm/aconnectome_white_1986_whole.csv").parents[1]
    electrical, notes = read(white, where={"type": "electrical"})
    named = connectome("worm:electrical", data=data)
    assert connections(electrical) == connections(named)
    assert (electrical.edges, electrical.directed) == (named.edges, named.directed)
    assert "569 gap junctions stand in one direction and were read in both" in notes
    every, _ = read(white, where={"type": ["chemical", "electrical"]})
    assert connections(every) == connections(connectome("worm:all", data=data))
    assert "gap junctions" not in read(white, where={"type": "chemical"})[1]


def test_kinds_that_are_not_known_are_refused_or_said():
    odd = ATLAS.replace("S", "weird")
    with pytest.raises(UserError, match="'weird' is not a kind of synapse that is known"):
        read(odd)
    assert connections(read(odd, where={"Type": ["chemical", "weird"]})[0]) == SENT
    plain = pd.DataFrame({"pre": [1, 2, 3], "post": [2, 3, 1], "n": 1, "type": ["a", "a", "b"]})
    graph, notes = read(plain)
    assert graph.edges == 3
    assert notes == "rows by 'type': a 2, b 1, all read as one network; where={'type': 'a'} takes one of them"
    assert "one network" not in read(plain, where={"type": ["a", "b"]})[1]
    assert read(plain.assign(type="a"))[1] == ""


def test_the_command_reads_wormatlas_and_names_its_own_options(tmp_path, capsys):
    path = tmp_path / "atlas.csv"
    ATLAS.to_csv(path, index=False)
    assert main(["graphs", "show", str(path), "--json"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--where Type=chemical (Sp, S) or --where Type=electrical (EJ) takes one kind" in said
    assert main(["graphs", "show", str(path), "--where", "Type=chemical", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["edges"] == 2
    with pytest.raises(UserError, match="FILE:where=Type=chemical"):
        parse_graph(str(path))


@pytest.mark.parametrize("kind", ["chemical", "electrical"])
def test_a_word_stands_for_what_the_table_calls_so(kind):
    rows = pd.DataFrame({"pre": [1, 2], "post": [2, 3], "n": [4, 4], "type": ["Chem", "gap junction"]})
    assert set(read(rows, where={"type": kind})[0].weights) == {4}

"""Connectomes from tables as they are published: every layout, exact ids, signs, and what is refused."""

from __future__ import annotations

import gzip
import lzma
import zipfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph2nn import RelationalGraph, UserError, read_connectome
from graph2nn.cli import main
from graph2nn.graphs.io import GraphNote
from graph2nn.graphs.io.connectome import ConnectomeOptions, read_tables

A, B, C, D = 720575940629970489, 720575940631693610, 720575940612453042, 720575940612453043
ROWS = [(A, B, 6, "ACH"), (A, B, 5, "ACH"), (B, C, 7, "GABA"), (C, D, 4, "DA"), (D, D, 3, "GLUT")]
IDS = sorted([A, B, C, D])


def quiet(edges, neurons=None, **options) -> RelationalGraph:
    """Read without the notes, which are tested on their own."""
    return read_tables(edges, neurons, ConnectomeOptions(**options)).graph


def notes(edges, neurons=None, **options) -> str:
    return "; ".join(read_tables(edges, neurons, ConnectomeOptions(**options)).notes)


def table(*names: str) -> pd.DataFrame:
    return pd.DataFrame([row[: len(names)] for row in ROWS], columns=list(names))


def connections(graph: RelationalGraph) -> dict[tuple[str, str], float]:
    read, reader = graph.edge_index
    names = np.array(graph.node_names)
    return dict(zip(zip(names[read].tolist(), names[reader].tolist(), strict=True), graph.weights, strict=True))


EXPECTED = {(str(A), str(B)): 11, (str(B), str(C)): 7, (str(C), str(D)): 4, (str(D), str(D)): 3}

LAYOUTS = {
    "FlyWire": ("pre_root_id", "post_root_id", "syn_count"),
    "CAVE": ("pre_pt_root_id", "post_pt_root_id", "n_syn"),
    "male CNS": ("body_pre", "body_post", "weight"),
    "neuPrint": ("bodyId_pre", "bodyId_post", "weight"),
    "neuPrint's tables": (":START_ID(Body-ID)", ":END_ID(Body-ID)", "weight:int"),
    "worm": ("Source", "Target", "Weight"),
    "larva": ("pre", "post", "synapses"),
    "from and to": ("From", "To", "count"),
    "own words for the weight": ("pre", "post", "contacts"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["frame", "csv", "csv.gz", "csv.xz", "tsv", "zip", "feather", "parquet"])
def test_every_layout_in_every_kind_of_file(layout, kind, tmp_path):
    frame, path = table(*LAYOUTS[layout]), tmp_path / f"table.{kind}"
    if kind == "frame":
        path = frame
    elif kind == "feather":
        frame.to_feather(path)
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "zip":
        path = tmp_path / "table.csv.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inside.csv", frame.to_csv(index=False))
    else:
        text = frame.to_csv(index=False, sep="\t" if kind == "tsv" else ",").encode()
        path.write_bytes({"csv.gz": gzip.compress, "csv.xz": lzma.compress}.get(kind, bytes)(text))
    graph = quiet(path)
    assert connections(graph) == EXPECTED
    assert (graph.directed, graph.self_loops, graph.loops, graph.signs) == (True, "given", 1, None)
    assert graph.node_names == tuple(map(str, IDS))
    assert graph.adjacency[graph.node_names.index(str(B)), graph.node_names.index(str(A))], "B reads A"


def test_regions_add_up_and_transmitters_sign():
    frame = table("pre_root_id", "post_root_id", "syn_count", "nt_type")
    graph = quiet(frame.assign(neuropil=list("abcde")))
    assert connections(graph) == EXPECTED
    signs = dict(zip(connections(graph), graph.signs.tolist(), strict=True))
    assert list(signs.values()).count(-1) == 2
    assert signs[str(A), str(B)] == 1
    assert signs[str(C), str(D)] == 0
    told = notes(frame)
    assert "rows by 'nt_type': ACH 2, GABA 1, DA 1, GLUT 1" in told
    assert "connections by sign: +1 1, −1 2, 0 1" in told
    own = quiet(frame, transmitter_signs={"da": 1, "GABA": -1})
    assert dict(zip(connections(own), own.signs.tolist(), strict=True)) == {
        (str(A), str(B)): 0, (str(B), str(C)): -1, (str(C), str(D)): 1, (str(D), str(D)): 0,
    }  # fmt: skip


def test_opposite_signs_of_one_pair_are_weighed():
    frame = pd.DataFrame({"pre": [1, 1, 2, 2], "post": [2, 2, 1, 1], "synapses": [5, 3, 2, 2], "nt": "ACH"})
    frame["nt"] = ["ACH", "GABA", "ACH", "GABA"]
    assert quiet(frame).signs.tolist() == [0, 1]


def test_shiu_parquet_has_signed_weights_and_both_ids_and_numbers(tmp_path):
    frame = pd.DataFrame(
        {
            "Presynaptic_ID": [A, B], "Postsynaptic_ID": [B, C], "Presynaptic_Index": [0, 1],
            "Postsynaptic_Index": [1, 2], "Connectivity": [11, 7], "Excitatory": [1, -1],
            "Excitatory x Connectivity": [11, -7],
        }
    )  # fmt: skip
    frame.to_parquet(tmp_path / "connectivity.parquet")
    completeness = tmp_path / "completeness.csv"
    completeness.write_text(f",Completed\n{A},True\n{B},True\n{C},True\n{D},True\n")
    graph = quiet(tmp_path / "connectivity.parquet", completeness)
    assert graph.nodes.index.tolist() == [A, B, C, D]
    assert connections(graph) == {(str(A), str(B)): 11, (str(B), str(C)): 7}
    assert graph.signs.tolist() == [1, -1]
    numbers = frame.drop(columns=["Presynaptic_ID", "Postsynaptic_ID"])
    assert quiet(numbers).edge_index.tolist() == [[0, 1], [1, 2]]
    assert quiet(numbers).signs.tolist() == [1, -1]


def test_male_cns_keeps_rows_between_annotated_neurons_and_joins_transmitters(tmp_path):
    segments = pd.DataFrame(
        {"body_pre": [A, A, 5, B, 7], "body_post": [B, 6, A, C, 8], "weight": [3, 1, 1, 2, 1]}
    )
    segments.to_feather(tmp_path / "weights.feather")
    annotations = pd.DataFrame(
        {"bodyId": [C, A, B], "type": ["c", "a", None], "superclass": ["s", "s", "m"], "somaSide": list("LRL")}
    )
    annotations.to_feather(tmp_path / "annotations.feather")
    transmitters = pd.DataFrame({"body": [A, B, 5], "consensus_nt": ["acetylcholine", "glutamate", "gaba"]})
    graph = quiet(tmp_path / "weights.feather", [tmp_path / "annotations.feather", transmitters])
    assert graph.nodes.index.tolist() == [C, A, B], "in the order of the annotations"
    assert connections(graph) == {(str(A), str(B)): 3, (str(B), str(C)): 2}
    assert dict(zip(connections(graph), graph.signs, strict=True)) == {
        (str(A), str(B)): 1, (str(B), str(C)): -1,
    }  # fmt: skip
    told = notes(tmp_path / "weights.feather", [tmp_path / "annotations.feather", transmitters])
    assert "2 rows are connections between known neurons and were kept; 3 others were left out" in told
    assert "neurons by 'consensus_nt': unknown 1, acetylcholine 1, glutamate 1" in told
    assert graph.select("superclass == 's'").nodes.index.tolist() == [C, A]


@pytest.mark.filterwarnings("ignore::graph2nn.graphs.io.GraphNote")
def test_several_tables_of_neurons_are_joined_by_the_public_function(tmp_path):
    table("body_pre", "body_post", "weight").to_feather(tmp_path / "m.feather")
    annotations, transmitters = tmp_path / "an.feather", tmp_path / "nt.feather"
    pd.DataFrame({"bodyId": IDS, "type": list("abcd")}).to_feather(annotations)
    frame = pd.DataFrame({"body": IDS, "consensus_nt": ["gaba", "gaba", "acetylcholine", "gaba"]})
    frame.to_feather(transmitters)
    wanted = quiet(tmp_path / "m.feather", [annotations, transmitters])
    assert list(wanted.nodes.columns) == ["type", "consensus_nt"]
    for tables in ([annotations, transmitters], (str(annotations), frame), [annotations, frame]):
        read = read_connectome(str(tmp_path / "m.feather"), tables)
        assert read.nodes.equals(wanted.nodes)
        assert read == wanted
    assert read_connectome(tmp_path / "m.feather", [annotations]).signs is None
    with pytest.raises(UserError, match=r"neurons: expected text or a path or DataFrame or a list"):
        read_connectome(tmp_path / "m.feather", [annotations, 3])


def test_transmitters_of_neurons_go_before_those_of_connections():
    edges = table("pre_root_id", "post_root_id", "syn_count", "nt_type")
    neurons = pd.DataFrame({"root_id": IDS, "nt_type": "GABA"})
    assert set(quiet(edges, neurons).signs) == {-1}
    assert set(quiet(edges, neurons, sign="nt_type").signs) == {-1, 0, 1}, (
        "the user named a column of the edges"
    )


@pytest.mark.parametrize("values", [[1, -1, 0], ["+", "-", "0"], ["excitatory", "inhibitory", "?"]])
def test_a_column_of_signs(values):
    frame = pd.DataFrame({"pre": [1, 2, 3], "post": [2, 3, 1], "synapses": 1, "effect": values})
    signs = quiet(frame, sign="effect", weight="synapses").signs
    assert sorted(signs.tolist()) == [-1, 0, 1]


def test_worm_tables_keep_chemical_and_electrical_synapses_apart(shared_file):
    path = shared_file("cases/graphs/typed_edges.csv")
    graph = quiet(path, where={"Type": "chemical"})
    assert connections(graph) == {("A1L", "B2L"): 10, ("A1L", "C3"): 3, ("B2L", "C3"): 2}
    assert quiet(path, where={"Type": ["chemical", "electrical"]}).weights.sum() == 23
    with pytest.raises(
        UserError, match=r"chemical 3, electrical 2, .*where=\{'Type': 'chemical'\} or .*adds them up"
    ):
        quiet(path)
    tabs = quiet(shared_file("cases/graphs/typed_tabs.csv"), where={"type": "chemical"})
    assert connections(tabs) == {("A1L", "C3"): 5, ("C3", "B2L"): 2}
    regions = quiet(shared_file("cases/graphs/region_rows.csv"))
    assert sorted(connections(regions).values()) == [7, 11]
    assert str(A) in regions.node_names


def test_the_larva_and_the_worm(shared_file):
    larva = quiet(
        shared_file("data/connectomes/larva/edges.csv.xz"), shared_file("data/connectomes/larva/neurons.csv.xz")
    )
    assert (larva.n, larva.edges, larva.loops, larva.weights.sum()) == (2952, 110677, 537, 352611)
    assert larva.signs is None
    assert larva.select("celltype == 'KC'").n == (larva.nodes["celltype"] == "KC").sum() > 100
    white = shared_file("data/connectomes/worm/aconnectome_white_1986_whole.csv")
    assert quiet(white, where={"type": "chemical"}).edges == 2386
    assert quiet(white, where={"type": "electrical"}).edges == 575
    cook = (
        shared_file("data/connectomes/worm/edges.csv.xz"),
        shared_file("data/connectomes/worm/neurons.csv.xz"),
    )
    assert (quiet(*cook, where={"kind": "chemical"}).n, quiet(*cook, where={"kind": "chemical"}).edges) == (
        473,
        4879,
    )


def test_an_annotated_matrix_has_presynaptic_rows(tmp_path):
    path = tmp_path / "matrix.csv"
    path.write_text(f",{B},{A},{C}\n{A},11,0,0\n{B},0,0,7\n{C},0,2,1\n")
    graph = quiet(path)
    assert graph.node_names == (str(A), str(B), str(C))
    assert connections(graph) == {
        (str(A), str(B)): 11, (str(B), str(C)): 7, (str(C), str(A)): 2, (str(C), str(C)): 1,
    }  # fmt: skip
    frame = pd.read_csv(path, index_col=0)
    frame.index.name = "id"
    assert quiet(frame) == graph
    path.write_text(f",{B},{A}\n{A},1,0\n{C},0,1\n")
    with pytest.raises(UserError, match="labels down the side are not those along the top"):
        quiet(path)


def test_columns_named_by_the_user():
    frame = pd.DataFrame({"axon": ["x", "y"], "dendrite": ["y ", "z"], "n": [1, 2], "m": [3, 4]})
    graph = quiet(frame, pre="axon", post="dendrite", weight="m")
    assert connections(graph) == {("x", "y"): 3, ("y", "z"): 4}
    neurons = pd.DataFrame({"label": ["z", "y", "x", "lone"], "side": list("LLRR")})
    placed = quiet(frame, neurons, pre="axon", post="dendrite", weight="m", id="label")
    assert placed.node_names == ("z", "y", "x", "lone")
    assert (
        quiet(frame, neurons, pre="axon", post="dendrite", weight="m", id="label", largest_component=True).n
        == 3
    )


def test_rows_without_a_weight_count_as_one_and_thresholds_hold_for_the_sum():
    synapses = pd.DataFrame({"pre": [1, 1, 1, 2], "post": [2, 2, 3, 3]})
    assert sorted(quiet(synapses).weights) == [1, 1, 2]
    strong = quiet(synapses, min_weight=2)
    assert (strong.n, strong.edges) == (3, 1)
    assert "2 connections of weight below 2 were left out" in notes(synapses, min_weight=2)
    rows = pd.DataFrame({"pre": [1, 1], "post": [2, 2], "weight": [2.5, 7]})
    assert [quiet(rows, combine=how).weights.tolist() for how in ("sum", "max", "first")] == [[9.5], [7], [2.5]]


def test_notes_are_said():
    with pytest.warns(GraphNote, match="connectome: 2 connections of weight below 5"):
        read_connectome(table("pre", "post", "synapses"), min_weight=5)


@given(st.lists(st.integers(2**53, 2**63 - 1), min_size=3, max_size=6, unique=True))
def test_ids_of_64_bits_stay_exact(ids):
    frame = pd.DataFrame({"pre": ids[:-1], "post": ids[1:], "weight": 1})
    assert quiet(frame).node_names == tuple(map(str, sorted(ids)))
    neurons = pd.DataFrame({"id": [str(one) for one in ids]})
    assert quiet(frame, neurons).nodes.index.tolist() == ids


REFUSED = [
    (pd.DataFrame({"a": [1], "b": [2], "c": [3]}), {}, "name them with pre= and post="),
    (pd.DataFrame({"pre": [1.5e18], "post": [2.5e18], "weight": 1}), {}, "floating-point numbers"),
    (pd.DataFrame({"pre": [1, None], "post": [2, 3], "weight": 1}), {}, "row 2 lacks an id"),
    (pd.DataFrame({"pre": ["a", " "], "post": ["b", "c"], "weight": 1}), {}, "row 2 lacks an id"),
    (pd.DataFrame({"pre": [1, 2], "post": [2, 3], "weight": [1, None]}), {}, "row 2 lacks a weight"),
    (pd.DataFrame({"pre": [1], "post": [2], "weight": ["many"]}), {"weight": "weight"}, "expected numbers"),
    (pd.DataFrame({"pre": [1], "post": [2], "weight": 1, "synapses": 2}), {}, "could each be the weight"),
    (pd.DataFrame({"pre": [1], "post": [2]}), {"weight": "count"}, "column weight= 'count' is not known"),
    (pd.DataFrame({"pre": [1], "post": [2]}), {"pre": "pre"}, "name both ends"),
    (pd.DataFrame({"pre": [1], "post": [2]}), {"sign": "nt"}, "sign= 'nt' is not known"),
    (pd.DataFrame({"pre": [1], "post": [2], "nt": "?"}), {"sign": "nt"}, "has a sign"),
    (pd.DataFrame({"pre": [1], "post": [2], "sign": 3}), {}, "holds 3; expected −1, 0 and 1"),
    (pd.DataFrame({"pre": [1], "post": [2]}), {"where": {"type": "x"}}, "where= 'type' is not known"),
    (pd.DataFrame({"pre": [1], "post": [2], "t": ["y"]}), {"where": {"t": "x"}}, "no row has t = 'x'. t has y"),
    (pd.DataFrame({"pre": [1], "post": [1]}), {}, "1 neurons, expected at least 2"),
    (pd.DataFrame({"pre": [1], "post": [2]}), {"combine": "mean"}, "combine 'mean' is not known"),
    (pd.DataFrame({"pre": [1], "post": [2]}), {"min_weight": -1}, "min_weight = -1"),
    (table("pre", "post", "n"), {"min_weight": 99},
     "connections has a weight of at least 99; the largest is 11. Give a smaller one, such as min_weight=11."),
    (pd.DataFrame({"pre": [1], "post": [2], "n": 0}), {}, "all 1 rows have weight 0 in column 'n'"),
    (table("pre", "post", "n").iloc[:0], {}, "the table has no rows"),
    (pd.DataFrame({"id": ["a", "b"], "a": 0, "b": 0}), {}, "the table has no entry but 0"),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "options", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_is_not_understood_is_refused_in_one_line(frame, options, words):
    with pytest.raises(UserError) as caught:
        quiet(frame, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "no such file"),
        ("empty.csv", b"", "is empty"),
        ("one.csv", b"pre\n1\n", "has one column"),
        ("torn.parquet", b"PAR1 torn", "cannot be read as a table"),
        ("torn.feather", b"ARROW1 torn", "cannot be read as a table"),
        ("graph.gml", b"graph [ ]", "the ending '.gml' is not that of a table"),
        ("ragged.csv", b"pre,post,weight\n1,2,3\n1,2\n", "cannot be read as a table"),
    ],
)
def test_damaged_files_are_refused_by_name(name, content, words, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        quiet(path)
    assert words in str(caught.value)
    assert name in str(caught.value)


OTHER = pd.DataFrame({"root_id": [7, 8, 9], "supervoxel": IDS[:3]})


def test_ids_that_match_no_neuron_are_refused_with_examples_of_both(tmp_path, capsys):
    edges = table("pre_root_id", "post_root_id", "n")
    with pytest.raises(UserError) as caught:
        quiet(edges, OTHER)
    assert str(caught.value) == (
        "the data frame: none of 5 connections has both ends, 'pre_root_id' and 'post_root_id' "
        f"({A}, {B}, {C}, …), in the table of neurons, 'root_id' (7, 8, 9, …). "
        "Name the column of neurons that has the same ids with id='NAME' (columns: root_id, supervoxel), "
        "or the ends with pre='NAME' and post='NAME'."
    )
    assert quiet(edges, OTHER, id="supervoxel").edges == 2
    matrix = pd.DataFrame({"id": ["a", "b"], "a": 1, "b": 1})
    with pytest.raises(UserError, match=r"none of 4 connections has both ends, its labels \(a, b, …\)"):
        quiet(matrix, OTHER)
    edges.to_csv(tmp_path / "edges.csv", index=False)
    OTHER.to_csv(tmp_path / "neurons.csv", index=False)
    command = ["graphs", "show", str(tmp_path / "edges.csv"), "--neurons", str(tmp_path / "neurons.csv")]
    assert main(command) == 2
    assert "with FILE:id=NAME" in " ".join(capsys.readouterr().err.split())
    assert main([*command[:2], f"{command[2]}:id=supervoxel", *command[3:], "--min-weight", "50"]) == 2
    assert "such as --min-weight 4." in " ".join(capsys.readouterr().err.split())


def test_a_further_table_of_neurons_must_have_ids_of_the_first():
    neurons = pd.DataFrame({"id": IDS})
    with pytest.raises(UserError, match=r"none of its ids \('root_id': 7, 8, 9, …\) is in the first table"):
        quiet(table("pre", "post", "n"), [neurons, OTHER])


def test_neurons_must_be_told_apart():
    edges = table("pre", "post", "synapses")
    with pytest.raises(UserError, match=f"the id {A} stands twice"):
        quiet(edges, pd.DataFrame({"id": [A, A, B]}))
    with pytest.raises(UserError, match="no column is named like an id"):
        quiet(edges, pd.DataFrame({"kind": ["x", "y"], "size": [1, 2]}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pre,post,weight\n1,2,30\n2,3,x\n", "column 'weight': row 2 holds 'x'"),
        ('pre,post,weight\n1,2,"1,234"\n2,3,4\n', "column 'weight': row 1 holds '1,234'"),
        ("pre;post;weight\n1;2;3,5\n2;3;1,5\n", "column 'weight': row 1 holds '3,5'"),
        ("pre,post,syn_count\n1,2,-\n2,3,4\n", "column 'syn_count': row 1 holds '-'"),
        ("pre,post,weight\n7.2E+17,7.3E+17,30\n", r"row 1 holds the id '7\.2E\+17'"),
        ("pre,post,weight,sign\n1,2,3,-1\n1,3,-3,1\n", "row 2 has a negative weight .* and the sign 1"),
        ("pre,post,weight,sign\n1,2,3,2\n2,3,4,-1\n", "column 'sign' holds 2; expected"),
    ],
)
def test_entries_that_are_no_numbers_are_refused_and_not_passed_over(text, message, tmp_path):
    """A weight column with one such entry was left out, and every connection weighed 1."""
    file = tmp_path / "edges.csv"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        read_connectome(file)


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        ([Decimal(3), Decimal(4)], [3, 4]),
        (["3", " 4"], [3, 4]),
        ([3, None], "row 2 lacks"),
        (["3", "x"], "'x'"),
    ],
)
def test_weights_of_any_type_in_a_data_frame(weights, found):
    frame = pd.DataFrame({"pre": [1, 2], "post": [2, 3], "weight": pd.Series(weights, dtype=object)})
    if isinstance(found, list):
        assert read_connectome(frame).weights.tolist() == found
        return
    with pytest.raises(UserError, match=found):
        read_connectome(frame)


def test_words_in_a_column_called_like_a_weight_are_no_weights(tmp_path):
    file = tmp_path / "edges.csv"
    file.write_text("pre,post,connectivity\n1,2,strong\n2,3,weak\n")
    assert read_connectome(file).weights.tolist() == [1, 1]


def test_ids_written_as_whole_floats_are_those_numbers(tmp_path):
    file = tmp_path / "edges.csv"
    file.write_text("pre,post,weight\n1.0,2.0,3\n2.0,3.0,4\n")
    graph = read_connectome(file, pd.DataFrame({"id": [1, 2, 3], "type": ["a", "b", "c"]}))
    assert graph.weights.tolist() == [3, 4]

"""Highlighted graphs, graphs off the plane and directed graphs, as figures, tables and the atlas show them."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import pytest

from graph2nn import RelationalGraph, UserError, write_graph, ws_flex
from graph2nn.analysis.task_findings import study
from graph2nn.report import listing, summary_json
from graph2nn.report.atlas import payload
from graph2nn.report.build import _directed, _off_plane
from graph2nn.report.figures import collection, corners, gallery, plane, ranking
from graph2nn.report.figures.theme import LIGHT
from graph2nn.report.highlight import highlighted, labels_to_highlight
from graph2nn.report.report_folder import write_report

WS = {f"ws-{i}": ws_flex(16, 4 + i, 0.2 * i, i).renamed(f"ws-{i}") for i in range(4)}
PARTS = RelationalGraph.from_edges([(0, 1), (1, 2), (2, 0), (3, 4)], 6, name="parts", directed=True)
GRAPHS = {**WS, "parts": PARTS}
NAMES = ("a", "b", "c", "$d_{", "e", "f")


def table(graphs=GRAPHS, baseline: bool = True) -> pd.DataFrame:
    """Three seeds of each graph; the one in parts has by far the lowest error."""
    rng = np.random.default_rng(0)
    rows = []
    for label, graph in [*(((None, None),) if baseline else ()), *graphs.items()]:
        whole = graph.symmetrised() if graph is not None else None
        for seed in (1, 2, 3):
            rows.append(
                {
                    "run": f"{label} {seed}",
                    "kind": "baseline" if graph is None else "relational",
                    "graph": label or "baseline",
                    "n": None if graph is None else graph.n,
                    "sparsity": 1.0 if graph is None else graph.sparsity,
                    "p": None,
                    "graph_seed": None,
                    "clustering": 1.0 if graph is None else whole.clustering,
                    "path_length": 1.0 if graph is None else whole.paths.mean,
                    "reachable": 1.0 if graph is None else whole.reachable,
                    "directed": None if graph is None else graph.directed,
                    "widths": "64",
                    "macs": 1000,
                    "params": 1000,
                    "model": "mlp5",
                    "data": "noise",
                    "epochs": 2,
                    "seed": seed,
                    "test_error": (20 if label == "parts" else 30) + rng.normal(0, 0.3),
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def marked():
    return highlighted(study({"noise": table()}), ["parts", "ws-2"])


def texts(figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    found += [tick.get_text() for axes in figure.axes for tick in axes.get_yticklabels()]
    plt.close(figure)
    return " ".join(found)


def test_maps_name_highlighted_graphs_and_leave_those_off_the_plane_out(marked):
    found = marked.tasks["noise"].found
    assert found.best["graph"] == "parts"
    assert found.placed["graph"].tolist() == [label for label in found.graphs["graph"] if label != "parts"]
    figure = plane.draw(found, LIGHT)
    (dots, *_) = figure.axes[0].collections
    assert len(dots.get_offsets()) == 4
    assert "average path length L (symmetrised)" in figure.axes[0].get_ylabel()
    said = texts(figure)
    assert "ws-2" in said
    assert "parts" not in said
    assert "◆ parts" in texts(ranking.draw(found, LIGHT))
    caption = plane.caption(found)
    assert "1 graph falls into parts and is off the plane" in caption
    assert "Marked by a diamond: ws-2." in caption
    picked = corners.chosen(marked.tasks["noise"], GRAPHS)
    assert "parts" not in [portrait.row["graph"] for portrait in picked]
    assert picked[0].heading == "best graph drawn"


def test_the_rectangle_bounds_graphs_on_the_plane_alone():
    rows = table()
    rows.loc[rows["graph"] == "parts", "test_error"] += 10  # now all graphs are alike
    spot = study({"noise": rows}).tasks["noise"].found.spot
    assert "parts" in spot.graphs
    placed = [graph for label, graph in WS.items() if label in spot.graphs]
    assert spot.L_max == max(graph.path_length for graph in placed)
    assert spot.C_min == min(graph.clustering for graph in placed)
    assert spot.bounded


def test_tables_mark_them_and_say_what_c_and_l_are(marked):
    task = marked.tasks["noise"]
    page = listing.listing(task.found)
    assert "◆ parts" in page
    assert 'class="highlight"' in page
    assert "C, symmetrised" in page
    assert "pairs with a path" in page
    rows = summary_json.rows(task.found).set_index("graph")
    assert rows["highlighted"].tolist() == [label in ("parts", "ws-2") for label in rows.index]
    assert rows.loc["parts", "reachable"] == pytest.approx(8 / 30)
    record = summary_json.task_summary(task)
    assert [row["graph"] for row in record["highlighted"]] == ["parts", "ws-2"]
    assert record["off_plane"] == ["parts"]
    assert record["C_and_L"] == "of the symmetrised graphs"


def test_undirected_whole_graphs_have_the_words_they_always_had():
    found = study({"noise": table(WS)}).tasks["noise"].found
    assert plane.labels(found)["clustering"] == "clustering coefficient C"
    assert plane.caption(found) == ""
    assert "symmetrised" not in listing.listing(found)
    assert "directed" not in [name for _, name, *_ in listing.columns_of(found)]
    assert _directed(WS) == []


def test_the_atlas_knows_who_is_off_the_plane_and_who_is_marked():
    rows = table().assign(task="noise", epoch=2)
    packed = payload(rows, GRAPHS, highlighted=["ws-2", "absent"])
    assert packed["highlighted"] == [packed["labels"].index("ws-2")]
    (task,) = packed["tasks"]
    assert task["off"] == [packed["labels"].index("parts")]
    meanings = {column["key"]: column["meaning"] for column in packed["columns"]}
    assert meanings["path_length"] == "average path length (symmetrised)"
    assert meanings["reachable"] == "share of ordered pairs of nodes that have a path"
    assert packed["names"] == {}
    named = payload(rows, {**WS, "parts": replace(PARTS, node_names=NAMES)})
    assert named["names"] == {str(packed["labels"].index("parts")): NAMES}
    plain = payload(rows[rows["graph"] != "parts"], WS)
    assert {column["key"]: column["meaning"] for column in plain["columns"]}["path_length"] == (
        "average path length"
    )
    assert "reachable" not in [column["key"] for column in plain["columns"]]


def test_a_report_of_graphs_off_the_plane_alone_is_written(tmp_path):
    rows = table({"parts": PARTS, "empty": RelationalGraph(np.zeros((4, 4), dtype=bool), name="empty")})
    said = highlighted(study({"noise": rows}), ["parts"])
    names = [plate.name for plate in gallery.plates(said.tasks["noise"].found, {}, None)]
    assert "map" not in names
    assert "ranking" in names
    assert any("every graph falls into parts" in gap for gap in collection.missing(said, {}))
    page = write_report(said, tmp_path / "report", graphs={"parts": PARTS}).read_text(encoding="utf-8")
    assert "◆ parts" in page
    assert "NaN" not in (tmp_path / "report" / "summary.json").read_text()


def test_notes_say_which_graphs_are_off_and_count_the_nulls():
    nulls = {"degree null(parts,0)": "parts"}
    notes = _off_plane({**GRAPHS, "degree null(parts,0)": PARTS}, nulls)
    assert notes[0].startswith("Graph parts falls into parts, so it is off the (C, L) plane: 26.7 %")
    assert notes[0].endswith("1 node without an edge: 5.")
    (named, _) = _off_plane({"parts": replace(PARTS, node_names=NAMES)}, {})
    assert named.endswith("1 node without an edge: f.")
    assert notes[-1].startswith("1 of 1 null fall")
    assert _off_plane(WS, {}) == []
    (directed,) = _directed(GRAPHS)
    assert "(parts)" in directed
    assert "Fagiolo (2007)" in directed


def test_a_graph_is_named_by_its_label_or_by_its_file(tmp_path):
    path = write_graph(RelationalGraph.from_networkx(nx.path_graph(4)), tmp_path / "chain.graphml")
    graphs = {**WS, "my chain": RelationalGraph.from_networkx(nx.path_graph(4))}
    wanted = ["ws-1", str(path), "ws-1"]
    assert labels_to_highlight(wanted, list(graphs), graphs) == ("ws-1", "my chain")
    assert labels_to_highlight(["cat:symmetrised"], ["cat-symmetrised"], {}) == ("cat-symmetrised",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ws-9", r"graph 'ws-9' is not among the results; did you mean 'ws-"),
        ("zzz", r"'zzz' is not among the results; there are ws-0, ws-1, ws-2, ws-3, parts\."),
        ("baseline", "the baseline has a mark of its own"),
        ("degree null(parts,0)", "is a null, which the map does not show; name its graph, 'parts'"),
        ("larva", "graph 'larva' is not among the results"),
        ("cat.txt", "graph 'cat.txt' is not among the results"),
    ],
)
def test_what_is_not_among_the_results_is_one_clear_line(text, words):
    nulls = {"degree null(parts,0)": "parts"}
    with pytest.raises(UserError, match=words) as caught:
        labels_to_highlight([text], list(GRAPHS), GRAPHS, nulls=nulls)
    assert "\n" not in str(caught.value)

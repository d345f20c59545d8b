"""The value the atlas carries: every error and measure in its place, gaps as gaps, nothing rounded."""

import json

import numpy as np
import pandas as pd
import pytest
from atlas_pages import NASTY, OTHER, SPOT, evaluations, graphs, measures, unpacked, unpacked_edges

from graph2nn.analysis import cells
from graph2nn.errors import UserError
from graph2nn.graphs.measures.registry import MEASURES
from graph2nn.report.atlas import atlas_data as module
from graph2nn.report.atlas import payload


@pytest.fixture(scope="module")
def drawn():
    return graphs()


@pytest.fixture(scope="module")
def table(drawn):
    return evaluations(drawn)


@pytest.fixture(scope="module")
def found(table, drawn):
    return payload(table, drawn, measures=measures(drawn), sweet_spots={"plain": SPOT})


def test_every_evaluation_is_found_again(found, table):
    labels = found["labels"]
    for task in found["tasks"]:
        own = [labels[int(index)] for index in unpacked(task["graphs"])]
        shape = (len(task["epochs"]), len(task["seeds"]), len(own))
        for key, column in (("error", "test_error"), ("top5", "test_error_top5")):
            cube = unpacked(task["errors"][key]).reshape(shape)
            base = unpacked(task["baseline"][key]).reshape(shape[:2])
            rows = table[table["task"] == task["name"]]
            assert len(rows) == cube.size + base.size
            for row in rows.itertuples():
                at = (task["epochs"].index(row.epoch), task["seeds"].index(row.seed))
                value = base[at] if row.kind == "baseline" else cube[(*at, own.index(row.graph))]
                np.testing.assert_equal(value, getattr(row, column))


def test_a_run_that_diverged_is_a_gap(found):
    task = found["tasks"][0]
    cube = unpacked(task["errors"]["error"]).reshape(len(task["seeds"]), -1)
    assert np.argwhere(np.isnan(cube)).tolist() == [[1, 3]]


def test_measures_and_edges_are_those_of_the_graphs(found, drawn):
    assert found["labels"] == list(drawn)
    columns = {column["key"]: unpacked(column["values"]) for column in found["columns"]}
    assert list(columns)[:2] == ["clustering", "path_length"]
    for name in ("clustering", "path_length", "modularity", "diameter"):
        expected = [MEASURES[name](graph) for graph in drawn.values()]
        assert columns[name].tolist() == expected, name
    for matrix, graph in zip(unpacked_edges(found["edges"]), drawn.values(), strict=True):
        np.testing.assert_array_equal(matrix, graph.adjacency)


def test_cells_are_those_of_the_analysis(found, table):
    rows = table[(table["task"] == "plain") & (table["kind"] == "relational")].drop_duplicates("graph")
    binning = cells.binning_of(rows)
    for level in cells.LEVELS:
        grid = found["tasks"][0]["cells"][level]
        at = np.stack([unpacked(grid["i"]), unpacked(grid["j"])], axis=1)
        expected = cells.cell_of(rows["clustering"], rows["path_length"], binning, level)
        np.testing.assert_array_equal(at, expected)
        c_edges, l_edges = cells.edges(binning, level)
        assert (grid["cells"], grid["L"]) == (len(c_edges) - 1, [l_edges[0], l_edges[-1]])


def test_the_value_is_json_with_the_spot_and_no_nan(found):
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [task["spot"] for task in found["tasks"]] == [list(SPOT), None]
    assert [task["name"] for task in found["tasks"]] == ["plain", OTHER]
    assert NASTY in found["labels"]


def test_graphs_may_be_recipes_and_may_be_missing(table, drawn):
    label = next(iter(drawn))
    packed = payload(table, {label: lambda: drawn[label]})["edges"]
    assert unpacked(packed["kind"]).tolist() == [1] + [0] * (len(drawn) - 1)


def test_pictures_stop_where_the_page_would_grow_too_large(table, drawn, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 3 * module.packed_bytes(drawn["ws-0"]))
    kinds = unpacked(payload(table, drawn)["edges"]["kind"])
    assert kinds.tolist() == [1, 1, 1] + [0] * (len(drawn) - 3)


def test_columns_of_text_and_columns_without_a_number_are_left_out(table, drawn):
    extra = pd.DataFrame({"mood": "good", "void": np.nan, "weight": 2.5, "sigma": np.inf}, index=list(drawn))
    keys = [column["key"] for column in payload(table, {}, measures=extra)["columns"]]
    assert keys == ["clustering", "path_length", "n", "weight"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns="epoch"), "no column 'epoch'"),
        (lambda t: t[t["kind"] == "baseline"], "no row of the evaluations is of a relational graph"),
        (lambda t: pd.concat([t, t.iloc[[5]]]), "twice"),
    ],
)
def test_tables_that_cannot_be_shown(table, spoil, message):
    with pytest.raises(UserError, match=message):
        payload(spoil(table), {})


def test_a_graph_measured_twice_is_refused(table):
    with pytest.raises(UserError, match="'ws-0' twice"):
        payload(table, {}, measures=pd.DataFrame({"x": [1.0, 2.0]}, index=["ws-0", "ws-0"]))

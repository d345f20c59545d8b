"""Measures of many graphs: the shipped numbers are those measured here, others are measured once."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
from importlib.resources import files

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from waiting import patience

from graph2nn import RelationalGraph, UserError, catalogue, ws_flex
from graph2nn.cli import main
from graph2nn.graphs import generators
from graph2nn.graphs.measures import batches
from graph2nn.graphs.measures.batches import cache_file
from graph2nn.graphs.measures.measure_tables import measured, write_measured
from graph2nn.graphs.measures.registry import MEASURES, Measure, measure_all

FINE = ["n64-3942", "n16-2698"]
FAST = [name for name, measure in MEASURES.items() if measure.cost == "fast"]
#: Another BLAS may round these otherwise in the last bits, and another networkx may find other communities.
ROUNDED = {
    "spectral_gap", "algebraic_connectivity", "normalised_laplacian_gap", "effective_resistance",
    "assortativity", "betweenness_spread", "closeness_spread", "small_world_propensity",
}  # fmt: skip
LOUVAIN = {"modularity"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for each test."""
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def graph_of(row) -> RelationalGraph:
    return ws_flex(int(row["n"]), row["n"] * row["sparsity"], row["p"], int(row["seed"]))


def assert_as_shipped(row: pd.Series, names: list[str]) -> None:
    for name, value in measure_all(graph_of(row), names).items():
        if name in LOUVAIN and nx.__version__ != "3.4.2":
            assert row[name] == pytest.approx(value, abs=0.05), name
        elif name in ROUNDED | LOUVAIN:
            assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name
        else:
            assert row[name] == pytest.approx(value, rel=0, abs=0, nan_ok=True), name


@pytest.mark.parametrize("name", FINE)
def test_shipped_numbers_are_those_measured_here(name):
    table = measured(name)
    rng = np.random.default_rng(64)
    for place in rng.choice(len(table), 30, replace=False):
        assert_as_shipped(table.iloc[place], FAST)
    for place in rng.choice(len(table), 3, replace=False):
        assert_as_shipped(table.iloc[place], list(MEASURES))


@pytest.mark.slow
@pytest.mark.parametrize("name", FINE)
def test_more_of_the_shipped_numbers(name):
    table = measured(name)
    for place in np.random.default_rng(7).choice(len(table), 60, replace=False):
        assert_as_shipped(table.iloc[place], list(MEASURES))


@pytest.mark.parametrize("name", ["n64-52", "n64-449", "n64-3942", "n16-48", "n16-326", "n16-2698"])
def test_published_catalogues_are_looked_up_whole(name, cache):
    table, rows = measured(name), catalogue(name)
    pd.testing.assert_frame_equal(table[list(rows)], rows, check_exact=True)
    assert [column for column in table if column not in rows] == [m for m in MEASURES if m not in rows]
    assert table["small_world_sigma"].notna().all()
    assert not cache.exists(), "nothing had to be measured"


def test_a_measure_added_later_is_measured_on_demand(monkeypatch, cache):
    """The shipped tables need not be remade before a new measure can be used."""
    before = measured("n64-52")

    def edges(graph: RelationalGraph) -> float:
        asked.append(graph.name)
        return float(graph.edges)

    asked: list[str] = []
    monkeypatch.setitem(MEASURES, "edge_count", Measure(edges, "m", "edges", "edges", "by definition"))
    after = measured("n64-52", slow=False)
    assert after["edge_count"].tolist() == [graph_of(row).edges for _, row in after.iterrows()]
    assert len(asked) == 52
    same = [name for name in after if name != "edge_count"]
    pd.testing.assert_frame_equal(after[same], before[same], check_exact=True)
    measured("n64-52")
    assert len(asked) == 52, "each graph is measured once"
    table = measured({"catalogue": graph_of(after.iloc[0]), "other": generators.cycle(8)}, slow=False)
    assert table["edge_count"].tolist() == [after["edge_count"].iloc[0], 8]


def test_shipped_tables_are_small():
    for n in (16, 64):
        file = files("graph2nn.graphs") / "catalogue_data" / f"measures-n{n}.parquet"
        assert 100_000 < len(file.read_bytes()) < 1_000_000


def test_a_table_of_runs_gets_the_measures_of_its_graphs():
    rows = catalogue("n64-52").head(3).rename(columns={"seed": "graph_seed"})
    runs = rows.loc[[0, 1, 0, 2]].assign(kind="relational", seed=[1, 1, 2, 1])
    baseline = {"kind": "baseline", "seed": 1, "clustering": 1.0, "path_length": 1.0}
    table = measured(pd.concat([runs, pd.DataFrame([baseline])], ignore_index=True))
    whole = measured("n64-52")
    assert table["modularity"][:4].tolist() == whole["modularity"][[0, 1, 0, 2]].tolist()
    assert table["clustering"].tolist()[4] == 1.0, "columns that are there stay as they are"
    assert math.isnan(table["modularity"][4])
    assert len(table) == 5


def test_graphs_by_label():
    graphs = {"ours": generators.cycle(8)}
    row = catalogue("n64-52").iloc[7]
    graphs["published"] = graph_of(row)
    table = measured(graphs)
    assert list(table)[:2] == ["graph", "n"]
    assert table["graph"].tolist() == list(graphs)
    for place, graph in enumerate(graphs.values()):
        expected = measure_all(graph)
        assert table[list(MEASURES)].iloc[place].tolist() == pytest.approx(list(expected.values()), nan_ok=True)


def test_an_origin_that_no_longer_fits_is_not_believed():
    drawn = graph_of(catalogue("n64-52").iloc[7])
    other = RelationalGraph(generators.cycle(64).adjacency, origin=drawn.origin)
    assert measured({"x": other}, slow=False)["diameter"].tolist() == [32]


def test_each_graph_is_measured_once(monkeypatch, cache):
    graphs = {str(seed): ws_flex(20, 5, 0.3, seed) for seed in range(4)} | {"cycle": generators.cycle(8)}
    first = measured(graphs, slow=False)
    assert math.isnan(first["assortativity"][4])
    assert [file.parent.name for file in cache.rglob("*.sqlite")] == ["measures"]

    def again(graph, names):
        raise AssertionError(f"{graph.name} is measured again")

    monkeypatch.setattr(batches, "measure_all", again)
    pd.testing.assert_frame_equal(measured(graphs, slow=False), first, check_exact=True)
    renamed = {"a": RelationalGraph(graphs["2"].adjacency, name="a")}
    assert measured(renamed, slow=False)["modularity"][0] == first["modularity"][2]
    with pytest.raises(AssertionError, match="measured again"):
        measured(graphs)
    with pytest.raises(AssertionError, match="measured again"):
        measured(graphs, slow=False, afresh=True)


def test_measures_of_another_version_are_measured_again(monkeypatch, cache):
    graphs = {"cycle": generators.cycle(8)}
    measured(graphs, slow=False)
    monkeypatch.setattr(batches, "VERSION", batches.VERSION + 1)
    monkeypatch.setattr(batches, "measure_all", lambda graph, names: dict.fromkeys(names, 7.0))
    assert measured(graphs, slow=False)["clustering"][0] == 7


def test_directed_graphs_are_kept_apart():
    undirected = generators.cycle(8)
    directed = RelationalGraph(undirected.adjacency, directed=True)
    for _ in range(2):
        table = measured({"u": undirected, "d": directed}, slow=False)
        assert table["rich_club"].isna().all()
        for place, graph in enumerate((undirected, directed)):
            assert table["modularity"][place] == measure_all(graph, ["modularity"])["modularity"]


def test_what_was_measured_before_a_stop_is_kept(monkeypatch):
    graphs = {str(seed): ws_flex(12, 4, 0.3, seed) for seed in range(5)}
    real, done = batches.measure_all, []

    def stops(graph, names):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(graph)
        return real(graph, names)

    monkeypatch.setattr(batches, "measure_all", stops)
    with pytest.raises(KeyboardInterrupt):
        measured(graphs, slow=False)
    with sqlite3.connect(cache_file()) as database:
        assert database.execute("SELECT count(DISTINCT graph) FROM measures").fetchone() == (3,)


def test_many_graphs_are_measured_part_by_part(monkeypatch):
    graphs = {str(seed): ws_flex(10, 4, 0.3, seed) for seed in range(7)}
    whole = measured(graphs, slow=False, afresh=True)
    monkeypatch.setattr("graph2nn.graphs.measures.measure_tables._AT_ONCE", 3)
    pd.testing.assert_frame_equal(measured(graphs, slow=False, afresh=True), whole, check_exact=True)


def test_processes_give_the_same_table():
    graphs = {str(seed): ws_flex(10, 4, 0.3, seed) for seed in range(2 * batches._WORTH_A_PROCESS)}
    alone = measured(graphs, slow=False, afresh=True)
    pd.testing.assert_frame_equal(measured(graphs, slow=False, workers=2), alone, check_exact=True)


def test_a_script_without_a_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from graph2nn import ws_flex\n"
        "from graph2nn.graphs.measures.measure_tables import measured\n"
        "measured({str(s): ws_flex(10, 4, 0.3, s) for s in range(60)}, slow=False, workers=2)\n"
    )
    ended = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=patience(120), check=False
    )
    assert ended.returncode == 1
    assert "must stand under if __name__ == '__main__'" in ended.stderr.splitlines()[-1]


def test_rows_of_a_sweep_without_a_graph_have_no_measures():
    rows = catalogue("n16-48").head(2)
    gap = rows.head(1).assign(clustering=np.nan, path_length=np.nan)
    table = measured(pd.concat([rows, gap], ignore_index=True))
    assert table["density"].isna().tolist() == [False, False, True]


def test_clear_errors(tmp_path, cache):
    rows = catalogue("n16-48").head(2)
    with pytest.raises(UserError, match="no column 'p'; expected n, sparsity, p, graph_seed"):
        measured(rows.drop(columns="p"))
    with pytest.raises(UserError, match=r"row 1 \(cat\) lacks one of .* mapping from label"):
        measured(rows.assign(graph=["ws", "cat"], p=[0.5, np.nan]))
    with pytest.raises(UserError, match="catalogue 'n64-51' is not known; did you mean 'n64-52'"):
        measured("n64-51")
    with pytest.raises(UserError, match=r"'\.xls'; expected \.parquet or \.csv"):
        write_measured(rows, tmp_path / "x.xls")
    file = cache_file()
    file.parent.mkdir(parents=True)
    file.write_text("no database, whatever its name says, but long enough to be looked at " * 3)
    with pytest.raises(UserError, match=r"cannot be used .* Delete it, or name another cache"):
        measured({"c": generators.cycle(5)}, slow=False)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_command_writes_every_digit(ending, tmp_path, capsys):
    out = tmp_path / f"m.{ending}"
    assert main(["graphs", "measure", "n64-52", "--out", str(out)]) == 0
    assert f"52 graphs, {4 + len(MEASURES)} columns" in capsys.readouterr().out
    read = pd.read_parquet(out) if ending == "parquet" else pd.read_csv(out, engine="pyarrow")
    pd.testing.assert_frame_equal(read, measured("n64-52"), check_exact=True)


def test_the_command_remakes_shipped_numbers(tmp_path, capsys, cache):
    rows = catalogue("n16-48").head(2)
    rows.to_csv(tmp_path / "two.csv", index=False)
    out = tmp_path / "m.parquet"
    assert main(["graphs", "measure", str(tmp_path / "two.csv"), "--afresh", "--out", str(out)]) == 0
    pd.testing.assert_frame_equal(pd.read_parquet(out), measured("n16-48").head(2), rtol=1e-9)
    assert not cache.exists()


def test_the_command_on_one_graph(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["graphs", "measure", "cycle:n=8", "--fast"]) == 0
    shown = capsys.readouterr().out
    assert "modularity" in shown
    assert "small_world_sigma" not in shown
    matrix, out = tmp_path / "matrix.csv", tmp_path / "one.csv"
    matrix.write_text("0,1,1\n1,0,1\n1,1,0\n")
    assert main(["graphs", "measure", str(matrix), "--out", str(out)]) == 0
    assert pd.read_csv(out)["clustering"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["n64-52"], "holds many graphs; name a file: --out"),
        (["n64-52", "--out", "x.json"], "expected .parquet or .csv"),
        (["n64-52", "--out", "no/where.csv"], "folder no does not exist"),
        (["n64-51"], "'n64-51' is not known"),
        (["gone.parquet", "--out", "x.csv"], "'gone.parquet'"),
        (["n64-52", "--workers", "0", "--out", "x.csv"], "--workers"),
        ([], "WHAT"),
    ],
)
def test_each_mistake_is_one_line_and_code_two(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert main(["graphs", "measure", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert says in err
    assert [file.name for file in tmp_path.iterdir()] == ["other.csv"]

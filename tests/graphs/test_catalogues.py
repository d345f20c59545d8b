"""The published catalogues, the rule that picks them, and the picture."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import graph2nn
from graph2nn import cli
from graph2nn.errors import UserError
from graph2nn.graphs import catalogue_files, catalogues, kernels
from graph2nn.graphs.cover import Binning, cover, default_binning
from graph2nn.graphs.ws_flex_sweep import sweep

COUNTS = {"n64-52": 52, "n64-449": 449, "n64-3942": 3942, "n16-48": 48, "n16-326": 326, "n16-2698": 2698}


@pytest.mark.parametrize("name", COUNTS)
def test_shape(name):
    frame = graph2nn.catalogue(name)
    assert list(frame) == ["n", "sparsity", "p", "seed", "clustering", "path_length"]
    assert len(frame) == COUNTS[name]
    assert (frame["n"] == int(name[1:3])).all()


def test_coarse_n64_is_the_published_file(shared_file):
    published = np.load(shared_file("data/published/graphs_n64_52.npy"))
    assert graph2nn.catalogue("n64-52").to_numpy(np.float64).tobytes() == published.tobytes()


@pytest.mark.parametrize("name", ["n64-3942", "n16-2698"])
def test_every_graph_has_the_numbers_of_its_row(name):
    for row in graph2nn.catalogue(name).itertuples():
        adjacency = kernels.ws_flex_adjacency(row.n, row.sparsity * row.n, row.p, row.seed)
        assert kernels.clustering_and_path_length(adjacency) == (row.clustering, row.path_length)


@pytest.mark.parametrize("n", ["n64", "n16"])
def test_coarser_catalogues_are_part_of_finer_ones(n):
    coarse, medium, fine = (
        {tuple(row) for row in graph2nn.catalogue(name).itertuples(index=False)}
        for name in COUNTS
        if name.startswith(n)
    )
    assert coarse < medium < fine


@pytest.mark.slow
@pytest.mark.parametrize("n", [16, 64])
def test_the_full_sweep_gives_the_shipped_catalogues(n, tmp_path):
    made, _ = catalogues.make_catalogues(sweep(n, out=tmp_path / "sweep.parquet").path)
    for frame in made.values():
        shipped = graph2nn.catalogue(f"n{n}-{len(frame)}")
        assert frame.to_numpy(np.float64).tobytes() == shipped.to_numpy(np.float64).tobytes()


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'n64-52'"):
        graph2nn.catalogue("n64-53")


# --- the rule, by hand ---------------------------------------------------------------------------------------


def centre(edges, i):
    """The middle of the bin that np.digitize calls i."""
    return (edges[i - 1] + edges[i]) / 2


def graphs_at(bins, binning):
    """C and L of graphs in the given fine bins, in an order that the rule's shuffle undoes."""
    order = np.random.RandomState(1).permutation(len(bins))
    c, length = np.empty(len(bins)), np.empty(len(bins))
    for place, (i, j) in zip(order, bins, strict=True):
        c[place], length[place] = centre(binning.c_edges, i), centre(binning.l_edges, j)
    return c, length, order


def picked(bins, binning):
    """What the rule picks, as positions in ``bins``."""
    c, length, order = graphs_at(bins, binning)
    position = {int(row): at for at, row in enumerate(order)}
    return {level: [position[int(row)] for row in rows] for level, rows in cover(c, length, binning).items()}


def test_the_first_in_a_bin_represents_it_and_middles_are_kept():
    bins = [(5, 5), (1, 1), (5, 5), (2, 8), (5, 4), (1, 1), (14, 5), (13, 7)]
    result = picked(bins, Binning(bins=2, l_max=3.0))
    assert result == {"coarse": [0, 6], "medium": [0, 3, 6], "fine": [0, 1, 3, 4, 6, 7]}


def test_gaps_are_filled_from_beside_the_middle():
    binning = Binning(bins=2, l_max=3.0)
    # Coarse middle (14, 5): its window is C 13…15, L 2…8, scanned C first. Medium middles borrow along L alone:
    # (17, 11) has (17, 12), and (17, 8) may not take (18, 9).
    bins = [(15, 2), (13, 8), (17, 12), (16, 11), (5, 6), (18, 9)]
    result = picked(bins, binning)
    assert result["coarse"] == [1]
    assert result["medium"] == [1, 2]
    # With fill_above = 0 the coarse middle (5, 5) takes (5, 6), before (14, 5) as its C is lower.
    everywhere = picked(bins, Binning(bins=2, l_max=3.0, fill_above=0.0))
    assert everywhere["coarse"] == [4, 1]
    assert everywhere["medium"] == [4, 1, 2]


def test_default_binnings_are_the_published_ones():
    assert default_binning(64, 4.444444444444445) == Binning(15, 4.5, 0.75)
    assert default_binning(16, 2.441666666666667) == Binning(12, 2.5, 0.0)


def test_wrong_binnings_are_named():
    with pytest.raises(UserError, match="bins = 0"):
        Binning(bins=0)
    with pytest.raises(UserError, match="l_max = 1"):
        Binning(l_max=1.0)


# --- made, written, drawn ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_sweep(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "sweep.parquet"
    return sweep(24, k=np.linspace(4, 22, 30), p=np.linspace(0, 1, 30) ** 2, seeds=range(4), out=out).path


def test_catalogues_of_another_size_in_one_command(small_sweep, tmp_path, capsys):
    out = tmp_path / "n24"
    arguments = ["--from", str(small_sweep), "--bins", "6", "--l-max", "2.4", "--out", str(out)]
    assert cli.main(["graphs", "catalogue", *arguments]) == 0
    assert (out / "plane.png").read_bytes().startswith(b"\x89PNG")
    frames = {level: graph2nn.catalogue(out / f"n24-{level}.parquet") for level in ("coarse", "medium", "fine")}
    assert 3 < len(frames["coarse"]) < len(frames["medium"]) < len(frames["fine"])
    assert frames["fine"]["path_length"].max() <= 2.4
    capsys.readouterr()


def test_missing_graphs_are_left_aside(small_sweep):
    frame = pd.read_parquet(small_sweep)
    frame.loc[frame["path_length"] > 1.8, ["clustering", "path_length"]] = np.nan
    made, binning = catalogues.make_catalogues(frame)
    assert made["fine"]["path_length"].max() <= 1.8
    assert binning.l_max == 2.0
    with pytest.raises(UserError, match="no connected graph"):
        catalogues.make_catalogues(frame, l_max=1.0001)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_written_and_read_back_to_the_last_bit(tmp_path, suffix):
    frame = graph2nn.catalogue("n16-48")
    path = catalogue_files.write_catalogue(frame, tmp_path / f"mine.{suffix}")
    assert graph2nn.catalogue(path).to_numpy(np.float64).tobytes() == frame.to_numpy(np.float64).tobytes()


def test_a_file_without_the_columns_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("n,p\n3,0.5\n")
    with pytest.raises(UserError, match="no column 'sparsity'"):
        graph2nn.catalogue(tmp_path / "a.csv")


def test_the_command_prints_and_draws(tmp_path, capsys):
    assert cli.main(["graphs", "catalogue"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in COUNTS)
    assert cli.main(["graphs", "catalogue", "n16-48"]) == 0
    assert "n16-48: 48 graphs" in capsys.readouterr().out
    assert cli.main(["graphs", "catalogue", "n16-48", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows == graph2nn.catalogue("n16-48").to_dict(orient="records")
    plot, table = tmp_path / "plane.svg", tmp_path / "a.csv"
    assert cli.main(["graphs", "catalogue", "n16-48", "--plot", str(plot), "--out", str(table)]) == 0
    assert "clustering coefficient" in plot.read_text()
    assert len(table.read_text().splitlines()) == 49


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["n64-1"], "did you mean"),
        (["n16-48", "--plot", "a.gif"], "expected .png"),
        (["n16-48", "--out", "a.xls"], "expected .csv"),
        (["n16-48", "--bins", "3"], "go with --from"),
        (["--from", "a.parquet"], "--out FOLDER"),
        (["--from", "nowhere.parquet", "--out", "x"], "there is no sweep"),
        (["--nodes", "1", "--out", "x"], "nodes = 1"),
    ],
)
def test_wrong_commands_are_answered_in_one_line(arguments, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["graphs", "catalogue", *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())

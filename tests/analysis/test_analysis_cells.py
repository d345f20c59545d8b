"""Cells of the plane: edges, means by hand, the published sweet spot over coarse cells to the digit."""

import numpy as np
import pytest
from analysis_tables import table

import graph2nn as g
from graph2nn.analysis.cells import LEVELS, binning_of, cell_means, cell_of, cell_sweet_spot
from graph2nn.errors import UserError
from graph2nn.graphs.cover import Binning

PLACES = {"a": (0.31, 2.5), "b": (0.29, 2.45), "c": (0.9, 1.2), "d": (0.5, 2.0)}


def test_an_edge_belongs_to_the_next_cell():
    binning = Binning(bins=10, l_max=2)
    assert cell_of([0.0, 0.1999, 1.0], [1.0, 1.25, 2.0], binning).tolist() == [[1, 1], [2, 3], [11, 11]]


def test_the_cut_is_the_published_one_for_its_sizes_and_covers_longer_graphs():
    runs = table({"a": [30.0]}, PLACES)
    assert binning_of(runs) == Binning(15, 4.5, 0.75)
    assert binning_of(runs.assign(n=16)) == Binning(12, 2.5, 0.0)
    assert binning_of(runs.assign(path_length=6.2)).l_max == 6.5
    assert binning_of(table({"baseline": [30.0]})) == Binning()


def test_means_by_hand():
    runs = table({"baseline": [40.0], "a": [30.0, 32.0], "b": [33.0], "c": [35.0]}, PLACES)
    cells = cell_means(runs)
    assert cells[["i", "j", "graphs", "runs"]].to_numpy().tolist() == [[5, 7, 2, 3], [14, 1, 1, 1]]
    assert cells["mean"].tolist() == [32.0, 35.0]  # each graph counts once
    assert cells["C"][0] == pytest.approx(0.3)
    assert cells["L_high"][0] - cells["L_low"][0] == pytest.approx(3.5 / 15)


def test_finer_levels_nest_in_coarser_ones():
    rng = np.random.default_rng(0)
    c, l = rng.uniform(0, 1, 500), rng.uniform(1, 4.5, 500)  # noqa: E741
    coarse, medium, fine = (cell_of(c, l, Binning(), level) - 1 for level in LEVELS)
    assert (fine // 3 == medium).all()
    assert (medium // 3 == coarse).all()
    with pytest.raises(UserError, match="did you mean 'medium'"):
        cell_of(c, l, Binning(), "medum")


def test_cells_worse_than_the_best_are_left_out():
    runs = table({"a": [30.0, 30.2], "b": [30.1, 30.3], "c": [36.0, 36.1], "d": [30.2, 30.4]}, PLACES)
    spot = cell_sweet_spot(runs)
    assert (spot.best, spot.occupied, spot.compared) == ((5, 7), 3, 2)
    assert set(zip(spot.cells["i"], spot.cells["j"], strict=True)) == {(5, 7), (8, 5)}
    assert (spot.C_min, spot.C_max) == pytest.approx((0.3, 0.5))
    alone = cell_sweet_spot(table({"baseline": [20.0], "a": [30.0], "c": [29.0]}, PLACES))
    assert (alone.compared, len(alone.cells)) == (0, 1)
    with pytest.raises(UserError, match="no relational graph"):
        cell_sweet_spot(table({"baseline": [30.0]}))


def test_every_catalogue_graph_but_the_borrowed_lies_in_its_own_coarse_cell():
    rows = g.catalogue("n64-52")
    cells = cell_of(rows["clustering"], rows["path_length"], Binning())
    assert len({tuple(cell) for cell in cells.tolist()}) == 52


def test_the_published_cells(published, golden):
    wanted = golden["tasks"]["mlp_cifar10"]["sweet_spot_align_results_bin"]
    spot = cell_sweet_spot(published.last("mlp_cifar10"))
    assert spot.occupied == wanted["n_occupied_bins"]
    assert list(spot.best[::-1]) == wanted["best_bin_path_clust_digit"]
    kept = {(j, i) for i, j in zip(spot.cells["i"], spot.cells["j"], strict=True)}
    assert kept == {tuple(cell) for cell in wanted["bins_kept"]}
    assert [spot.C_min, spot.C_max, spot.L_min, spot.L_max] == [
        pytest.approx(wanted[name], abs=1e-12) for name in ("C_min", "C_max", "L_min", "L_max")
    ]

"""The sweet spot: hand-worked, at its limits, and the published count of graphs inside."""

import io
import tarfile

import numpy as np
import pandas as pd
import pytest
from analysis_tables import table
from scipy import stats

from graph2nn.analysis import sweet_spot
from graph2nn.analysis.findings import collect_findings
from graph2nn.errors import UserError
from graph2nn.experiments import preset


def test_by_hand():
    errors = {
        "baseline": [31.0, 31.2, 31.1],
        "far": [36.0, 36.1, 36.2],
        "best": [32.0, 32.2, 32.1],
        "near": [32.1, 32.3, 32.2],
    }
    places = {"far": (0.9, 1.1), "best": (0.4, 2.5), "near": (0.6, 2.1)}
    spot = sweet_spot(table(errors, places))
    assert stats.ttest_ind(errors["best"], errors["near"]).pvalue / 2 > 0.05
    assert (spot.best, spot.graphs, spot.compared, spot.tested) == ("best", ("best", "near"), 2, True)
    assert (spot.C_min, spot.C_max, spot.L_min, spot.L_max) == (0.4, 0.6, 2.1, 2.5)


def test_a_tie_goes_to_the_earlier_row_and_rank_counts_on():
    runs = table({"x": [33.0, 34.0], "y": [32.0, 31.0], "z": [31.0, 32.0]})
    assert [sweet_spot(runs, rank=rank).best for rank in range(3)] == ["y", "z", "x"]
    for rank in (3, -1):
        with pytest.raises(UserError, match="rank"):
            sweet_spot(runs, rank=rank)


def test_graphs_better_than_a_lower_rank_stay_inside():
    runs = table({"x": [30.0, 30.1, 30.2], "y": [33.0, 33.1, 33.2], "z": [36.0, 36.1, 36.2]})
    assert sweet_spot(runs, rank=1).graphs == ("x", "y")


def test_one_seed_everywhere_leaves_the_best_alone():
    spot = sweet_spot(table({"baseline": [30.0], "x": [33.0], "y": [32.0]}))
    assert (spot.graphs, spot.tested, spot.compared) == (("y",), False, 0)
    assert spot.C_min == spot.C_max


def test_one_seed_against_several_is_a_test():
    runs = table({"x": [32.0, 32.1, 32.2], "y": [32.15], "z": [40.0]})
    spot = sweet_spot(runs)
    assert (spot.graphs, spot.compared) == (("x", "y"), 2)


def test_without_spread_the_larger_mean_is_worse():
    runs = table({"x": [0.1, 0.1, 0.1], "y": [0.1, 0.1, 0.1], "z": [0.2, 0.2, 0.2]})
    assert sweet_spot(runs).graphs == ("x", "y")


def test_no_graph_no_sweet_spot():
    with pytest.raises(UserError, match="no relational graph"):
        sweet_spot(table({"baseline": [33.0, 34.0]}))


def test_published_count_of_the_mlp(shared_file, golden):
    """363 of 3,942 graphs lie in the published sweet spot of the MLP on CIFAR-10."""
    golden = golden["tasks"]["mlp_cifar10"]
    with tarfile.open(shared_file("data/published/final_results.tar.xz")) as archive:
        member = archive.extractfile("final_results/mlp_cifar10/results_mlp_cifar10_epoch200.npy")
        errors = np.load(io.BytesIO(member.read()), allow_pickle=False)[:, :, 3]
    expected = golden["baseline"]["top1_per_seed"]
    kinds = ["baseline" if row.tolist() == expected else "relational" for row in errors]
    runs = pd.DataFrame(
        {
            "graph": np.repeat([f"row {i}" for i in range(len(errors))], errors.shape[1]),
            "kind": np.repeat(kinds, errors.shape[1]),
            "clustering": 0.5,
            "path_length": 2.0,
            "test_error": errors.ravel(),
        }
    )
    spot = sweet_spot(runs, rank=2)
    assert kinds.count("baseline") == 1
    best = runs.loc[runs["graph"] == spot.best, "test_error"]
    assert best.tolist() == golden["best"]["top1_per_seed"]
    assert best.mean() == pytest.approx(golden["best"]["top1_mean"])
    assert best.std(ddof=0) == pytest.approx(golden["best"]["top1_std"])
    assert len(spot.graphs) == golden["sweet_spot"]["n_rows_significant_graphs"] == 363
    assert spot.compared == golden["sweet_spot"]["n_graphs"] - 1


def test_equal_means_are_ordered_as_the_published_rows():
    """By sparsity, then p, then the seed of the graph, wherever they stand in the table; unnamed ones last."""
    runs = table({"a": [30.0, 32.0], "b": [31.0, 31.0], "c": [32.0, 30.0], "d": [31.0, 31.0]})
    runs["sparsity"] = runs["graph"].map({"a": 0.3, "b": 0.2, "c": 0.2, "d": float("nan")})
    runs["p"] = runs["graph"].map({"a": 0.0, "b": 0.5, "c": 0.1, "d": float("nan")})
    runs["graph_seed"] = 0
    assert [sweet_spot(runs, rank=rank).best for rank in range(4)] == ["c", "b", "a", "d"]


def test_the_published_best_of_cnn6_is_the_sparser_of_two_that_tie(published):
    """Its YAML file says so, and so does the preset."""
    runs = published.last("cnn6_imagenet")
    best = collect_findings(runs).graphs.iloc[0]
    assert best["graph"] == sweet_spot(runs).best
    assert (best["sparsity"], best["p"], best["graph_seed"]) == (
        pytest.approx(0.170251, abs=1e-6),
        pytest.approx(0.120983, abs=1e-6),
        13,
    )
    spec = preset("cnn6-imagenet").best
    assert spec is not None
    assert spec.build() == published.graphs[best["graph"]].build()

"""One experiment predicting another: laws of the correlations, and the published ones to the digit."""

import math

import numpy as np
import pandas as pd
import pytest
from analysis_tables import table
from published_files import write_task

from graph2nn.analysis.correlation import (
    epoch_correlations,
    graph_count_correlations,
    graph_count_curve,
    pearson,
    shared_cells,
    smaller_catalogues,
    task_correlations,
)
from graph2nn.errors import UserError
from graph2nn.results.published import read_published

PLACES = {f"g{i}": (0.05 + i / 15, 1.1 + (i * 5 % 14) * 3.5 / 15) for i in range(14)}


def runs(shift=0.0, scale=1.0, places=PLACES, baseline=36.0):
    means = {name: 30 + scale * (10 * place[0] + place[1]) for name, place in places.items()}
    errors = {name: [mean, mean + 0.2] for name, mean in means.items()}
    return table({"baseline": [baseline, baseline], **errors}, places).assign(
        test_error=lambda t: t["test_error"] + shift
    )


def test_a_task_agrees_with_itself_shifted_and_disagrees_with_its_mirror():
    with_mirror = {"a": runs(), "b": runs(shift=5), "c": runs(scale=-1, baseline=24.0)}
    found = task_correlations(with_mirror)
    assert found.loc["a", "b"] == pytest.approx(1)
    assert found.loc["a", "c"] == found.loc["c", "a"] < -0.9
    assert (np.diag(found) == 1).all()


def test_the_baseline_is_a_point_of_its_own():
    assert len(shared_cells(runs(), runs())) == len(PLACES) + 1
    assert len(shared_cells(runs(), runs(), baseline=False)) == len(PLACES)


def test_tasks_without_common_ground_have_no_correlation():
    far = {f"h{i}": (0.97, 3.0 + i / 5) for i in range(5)}
    lonely = runs(places=far)
    lonely = lonely[lonely["kind"] == "relational"]
    assert math.isnan(task_correlations({"a": runs(), "b": lonely}).loc["a", "b"])


def test_epochs_against_the_last_one_evaluated():
    rng = np.random.default_rng(0)
    final = pd.Series(rng.uniform(30, 35, 20), index=[f"g{i}" for i in range(20)])
    rows = [
        {"graph": graph, "seed": 1, "epoch": epoch, "test_error": error + rng.normal(0, (10 - epoch) / 2)}
        for epoch in (0, 1, 5, 9, 10)
        for graph, error in final.items()
    ]
    found = epoch_correlations(pd.DataFrame(rows))
    assert found["epoch"].tolist() == [1, 5, 9, 10]  # not the untrained network
    assert found["correlation"].iloc[-1] == pytest.approx(1)
    assert found["correlation"].iloc[2] > found["correlation"].iloc[0]
    assert found["cost_saved"].tolist() == pytest.approx([0.9, 0.5, 0.1, 0.0])
    assert epoch_correlations(pd.DataFrame(rows)[lambda t: t["epoch"] == 0]).empty


def test_pearson_leaves_out_what_is_not_finite():
    x = [1.0, 2.0, 3.0, np.nan]
    assert pearson(x, [2.0, 4.0, 6.0, 1.0]) == pytest.approx(1)
    assert math.isnan(pearson(x, [2.0, np.inf, 6.0, 1.0]))
    assert math.isnan(pearson([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]))


def test_few_graphs_need_a_larger_set(tmp_path):
    assert smaller_catalogues("n64-3942") == ["n64-52", "n64-449"]
    assert smaller_catalogues("n16-48") == smaller_catalogues("my graphs") == []
    write_task(tmp_path)
    assert graph_count_correlations(read_published(tmp_path).last("resnet34_imagenet")).empty
    assert graph_count_correlations(runs()).empty
    assert graph_count_curve(runs()).empty
    assert graph_count_curve(read_published(tmp_path).last("resnet34_imagenet")).empty
    with pytest.raises(UserError, match="no graph"):
        shared_cells(table({"baseline": [30.0]}), runs(), baseline=False)


def test_the_published_correlations(published, golden):
    tables = {task: published.last(task) for task in published.tasks}
    found = task_correlations(tables)
    wanted = golden["correlations_resolution52"]
    assert round(found.loc["mlp_cifar10", "resnet34_imagenet"], 4) == wanted["mlp_vs_resnet34"]
    pair = found.loc["resnet34_sep_imagenet", "resnet34_imagenet"]
    assert round(pair, 5) == wanted["resnet34sep_vs_resnet34"]
    assert len(shared_cells(tables["mlp_cifar10"], tables["resnet34_imagenet"])) == 53
    epochs = epoch_correlations(published.of("resnet34_imagenet")).set_index("epoch")
    for epoch, value in golden["epoch_correlation_resnet34"].items():
        assert epochs.loc[int(epoch), "correlation"] == pytest.approx(value, abs=1e-12)
    counts = graph_count_correlations(tables["mlp_cifar10"])
    assert counts["graphs"].tolist() == [52, 449]
    assert round(counts["correlation"][0], 4) == golden["graph_count_correlation_mlp_first"]
    assert counts["cost_saved"][0] == pytest.approx(1 - 52 / 3942)
    curve = graph_count_curve(tables["mlp_cifar10"])
    assert curve["graphs"].tolist() == list(range(52, 3943))
    assert round(curve["correlation"].iloc[0], 4) == golden["graph_count_correlation_mlp_first"]
    assert curve["correlation"].iloc[-1] == pytest.approx(1)
    assert curve["correlation"].iloc[[200, 1000, 3000]].is_monotonic_increasing
    other = graph_count_curve(tables["mlp_cifar10"], seed=2)
    assert other["correlation"].iloc[0] == pytest.approx(curve["correlation"].iloc[0])
    assert not other.equals(curve)

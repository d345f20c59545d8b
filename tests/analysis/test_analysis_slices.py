"""Slices of the plane: which graphs are in them, and the published parabolas to the digit."""

import numpy as np
import pytest
from analysis_tables import table

from graph2nn.analysis.slices import SLICES, Slice, fit_slices


def test_a_slice_holds_its_borders_and_finds_the_parabola():
    c = np.linspace(0.1, 0.9, 17)
    places = {f"g{i}": (float(x), 2.0 + i / 10) for i, x in enumerate(c)}
    errors = {name: [3 * (place[0] - 0.4) ** 2 + 30] * 2 for name, place in places.items()}
    found = fit_slices(table({"baseline": [10.0], **errors}, places))["error_vs_C_for_L_in_[2,2.5]"]
    assert found.points["graph"].tolist() == [f"g{i}" for i in range(6)]  # L = 2.0 … 2.5, the baseline never
    assert found.fit is not None
    assert found.fit.vertex == pytest.approx((0.4, 30.0))


def test_a_slice_of_too_few_graphs_has_no_parabola():
    slices = fit_slices(table({"a": [30.0], "b": [31.0]}, {"a": (0.5, 2.0), "b": (0.5, 3.0)}))
    assert [len(one.points) for one in slices.values()] == [2, 1]
    assert all(one.fit is None for one in slices.values())
    own = fit_slices(table({"a": [30.0]}), [Slice("mine", x="clustering", by="path_length", low=0, high=9)])
    assert list(own) == ["mine"]


@pytest.mark.parametrize("task", ["mlp_cifar10", "resnet34_imagenet"])
def test_the_published_parabolas(published, golden, task):
    fits = fit_slices(published.last(task))
    assert list(fits) == [one.name for one in SLICES] == list(golden["slice_fits"][task])
    for name, wanted in golden["slice_fits"][task].items():
        fit = fits[name].fit
        assert fit is not None
        assert fit.points == wanted["n_points"]
        assert fit.coefficients == pytest.approx(wanted["coef"], rel=1e-9)
        assert fit.vertex == pytest.approx((wanted["vertex_x"], wanted["vertex_y"]), rel=1e-9)
        assert (fit.x_min, fit.x_max) == (wanted["x_min"], wanted["x_max"])

"""One-dimensional slices of the plane: error along L at a fixed band of C and the reverse (paper, figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from graph2nn.analysis.quadratic import Quadratic, quadratic_fit
from graph2nn.analysis.table import MAP_COLUMNS, checked_results, on_plane


@dataclass(frozen=True)
class Slice:
    """The graphs with ``low`` ≤ ``by`` ≤ ``high``, whose error is drawn against ``x``; both are measures."""

    name: str
    x: str
    by: str
    low: float
    high: float


@dataclass(frozen=True)
class SliceFit:
    """A slice and its parabola.

    Attributes:
        slice: which graphs.
        points: one row per graph: ``graph, clustering, path_length, mean`` (mean error, %).
        fit: parabola of ``mean`` against ``slice.x``; None with fewer than four distinct points.
    """

    slice: Slice
    points: pd.DataFrame
    fit: Quadratic | None


#: The two slices of the published figure.
SLICES = (
    Slice("error_vs_L_for_C_in_[0.4,0.6]", x="path_length", by="clustering", low=0.4, high=0.6),
    Slice("error_vs_C_for_L_in_[2,2.5]", x="clustering", by="path_length", low=2.0, high=2.5),
)


def fit_slices(table: pd.DataFrame, slices: Sequence[Slice] = SLICES) -> dict[str, SliceFit]:
    """Fit a parabola to the mean error of the relational graphs in each slice.

    Args:
        table: one row per run; columns :data:`graph2nn.analysis.table.MAP_COLUMNS`.
        slices: which ones.

    Raises:
        UserError: a malformed table.
    """
    runs = checked_results(table, columns=MAP_COLUMNS).runs
    runs = on_plane(runs[runs["kind"] == "relational"])
    graphs = runs.groupby("graph", sort=False).agg(
        clustering=("clustering", "first"), path_length=("path_length", "first"), mean=("test_error", "mean")
    )
    fits = {}
    for chosen in slices:
        points = graphs[graphs[chosen.by].between(chosen.low, chosen.high)].reset_index()
        fits[chosen.name] = SliceFit(chosen, points, quadratic_fit(points[chosen.x], points["mean"]))
    return fits

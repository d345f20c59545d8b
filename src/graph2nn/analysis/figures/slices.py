"""Slices through the map: error against L in a band of C, against C in a band of L (paper, figure 4)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.figures import marks
from graph2nn.analysis.figures.measure import MEASURES, minimum, parabola
from graph2nn.analysis.figures.study import Study
from graph2nn.analysis.figures.theme import TEXT, Theme, canvas, legend_below
from graph2nn.analysis.slices import SliceFit, fit_slices
from graph2nn.analysis.words import number, plural

#: From so many points on they are also averaged, in so many bins of equal width.
CROWD, BINS = 100, 12
LETTERS = {"clustering": "C", "path_length": "L"}


def draw(study: Study, theme: Theme) -> Figure:
    """Draw a panel a slice: the graphs, means of bins where they crowd, the parabola and its minimum."""
    figure = canvas(TEXT, 3.1)
    fits = fit_slices(study.runs)
    panels = figure.subplots(1, len(fits), squeeze=False, sharey=True)[0]
    for axes, fitted in zip(panels, fits.values(), strict=True):
        _panel(axes, study, fitted, theme)
    panels[0].set_ylabel("top-1 error (%)")
    legend_below(max(panels, key=lambda axes: len(axes.get_legend_handles_labels()[1])), columns=6)
    return figure


def _panel(axes: Axes, study: Study, fitted: SliceFit, theme: Theme) -> None:
    cut, points = fitted.slice, fitted.points
    band = f"{cut.low:g} ≤ {LETTERS[cut.by]} ≤ {cut.high:g}"
    axes.set_xlabel(MEASURES[cut.x])
    if points.empty:
        axes.set_title(band)
        marks.gap(axes, f"no graph has\n{band}", theme)
        return
    crowded = len(points) >= CROWD
    axes.scatter(
        points[cut.x], points["mean"], s=5 if crowded else 16, color=theme.point, alpha=0.25 if crowded else 0.85,
        linewidths=0, zorder=2.5, label="graphs",
    )  # fmt: skip
    _hold_hopeless(axes, points["mean"].to_numpy(dtype=np.float64))
    if crowded:
        means = bin_means(points, cut.x)
        axes.errorbar(
            means["x"], means["mean"], yerr=means["error"], fmt="o", markersize=4.2, color=theme.ink,
            elinewidth=0.9, markeredgewidth=0, zorder=5, label="mean of a bin ± 2 standard errors",
        )  # fmt: skip
    marks.baseline_line(axes, study.found, theme, vertical=False)
    fit = fitted.fit
    r2 = "" if fit is None or math.isnan(fit.r2) else f", R² = {fit.r2:.2f}"
    axes.set_title(f"{band}: {plural(len(points), 'graph')}{r2}")
    if fit is None:
        axes.text(0.5, 0.97, "no curve: fewer than four distinct points", transform=axes.transAxes, ha="center",
                  va="top", style="italic", fontsize=7)  # fmt: skip
        return
    parabola(axes, fit, theme, confidence=study.found.confidence, label="quadratic fit")
    at = minimum(fit)
    if at is not None:
        axes.annotate(
            f"{LETTERS[cut.x]} = {number(at[0])}", at, xytext=(6, 0), textcoords="offset points", va="bottom",
            xycoords=("data", "axes fraction"), fontsize=7.5, zorder=6,
        ).xy = (at[0], 0.02)  # fmt: skip


def bin_means(points: pd.DataFrame, x: str) -> pd.DataFrame:
    """Average points in bins of equal width along ``x``.

    Returns:
        One row a bin with three points or more: ``x`` (their mean), ``mean``, ``error`` (twice the standard
        error of the mean), ``graphs``.
    """
    values = points[x].to_numpy(dtype=np.float64)
    edges = np.linspace(values.min(), values.max(), BINS + 1)
    groups = points.assign(bin=np.clip(np.digitize(values, edges), 1, BINS)).groupby("bin")
    means = groups.agg(x=(x, "mean"), mean=("mean", "mean"), sd=("mean", "std"), graphs=("mean", "size"))
    means["error"] = 2 * means["sd"] / np.sqrt(means["graphs"])
    return means.loc[means["graphs"] >= 3, ["x", "mean", "error", "graphs"]].reset_index(drop=True)


def _hold_hopeless(axes: Axes, mean: npt.NDArray[np.float64]) -> None:
    """Keep graphs that hardly learn from squeezing the others: the worst hundredth may lie above the frame."""
    if len(mean) < CROWD:
        return
    low, high = float(mean.min()), float(np.quantile(mean, 0.99))
    room = 0.08 * (high - low)
    if high > low:
        axes.set_ylim(low - room, high + room)

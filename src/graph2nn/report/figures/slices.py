"""Slices through the map: error against L in a band of C, against C in a band of L (paper, figure 4)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.slices import SliceFit
from graph2nn.analysis.task_findings import TaskFindings
from graph2nn.report.figures import marks
from graph2nn.report.figures.measure import minimum, parabola
from graph2nn.report.figures.plane import labels
from graph2nn.report.figures.theme import TEXT, Theme, canvas, legend_below
from graph2nn.report.phrasing import number, plural

#: From this number of points on they are also averaged, in this number of bins of equal width.
CROWD, BINS = 100, 12
LETTERS = {"clustering": "C", "path_length": "L"}


def draw(task: TaskFindings, theme: Theme) -> Figure:
    """Draw a panel a slice: the graphs, means of bins where they crowd, the parabola and its minimum."""
    figure = canvas(TEXT, 3.1)
    fits = task.slices
    panels = figure.subplots(1, len(fits), squeeze=False, sharey=True)[0].tolist()
    panels[0].set_ylim(*_window(task))
    for axes, fitted in zip(panels, fits.values(), strict=True):
        _panel(axes, task, fitted, theme)
    panels[0].set_ylabel(task.found.score.label)
    filled = [axes for axes, fitted in zip(panels, fits.values(), strict=True) if len(fitted.points)]
    for axes in filled[:1]:  # an empty panel shows no numbers for its neighbours
        axes.tick_params(labelleft=True)
    legend_below(panels, columns=6)
    return figure


def _panel(axes: Axes, task: TaskFindings, fitted: SliceFit, theme: Theme) -> None:
    cut, points = fitted.slice, fitted.points
    band = f"{cut.low:g} ≤ {LETTERS[cut.by]} ≤ {cut.high:g}"
    axes.set_xlabel(labels(task.found)[cut.x])
    if points.empty:
        axes.set_title(band)
        marks.gap(axes, f"no graph has\n{band}", theme)
        return
    crowded = len(points) >= CROWD
    size, opacity = (5, 0.25) if crowded else (16, 0.85)
    axes.scatter(
        points[cut.x],
        points["mean"],
        s=size,
        color=theme.point,
        alpha=opacity,
        linewidths=0,
        zorder=2.5,
        label="graphs",
    )
    if crowded:
        means = bin_means(points, cut.x)
        axes.errorbar(
            means["x"], means["mean"], yerr=means["error"], fmt="o", markersize=4.2, color=theme.ink,
            elinewidth=0.9, markeredgewidth=0, zorder=5, label="mean of a bin ± 2 standard errors",
        )  # fmt: skip
    marks.baseline_line(axes, task.found, theme, vertical=False)
    fit = fitted.fit
    said = ", no curve" if fit is None else "" if math.isnan(fit.r2) else f", R² = {fit.r2:.2f}"
    axes.set_title(f"{band}: {plural(len(points), 'graph')}{said}")
    if fit is None:
        return
    parabola(axes, fit, theme, confidence=task.found.confidence, label="quadratic fit")
    at = minimum(fit)
    if at is not None:
        left = at[0] > fit.x_min + 0.75 * (fit.x_max - fit.x_min)
        axes.annotate(
            f"{LETTERS[cut.x]} = {number(at[0])}",
            (at[0], 0.03),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if left else 5, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=7.5,
            zorder=7,
        )


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


def _window(task: TaskFindings) -> tuple[float, float]:
    """Limits of error for all slices, the baseline among them.

    Where graphs crowd, the worst hundredth, which may hardly learn, may lie above: it would squeeze the others.
    """
    means = [fitted.points["mean"].to_numpy(dtype=np.float64) for fitted in task.slices.values()]
    base = [] if task.found.baseline is None else [float(task.found.baseline["mean"])]
    lows = [float(values.min()) for values in means if len(values)] + base
    highs = [
        float(np.quantile(values, 0.99 if len(values) >= CROWD else 1)) for values in means if len(values)
    ] + base
    if not lows:
        return 0.0, 100.0
    # Below the lowest graph there is room for the name of the minimum.
    room = max(highs) - min(lows) or 0.5
    return min(lows) - 0.14 * room, max(highs) + 0.06 * room

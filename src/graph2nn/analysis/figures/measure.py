"""Error against one measure of a graph, with a parabola (paper, figure 5)."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.figures.theme import Theme, canvas, legend_below
from graph2nn.analysis.findings import Findings
from graph2nn.analysis.words import percent

#: Column of ``per_graph`` to axis label.
MEASURES = {"clustering": "clustering coefficient C", "path_length": "average path length L"}


def draw(found: Findings, measure: str, theme: Theme) -> Figure:
    """Draw mean error with intervals against ``measure``, the baseline as a band, and the fit."""
    figure = canvas(7.4, 4.9)
    axes = figure.add_subplot()
    rows = found.graphs
    x, mean = rows[measure].to_numpy(dtype=np.float64), rows["mean"].to_numpy(dtype=np.float64)
    reach = np.nan_to_num(np.stack([mean - rows["low"].to_numpy(), rows["high"].to_numpy() - mean]))
    crowded = len(rows) > 120
    axes.errorbar(
        x,
        mean,
        # A percentile interval may, by rounding, miss its own mean by the last bit.
        yerr=np.maximum(reach, 0) if (rows["seeds"] > 1).any() else None,
        fmt="o",
        markersize=3.2 if crowded else 5.5,
        color=theme.point,
        ecolor=theme.point,
        elinewidth=0.7 if crowded else 1.1,
        alpha=0.55 if crowded else 0.9,
        markeredgewidth=0,
        zorder=3,
        label="graphs" + (f", {percent(found.confidence)} interval" if (rows["seeds"] > 1).any() else ""),
    )
    baseline_line(axes, found, theme, vertical=False)
    _fit(axes, found, measure, theme)
    axes.set_xlabel(MEASURES[measure])
    axes.set_ylabel("top-1 error (%)")
    legend_below(axes)
    return figure


def baseline_line(axes: Axes, found: Findings, theme: Theme, *, vertical: bool) -> None:
    """Mark the baseline's mean by a line and its interval by a band."""
    if found.baseline is None:
        return
    line, span = (axes.axvline, axes.axvspan) if vertical else (axes.axhline, axes.axhspan)
    low, high = float(found.baseline["low"]), float(found.baseline["high"])
    if not math.isnan(low):
        span(low, high, color=theme.base, alpha=0.16, linewidth=0, zorder=1)
    line(float(found.baseline["mean"]), color=theme.base, linewidth=1.4, zorder=2, label="baseline")


def _fit(axes: Axes, found: Findings, measure: str, theme: Theme) -> None:
    fit = found.fits[measure]
    if fit is None:
        return
    x = np.linspace(fit.x_min, fit.x_max, 200)
    low, high = fit.band(x, confidence=found.confidence)
    bottom, top = axes.get_ylim()
    r2 = "" if math.isnan(fit.r2) else f", R² = {fit.r2:.2f}"
    axes.fill_between(x, low, high, color=theme.fit, alpha=0.18, linewidth=0, zorder=2)
    axes.plot(x, fit.predict(x), color=theme.fit, linewidth=2, zorder=4, label=f"quadratic fit{r2}")
    # With few points the band is unbounded in effect: the points, not the band, set the scale.
    room = 0.25 * (top - bottom)
    axes.set_ylim(
        max(bottom - room, min(bottom, float(low.min()))), min(top + room, max(top, float(high.max())))
    )

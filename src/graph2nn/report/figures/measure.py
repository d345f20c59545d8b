"""Error against one measure of a graph, with a parabola (paper, figure 5)."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.findings import ALPHA, Findings
from graph2nn.analysis.quadratic import Quadratic, group_means, lack_of_fit
from graph2nn.analysis.table import on_plane
from graph2nn.arrays import Floats
from graph2nn.report.figures import marks
from graph2nn.report.figures.plane import labels
from graph2nn.report.figures.theme import Theme, canvas, legend_below
from graph2nn.report.phrasing import percent

#: More intervals than this would be one solid field.
MOST_BARS = 400
#: Groups of neighbouring graphs that a parabola is held against.
GROUPS = 12


def draw(findings: Findings, measure: str, theme: Theme) -> Figure:
    """Draw mean error with intervals against ``measure``, the baseline as a band, and the fit.

    Args:
        findings: findings of the task.
        measure: column of the table of graphs.
        theme: colours.

    Returns:
        The figure.
    """
    figure = canvas(5.9, 3.9)
    axes = figure.add_subplot()
    rows = findings.placed
    x, mean = rows[measure].to_numpy(dtype=np.float64), rows["mean"].to_numpy(dtype=np.float64)
    reach = np.nan_to_num(np.stack([mean - rows["low"].to_numpy(), rows["high"].to_numpy() - mean]))
    crowded, bars = len(rows) > 120, has_bars(findings)
    axes.errorbar(
        x,
        mean,
        # A percentile interval may, by rounding, miss its own mean by the last bit.
        yerr=np.maximum(reach, 0) if bars else None,
        fmt="o",
        markersize=2.6 if crowded else 4.4,
        color=theme.point,
        ecolor=theme.point,
        elinewidth=0.5 if crowded else 0.9,
        alpha=0.9 if not crowded else 0.55 if bars else 0.3,
        markeredgewidth=0,
        zorder=3,
        label="graphs" + (f", {percent(findings.confidence)} interval" if bars else ""),
    )
    marks.baseline_line(axes, findings, theme, vertical=False)
    fit = findings.fits[measure]
    means = trough(findings, measure)
    if means is not None:
        _joined(axes, means, theme, findings.confidence)
    elif fit is not None:
        parabola(axes, fit, theme, confidence=findings.confidence)
    marks.highlights(axes, findings, theme, x=measure, y="mean")
    axes.set_xlabel(labels(findings)[measure])
    axes.set_ylabel(findings.score.label)
    legend_below(axes)
    return figure


def misfit(findings: Findings, measure: str) -> float:
    """P-value for lack of fit of the parabola; NaN with too few graphs to tell."""
    fit, rows = findings.fits[measure], on_plane(findings.graphs)
    if fit is None or len(rows) < 3 * GROUPS:
        return float("nan")
    return lack_of_fit(fit, rows[measure], rows["mean"], GROUPS)


def trough(findings: Findings, measure: str) -> tuple[Floats, Floats, Floats] | None:
    """Group means, as of :func:`graph2nn.analysis.quadratic.group_means`, where no parabola fits; else None."""
    if not misfit(findings, measure) <= ALPHA:
        return None
    rows = on_plane(findings.graphs)
    return group_means(rows[measure], rows["mean"], GROUPS, confidence=findings.confidence)


def _joined(axes: Axes, means: tuple[Floats, Floats, Floats], theme: Theme, confidence: float) -> None:
    x, height, reach = means
    label = f"means of {GROUPS} groups, {percent(confidence)} interval"
    axes.errorbar(
        x, height, yerr=reach, fmt="-o", color=theme.fit, markersize=4, linewidth=1.6, elinewidth=1.4,
        capsize=2, markeredgewidth=0, zorder=5, label=label,
    )  # fmt: skip


def has_bars(findings: Findings) -> bool:
    """Whether intervals are drawn: there are some, and few enough not to cover everything else."""
    return bool((findings.graphs["seeds"] > 1).any()) and len(findings.graphs) <= MOST_BARS


def parabola(axes: Axes, fit: Quadratic, theme: Theme, *, confidence: float, label: str = "") -> None:
    """Draw a parabola with its band over the range of its points, and its minimum where it lies inside.

    Args:
        axes: to draw into.
        fit: the parabola.
        theme: colours.
        confidence: of the band.
        label: for the legend.
    """
    x = np.linspace(fit.x_min, fit.x_max, 200)
    low, high = fit.band(x, confidence=confidence)
    bottom, top = axes.get_ylim()
    r2 = "" if math.isnan(fit.r2) else f", R² = {fit.r2:.2f}"
    axes.fill_between(x, low, high, color=theme.fit, alpha=0.25, linewidth=0, zorder=2)
    axes.plot(x, fit.predict(x), color=theme.fit, linewidth=1.6, zorder=4, label=label or f"quadratic fit{r2}")
    # With few points the band is unbounded in effect: the points, not the band, set the scale.
    room = 0.25 * (top - bottom)
    bottom = max(bottom - room, min(bottom, float(low.min())))
    axes.set_ylim(bottom, min(top + room, max(top, float(high.max()))))
    at = minimum(fit)
    if at is not None:
        stem = {
            "arrowstyle": "-",
            "linestyle": marks.DOTTED,
            "color": theme.ink,
            "linewidth": 0.8,
            "shrinkA": 0,
        }
        axes.annotate("", at, (at[0], 0), textcoords=("data", "axes fraction"), arrowprops=stem, zorder=4)
        axes.plot(
            *at, "D", color=theme.fit, markeredgecolor=theme.ink, markersize=5, zorder=6, label="its minimum"
        )


def minimum(fit: Quadratic) -> tuple[float, float] | None:
    """The lowest point of a parabola, or None where it has none inside the range of its points."""
    if fit.vertex is None or fit.coefficients[0] <= 0 or not fit.x_min <= fit.vertex[0] <= fit.x_max:
        return None
    return fit.vertex

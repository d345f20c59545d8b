"""The (C, L) map: where in the plane of graphs the error is low (paper, figure 1)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from graph2nn.analysis.findings import Findings
from graph2nn.report.figures import marks
from graph2nn.report.figures.theme import COLOURS, Theme, canvas, legend_below


def labels(*findings: Findings, short: bool = False) -> dict[str, str]:
    """Return the labels of the axes of C and L, which say where they are of symmetrised graphs."""
    said = " (symmetrised)" if any(each.symmetrised for each in findings) else ""
    words = ("clustering", "path length") if short else ("clustering coefficient", "average path length")
    return {"clustering": f"{words[0]} C{said}", "path_length": f"{words[1]} L{said}"}


def forms(findings: Findings) -> str:
    """Say what C and L of directed graphs are, where there are some."""
    return " C and L of a directed graph are those of its symmetrised form." if findings.symmetrised else ""


def caption(findings: Findings) -> str:
    """Say which graphs a map does not show, which it marks, and what C and L of directed graphs are."""
    said = forms(findings)
    if off := len(findings.graphs) - len(findings.placed):
        what = "graph falls into parts and is" if off == 1 else "graphs fall into parts and are"
        said += f" {off:,} {what} off the plane: not drawn here."
    if marked := [label for label in findings.highlighted if label in set(findings.placed["graph"])]:
        said += f" Marked by a diamond: {', '.join(marked)}."
    return said


def colour_range(findings: Findings) -> tuple[float, float, bool]:
    """Lowest and highest error (%) on the colour scale, and whether some graphs lie beyond it.

    Graphs that hardly learn would wash out the differences that matter: of twenty graphs or more the worst
    tenth share the last colour, though never one better than the baseline's.
    """
    means = findings.graphs["mean"].to_numpy(dtype=np.float64)
    low, top = float(means.min()), float(means.max())
    high = top if len(means) < 20 else float(np.quantile(means, 0.9))
    if findings.baseline is not None:
        baseline = float(findings.baseline["mean"])
        low, high = min(low, baseline), max(high, baseline)
    return (low, high, top > high) if high > low else (low - 0.5, high + 0.5, False)


def draw(findings: Findings, theme: Theme) -> Figure:
    """Draw each graph at its C and L, coloured by mean error."""
    figure = canvas(5.9, 4.5)
    axes = figure.add_subplot()
    dots = scatter(axes, findings, theme)
    marks.colour_bar(dots, axes, findings, theme, beyond=colour_range(findings)[2])
    legend_below(axes)
    return figure


def scatter(axes: Axes, findings: Findings, theme: Theme, *, scale: float = 1) -> PathCollection:
    """Draw the map into ``axes``, its dots ``scale`` times as wide, and return the dots.

    Args:
        axes: to draw into.
        findings: findings of the task.
        theme: colours.
        scale: of the dots.

    Returns:
        The dots, for a colour bar.
    """
    low, high, _ = colour_range(findings)
    norm = Normalize(low, high, clip=True)
    rows = findings.placed.iloc[::-1]  # the best on top
    size = float(np.clip(450 / np.sqrt(max(len(rows), 1)), 8, 58)) * scale**2
    dots = axes.scatter(
        rows["clustering"],
        rows["path_length"],
        c=rows["mean"],
        s=size,
        cmap=COLOURS,
        norm=norm,
        edgecolors=theme.rim,
        linewidths=0.4 if len(rows) < 500 else 0.15,
        zorder=3,
    )
    marks.best_ring(axes, findings, theme, size=size + 70)
    marks.baseline_star(axes, findings, norm, theme)
    spot = findings.spot
    if spot.bounded:
        label = f"published rectangle (holds {spot.holds(rows):,} of {len(findings.graphs):,} graphs)"
        marks.rectangle(axes, spot, theme.good, label, fill=0.10)
    marks.highlights(axes, findings, theme, size=2 * size + 90)
    axes.set_xlabel(labels(findings)["clustering"])
    axes.set_ylabel(labels(findings)["path_length"])
    axes.margins(0.06)
    return dots

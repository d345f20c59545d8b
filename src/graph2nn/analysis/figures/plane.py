"""The (C, L) map: where in the plane of graphs the error is low (paper, figure 1)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from graph2nn.analysis.figures import marks
from graph2nn.analysis.figures.theme import COLOURS, Theme, canvas, legend_below
from graph2nn.analysis.findings import Findings
from graph2nn.analysis.table import on_plane

C_LABEL, L_LABEL = "clustering coefficient C", "average path length L"


def colour_range(found: Findings) -> tuple[float, float, bool]:
    """Lowest and highest error (%) on the colour scale, and whether some graphs lie beyond it.

    Graphs that hardly learn would wash out the differences that matter: of twenty graphs or more the worst
    tenth share the last colour, though never one better than the baseline's.
    """
    means = found.graphs["mean"].to_numpy(dtype=np.float64)
    low, top = float(means.min()), float(means.max())
    high = top if len(means) < 20 else float(np.quantile(means, 0.9))
    if found.baseline is not None:
        baseline = float(found.baseline["mean"])
        low, high = min(low, baseline), max(high, baseline)
    return (low, high, top > high) if high > low else (low - 0.5, high + 0.5, False)


def draw(found: Findings, theme: Theme) -> Figure:
    """Draw each graph at its C and L, coloured by mean error."""
    figure = canvas(5.9, 4.5)
    axes = figure.add_subplot()
    dots = scatter(axes, found, theme)
    marks.colour_bar(dots, axes, found, theme, beyond=colour_range(found)[2])
    legend_below(axes)
    return figure


def scatter(axes: Axes, found: Findings, theme: Theme, *, scale: float = 1) -> PathCollection:
    """Draw the map into ``axes``, its dots ``scale`` times as wide, and return the dots."""
    low, high, _ = colour_range(found)
    norm = Normalize(low, high, clip=True)
    rows = on_plane(found.graphs).iloc[::-1]  # the best on top
    size = float(np.clip(450 / np.sqrt(len(rows)), 8, 58)) * scale**2
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
    marks.best_ring(axes, found.best, theme, size=size + 70)
    marks.baseline_star(axes, found, norm, theme)
    spot = found.spot
    if spot.tested and len(spot.graphs) > 1:
        label = f"sweet spot ({len(spot.graphs):,} of {len(found.graphs):,} graphs)"
        marks.rectangle(axes, spot, theme.good, label, fill=0.10)
    axes.set_xlabel(C_LABEL)
    axes.set_ylabel(L_LABEL)
    axes.margins(0.06)
    return dots

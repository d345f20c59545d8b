"""The (C, L) map: where in the plane of graphs the error is low (paper, figure 1)."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from graph2nn.analysis.figures.theme import COLOURS, Theme, canvas, legend_below
from graph2nn.analysis.findings import Findings


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
    figure = canvas(7.4, 5.6)
    axes = figure.add_subplot()
    low, high, beyond = colour_range(found)
    norm = Normalize(low, high, clip=True)
    rows = found.graphs.iloc[::-1]  # the best on top
    size = float(np.clip(700 / np.sqrt(len(rows)), 12, 90))
    dots = axes.scatter(
        rows["clustering"],
        rows["path_length"],
        c=rows["mean"],
        s=size,
        cmap=COLOURS,
        norm=norm,
        edgecolors=theme.rim,
        linewidths=0.5,
        zorder=3,
    )
    best = found.best
    axes.scatter(
        [best["clustering"]],
        [best["path_length"]],
        s=size + 110,
        facecolors="none",
        edgecolors=theme.ink,
        linewidths=1.4,
        zorder=4,
        label="best graph",
    )
    if found.baseline is not None:
        axes.scatter(
            [found.baseline["clustering"]],
            [found.baseline["path_length"]],
            c=[found.baseline["mean"]],
            cmap=COLOURS,
            norm=norm,
            marker="*",
            s=330,
            edgecolors=theme.ink,
            linewidths=1.0,
            zorder=5,
            label="baseline (complete graph)",
        )
    _sweet_spot(found, theme, figure)
    bar = figure.colorbar(dots, ax=axes, extend="max" if beyond else "neither", pad=0.02)
    bar.set_label("top-1 error (%)")
    bar.outline.set_visible(False)
    axes.set_xlabel("clustering coefficient C")
    axes.set_ylabel("average path length L")
    axes.margins(0.06)
    legend_below(axes)
    return figure


def _sweet_spot(found: Findings, theme: Theme, figure: Figure) -> None:
    spot, axes = found.spot, figure.axes[0]
    if not spot.tested or len(spot.graphs) < 2:
        return
    axes.add_patch(
        Rectangle(
            (spot.C_min, spot.L_min),
            spot.C_max - spot.C_min,
            spot.L_max - spot.L_min,
            facecolor=(*_rgb(theme.good), 0.10),
            edgecolor=theme.good,
            linestyle=(0, (5, 3)),
            linewidth=1.5,
            zorder=2,
            label=f"sweet spot ({len(spot.graphs):,} of {len(found.graphs):,} graphs)",
        )
    )


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)

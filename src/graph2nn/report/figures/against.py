"""The same graphs here and elsewhere: one dot per graph, one panel per experiment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graph2nn.analysis.beyond.agreement import Agreement
from graph2nn.report.figures.theme import Theme, canvas, wrapped
from graph2nn.report.phrasing import number, p_text, percent

#: Panels at most, in rows of three.
MOST, ROW = 6, 3


def caption(agreement: Mapping[str, Agreement]) -> str:
    """Say how to read the figure, and what it says of the first experiment."""
    name, first = next(iter(agreement.items()))
    text = (
        f"Each dot is a graph at its mean error here and elsewhere. With {name} ({len(first.graphs):,} graphs, "
        f"{first.runs[0]:,} runs here, {first.runs[1]:,} there) Pearson's r is {number(first.pearson)} "
        f"({percent(first.confidence)} interval {number(first.pearson_low)} to "
        f"{number(first.pearson_high)}), Spearman's {number(first.spearman)} ({number(first.spearman_low)} to "
        f"{number(first.spearman_high)})"
    )
    if first.given_width is not None:
        text += (
            f"; at equal width r is {number(first.given_width)} ({number(first.given_width_low or 0)} to "
            f"{number(first.given_width_high or 0)})"
        )
    if first.ceiling is not None:
        text += f"; the scatter of seeds alone would hold r below {number(first.ceiling)}"
    if first.surrogates:
        text += (
            "; intervals are those of surface-preserving permutations, as neighbours on the plane have similar "
            f"errors ({p_text(first.pearson_p)}"
        )
        text += "" if first.given_width_p is None else f", at equal width {p_text(first.given_width_p)}"
        text += ")"
    else:
        text += "; the graphs have no places on the plane, and intervals resample them as if independent"
    more = len(agreement) - MOST
    return text + (f". {more} more left out for room." if more > 0 else ".")


def draw(agreement: Mapping[str, Agreement], theme: Theme) -> Figure:
    """Draw error here against error there, a line of least squares only where the interval of r is off 0."""
    shown = dict(list(agreement.items())[:MOST])
    columns = min(len(shown), ROW)
    rows = -(-len(shown) // ROW)
    figure = canvas(max(3.6, 2.4 * columns), 2.7 * rows + 0.1)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, each) in zip(panels, shown.items(), strict=False):
        x, y = (each.graphs[key].to_numpy(dtype=np.float64) for key in ("one", "other"))
        if each.pearson_low > 0 or each.pearson_high < 0:
            slope, base = np.polyfit(x, y, 1)
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, slope * ends + base, color=theme.fit, linewidth=1.2, zorder=2)
        axes.scatter(x, y, s=15, color=theme.point, alpha=0.85, linewidths=0, zorder=3)
        interval = f"[{number(each.pearson_low)}, {number(each.pearson_high)}]"
        axes.set_title(f"{wrapped(name, 26)}, {len(x):,} graphs\nr = {number(each.pearson)} {interval}")
        axes.set_xlabel("error here (%)")
        axes.set_ylabel("error there (%)")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    return figure

"""All graphs ranked by error against the baseline: a forest plot, or its ends and a histogram."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.findings import Findings
from graph2nn.report.figures.marks import baseline_line
from graph2nn.report.figures.theme import Theme, canvas, legend_below

#: Up to this many graphs each gets a line of its own.
MOST_LINES = 60
#: Of more graphs than fit, this many are shown at either end.
ENDS = 15


def draw(findings: Findings, theme: Theme) -> Figure:
    """Draw mean error with interval, one line per graph, best on top."""
    if len(findings.graphs) <= MOST_LINES:
        figure = canvas(5.9, max(2.1, 1.2 + 0.185 * len(findings.graphs)))
        axes = figure.add_subplot()
        _forest(axes, findings, findings.graphs, theme)
    else:
        figure = canvas(5.9, 8.3)
        upper, axes = figure.subplots(2, 1, height_ratios=[1, 2.7], sharex=True)
        _histogram(upper, findings, theme)
        _forest(axes, findings, _ends(findings), theme)
    axes.set_xlabel(findings.score.label)
    legend_below(axes, columns=4)
    return figure


def _ends(findings: Findings) -> pd.DataFrame:
    """The best and the worst graphs, and between them those that are highlighted."""
    rows = findings.graphs
    marked = rows["graph"].isin(findings.highlighted)
    return rows[marked | (np.arange(len(rows)) < ENDS) | (np.arange(len(rows)) >= len(rows) - ENDS)]


def _forest(axes: Axes, findings: Findings, rows: pd.DataFrame, theme: Theme) -> None:
    cut = len(findings.graphs) - len(rows)
    place = np.arange(len(rows), dtype=np.float64)
    if cut:
        place[ENDS:] += 1.6
        place[-ENDS:] += 1.6 * (len(rows) > 2 * ENDS)
    mean = rows["mean"].to_numpy(dtype=np.float64)
    reach = np.maximum(
        np.nan_to_num(np.stack([mean - rows["low"].to_numpy(), rows["high"].to_numpy() - mean])), 0
    )
    standing = rows["graph"].map(findings.standing)
    rest = "not shown to differ" if len(findings.judged.pooled) else "graphs"
    baseline_line(axes, findings, theme, vertical=True)
    groups = [
        ((standing == "better").to_numpy(), theme.good, "^", "better (Holm)"),
        ((standing == "worse").to_numpy(), theme.bad, "v", "worse (Holm)"),
        (standing.isna().to_numpy(), theme.point, "o", rest),
    ]
    for members, colour, marker, label in groups:
        if members.any():
            axes.errorbar(
                mean[members],
                place[members],
                xerr=reach[:, members] if (rows["seeds"] > 1).any() else None,
                fmt=marker,
                markersize=3.6,
                color=colour,
                elinewidth=1.0,
                markeredgewidth=0,
                label=label,
                zorder=3,
            )
    labels = [
        f"◆ {theme.graph(label, 28)}" if label in findings.highlighted else theme.graph(label)
        for label in rows["graph"]
    ]
    axes.set_yticks(place, labels, fontsize=6.8)
    for tick, label in zip(axes.get_yticklabels(), rows["graph"], strict=True):
        if label in findings.highlighted:
            tick.set(fontweight="bold")
    if cut:
        middle = ENDS + 0.3
        axes.text(
            0.5, middle, f"… {cut:,} graphs …", transform=axes.get_yaxis_transform(), ha="center", va="center"
        )
    axes.set_ylim(float(place[-1]) + 0.8, -0.8)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _histogram(axes: Axes, findings: Findings, theme: Theme) -> None:
    baseline_line(axes, findings, theme, vertical=True)
    axes.hist(findings.graphs["mean"], bins="auto", color=theme.point, alpha=0.85, zorder=1.5)
    axes.set_ylabel("graphs")

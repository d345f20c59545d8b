"""The sweet spot across tasks: every rectangle in one plane, and a coarse map a task (paper, figure 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.cells import binning_of, cell_means
from graph2nn.analysis.figures import levels, marks
from graph2nn.analysis.figures.plane import C_LABEL, L_LABEL, colour_range
from graph2nn.analysis.figures.study import Study
from graph2nn.analysis.figures.theme import TEXT, Theme, canvas, legend_below, wrapped

_LINES = ("solid", marks.DASHED, (0, (1.2, 1.4)), (0, (6, 1.5, 1.2, 1.5)), (0, (9, 2)), (0, (3, 1.2)))


def draw_spots(studies: Sequence[Study], theme: Theme) -> Figure:
    """Draw the sweet spot of every task, and its best graph, over the places of all graphs."""
    figure = canvas(5.0, 3.9)
    axes = figure.add_subplot()
    places = {
        (c, l)
        for study in studies
        for c, l in study.found.graphs[["clustering", "path_length"]].itertuples(index=False, name=None)  # noqa: E741
    }
    at = np.array(sorted(places))
    for index, study in enumerate(studies):
        colour, marker = theme.task(index)
        spot, best = study.found.spot, study.found.best
        if spot.tested and len(spot.graphs) > 1:
            marks.rectangle(axes, spot, colour, "", line=_LINES[index % len(_LINES)], fill=0.03).set_linewidth(
                1.5
            )
        axes.plot(
            best["clustering"], best["path_length"], marker, color=colour, markeredgecolor=theme.paper,
            markeredgewidth=0.7, markersize=7, linestyle=_LINES[index % len(_LINES)], linewidth=1.5,
            label=study.task + ("" if spot.tested else " (one seed: no rectangle)"), zorder=6,
        )  # fmt: skip
    axes.scatter(at[:, 0], at[:, 1], s=4, color=theme.faint, alpha=0.35, linewidths=0, zorder=1, label="graphs")
    axes.set_xlabel(C_LABEL)
    axes.set_ylabel(L_LABEL)
    axes.margins(0.04)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def draw_maps(studies: Sequence[Study], theme: Theme) -> Figure:
    """Draw the coarse map of every task, each on its own scale of error."""
    columns = min(3, len(studies))
    rows = math.ceil(len(studies) / columns)
    figure = canvas(TEXT * columns / 3, 0.55 + 2.15 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes in grid.flat[len(studies) :]:
        axes.set_axis_off()
    for axes, study in zip(grid.flat, studies, strict=False):
        _map(axes, study, theme)
    for axes in grid.flat[max(0, len(studies) - columns) : len(studies)]:
        axes.set_xlabel("clustering C")
        axes.tick_params(labelbottom=True)
    for row in grid:
        row[0].set_ylabel("path length L")
    legend_below(grid[0, 0], columns=2 if columns < 2 else 3)
    return figure


def _map(axes: Axes, study: Study, theme: Theme) -> None:
    means = cell_means(study.runs, "coarse", binning_of(study.runs))
    cells = levels.panel(axes, study, means, theme, coarse=False, ring=34)
    axes.set_title(wrapped(study.task, 26, 2), fontsize=8)
    marks.colour_bar(cells, axes, study.found, theme, beyond=colour_range(study.found)[2], label="", aspect=16)
    if not study.found.spot.tested:
        axes.text(
            0.97, 0.97, "one seed:\nno sweet spot", transform=axes.transAxes, ha="right", va="top", fontsize=6.5,
            style="italic",
        )  # fmt: skip

"""The sweet spot across tasks: every rectangle in one plane, and one coarse map per task (paper, figure 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.cells import cell_means
from graph2nn.analysis.task_findings import TaskFindings
from graph2nn.report.figures import levels, marks
from graph2nn.report.figures.plane import colour_range, labels
from graph2nn.report.figures.theme import TEXT, Theme, canvas, legend_below, short, wrapped

_LINES = ("solid", marks.DASHED, (0, (1.2, 1.4)), (0, (6, 1.5, 1.2, 1.5)), (0, (9, 2)), (0, (3, 1.2)))


def draw_spots(tasks: Sequence[TaskFindings], theme: Theme) -> Figure:
    """Draw the sweet spot of every task, and its best graph, over the places of all graphs."""
    figure = canvas(5.0, 3.9)
    axes = figure.add_subplot()
    places = {
        (c, l)
        for task in tasks
        for c, l in task.found.placed[["clustering", "path_length"]].itertuples(index=False, name=None)  # noqa: E741
    }
    at = np.array(sorted(places)).reshape(-1, 2)
    for index, task in enumerate(tasks):
        colour, marker = theme.task(index)
        spot, best = task.found.spot, task.found.best
        if spot.bounded:
            marks.rectangle(axes, spot, colour, "", line=_LINES[index % len(_LINES)], fill=0.03).set_linewidth(
                1.5
            )
        on_map = best["graph"] in set(task.found.placed["graph"])
        place = (best["clustering"], best["path_length"]) if on_map else ([], [])
        axes.plot(
            *place, marker, color=colour, markeredgecolor=theme.paper,
            markeredgewidth=0.7, markersize=7, linestyle=_LINES[index % len(_LINES)], linewidth=1.5,
            label=short(task.name, 26) + (f" ({alone(task)})" if alone(task) else ""), zorder=6,
        )  # fmt: skip
    axes.scatter(at[:, 0], at[:, 1], s=4, color=theme.faint, alpha=0.35, linewidths=0, zorder=1, label="graphs")
    axes.set_xlabel(labels(*(task.found for task in tasks))["clustering"])
    axes.set_ylabel(labels(*(task.found for task in tasks))["path_length"])
    axes.margins(0.04)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def alone(task: TaskFindings) -> str:
    """Why the sweet spot has no rectangle; empty where it has one."""
    findings = task.found
    if not findings.spot.tested:
        return "one graph" if len(findings.graphs) == 1 else "one seed per graph"
    if len(findings.spot.graphs) == 1:
        return "best graph alone"
    return "" if findings.spot.bounded else "its graphs have no two places on the plane"


def draw_maps(tasks: Sequence[TaskFindings], theme: Theme) -> Figure:
    """Draw the coarse map of every task, each on its own scale of error."""
    columns = min(3, len(tasks))
    rows = math.ceil(len(tasks) / columns)
    figure = canvas(TEXT * columns / 3, 0.55 + 2.15 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes in grid.flat[len(tasks) :]:
        axes.set_axis_off()
    for axes, task in zip(grid.flat, tasks, strict=False):
        _map(axes, task, theme)
    for axes in grid.flat[max(0, len(tasks) - columns) : len(tasks)]:
        axes.set_xlabel(labels(*(task.found for task in tasks), short=True)["clustering"])
        axes.tick_params(labelbottom=True)
    for row in grid:
        row[0].set_ylabel(labels(*(task.found for task in tasks), short=True)["path_length"])
    legend_below(list(grid.flat), columns=2 if columns < 3 else 3)
    return figure


def _map(axes: Axes, task: TaskFindings, theme: Theme) -> None:
    means = cell_means(task.runs, "coarse", task.binning)
    if means.empty:
        axes.set_title(wrapped(task.name, 22, 2), fontsize=7.5)
        marks.gap(axes, "every graph is\noff the plane", theme)
        return
    cells = levels.panel(axes, task, means, theme, coarse=False, ring=34)
    without = f"\n(no rectangle: {alone(task)})" if alone(task) else ""
    axes.set_title(wrapped(task.name, 22, 2) + without, fontsize=7.5)
    marks.colour_bar(cells, axes, task.found, theme, beyond=colour_range(task.found)[2], label="", aspect=16)

"""Do tasks agree on which graphs are good? Every pair over its shared cells (paper, section 5.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graph2nn.analysis.correlation import shared_cells
from graph2nn.analysis.task_findings import Study, TaskFindings, common_score
from graph2nn.report.figures import marks
from graph2nn.report.figures.theme import TEXT, Theme, canvas, wrapped
from graph2nn.report.phrasing import number

#: More tasks than this leave no room to draw pairs; the others are left out.
MOST_TASKS = 8


def draw(study: Study, theme: Theme) -> Figure:
    """Draw a square of panels: pairs below the diagonal, their correlations above it, the tasks on it."""
    tasks = list(study.tasks.values())[:MOST_TASKS]
    count = len(tasks)
    side = min(TEXT, 1.5 + 1.3 * count)
    figure = canvas(side, side * 0.94)
    grid = figure.subplots(count, count, squeeze=False)
    figure.set_layout_engine("constrained", w_pad=0.04, h_pad=0.04, wspace=0.02, hspace=0.02)
    pairs = {(row, column): _pair(tasks[column], tasks[row]) for row in range(count) for column in range(row)}
    limits = [_limits(pairs, index) for index in range(count)]
    for row in range(count):
        for column in range(count):
            axes = grid[row, column]
            if row > column:
                _scatter(axes, pairs[row, column], theme)
                axes.set(xlim=limits[column], ylim=limits[row])
                _ticks(axes, left=column == 0, bottom=row == count - 1)
            elif row < column:
                _cell(axes, float(study.correlations.to_numpy()[row, column]), theme)
            else:
                _name(axes, tasks[row].name, theme)
    score = common_score(study.tasks.values())
    unit = f" ({score.unit})" if score.unit else ""
    figure.supxlabel(f"{score.name} of the column's task{unit}", fontsize=8.2)
    figure.supylabel(f"{score.name} of the row's task{unit}", fontsize=8.2)
    return figure


def _pair(one: TaskFindings, other: TaskFindings) -> pd.DataFrame:
    pair = shared_cells(one.runs, other.runs)
    return pair.assign(baseline=(pair["C"] == 1) & (pair["L"] == 1))


def _limits(pairs: Mapping[tuple[int, int], pd.DataFrame], index: int) -> tuple[float, float]:
    """Limits of a task's axis that hold its points of every pair."""
    columns = [
        pair["one" if index == column else "other"]
        for (row, column), pair in pairs.items()
        if index in (row, column)
    ]
    values = pd.concat(columns)
    if values.empty:
        return 0.0, 1.0
    room = 0.09 * float(values.max() - values.min()) or 0.5
    return float(values.min()) - room, float(values.max()) + room


def _scatter(axes: Axes, pair: pd.DataFrame, theme: Theme) -> None:
    if pair.empty:
        marks.gap(axes, "no shared\ncell", theme)
        return
    cells, baseline = pair[~pair["baseline"]], pair[pair["baseline"]]
    axes.scatter(cells["one"], cells["other"], s=7, color=theme.point, alpha=0.75, linewidths=0, zorder=3)
    axes.scatter(baseline["one"], baseline["other"], s=48, marker="*", color=theme.base, linewidths=0, zorder=4)


def _ticks(axes: Axes, *, left: bool, bottom: bool) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(3, min_n_ticks=2, steps=[1, 2, 5, 10]))
    axes.tick_params(labelleft=left, labelbottom=bottom, labelsize=6.5, length=2, pad=2)


def _cell(axes: Axes, r: float, theme: Theme) -> None:
    """A field of the correlation matrix: the fuller its colour, the stronger; its number has the sign."""
    marks.bare(axes)
    estimated = math.isfinite(r)
    strength = abs(r) if estimated else 0.0
    paper, full = np.array(to_rgb(theme.paper)), np.array(to_rgb(theme.point if r > 0 else theme.fit))
    axes.set_facecolor(tuple(paper + 0.65 * strength**2 * (full - paper)))
    axes.text(
        0.5, 0.5, number(r) if estimated else "too few\ncells",
        transform=axes.transAxes, ha="center", va="center",
        fontsize=10 if estimated else 7, color=theme.ink,
        style="normal" if estimated else "italic",
    )  # fmt: skip


def _name(axes: Axes, task: str, theme: Theme) -> None:
    marks.bare(axes)
    axes.text(
        0.5, 0.5, wrapped(task, 11), transform=axes.transAxes, ha="center", va="center", fontsize=7.5,
        fontweight="bold", color=theme.ink,
    )  # fmt: skip

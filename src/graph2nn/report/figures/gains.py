"""All tasks in one forest plot: the baseline's error, the best graph's, and the gain between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graph2nn.analysis.table import Gap
from graph2nn.analysis.task_findings import TaskFindings, common_score
from graph2nn.report.figures import marks
from graph2nn.report.figures.theme import TEXT, Theme, canvas, legend_below, wrapped
from graph2nn.report.phrasing import error


def draw(tasks: Sequence[TaskFindings], theme: Theme) -> Figure:
    """Draw, one line per task: errors of baseline and best graph on the left, the gain on the right."""
    figure = canvas(TEXT, 1.35 + 0.31 * len(tasks))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1, 1.15])
    place = np.arange(len(tasks), dtype=np.float64)
    for at, task in zip(place, tasks, strict=True):
        findings = task.found
        if findings.baseline is not None:
            _error(left, findings.baseline, at - 0.13, theme.base, "o", "baseline", findings.digits)
        _error(left, findings.best, at + 0.13, theme.good, "^", "best graph", findings.digits)
        if findings.baseline is None:
            right.text(0.03, at, "no baseline: no gain", transform=right.get_yaxis_transform(), va="center",
                       style="italic", fontsize=7)  # fmt: skip
            continue
        _gain(right, task, at, theme)
    right.axvline(0, color=theme.base, linewidth=1, linestyle=marks.DASHED, zorder=1)
    left.set_yticks(place, [wrapped(task.name, 24, 2) for task in tasks])
    left.set_ylim(len(tasks) - 0.45, -0.55)
    score = common_score(tasks)
    left.set_xlabel(score.label)
    right.set_xlabel(f"gain over the baseline ({score.difference})")
    right.margins(x=0.12)
    right.xaxis.set_major_locator(MaxNLocator(5))
    left.xaxis.set_major_locator(MaxNLocator(4))
    low, high = right.get_xlim()
    right.set_xlim(min(low, -0.05 * (high - low)), high)
    if all(task.found.baseline is None for task in tasks):
        right.tick_params(axis="x", bottom=False, labelbottom=False)
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    legend_below((left, right), columns=4)
    return figure


def _error(axes: Axes, row: pd.Series, at: float, colour: str, marker: str, label: str, digits: int) -> None:
    axes.errorbar(
        row["mean"], at, xerr=_reach(row["mean"], row["low"], row["high"]), fmt=marker, color=colour,
        markersize=5, elinewidth=1.1, capsize=2, markeredgewidth=0, zorder=3, label=label,
    )  # fmt: skip
    end = row["high"] if math.isfinite(row["high"]) else row["mean"]
    axes.annotate(error(row, digits), (end, at), xytext=(9, 0), textcoords="offset points", va="center",
                  fontsize=6.5)  # fmt: skip


def _gain(axes: Axes, task: TaskFindings, at: float, theme: Theme) -> None:
    best, every = task.found.judged.best, task.found.judged.all_graphs
    if every is not None and math.isfinite(every.low):
        axes.errorbar(
            every.estimate, at - 0.13, xerr=_reach(every.estimate, every.low, every.high), fmt="o",
            color=theme.point, markersize=5, elinewidth=1.1, capsize=2, markeredgewidth=0, zorder=3,
            label="mean of all graphs",
        )  # fmt: skip
    if not isinstance(best, Gap):
        axes.errorbar(
            best.honest, at + 0.13, xerr=_reach(best.honest, best.low, best.high), fmt="D", color=theme.good,
            markersize=4.6, elinewidth=1.1, capsize=2, markeredgewidth=0, zorder=4,
            label="graph chosen by the other seeds",
        )  # fmt: skip


def _reach(middle: float, low: float, high: float) -> list[list[float]] | None:
    """Lengths of an error bar; None where there is no interval."""
    if not math.isfinite(low):
        return None
    # A percentile interval may, by rounding, miss its own mean by the last bit.
    return [[max(middle - low, 0)], [max(high - middle, 0)]]

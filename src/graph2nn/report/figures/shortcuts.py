"""Results of less work: fewer epochs, fewer graphs (paper, section 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graph2nn.analysis.correlation import graph_count_curve, shared_cells, smaller_catalogues
from graph2nn.analysis.task_findings import TaskFindings
from graph2nn.arrays import Floats
from graph2nn.graphs.catalogues import catalogue
from graph2nn.report.figures import marks
from graph2nn.report.figures.theme import TEXT, Theme, canvas, legend_below, short
from graph2nn.report.phrasing import number


def draw_epochs(tasks: Sequence[TaskFindings], theme: Theme) -> Figure:
    """Draw, one line per task, the correlation of error after each epoch with error after the last."""
    figure = canvas(5.0, 3.5)
    axes = figure.add_subplot()
    last = 0
    lowest = 1.0
    for index, task in enumerate(tasks):
        colour, marker = theme.task(index)
        rows = task.epochs.dropna(subset=["correlation"])
        if len(task.epochs) < 2:
            axes.plot(
                [], [], marker, color=colour, markersize=4.5, label=f"{short(task.name, 24)}: last epoch only"
            )
            continue
        if rows.empty:
            axes.plot(
                [],
                [],
                marker,
                color=colour,
                markersize=4.5,
                label=f"{short(task.name, 18)}: no spread or few graphs",
            )
            continue
        last = max(last, int(rows["epoch"].max()))
        lowest = min(lowest, float(rows["correlation"].min()))
        # Markers of different tasks at different epochs, or they would cover each other.
        places = (min(index * max(1, len(rows) // 48), len(rows) - 1), max(1, len(rows) // 8))
        look: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.3,
            "marker": marker,
            "markersize": 4.5,
            "markeredgewidth": 0,
        }
        axes.plot(rows["epoch"], rows["correlation"], markevery=places, label=short(task.name), **look)
    axes.axhline(1, color=theme.faint, linewidth=0.7, zorder=1)
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(min(lowest - 0.03, 0.0 if lowest < 0.3 else 1.0), 1.03)
    axes.set_xlabel("epoch")
    axes.set_ylabel("correlation with the last epoch")
    if last and all(_epochs(task) in (None, last) for task in tasks):
        full = float(last)
        saved = axes.secondary_xaxis(
            "top", functions=(partial(_swapped, full, 100.0), partial(_swapped, 100.0, full))
        )
        saved.set_xlabel("training saved by stopping there (%)")
    legend_below(axes, columns=2)
    return figure


def _swapped(whole: float, other: float, value: Floats) -> Floats:
    """What is left of ``whole`` after ``value``, on a scale where the whole is ``other``."""
    return np.asarray(other - other * np.asarray(value) / whole, dtype=np.float64)


def _epochs(task: TaskFindings) -> int | None:
    """The last epoch of a task with several."""
    return int(task.epochs["epoch"].max()) if len(task.epochs) > 1 else None


def draw_few(task: TaskFindings, theme: Theme) -> Figure:
    """Draw, a panel a smaller catalogue, cell means from its graphs against those from all graphs."""
    parts = few(task)
    said = task.counts.set_index("graphs")
    every = len(task.found.graphs)
    unit = f" ({task.found.score.unit})" if task.found.score.unit else ""
    figure = canvas(max(3.4, TEXT / 3 * len(parts) + 0.6), 2.9)
    panels = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
    for axes, (graphs, shared) in zip(panels, parts.items(), strict=True):
        r, saved = (said[name].to_dict()[graphs] for name in ("correlation", "cost_saved"))
        _few(axes, shared, theme)
        axes.set_title(f"{graphs:,} graphs: r = {number(r)}\n{100 * saved:.0f} % of the training saved")
        axes.set_xlabel(f"{task.found.score.name} from {graphs:,} graphs{unit}")
    panels[0].set_ylabel(f"{task.found.score.name} from all {every:,} graphs{unit}")
    legend_below(panels[0])
    return figure


def draw_curve(task: TaskFindings, theme: Theme) -> Figure:
    """Draw the correlation of cell means with those from all graphs against the number of graphs."""
    curve = graph_count_curve(task.runs)
    figure = canvas(5.0, 3.3)
    axes = figure.add_subplot()
    colour, _ = theme.task(0)
    axes.plot(curve["graphs"], curve["correlation"], color=colour, linewidth=1.4, label="in random order")
    points = task.counts.sort_values("graphs")
    axes.plot(points["graphs"], points["correlation"], "o", color=theme.point, markersize=4.5,
              label="smaller catalogues")  # fmt: skip
    axes.axhline(1, color=theme.faint, linewidth=0.7, zorder=1)
    axes.set_xlabel("number of graphs")
    axes.set_ylabel("correlation with all graphs")
    legend_below(axes, columns=2)
    return figure


def few(task: TaskFindings) -> dict[int, pd.DataFrame]:
    """Coarse cells by the number of graphs in a smaller catalogue: ``one`` from those, ``other`` from all."""
    runs, counted = task.runs, set(task.counts["graphs"])
    relational = runs[runs["kind"] == "relational"]
    if "catalogue" not in runs or relational["catalogue"].dropna().empty:
        return {}
    name = str(relational["catalogue"].dropna().iloc[0])
    cells_of = {}
    keys = ["n", "sparsity", "p", "seed"]
    for smaller in smaller_catalogues(name):
        rows = catalogue(name).reset_index().merge(catalogue(smaller)[keys].drop_duplicates(), on=keys)["index"]
        part = relational[relational["index"].isin(set(rows))]
        if part["graph"].nunique() in counted:
            cells = shared_cells(part, relational, binning=task.binning, baseline=False)
            cells_of[int(part["graph"].nunique())] = cells
    return cells_of


def _few(axes: Axes, shared: pd.DataFrame, theme: Theme) -> None:
    values = shared[["one", "other"]].to_numpy(dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 0.5
    axes.plot([low - room, high + room], [low - room, high + room], color=theme.faint, linewidth=0.9,
              linestyle=marks.DASHED, label="equal", zorder=1)  # fmt: skip
    axes.scatter(shared["one"], shared["other"], s=16, color=theme.point, alpha=0.8, linewidths=0, zorder=3,
                 label="a coarse cell")  # fmt: skip
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(low - room, high + room)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))

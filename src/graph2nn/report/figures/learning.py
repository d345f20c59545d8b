"""Learning curves of the best graph, the baseline and the worst graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graph2nn.analysis.findings import Findings
from graph2nn.analysis.table import score_of
from graph2nn.analysis.task_findings import TaskFindings, common_score
from graph2nn.errors import UserError
from graph2nn.report.figures import marks
from graph2nn.report.figures.theme import COLUMN, TEXT, Theme, canvas, legend_below, wrapped

COLUMNS = ("run", "epoch", "train_loss", "train_error", "test_error")


def followed(findings: Findings, curves: pd.DataFrame | None) -> pd.DataFrame | None:
    """Pick the curves to draw: those of the best graph, the baseline and the worst graph.

    Returns:
        ``role, graph, epoch, train_error, test_error``, or None where no curve belongs to one of them.

    Raises:
        UserError: a column is missing.
    """
    if curves is None:
        return None
    missing = [name for name in COLUMNS if name not in curves.columns]
    if missing:
        raise UserError(f"curves: the table has no column {', '.join(missing)}.")
    graph_of_run = dict(zip(findings.results.runs["run"], findings.results.runs["graph"], strict=True))
    graph = curves["run"].astype(str).map(graph_of_run)
    picked = curves.assign(graph=graph, role=graph.map(_roles(findings))).dropna(subset=["role"])
    return None if picked.empty else picked


def draw(picked: pd.DataFrame, theme: Theme) -> Figure:
    """Draw mean error by epoch, with a band from the lowest to the highest seed."""
    figure = canvas(TEXT, 3.3)
    left, right = figure.subplots(1, 2, sharey=True)
    names = picked.drop_duplicates("role").set_index("role")["graph"]
    labels = {
        role: role if role == "baseline" else f"{role}: {theme.graph(names[role], 24)}" for role in names.index
    }
    for axes, column, title in ((left, "test_error", "test"), (right, "train_error", "training")):
        by_role(axes, picked, column, theme, labels)
        axes.set_title(f"{title} error")
        axes.set_xlabel("epoch")
    left.set_ylabel(score_of(picked).label)
    legend_below(left)
    return figure


def by_role(axes: Axes, picked: pd.DataFrame, column: str, theme: Theme, labels: Mapping[str, str]) -> None:
    """Draw a line for each of best, baseline and worst: mean over seeds, band from lowest to highest.

    Args:
        axes: to draw into.
        picked: one row per run and epoch, with its role.
        column: to draw.
        theme: colours.
        labels: by role.
    """
    looks = {
        "best": (theme.good, "solid"),
        "baseline": (theme.base, marks.DASHED),
        "worst": (theme.bad, marks.DOTTED),
    }
    for role, (colour, line) in looks.items():
        mine = picked.loc[picked["role"] == role]
        if mine.empty:
            continue
        by_epoch = mine.groupby("epoch")[column].agg(["mean", "min", "max"])
        epochs = by_epoch.index.to_numpy()
        marker = "o" if len(epochs) < 3 else None
        axes.fill_between(epochs, by_epoch["min"], by_epoch["max"], color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            epochs,
            by_epoch["mean"],
            color=colour,
            linewidth=1.4,
            linestyle=line,
            marker=marker,
            label=labels[role],
        )
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))


def draw_tasks(tasks: Sequence[TaskFindings], theme: Theme) -> Figure:
    """Draw one panel per task: test error of baseline, best and worst graph; the first epochs may lie above."""
    columns = min(3, len(tasks))
    rows = math.ceil(len(tasks) / columns)
    figure = canvas(max(COLUMN, TEXT * columns / 3), 0.6 + 2.0 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(tasks) :]:
        axes.set_axis_off()
    for axes, task in zip(grid.flat, tasks, strict=False):
        axes.set_title(wrapped(task.name, 30, 2), fontsize=8)
        picked = roles(task)
        if picked is None:
            last = task.runs["epochs"].iloc[0]
            marks.gap(axes, f"no curve: only epoch {last:g}\nwas evaluated", theme)
            continue
        by_role(axes, picked, "test_error", theme, {role: role for role in picked["role"]})
        axes.set_ylim(*_window(picked))
        axes.set_xlim(0, None)
        axes.set_xlabel("epoch")
        _closer(axes, picked, theme)
    for row in grid:
        row[0].set_ylabel(common_score(tasks).label)
    legend_below(list(grid.flat))
    return figure


def roles(task: TaskFindings) -> pd.DataFrame | None:
    """Evaluations of best graph, baseline and worst graph, with their ``role``; None with one epoch only."""
    rows = task.evaluations[task.evaluations["epoch"] > 0]
    if rows["epoch"].nunique() < 2:
        return None
    picked = rows.assign(role=rows["graph"].map(_roles(task.found))).dropna(subset=["role"])
    return None if picked.empty else picked


def _roles(findings: Findings) -> dict[str, str]:
    """Role of a graph by its label."""
    named = {str(findings.best["graph"]): "best"}
    if findings.baseline is not None:
        named[str(findings.baseline["graph"])] = "baseline"
    named.setdefault(str(findings.graphs["graph"].iloc[-1]), "worst")
    return named


def _closer(axes: Axes, picked: pd.DataFrame, theme: Theme) -> None:
    """Draw the last tenth of the training once more, larger, in the corner that falling curves leave empty."""
    end = picked[picked["epoch"] >= 0.9 * picked["epoch"].max()]
    if end["epoch"].nunique() < 3:
        return
    inset = axes.inset_axes((0.56, 0.55, 0.43, 0.44))
    by_role(inset, end, "test_error", theme, {role: role for role in end["role"]})
    inset.set_xlim(float(end["epoch"].min()), float(end["epoch"].max()))
    inset.xaxis.set_major_locator(MaxNLocator(2, integer=True, steps=[1, 2, 5, 10]))
    inset.yaxis.set_major_locator(MaxNLocator(3))
    inset.tick_params(labelsize=6, length=2, pad=1.5)


def _window(picked: pd.DataFrame) -> tuple[float, float]:
    """Limits of error: from the lowest to far enough above the curves' middle to leave a corner empty."""
    last = picked["epoch"].max()
    later = picked.loc[picked["epoch"] >= 0.1 * last, "test_error"]
    low, high = float(later.min()), float(later.max())
    room = 0.05 * (high - low) or 0.5
    return low - room, high + 0.6 * (high - low) + room

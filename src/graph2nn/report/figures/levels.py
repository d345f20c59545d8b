"""The (C, L) map in cells, from coarse to fine (paper, figures 1 and 4)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from graph2nn.analysis.cells import LEVELS, cell_means
from graph2nn.analysis.task_findings import TaskFindings
from graph2nn.report.figures import marks
from graph2nn.report.figures.plane import colour_range, labels
from graph2nn.report.figures.theme import COLOURS, TEXT, Theme, canvas, legend_below

#: A finer level is drawn only if it splits the cells of the coarser one into this many times as many.
FINER = 1.5


def shown(task: TaskFindings) -> dict[str, pd.DataFrame]:
    """Cells by level: the coarse ones, and finer ones as long as they tell graphs apart that shared a cell."""
    levels: dict[str, pd.DataFrame] = {}
    for level in LEVELS:
        means = cell_means(task.runs, level, task.binning)
        if levels and len(means) < FINER * len(next(reversed(levels.values()))):
            break
        levels[level] = means
    return levels


def draw(task: TaskFindings, theme: Theme) -> Figure:
    """Draw a panel a level, with one scale of error."""
    levels, findings = shown(task), task.found
    width = {1: 4.6, 2: 5.8}.get(len(levels), TEXT)
    figure = canvas(width, 3.4 if len(levels) == 1 else 3.2)
    panels = list(figure.subplots(1, len(levels), squeeze=False, sharex=True, sharey=True)[0])
    cells = None
    for axes, (level, means) in zip(panels, levels.items(), strict=True):
        cells = panel(axes, task, means, theme, coarse=level == "coarse" and len(levels) > 1, ring=54)
        few = "1 cell" if len(means) == 1 else f"{len(means):,} cells"
        axes.set_title(f"{level}: {few}")
        axes.set_xlabel(labels(findings, short=len(levels) > 2)["clustering"])
    panels[0].set_ylabel(labels(findings)["path_length"])
    if cells is not None:
        marks.colour_bar(cells, panels, findings, theme, beyond=colour_range(findings)[2])
    legend_below(panels[0], columns=2)
    return figure


def panel(
    axes: Axes, task: TaskFindings, means: pd.DataFrame, theme: Theme, *, coarse: bool, ring: float = 40
) -> PolyCollection:
    """Draw cells coloured by mean error, the best graph, the baseline and the sweet spots.

    Args:
        axes: where.
        task: the task.
        means: cells, as :func:`cell_means` gives them.
        theme: colours.
        coarse: outline the sweet spot of coarse cells too.
        ring: size of the best graph's ring, points squared.

    Returns:
        The coloured cells, for a colour bar.
    """
    findings = task.found
    low, high, _ = colour_range(findings)
    norm = Normalize(low, high, clip=True)
    cells = coloured_cells(axes, means, norm)
    marks.best_ring(axes, findings, theme, size=ring)
    marks.highlights(axes, findings, theme, size=2 * ring)
    marks.baseline_star(axes, findings, norm, theme, size=2.2 * ring)
    outline_spots(axes, task, theme, coarse=coarse)
    axes.grid(visible=False)
    axes.set_xlim(-0.02, max(1.05, float(means["C_high"].max()) + 0.02))
    axes.set_ylim(1 - 0.12, float(means["L_high"].max()) + 0.12)
    return cells


def coloured_cells(axes: Axes, means: pd.DataFrame, norm: Normalize) -> PolyCollection:
    """Draw each cell as a rectangle in the colour of its mean error.

    Args:
        axes: to draw into.
        means: cells, as :func:`cell_means` gives them.
        norm: from errors to colours.

    Returns:
        The cells, for a colour bar.
    """
    left, right, low, high = (means[name].to_numpy() for name in ("C_low", "C_high", "L_low", "L_high"))
    corners = np.stack(
        [np.stack([x, y], axis=1) for x, y in ((left, low), (right, low), (right, high), (left, high))], axis=1
    )
    # An edge in the cell's own colour closes the hairlines that viewers show between neighbours.
    cells = PolyCollection(list(corners), cmap=COLOURS, norm=norm, linewidths=0.25, zorder=1)
    cells.set_array(means["mean"].to_numpy(dtype=np.float64))
    cells.set_edgecolor("face")
    axes.add_collection(cells)
    return cells


def outline_spots(axes: Axes, task: TaskFindings, theme: Theme, *, coarse: bool) -> None:
    """Outline the sweet spot of graphs, and that of coarse cells.

    Args:
        axes: to draw into.
        task: what was found.
        theme: colours.
        coarse: whether to outline the coarse cells, too.
    """
    spot = task.found.spot
    if spot.bounded:
        marks.cased(marks.rectangle(axes, spot, theme.ink, "published rectangle of graphs"), theme)
    if not coarse:
        return
    cells = task.cells
    if cells.compared and len(cells.cells) > 1:
        label = "published rectangle of coarse cells (centres)"
        marks.cased(marks.rectangle(axes, cells, theme.ink, label, line=marks.DOTTED), theme)

"""What less work would have told: few epochs for all of them, few graphs for many (paper, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graph2nn.analysis.cells import binning_of
from graph2nn.analysis.correlation import (
    epoch_correlations,
    graph_count_correlations,
    shared_cells,
    smaller_catalogues,
)
from graph2nn.analysis.figures import marks
from graph2nn.analysis.figures.study import Study
from graph2nn.analysis.figures.theme import TEXT, Theme, canvas, legend_below
from graph2nn.analysis.words import number
from graph2nn.graphs.catalogues import catalogue

Floats = npt.NDArray[np.float64]


def draw_epochs(studies: Sequence[Study], theme: Theme) -> Figure:
    """Draw, a line a task, the correlation of error after each epoch with error after the last."""
    figure = canvas(5.0, 3.5)
    axes = figure.add_subplot()
    last = 0
    lowest = 1.0
    for index, study in enumerate(studies):
        colour, marker = theme.task(index)
        if study.curves is None:
            axes.plot([], [], marker, color=colour, markersize=4.5, label=f"{study.task}: last epoch only")
            continue
        rows = epoch_correlations(study.curves).dropna(subset=["correlation"])
        if rows.empty:
            axes.plot(
                [], [], marker, color=colour, markersize=4.5, label=f"{study.task}: no spread or few graphs"
            )
            continue
        last = max(last, int(rows["epoch"].max()))
        lowest = min(lowest, float(rows["correlation"].min()))
        axes.plot(
            rows["epoch"], rows["correlation"], color=colour, linewidth=1.3, marker=marker, markersize=4.5,
            markeredgewidth=0, markevery=(index * max(1, len(rows) // 48), max(1, len(rows) // 8)), label=study.task,
        )  # fmt: skip
    axes.axhline(1, color=theme.faint, linewidth=0.7, zorder=1)
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(min(lowest - 0.03, 0.0 if lowest < 0.3 else 1.0), 1.03)
    axes.set_xlabel("epoch")
    axes.set_ylabel("correlation with the last epoch")
    if all(_epochs(study) in (None, last) for study in studies):
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


def _epochs(study: Study) -> int | None:
    return None if study.curves is None else int(study.curves["epoch"].max())


def draw_few(study: Study, theme: Theme) -> Figure:
    """Draw, a panel a smaller catalogue, cell means from its graphs against those from all graphs."""
    parts = few(study.runs)
    counted = graph_count_correlations(study.runs).set_index("graphs")
    every = len(study.found.graphs)
    figure = canvas(max(3.4, TEXT / 3 * len(parts) + 0.6), 2.9)
    panels = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
    for axes, (graphs, shared) in zip(panels, parts.items(), strict=True):
        row = counted.loc[graphs]
        _few(axes, shared, theme)
        axes.set_title(
            f"{graphs:,} graphs: r = {number(row['correlation'])}\n"
            f"{100 * row['cost_saved']:.0f} % of the training saved"
        )
        axes.set_xlabel(f"error from {graphs:,} graphs (%)")
    panels[0].set_ylabel(f"error from all {every:,} graphs (%)")
    legend_below(panels[0])
    return figure


def few(runs: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Coarse cells by the number of graphs in a smaller catalogue: ``one`` from those, ``other`` from all."""
    relational = runs[runs["kind"] == "relational"]
    if "catalogue" not in runs or relational["catalogue"].dropna().empty:
        return {}
    name = str(relational["catalogue"].dropna().iloc[0])
    counted = set(graph_count_correlations(runs)["graphs"])
    found = {}
    keys = ["n", "sparsity", "p", "seed"]
    for smaller in smaller_catalogues(name):
        rows = catalogue(name).reset_index().merge(catalogue(smaller)[keys].drop_duplicates(), on=keys)["index"]
        part = relational[relational["index"].isin(set(rows))]
        if part["graph"].nunique() in counted:
            cells = shared_cells(part, relational, binning=binning_of(relational), baseline=False)
            found[int(part["graph"].nunique())] = cells
    return found


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

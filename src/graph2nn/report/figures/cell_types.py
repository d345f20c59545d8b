"""Pictures of a connectome by cell type: its adjacency, activity over rounds, what silencing a type costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.report.figures.theme import COLOURS, Theme, canvas
from graph2nn.tasks import Score

#: Cells along a side of the adjacency matrix that is drawn; connections are counted in them.
CELLS = 240
#: Types with a line of their own; the others are left out.
LINES = 8


def draw_adjacency(graph: RelationalGraph, by: str, theme: Theme) -> Figure:
    """Draw the adjacency matrix with neurons sorted by type, as the share of possible connections.

    Args:
        graph: with a table of neurons.
        by: column of it.
        theme: of the page.

    Returns:
        The figure: rows are who is read (sources), columns who reads (targets).
    """
    assert graph.nodes is not None
    labels = graph.nodes[by].astype("string").fillna("(none)").to_numpy()
    order = np.argsort(labels, kind="stable")
    place = np.empty(graph.n, dtype=np.int64)
    place[order] = np.arange(graph.n)
    source, target = (place[end] for end in graph.edge_index)
    cells = min(CELLS, graph.n)
    edges = np.linspace(0, graph.n, cells + 1)
    counts, _, _ = np.histogram2d(source, target, bins=(edges, edges))
    share = counts / np.outer(np.diff(edges), np.diff(edges))
    figure = canvas(6.6, 6.2)
    axes = figure.subplots()
    shown = axes.imshow(
        np.sqrt(share), cmap=COLOURS, extent=(0, graph.n, graph.n, 0), interpolation="nearest", aspect="equal"
    )
    names, first = np.unique(labels[order], return_index=True)
    ends = np.append(first[1:], graph.n)
    for end in ends[:-1]:
        axes.axhline(end, color=theme.paper, linewidth=0.4)
        axes.axvline(end, color=theme.paper, linewidth=0.4)
    middle = (first + ends) / 2
    axes.set_yticks(middle, names)
    axes.set_xticks(middle, names, rotation=90)
    axes.tick_params(length=0, labelsize=6)
    axes.set_xlabel(f"reads ({by})")
    axes.set_ylabel(f"is read ({by})")
    axes.grid(visible=False)
    bar = figure.colorbar(shown, ax=axes, shrink=0.6)
    ticks = np.linspace(0, float(np.sqrt(share.max())), 4).tolist()
    bar.set_ticks(ticks, labels=[f"{100 * tick**2:.0f} %" for tick in ticks])
    bar.set_label("of the possible connections")
    return figure


def draw_activity(table: pd.DataFrame, theme: Theme) -> Figure:
    """Draw the mean activity of the most active types over rounds, with 95 % intervals over runs.

    Args:
        table: of :func:`graph2nn.experiments.silencing.activity_by_type`.
        theme: of the page.
    """
    figure = canvas(6.4, 3.4)
    axes = figure.subplots()
    peaks = table.groupby("type")["activity"].max().sort_values(ascending=False)
    for number, name in enumerate(peaks.index[:LINES]):
        rows = table[table["type"] == name]
        colour, marker = theme.task(number)
        axes.plot(rows["round"], rows["activity"], marker=marker, markersize=3.5, color=colour, label=name)
        if rows["low"].notna().all():
            axes.fill_between(rows["round"], rows["low"], rows["high"], color=colour, alpha=0.2, linewidth=0)
    axes.set_xlabel("round")
    axes.set_ylabel("mean activity of a neuron")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def draw_silencing(table: pd.DataFrame, score: Score, theme: Theme) -> Figure:
    """Draw what silencing each type costs, with 95 % intervals over runs, the most needed on top.

    Args:
        table: of :func:`graph2nn.experiments.silencing.silence_types`.
        score: of the task.
        theme: of the page.

    Returns:
        The figure.
    """
    rows = table[::-1].reset_index(drop=True)
    figure = canvas(6.4, 1.0 + 0.26 * len(rows))
    axes = figure.subplots()
    axes.axvline(0, color=theme.faint, linewidth=1.2)
    reach = np.nan_to_num(np.stack([rows["loss"] - rows["low"], rows["high"] - rows["loss"]]))
    axes.errorbar(
        rows["loss"], rows.index, xerr=np.maximum(reach, 0), fmt="o", color=theme.point, elinewidth=1.5
    )
    axes.set_yticks(
        rows.index, [f"{name} ({count})" for name, count in zip(rows["type"], rows["neurons"], strict=True)]
    )
    axes.set_xlabel(f"{score.name} without the type minus with it ({score.difference})")
    axes.grid(visible=False, axis="y")
    return figure

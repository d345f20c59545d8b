"""Portraits of single graphs: nodes on a circle above the adjacency matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from graph2nn.analysis.findings import Findings
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.report.figures.theme import Theme, canvas, short
from graph2nn.report.phrasing import error, number
from graph2nn.tasks import TOP1, Score

#: Graphs drawn at either end of the ranking.
SHOWN = 3
#: A graph with more than this share of all pairs is drawn as a disc with its missing edges left blank.
MOSTLY = 0.5
#: Larger graphs are a solid disc on a circle and a grey square as a matrix.
MOST_NODES = 512
#: Most nodes whose names are written around a circle, and most letters of each.
_NAMED, _LETTERS = 40, 8


def chosen(findings: Findings, graphs: Mapping[str, RelationalGraph], *, best: bool) -> list[pd.Series]:
    """Rows of the graphs to draw: up to three from one end of the ranking, never the same at both ends.

    Args:
        findings: findings of the task.
        graphs: by label.
        best: from the best end, or from the worst.

    Returns:
        Rows of the table of graphs.
    """
    labels = findings.graphs["graph"]
    drawable = [i for i in range(len(labels)) if labels[i] in graphs and graphs[labels[i]].n <= MOST_NODES]
    top = drawable[: min(SHOWN, (len(drawable) + 1) // 2)]
    bottom = drawable[::-1][: min(SHOWN, len(drawable) - len(top))]
    return [findings.graphs.iloc[i] for i in (top if best else bottom)]


def draw(
    rows: Sequence[pd.Series],
    graphs: Mapping[str, RelationalGraph],
    theme: Theme,
    *,
    best: bool,
    score: Score = TOP1,
) -> Figure:
    """Draw each graph twice: as a circle of nodes, named where they have names, and as its matrix.

    Rows of the matrix read its columns; node 0 is at the top of the circle, the others follow clockwise.

    Args:
        rows: graphs to draw.
        graphs: by label.
        theme: colours.
        best: whether they are the best, or the worst.
        score: what errors are called.

    Returns:
        The figure.
    """
    figure = canvas(2.3 * SHOWN, 3.9)
    axes = figure.subplots(2, SHOWN, height_ratios=[2.1, 1.0], squeeze=False)
    colour = theme.good if best else theme.bad
    for column in range(SHOWN):
        upper, lower = axes[0, column], axes[1, column]
        for one in (upper, lower):
            one.set_axis_off()
        if column >= len(rows):
            continue
        row = rows[column]
        graph = graphs[row["graph"]]
        circle(upper, graph, colour, theme)
        _names(upper, graph, theme)
        _matrix(lower, graph, colour, theme)
        mean = error(row, score.digits(float(row["mean"])))
        said = f"error {mean} %" if score.unit == "%" else f"{score.name} {mean}"
        caption = f"C {number(row['clustering'])}   L {number(row['path_length'])}\n{said}"
        upper.set_title(
            f"{theme.graph(row['graph'], 27)}\n{caption}", fontsize=7.5, loc="center", linespacing=1.35
        )
    return figure


def circle(axes: Axes, graph: RelationalGraph, colour: str, theme: Theme, *, dot: float = 1) -> None:
    """Draw a graph's nodes on a circle of radius 1, a line where either of two nodes reads the other.

    With more than half of all pairs joined, the disc is filled and the lines left blank are the missing edges.

    Args:
        axes: to draw into.
        graph: to draw.
        colour: of lines and nodes.
        theme: colours of the rest.
        dot: size of a node.
    """
    # Node 0 on top, then clockwise, as on the ring that WS-flex starts from.
    angle = np.pi / 2 - 2 * np.pi * np.arange(graph.n) / graph.n
    place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    pairs = np.argwhere(np.triu(graph.adjacency | graph.adjacency.T))
    if 2 * len(pairs) > MOSTLY * graph.n * (graph.n - 1):
        # So many lines would be a moiré: the few that are missing show how the graph is made.
        axes.fill(place[:, 0], place[:, 1], color=colour, alpha=0.55, linewidth=0, zorder=1)
        pairs, colour = np.argwhere(np.triu(~(graph.adjacency | graph.adjacency.T), 1)), theme.paper
    # Thin and pale where edges are many, so that a dense graph keeps some structure.
    ink = float(np.clip(140 / max(len(pairs), 1), 0.07, 0.8))
    axes.add_collection(LineCollection(list(place[pairs]), colors=colour, linewidths=0.65, alpha=ink, zorder=1))
    size = float(np.clip(580 / graph.n, 2, 26)) * dot
    axes.scatter(place[:, 0], place[:, 1], s=size, color=theme.ink, linewidths=0, zorder=2)
    axes.set_xlim(-1.08, 1.08)
    axes.set_ylim(-1.08, 1.08)
    axes.set_aspect("equal")


def _names(axes: Axes, graph: RelationalGraph, theme: Theme) -> None:
    """Write the names of the nodes around the circle, where they have some and there is room."""
    if graph.node_names is None or graph.n > _NAMED:
        return
    for i, name in enumerate(graph.node_names):
        turn = 90 - 360 * i / graph.n
        x, y = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        left = x < -1e-9
        axes.text(
            1.09 * x, 1.09 * y, short(name, _LETTERS), fontsize=5, color=theme.ink,
            rotation=turn + 180 if left else turn, rotation_mode="anchor", va="center_baseline",
            ha="right" if left else "left",
        )  # fmt: skip
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-1.5, 1.5)


def _matrix(axes: Axes, graph: RelationalGraph, colour: str, theme: Theme) -> None:
    axes.imshow(
        graph.adjacency | np.eye(graph.n, dtype=np.bool_),
        cmap=ListedColormap([theme.grid, colour]),
        vmin=0,
        vmax=1,
        interpolation="nearest" if graph.n <= 128 else "antialiased",
    )

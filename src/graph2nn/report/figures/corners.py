"""The map with graphs drawn next to it: one from each corner of the plane, the best one, the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from graph2nn.analysis.task_findings import TaskFindings
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.report.figures import marks, plane, portraits
from graph2nn.report.figures.theme import TEXT, Theme, canvas
from graph2nn.report.phrasing import number
from graph2nn.tasks import Score

#: Place in the figure, what it shows, and which way along C and along L it lies. The plane of WS-flex graphs
#: is narrow at its top, so that corner goes first.
_CORNERS = (
    ("upper right", "high C, high L", 1, 1),
    ("upper left", "low C, high L", -1, 1),
    ("lower left", "low C, low L", -1, -1),
    ("lower right", "high C, low L", 1, -1),
)
_LEFT = ("upper left", "left", "lower left")
_RIGHT = ("upper right", "right", "lower right")
#: Least distance between graphs that are drawn, where the occupied plane is 1 × 1.
APART = 0.2

Point = npt.NDArray[np.float64]


class GraphRecipe(Protocol):
    """What a graph can be built from, as ``graph2nn.results.config.GraphSpec``."""

    def build(self) -> RelationalGraph:
        """Make the graph."""
        ...


#: Graphs by label, or how to build them.
Graphs = Mapping[str, RelationalGraph | GraphRecipe]


@dataclass(frozen=True)
class Portrait:
    """A graph to draw: where in the figure, under what heading, and its row in the findings."""

    place: str
    heading: str
    row: pd.Series
    graph: RelationalGraph


def chosen(task: TaskFindings, graphs: Graphs) -> list[Portrait]:
    """Pick the graphs: the best, the farthest into each corner, and the complete graph of the baseline.

    Graphs off the (C, L) plane are not among them. Those drawn lie apart, so few graphs, or a plane with fewer
    corners, fill fewer places. Graphs that cannot be built, or with too many nodes to be drawn, are passed
    over.
    """
    findings = task.found
    rows = findings.placed[[label in graphs for label in findings.placed["graph"]]]
    # The best one as the findings name it, then by rank.
    order = np.argsort((rows["graph"] != findings.best["graph"]).to_numpy(), kind="stable")
    best = _first(graphs, rows, order)
    if best is None:
        return []
    places = rows[["clustering", "path_length"]].to_numpy(dtype=np.float64)
    reach = np.where(np.ptp(places, axis=0) > 0, np.ptp(places, axis=0), 1)
    scaled = (places - places.min(axis=0)) / reach
    heading = "best graph" if rows["graph"].iloc[best[0]] == findings.best["graph"] else "best graph drawn"
    picked = [Portrait("left", heading, rows.iloc[best[0]], best[1])]
    taken: list[Point] = [scaled[best[0]]]
    if findings.baseline is not None:
        complete = RelationalGraph(~np.eye(best[1].n, dtype=np.bool_), name="complete")
        picked.append(Portrait("right", "baseline", findings.baseline, complete))
        taken.append((np.array([1.0, 1.0]) - places.min(axis=0)) / reach)
    for place, heading, along_c, along_l in _CORNERS:
        order = np.argsort(-(along_c * scaled[:, 0] + along_l * scaled[:, 1]), kind="stable")
        free = [int(i) for i in order if min(float(np.hypot(*(scaled[i] - at))) for at in taken) >= APART]
        corner = _first(graphs, rows, free)
        if corner is not None:
            picked.append(Portrait(place, heading, rows.iloc[corner[0]], corner[1]))
            taken.append(scaled[corner[0]])
    return picked


def _first(graphs: Graphs, rows: pd.DataFrame, order: Iterable[int]) -> tuple[int, RelationalGraph] | None:
    """The first row in ``order`` whose graph can be drawn, and that graph."""
    for index in order:
        recipe = graphs[str(rows["graph"].iloc[index])]
        graph = recipe if isinstance(recipe, RelationalGraph) else recipe.build()
        if graph.n <= portraits.MOST_NODES:
            return int(index), graph
    return None


def draw(task: TaskFindings, picked: list[Portrait], theme: Theme) -> Figure:
    """Draw the map in the middle, the graphs at its sides, and a line from each to its point.

    Args:
        task: what was found.
        picked: graphs to show.
        theme: colours.

    Returns:
        The figure.
    """
    figure = canvas(TEXT, 4.3)
    # Places by hand: a layout engine would make the margins of the map for the lines that cross them.
    figure.set_layout_engine("none")
    middle = figure.add_axes((0.265, 0.365, 0.515, 0.575))
    dots = plane.scatter(middle, task.found, theme, scale=0.8)
    scale = figure.add_axes((0.265, 0.205, 0.515, 0.027))
    marks.colour_bar(dots, scale, task.found, theme, beyond=plane.colour_range(task.found)[2], flat=True)
    # Above its axis rather than along it, where the lines to the graphs would cross it.
    middle.set_ylabel("")
    middle.set_title(plane.labels(task.found)["path_length"], fontsize=8.2)
    figure.legend(
        *middle.get_legend_handles_labels(), loc="lower center", ncols=1, bbox_to_anchor=(0.5, 0), fontsize=7.5
    )
    for left, places in ((0.015, _LEFT), (0.815, _RIGHT)):
        for bottom, place in zip((0.69, 0.355, 0.02), places, strict=True):
            for portrait in picked:
                if portrait.place == place:
                    axes = figure.add_axes((left, bottom, 0.17, 0.235))
                    axes.set_axis_off()
                    _portrait(axes, middle, portrait, theme, figure, task.found.score)
    return figure


def _portrait(axes: Axes, middle: Axes, portrait: Portrait, theme: Theme, figure: Figure, score: Score) -> None:
    row = portrait.row
    colour = {"left": theme.good, "right": theme.base}.get(portrait.place, theme.point)
    # Small nodes: the edges of a ring lattice lie hardly inside the circle that its nodes are on.
    portraits.circle(axes, portrait.graph, colour, theme, dot=0.35)
    place = f"C {number(row['clustering'])}  L {number(row['path_length'])}"
    mean = number(row["mean"], score.digits(float(row["mean"])))
    title = f"{portrait.heading}: {mean}{' %' if score.unit == '%' else ''}\n{place}"
    axes.set_title(title, fontsize=7, loc="center", linespacing=1.25, pad=3)
    marked = portrait.place in ("left", "right")  # the map marks these already
    if not marked:
        at = [row["clustering"]], [row["path_length"]]
        middle.scatter(*at, s=22, facecolors="none", edgecolors=theme.ink, linewidths=0.9, zorder=5)
    side = -1 if portrait.place in _RIGHT else 1
    # From below, lines set out upwards: the scale of error lies next to them.
    start = (side * 0.8, 0.8) if portrait.place.startswith("lower") else (side * 1.1, 0)
    line = ConnectionPatch(
        start,
        (row["clustering"], row["path_length"]),
        axes.transData,
        middle.transData,
        color=theme.ink,
        linewidth=0.7,
        linestyle=marks.DOTTED,
        zorder=2,
        shrinkB=5 if marked else 2.5,
    )
    figure.add_artist(line)

"""The posterior surface of error over (C, L), and where its lowest point may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator

from graph2nn.analysis.beyond import cell_groups
from graph2nn.analysis.beyond.surface import Surface
from graph2nn.report.figures.theme import COLOURS, TEXT, Theme, canvas
from graph2nn.report.phrasing import number, percent
from graph2nn.tasks import TOP1, Score

#: White in a dark casing: seen on every colour of a map, and on light and dark paper.
CASED = [Stroke(linewidth=3.2, foreground="#1c2230"), Normal()]
#: Dark to bright, without the black that a dark page would swallow.
EMBERS = ListedColormap(colormaps["magma"](np.linspace(0.18, 1, 256)))


def caption(surface: Surface, score: Score = TOP1) -> str:
    """Say how to read the figure, and what it says."""
    over = "medium cells" if surface.pooled else "graphs"
    return (
        f"A Gaussian process through the mean errors of {len(surface.points):,} {over} (dots), each weighed by "
        "its runs: left the expected error where graphs can be, in the middle how far it may be off, right the "
        f"probability that a graph there is within {surface.near:g} {score.difference} of the lowest. "
        f"{_lowest(surface)} The worst tenth share the last colour."
    )


def _lowest(surface: Surface) -> str:
    """Say where the lowest point is, or that nothing tells."""
    best, level, share = surface.optimum, percent(surface.confidence), float(surface.map["credible"].mean())
    if not surface.located:
        return (
            f"There is no optimum to speak of: the {level} region of the lowest point (outlined) holds "
            f"{100 * share:.0f} % of the plane that graphs reach."
        )
    return (
        f"The lowest point lies at C {number(best.C)} ({level} interval {number(best.C_low)} to "
        f"{number(best.C_high)}) and L {number(best.L)} ({number(best.L_low)} to {number(best.L_high)}); the "
        f"outline is its {level} region, the cells that cannot be told from the lowest."
    )


def draw(surface: Surface, theme: Theme, score: Score = TOP1) -> Figure:
    """Draw mean, uncertainty and the probability of being near the optimum, side by side.

    Args:
        surface: the surface.
        theme: colours.
        score: what errors are called.

    Returns:
        The figure.
    """
    figure = canvas(TEXT, 3.5)
    mean, sd, near = figure.subplots(1, 3, sharey=True)
    rows = surface.map
    # The worst cells would take most of the colours: they share the last one.
    top = float(rows["mean"].quantile(0.9))
    image = _cells(mean, surface, rows["mean"], vmin=float(rows["mean"].min()), vmax=top, cmap=COLOURS)
    bar = "max" if rows["mean"].max() > top else "neither"
    _finish(figure, mean, image, score.label, extend=bar)
    image = _cells(sd, surface, rows["sd"], vmin=0, cmap="cividis")
    _finish(figure, sd, image, "its standard deviation")
    image = _cells(near, surface, rows["p_near"], vmin=0, vmax=1, cmap=EMBERS)
    _finish(figure, near, image, f"P(within {surface.near:g} of lowest)")
    mean.set_ylabel("average path length L")
    outline = f"{percent(surface.confidence)} region of the lowest point"
    for axes in (mean, near):
        _outline(axes, surface, outline)
    at = surface.points
    sd.scatter(at["clustering"], at["path_length"], s=5, color="white", linewidths=0, alpha=0.7, zorder=3)
    if surface.located:
        mean.scatter(
            [surface.optimum.C],
            [surface.optimum.L],
            marker="+",
            s=90,
            color="white",
            linewidths=1.8,
            zorder=5,
            path_effects=CASED,
            label="its median",
        )
    handles, labels = mean.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def shade(axes: Axes, surface: Surface, column: str, **style: Any) -> Any:
    """Fill the cells of the map by one of its columns; returns the mesh, for a colour bar.

    Args:
        axes: to draw into.
        surface: the surface.
        column: of its map.
        style: of ``Axes.pcolormesh``.

    Returns:
        The mesh.
    """
    return _cells(axes, surface, surface.map[column], **style)


def _cells(axes: Axes, surface: Surface, values: pd.Series, **style: Any) -> Any:
    width, height = cell_groups.cell_size(surface.binning, cell_groups.MEDIUM)
    i, j = _index(surface)
    grid = np.full((i.max() + 1, j.max() + 1), np.nan)
    grid[i, j] = values
    c = i.min() + np.arange(np.ptp(i) + 2)
    length = j.min() + np.arange(np.ptp(j) + 2)
    shown = grid[i.min() :, j.min() :].T
    return axes.pcolormesh(
        c * width, 1 + length * height, shown, linewidth=0, rasterized=True, zorder=1, **style
    )


def _index(surface: Surface) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Column and row of each cell of the map."""
    width, height = cell_groups.cell_size(surface.binning, cell_groups.MEDIUM)
    i = np.floor(surface.map["clustering"].to_numpy() / width).astype(np.int64)
    j = np.floor((surface.map["path_length"].to_numpy() - 1) / height).astype(np.int64)
    return i, j


def _outline(axes: Axes, surface: Surface, label: str) -> None:
    """Draw the border of the credible cells: every side that no other credible cell shares."""
    width, height = cell_groups.cell_size(surface.binning, cell_groups.MEDIUM)
    i, j = _index(surface)
    inside = {
        (int(a), int(b)) for a, b in zip(i[surface.map["credible"]], j[surface.map["credible"]], strict=True)
    }
    sides = []
    for a, b in inside:
        left, right, low, high = a * width, (a + 1) * width, 1 + b * height, 1 + (b + 1) * height
        for neighbour, side in (
            ((a - 1, b), [(left, low), (left, high)]),
            ((a + 1, b), [(right, low), (right, high)]),
            ((a, b - 1), [(left, low), (right, low)]),
            ((a, b + 1), [(left, high), (right, high)]),
        ):
            if neighbour not in inside:
                sides.append(side)
    style: dict[str, Any] = {"linewidth": 1.3, "path_effects": CASED}
    axes.add_collection(LineCollection(sides, colors="white", capstyle="projecting", zorder=4, **style))
    # A collection's entry in the legend would lose the casing: a line without points stands in for it.
    axes.plot([], [], color="white", label=label, **style)


def _finish(figure: Figure, axes: Axes, image: Any, label: str, *, extend: str = "neither") -> None:
    bar = figure.colorbar(image, ax=axes, location="top", pad=0.02, extend=extend, aspect=28)
    bar.set_label(label)
    # Three panels side by side: more numbers would run into each other.
    bar.locator = MaxNLocator(3)
    bar.update_ticks()
    bar.outline.set_visible(False)
    axes.set_xlabel("clustering coefficient C")

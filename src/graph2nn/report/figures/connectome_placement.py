"""Connectomes on the plane of the best networks, and the measures that set them apart from WS-flex."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from graph2nn.analysis.beyond.connectome_placement import NAMES, Placed
from graph2nn.analysis.beyond.surface import Surface
from graph2nn.analysis.findings import Findings
from graph2nn.report.figures import surface as mesh
from graph2nn.report.figures.predictors import measure_name
from graph2nn.report.figures.theme import COLOURS, TEXT, Theme, canvas

#: Best graphs marked on the plane.
SHOWN = 5
#: Within this many standard deviations the scale of the scores is linear, beyond it logarithmic.
LINEAR = 3
_MARKERS = ("s", "^", "o", "v", "P", "X", "D", "<", ">")


def caption(placed: Placed) -> str:
    """Say how to read the figure, and what it says."""
    rows = placed.places
    inside = [str(name) for name in rows.loc[rows["inside"], "name"]]
    return (
        "Left: connectomes, symmetrised, on the plane of this task over the error that its surface expects. "
        f"Inside the published rectangle: {'; '.join(inside) or 'none'}. They have "
        f"{', '.join(str(n) for n in rows['n'])} nodes, and C and L depend on that number. Right: each measure "
        "in standard deviations from WS-flex graphs with as many nodes and edges; the band is ±2, the scale "
        f"logarithmic beyond ±{LINEAR}."
    )


def draw(placed: Placed, surface: Surface, findings: Findings, theme: Theme) -> Figure:
    """Draw the plane with the surface's error, the best graphs, the rectangle, connectomes; and z-scores.

    Args:
        placed: the connectomes.
        surface: of the task.
        findings: findings of the task.
        theme: colours.

    Returns:
        The figure.
    """
    figure = canvas(TEXT, 4.3)
    plane, scores = figure.subplots(1, 2, width_ratios=[1.15, 1])
    top = float(surface.map["mean"].quantile(0.9))
    low = float(surface.map["mean"].min())
    image = mesh.shade(plane, surface, "mean", cmap=COLOURS, vmin=low, vmax=top, alpha=0.75)
    bar = figure.colorbar(image, ax=plane, location="top", pad=0.02, aspect=36, extend="max")
    bar.set_label(f"{findings.score.label} by the surface")
    bar.outline.set_visible(False)
    _best(plane, findings, theme)
    names = list(placed.places["graph"])
    styles = dict(zip(names, zip(_MARKERS, _colours(theme), strict=False), strict=False))
    for row in placed.places.itertuples():
        marker, colour = styles[row.graph]
        plane.scatter(
            [row.clustering],
            [row.path_length],
            marker=marker,
            s=120,
            color=colour,
            edgecolors=theme.ink,
            linewidths=1.2,
            zorder=6,
            label=f"{row.name}",
        )
    plane.set_xlabel("clustering coefficient C (symmetrised)")
    plane.set_ylabel("average path length L (symmetrised)")
    _scores(scores, placed.scores, styles, theme)
    handles, labels = plane.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _colours(theme: Theme) -> list[str]:
    return [theme.fit, theme.base, theme.point, theme.good, theme.bad] * 2


def _best(axes: Axes, findings: Findings, theme: Theme) -> None:
    spot, rows = findings.spot, findings.placed.head(SHOWN)
    if spot.bounded:
        axes.add_patch(
            Rectangle(
                (spot.C_min, spot.L_min),
                spot.C_max - spot.C_min,
                spot.L_max - spot.L_min,
                fill=False,
                edgecolor=theme.ink,
                linestyle=(0, (5, 3)),
                linewidth=1.4,
                zorder=4,
                label="published rectangle",
            )
        )
    axes.scatter(
        rows["clustering"],
        rows["path_length"],
        marker="*",
        s=90,
        color=theme.paper,
        edgecolors=theme.ink,
        linewidths=0.9,
        zorder=5,
        label=f"the {len(rows)} best graphs",
    )


def _scores(axes: Axes, scores: pd.DataFrame, styles: dict[str, tuple[str, str]], theme: Theme) -> None:
    order = scores.groupby("measure")["z"].apply(lambda z: float(z.abs().max())).sort_values(ascending=False)
    place = {name: i for i, name in enumerate(order.index)}
    axes.axvspan(-2, 2, color=theme.grid, linewidth=0, zorder=1)
    axes.axvline(0, color=theme.faint, linewidth=1, zorder=2)
    for graph, rows in scores.groupby("graph", sort=False):
        marker, colour = styles.get(str(graph), ("o", theme.point))
        at = rows["measure"].map(place)
        axes.scatter(
            rows["z"],
            at,
            marker=marker,
            s=34,
            color=colour,
            linewidths=0,
            zorder=3,
            label=NAMES.get(str(graph)),
        )
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=1.2)
    reach = max(6.0, 1.7 * float(np.abs(scores["z"]).max()))
    axes.set_xlim(-reach if scores["z"].min() < -LINEAR else -4, reach)
    ticks = [tick for tick in (-30, -10, -3, -2, 0, 2, 3, 10, 30) if axes.get_xlim()[0] <= tick <= reach]
    axes.set_xticks(ticks, [str(tick).replace("-", "−") for tick in ticks])
    axes.minorticks_off()
    names = [measure_name(str(name)) for name in order.index]
    axes.set_yticks(list(place.values()), names)
    axes.set_ylim(len(place) - 0.4, -0.6)
    axes.set_xlabel("z against WS-flex of the same density")

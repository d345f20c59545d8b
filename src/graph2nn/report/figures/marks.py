"""Marks that mean the same in every figure: the best graph, the baseline, the sweet spot, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from graph2nn.analysis.findings import Findings
from graph2nn.report.figures.theme import COLOURS, Theme, short

DASHED, DOTTED = (0, (5, 3)), (0, (1.2, 1.6))


class Box(Protocol):
    """A rectangle of the plane, as sweet spots are."""

    @property
    def C_min(self) -> float: ...  # noqa: D102, N802
    @property
    def C_max(self) -> float: ...  # noqa: D102, N802
    @property
    def L_min(self) -> float: ...  # noqa: D102, N802
    @property
    def L_max(self) -> float: ...  # noqa: D102, N802


def rectangle(
    axes: Axes, box: Box, colour: str, label: str, *, line: Any = DASHED, fill: float = 0
) -> Rectangle:
    """Outline a rectangle of the plane, filled at opacity ``fill``.

    Args:
        axes: to draw into.
        box: bounds of C and L.
        colour: of the line.
        label: for the legend.
        line: style of the line.
        fill: opacity, 0 to 1.

    Returns:
        The rectangle.
    """
    patch = Rectangle(
        (box.C_min, box.L_min),
        box.C_max - box.C_min,
        box.L_max - box.L_min,
        facecolor=(*to_rgb(colour), fill),
        edgecolor=colour,
        linestyle=line,
        linewidth=1.2,
        label=label,
        zorder=2,
    )
    axes.add_patch(patch)
    return patch


def cased(patch: Any, theme: Theme) -> None:
    """Give a line a casing of paper, so that it is seen on any colour below it."""
    unbroken = {"dash_offset": 0, "dash_list": None}
    under = Stroke(linewidth=patch.get_linewidth() + 1.6, foreground=theme.paper, dashes=unbroken, alpha=0.8)
    patch.set_path_effects([under, Normal()])
    patch.set_zorder(4)


def best_ring(
    axes: Axes, findings: Findings, theme: Theme, *, size: float = 80, label: str = "best graph"
) -> None:
    """Ring the best graph, where it has a place on the plane.

    Args:
        axes: to draw into.
        findings: of the task.
        theme: colours.
        size: points squared.
        label: for the legend.
    """
    best = findings.best
    if best["graph"] not in set(findings.placed["graph"]):
        return
    ring = axes.scatter(
        [best["clustering"]],
        [best["path_length"]],
        s=size,
        facecolors="none",
        edgecolors=theme.ink,
        linewidths=1.1,
        zorder=5,
        label=label,
    )
    ring.set_path_effects([Stroke(linewidth=2.6, foreground=theme.paper), Normal()])


def highlights(
    axes: Axes,
    findings: Findings,
    theme: Theme,
    *,
    x: str = "clustering",
    y: str = "path_length",
    size: float = 90,
) -> None:
    """Mark the highlighted graphs by a diamond and their label.

    Args:
        axes: where the graphs are drawn.
        findings: whose ``highlighted`` graphs; those off the (C, L) plane are passed over.
        theme: colours.
        x: column of the graphs along the axis across.
        y: column of the graphs up.
        size: of a mark, points squared.
    """
    rows = findings.placed.set_index("graph")
    for label in (label for label in findings.highlighted if label in rows.index):
        at = float(rows[x].loc[label]), float(rows[y].loc[label])
        mark = axes.scatter(
            *at, s=size, marker="D", facecolors="none", edgecolors=theme.ink, linewidths=1.6, zorder=7
        )
        mark.set_path_effects([Stroke(linewidth=3.2, foreground=theme.paper), Normal()])
        text = axes.annotate(
            short(label, 30), at, xytext=(7, 6), textcoords="offset points", fontsize=7.5, zorder=8,
            color=theme.ink, fontweight="bold", annotation_clip=False,
        )  # fmt: skip
        text.set_path_effects([Stroke(linewidth=2.2, foreground=theme.paper), Normal()])


def baseline_star(axes: Axes, findings: Findings, norm: Normalize, theme: Theme, *, size: float = 170) -> None:
    """Put a star where the complete graph lies, in the colour of the baseline's error.

    Args:
        axes: to draw into.
        findings: of the task.
        norm: from errors to colours.
        theme: colours.
        size: points squared.
    """
    if findings.baseline is None:
        return
    axes.scatter(
        [findings.baseline["clustering"]],
        [findings.baseline["path_length"]],
        c=[findings.baseline["mean"]],
        cmap=COLOURS,
        norm=norm,
        marker="*",
        s=size,
        edgecolors=theme.ink,
        linewidths=0.8,
        zorder=6,
        label="baseline (complete graph)",
    )


def colour_bar(
    mappable: ScalarMappable,
    axes: Axes | Sequence[Axes],
    findings: Findings,
    theme: Theme,
    *,
    beyond: bool,
    label: str | None = None,
    flat: bool = False,
    aspect: float = 20,
) -> None:
    """Add a scale of error on which a star and a line mark the baseline.

    Args:
        mappable: what the scale is of.
        axes: the panels next to it; where ``flat``, the axes it lies in.
        findings: whose baseline.
        theme: colours.
        beyond: whether some errors lie above the scale.
        label: of the scale; that of the score if left out.
        flat: lying rather than standing.
        aspect: length over width of a standing one.
    """
    first = axes if isinstance(axes, Axes) else axes[0]
    shape: dict[str, Any] = {"extend": "max" if beyond else "neither"}
    if flat:
        shape |= {"cax": first, "orientation": "horizontal"}
    else:
        shape |= {"ax": axes, "pad": 0.04, "aspect": aspect}
    bar = first.figure.colorbar(mappable, **shape)
    bar.set_label(findings.score.label if label is None else label)
    bar.outline.set_visible(False)
    if findings.baseline is None:
        return
    value = float(findings.baseline["mean"])
    span = bar.ax.axvline if flat else bar.ax.axhline
    line = span(value, color=theme.ink, linewidth=1)
    line.set_path_effects([Stroke(linewidth=2.4, foreground=theme.paper), Normal()])
    # On the side that has no numbers.
    at = ([-0.02], [value]) if not flat else ([value], [1.02])
    across = bar.ax.get_yaxis_transform() if not flat else bar.ax.get_xaxis_transform()
    bar.ax.plot(
        *at, "*", transform=across, markersize=7, color=theme.ink, markeredgewidth=0, clip_on=False, zorder=9
    )


def gap(axes: Axes, text: str, theme: Theme) -> None:
    """Say inside an empty panel why it is empty.

    Args:
        axes: the empty panel.
        text: why.
        theme: colours.
    """
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=theme.ink, fontsize=7,
        style="italic", linespacing=1.4,
    )  # fmt: skip
    bare(axes)


def bare(axes: Axes) -> None:
    """Take away ticks, grid and frame."""
    axes.grid(visible=False)
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def baseline_line(axes: Axes, findings: Findings, theme: Theme, *, vertical: bool) -> None:
    """Mark the baseline's mean by a line and its interval by a band.

    Args:
        axes: to draw into.
        findings: of the task.
        theme: colours.
        vertical: whether errors are on the x-axis.
    """
    if findings.baseline is None:
        return
    line, span = (axes.axvline, axes.axvspan) if vertical else (axes.axhline, axes.axhspan)
    low, high = float(findings.baseline["low"]), float(findings.baseline["high"])
    if low == low:  # NaN for one seed
        span(low, high, color=theme.base, alpha=0.13, linewidth=0, zorder=1)
    line(
        float(findings.baseline["mean"]),
        color=theme.base,
        linewidth=1.1,
        linestyle=DASHED,
        zorder=2,
        label="baseline",
    )

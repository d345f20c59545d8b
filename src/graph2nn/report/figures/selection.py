"""Gain of the best graph before and after its selection is accounted for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.beyond.selection import Selection
from graph2nn.report import phrasing
from graph2nn.report.figures.theme import TEXT, Theme, canvas, legend_below
from graph2nn.report.phrasing import percent
from graph2nn.tasks import TOP1, Score

#: Graphs listed at most.
SHOWN = 8
#: The estimate that is drawn, and the ends of its interval.
_VALUES = ("honest", "low", "high")


_LAST = "Below: which graph would be the best again, and which truly is."
_ALL_EQUAL = "The graphs differ by no more than the scatter of runs: any of them may truly be the best."


def caption(selection: Selection, score: Score = TOP1) -> str:
    """Say how to read the figure, and what it says."""
    level, unit = percent(selection.confidence), score.difference
    digits = score.digits(50 * abs(selection.naive))

    def number(value: float) -> str:
        return phrasing.number(value, digits)

    return (
        f"Chosen on {selection.choose} of {selection.seeds} seeds and judged on the rest, over "
        f"{selection.splits} splits, a graph gains {number(selection.honest)} {unit} over the baseline "
        f"({level} interval {number(selection.low)} to {number(selection.high)}). "
        f"{_LAST if selection.spread > 0 else _ALL_EQUAL} The best is here the graph with the lowest mean "
        "error of a repetition; the page's best graph may follow another rule, as the published one."
    )


def draw(selection: Selection, theme: Theme, score: Score = TOP1) -> Figure:
    """Draw the estimates of one task, and below them how often each graph is chosen or truly best.

    Args:
        selection: the gain with and without selection.
        theme: colours.
        score: what errors are called.

    Returns:
        The figure.
    """
    rows = selection.chosen.head(SHOWN)
    figure = canvas(TEXT, 2.9 + 0.34 * len(rows))
    upper, lower = figure.subplots(2, 1, height_ratios=[1.5, 0.6 + 0.34 * len(rows)])
    _gains(upper, {"": selection}, theme, score)
    upper.set_title("Gain over the baseline of the graph that the other seeds choose")
    place = np.arange(len(rows))[::-1]
    # At the largest scale that holds all, as the best of thousands is rarely chosen twice.
    for column, shift, colour, label in (
        ("repeats", 0.19, theme.point, "chosen when all is repeated"),
        ("p_best", -0.19, theme.fit, "truly the best"),
    ):
        lower.barh(place + shift, 100 * rows[column], height=0.34, color=colour, label=label, zorder=3)
    lower.set_yticks(place, [theme.graph(label) for label in rows["graph"]])
    lower.set_xlabel("probability (%)")
    lower.grid(visible=False, axis="y")
    rest = len(selection.chosen) - len(rows)
    lower.set_title("Which graph" + (f" ({rest:,} more are sometimes chosen)" if rest else ""))
    handles, labels = (
        a + b for a, b in zip(*(x.get_legend_handles_labels() for x in (upper, lower)), strict=True)
    )
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def draw_tasks(selection: Mapping[str, Selection], theme: Theme) -> Figure:
    """Draw the estimates of several tasks, one line per task."""
    figure = canvas(TEXT, 1.7 + 0.62 * len(selection))
    axes = figure.add_subplot()
    _gains(axes, selection, theme)
    legend_below(axes)
    return figure


def _gains(axes: Axes, selection: Mapping[str, Selection], theme: Theme, score: Score = TOP1) -> None:
    place = np.arange(len(selection))[::-1]
    one = next(iter(selection.values()))
    axes.axvline(0, color=theme.base, linewidth=1.4, zorder=2, label="baseline")
    value, low, high = (np.array([getattr(task, name) for task in selection.values()]) for name in _VALUES)
    axes.errorbar(
        value,
        place,
        # The split estimate chose on fewer seeds, so its interval need not be centred on it.
        xerr=np.maximum(np.stack([value - low, high - value]), 0),
        fmt="o",
        color=theme.point,
        markersize=6.5,
        markeredgewidth=0,
        elinewidth=1.6,
        zorder=3,
        label=f"split seeds, {percent(one.confidence)} interval",
    )
    axes.set_yticks(place if any(selection) else [], list(selection) if any(selection) else [])
    axes.set_ylim(-0.6, len(selection) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(left=min(axes.get_xlim()[0], 0))
    axes.set_xlabel(
        f"gain over the baseline ({score.difference}{' of ' + score.name if score.unit == '%' else ''})"
    )

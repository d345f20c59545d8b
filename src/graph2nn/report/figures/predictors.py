"""Which measures predict error: held-out scores and their spread, against rivals and the noise ceiling."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from graph2nn.analysis.beyond.predictors import Predictors
from graph2nn.graphs.measures.registry import MEASURES
from graph2nn.report.figures.theme import TEXT, Theme, canvas, legend_below
from graph2nn.report.phrasing import number, percent

#: The axis begins here; worse scores are cut.
LEAST = -0.3
_WORDS = {"together": "all measures", "plane": "C and L", "alone": "one measure", "rival": "density or width"}


def caption(predictors: Predictors) -> str:
    """Say how to read the figure, and what it says."""
    rows = predictors.scores
    alone = rows[rows["kind"].isin(["alone", "rival"])].iloc[0]
    text = (
        "How much of the differences in mean error each model predicts of graphs it has not seen: those of "
        f"whole coarse cells of the plane, {predictors.groups} in all. "
        f"Bars hold {percent(predictors.confidence)} of resamples of these cells and show how much a score "
        "depends on single ones; they are not confidence intervals. One measure is given a parabola. "
        f"The best is {rows['model'].iloc[0]} ({number(float(rows['r2'].iloc[0]))}), of single measures "
        f"{str(alone['model']).replace('_', ' ')} ({number(float(alone['r2']))})."
    )
    if predictors.ceiling is not None and predictors.ceiling <= 0:
        text += " There is nothing to predict: the means differ by no more than the scatter of runs."
    elif predictors.ceiling is not None:
        text += (
            f" The ceiling, {number(predictors.ceiling)}, is what the scatter of runs leaves to be predicted."
        )
    if predictors.over_ceiling:
        text += " Scores above it mean that runs of one graph are not independent of each other."
    return text


def draw(predictors: Predictors, theme: Theme) -> Figure:
    """Draw the held-out R² of each model, best on top."""
    rows = predictors.scores
    figure = canvas(TEXT, 1.9 + 0.245 * len(rows))
    axes = figure.add_subplot()
    place = np.arange(len(rows), dtype=np.float64)
    r2 = rows["r2"].to_numpy(dtype=np.float64)
    reach = np.maximum(np.stack([r2 - rows["low"], rows["high"] - r2]), 0)
    if (
        predictors.ceiling is not None
        and predictors.ceiling_low is not None
        and predictors.ceiling_high is not None
    ):
        label = "noise ceiling"
        axes.axvspan(
            predictors.ceiling_low, predictors.ceiling_high, color=theme.good, alpha=0.14, linewidth=0, zorder=1
        )
        axes.axvline(predictors.ceiling, color=theme.good, linewidth=1.4, zorder=2, label=label)
    axes.axvline(0, color=theme.faint, linewidth=1, zorder=2)
    colours = {"together": theme.good, "plane": theme.fit, "alone": theme.point, "rival": theme.base}
    markers = {"together": "s", "plane": "D", "alone": "o", "rival": "^"}
    for kind, word in _WORDS.items():
        of_kind = (rows["kind"] == kind).to_numpy()
        if of_kind.any():
            axes.errorbar(
                r2[of_kind],
                place[of_kind],
                xerr=reach[:, of_kind],
                fmt=markers[kind],
                color=colours[kind],
                markersize=5.5,
                markeredgewidth=0,
                elinewidth=1.3,
                zorder=3,
                label=word,
            )
    axes.set_yticks(place, [_name(str(model)) for model in rows["model"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(max(LEAST, min(axes.get_xlim()[0], -0.02)), 1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("held-out R² (0: no better than the mean error)")
    legend_below(axes, columns=5)
    return figure


def _name(model: str) -> str:
    return measure_name(model) if model in MEASURES else model


def measure_name(name: str) -> str:
    """A measure in words, with its symbol where that says more."""
    words, symbol = name.replace("_", " "), MEASURES[name].symbol
    return words if symbol in words.split() else f"{words} {symbol}"

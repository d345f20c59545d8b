"""Graphs against their own nulls: error of each next to that of its rewirings, the effects, and the ladder."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.analysis.beyond.null_changes import sentence
from graph2nn.analysis.beyond.null_effects import ALL, NullComparison
from graph2nn.analysis.ladder_comparison import Ladder
from graph2nn.graphs.quantities import ALONG_EDGES
from graph2nn.report.figures.theme import TEXT, Theme, canvas
from graph2nn.report.phrasing import number, p_text, percent
from graph2nn.tasks import TOP1, Score

#: What the nulls of a kind are, in words.
KINDS = {
    "degree": "rewirings that keep its degrees",
    "density": "random graphs of as many edges",
    "reciprocal": "rewirings that keep its degrees and reciprocal pairs",
    "block": "rewirings that keep its degrees per group",
    "boundary": "rewirings that keep its degrees and all connections of inputs and outputs",
    "spatial": "rewirings that keep its degrees and distances",
    "weights": "copies with shuffled weights",
    "signs": "copies with shuffled signs",
    "degree_lattice": "lattices that keep its degrees",
    "lattice": "ring lattices of as many edges",
    "ws_flex": "WS-flex graphs as dense as it is",
}


#: Graphs whose nulls' changes are told one by one.
_TOLD = 3


def caption(
    comparison: NullComparison, kind: str = "degree", score: Score = TOP1, changes: pd.DataFrame | None = None
) -> str:
    """Say how to read the figure, and what it says; ``changes`` are what the nulls change.

    Args:
        comparison: the comparison.
        kind: of the nulls.
        score: what errors are called.
        changes: what the nulls change; None where it was not measured.

    Returns:
        The sentences.
    """
    nulls = int(comparison.rows["nulls"].iloc[:-1].sum())
    return (
        f"Each graph (diamond) next to its {KINDS.get(kind, 'nulls')}, {nulls:,} in all (dots). "
        f"{_mean_effect(comparison, score)}{_changed(changes)}"
    )


def _mean_effect(comparison: NullComparison, score: Score) -> str:
    """Say how much better the graphs are, and over which graphs that is."""
    counted = comparison.counted
    if not counted:
        return (
            "The nulls of every graph hardly differ from it or cannot judge it, so there is no effect to tell."
        )
    total, of = comparison.rows.iloc[-1], len(comparison.rows) - 1
    start = "The"
    if of > 1:
        start = "Over all graphs the"
        if len(counted) < of:
            start = (
                f"Of {counted[0]} the" if len(counted) == 1 else f"Over {len(counted):,} of {of:,} graphs the"
            )
    better = "better" if total["effect"] > 0 else "worse"
    said = f"{start} original is {number(abs(float(total['effect'])))} {score.difference} {better}"
    if not np.isfinite(total["low"]):
        return f"{said}; these runs give no interval."
    return (
        f"{said} ({percent(comparison.confidence)} interval of the difference {number(float(total['low']))} to "
        f"{number(float(total['high']))}, {p_text(float(total['p']))})."
    )


def _changed(changes: pd.DataFrame | None) -> str:
    """Say what the nulls change, graph by graph if these are few."""
    if changes is None or changes.empty:
        return ""
    if len(changes) <= _TOLD:
        return " " + "; ".join(sentence(row) for _, row in changes.iterrows()) + "."
    mean = changes[["delta_clustering", "delta_path_length", "delta_reciprocity"]].mean()
    text = (
        f" On average the nulls differ in C by {number(mean.iloc[0], 3)}, in L by {number(mean.iloc[1], 3)} "
        f"and in reciprocity by {number(mean.iloc[2], 3)}"
    )
    flat = int((~changes["informative"].astype(bool)).sum())
    if flat:
        text += f"; the effects of {flat:,} graphs, whose nulls hardly differ, are uninformative and in no mean"
    text += f" ({ALONG_EDGES}, where graphs and nulls are directed)" if changes["directed"].any() else ""
    return text + "."


def _draw_members(axes: Axes, comparison: NullComparison, place: Mapping[str, float], theme: Theme) -> None:
    """Draw the mean error of each graph and of its nulls, in the graph's line."""
    members = comparison.members.assign(place=comparison.members["graph"].map(place))
    number_of = members.groupby(["graph", "null"]).cumcount()
    count = members.groupby(["graph", "null"])["label"].transform("size")
    members["place"] += 0.4 * ((number_of + 0.5) / count - 0.5)
    for null, marker, size, colour, label in (
        (True, "o", 22, theme.faint, "its nulls"),
        (False, "D", 46, theme.point, "the graph"),
    ):
        of_null = members[members["null"] == null]
        axes.scatter(
            of_null["mean"],
            of_null["place"],
            marker=marker,
            s=size,
            color=colour,
            linewidths=0,
            zorder=3,
            label=label,
        )


def draw(comparison: NullComparison, theme: Theme, score: Score = TOP1) -> Figure:
    """Draw one line per graph: left its error among its nulls', right the effect; the mean effect below.

    Nulls are set a little apart, as equal errors would hide one another.

    Args:
        comparison: the comparison.
        theme: colours.
        score: what errors are called.

    Returns:
        The figure.
    """
    rows = comparison.rows[comparison.rows["graph"] != ALL].sort_values(
        "effect", ascending=False, kind="stable"
    )
    total = (
        comparison.rows[comparison.rows["graph"] == ALL]
        if len(comparison.counted) > 1
        else comparison.rows.iloc[:0]
    )
    figure = canvas(TEXT, 2.1 + 0.3 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.15, 1])
    place = dict(zip(rows["graph"], np.arange(len(rows), dtype=np.float64), strict=True))
    _draw_members(left, comparison, place, theme)
    left.set_xlabel(score.label)
    right.axvline(0, color=theme.faint, linewidth=1.2, zorder=2)
    for some, at, marker, colour, label in (
        (rows, np.arange(len(rows), dtype=np.float64), "o", theme.point, "one graph"),
        (total, np.array([len(rows) + 0.5]), "D", theme.fit, "mean over graphs"),
    ):
        if some.empty:
            continue
        effect = some["effect"].to_numpy(dtype=np.float64)
        right.errorbar(
            effect,
            at,
            xerr=np.maximum(np.stack([effect - some["low"], some["high"] - effect]), 0),
            fmt=marker,
            color=colour,
            markersize=6,
            markeredgewidth=0,
            elinewidth=1.5,
            zorder=3,
            label=f"{label}, {percent(comparison.confidence)} interval",
        )
    right.set_xlabel(f"{score.name} of its nulls minus its own ({score.difference})")
    labels = [theme.graph(name) for name in place]
    every = ALL if len(comparison.counted) == len(rows) else "graphs that count"
    left.set_yticks(
        [*place.values(), *([len(rows) + 0.5] if len(total) else [])], labels + [every] * len(total)
    )
    left.set_ylim(len(rows) + (1.1 if len(total) else -0.4), -0.6)
    for axes in (left, right):
        axes.grid(visible=False, axis="y")
    handles, labels = (
        a + b for a, b in zip(*(x.get_legend_handles_labels() for x in (left, right)), strict=True)
    )
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def ladder_caption(rungs: Ladder, score: Score = TOP1) -> str:
    """Say how to read the figure."""
    margin = f" The band is the margin of equivalence, ± {rungs.margin:g}." if rungs.margin else ""
    return (
        f"Score of each arm minus that of {rungs.graph}, in {score.difference}, with 95 % intervals; right "
        f"of zero {rungs.graph} is better. Filled: different after Holm's correction.{margin} {rungs.sentence}"
    )


def draw_ladder(rungs: Ladder, theme: Theme, score: Score = TOP1) -> Figure:
    """Draw one line per rung, the kind of null that keeps least at the bottom, dense networks on top.

    Args:
        rungs: the ladder.
        theme: colours.
        score: what errors are called.

    Returns:
        The figure.
    """
    figure = canvas(6.4, 1.2 + 0.34 * len(rungs.rungs))
    axes = figure.subplots()
    axes.axvline(0, color=theme.faint, linewidth=1.2, zorder=2)
    if rungs.margin:
        axes.axvspan(-rungs.margin, rungs.margin, color=theme.grid, zorder=1)
    for place, rung in enumerate(rungs.rungs):
        decided = rung.says(rungs.alpha) in ("better", "worse")
        colour = theme.good if decided and rung.estimate > 0 else theme.bad if decided else theme.point
        reach = np.nan_to_num([[rung.estimate - rung.low], [rung.high - rung.estimate]])
        axes.errorbar(
            [rung.estimate], [place], xerr=np.maximum(reach, 0), fmt="o", color=colour, markersize=6,
            markerfacecolor=colour if decided else theme.paper, elinewidth=1.5, zorder=3,
        )  # fmt: skip
    axes.set_yticks(range(len(rungs.rungs)), [rung.kind for rung in rungs.rungs])
    axes.set_ylim(-0.6, len(rungs.rungs) - 0.4)
    axes.set_xlabel(f"{score.name} minus that of {rungs.graph} ({score.difference})")
    axes.grid(visible=False, axis="y")
    return figure

"""The ladder of nulls: what a connectome gains over each kind, with intervals, from the bottom up."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from graph2nn.analysis.ladder import Ladder
from graph2nn.report.figures.theme import Theme, canvas, short
from graph2nn.tasks import TOP1, Score


def caption(found: Ladder, score: Score = TOP1) -> str:
    """Say how to read the figure."""
    margin = f" The band is the margin of equivalence, ± {found.margin:g}." if found.margin else ""
    return (
        f"Score of each arm minus that of {found.graph}, in {score.difference}, with 95 % intervals; right "
        f"of zero {found.graph} is better. Filled: different after Holm's correction.{margin} {found.sentence}"
    )


def draw(found: Ladder, theme: Theme, score: Score = TOP1) -> Figure:
    """Draw one line per rung, the kind of null that keeps least at the bottom, dense networks on top."""
    figure = canvas(6.4, 1.2 + 0.34 * len(found.rungs))
    axes = figure.subplots()
    axes.axvline(0, color=theme.faint, linewidth=1.2, zorder=2)
    if found.margin:
        axes.axvspan(-found.margin, found.margin, color=theme.grid, zorder=1)
    for place, rung in enumerate(found.rungs):
        decided = rung.p_holm <= found.alpha
        colour = theme.good if decided and rung.estimate > 0 else theme.bad if decided else theme.point
        reach = np.nan_to_num([[rung.estimate - rung.low], [rung.high - rung.estimate]])
        axes.errorbar(
            [rung.estimate], [place], xerr=np.maximum(reach, 0), fmt="o", color=colour, markersize=6,
            markerfacecolor=colour if decided else theme.paper, elinewidth=1.5, zorder=3,
        )  # fmt: skip
    axes.set_yticks(range(len(found.rungs)), [short(rung.kind) for rung in found.rungs])
    axes.set_ylim(-0.6, len(found.rungs) - 0.4)
    axes.set_xlabel(f"{score.name} minus that of {found.graph} ({score.difference})")
    axes.grid(visible=False, axis="y")
    return figure

"""Which figures a report has, in reading order, with the captions that say how to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from graph2nn.analysis.findings import Correlation, Findings
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.report.figures import learning, measure, plane, portraits, ranking
from graph2nn.report.figures.theme import Theme
from graph2nn.report.phrasing import number, p_text, percent

#: Name of the figure of what runs did on the training data, epoch by epoch.
CURVES = "learning_curves"


@dataclass(frozen=True)
class Plate:
    """A figure of the report. ``name`` is its file's, ``caption`` tells how to read it."""

    name: str
    title: str
    caption: str
    draw: Callable[[Theme], Figure]


def plates(
    findings: Findings, graphs: Mapping[str, RelationalGraph], curves: pd.DataFrame | None
) -> list[Plate]:
    """Return the figures that these findings have material for.

    Args:
        findings: findings of one task.
        graphs: by label.
        curves: one row per run and epoch; None for none.

    Returns:
        The figures, not drawn.

    Raises:
        UserError: the curves lack a column.
    """
    made = []
    axes = (("clustering", "C"), ("path_length", "L")) if len(findings.placed) else ()
    if axes:
        made.append(
            Plate("map", "Where the error is low", _map_caption(findings), partial(plane.draw, findings))
        )
    for name, letter in axes:
        made.append(
            Plate(
                f"error_{name}",
                f"Error against {letter}",
                _measure_caption(findings, name, letter),
                partial(measure.draw, findings, name),
            )
        )
    for best, end in ((True, "best"), (False, "worst")):
        rows = portraits.chosen(findings, graphs, best=best)
        if rows:
            made.append(
                Plate(
                    f"graphs_{end}",
                    f"The {end} graphs" if len(rows) > 1 else f"The {end} graph",
                    f"From the {end} on: nodes on a circle, an edge where one node reads the other (a filled "
                    "disc has over half of all edges, and those that it lacks are left blank); below, the "
                    "adjacency matrix, row reads column, the diagonal being each node reading itself."
                    f"{plane.forms(findings)}",
                    partial(portraits.draw, rows, graphs, best=best, score=findings.score),
                )
            )
    made.append(
        Plate("ranking", "All graphs ranked", _ranking_caption(findings), partial(ranking.draw, findings))
    )
    picked = learning.followed(findings, curves)
    if picked is not None:
        caption = (
            "Line: mean over the seeds at each epoch. Band: from the lowest to the highest seed. Best and "
            "worst by test error after the last epoch."
        )
        made.append(Plate(CURVES, "Learning curves", caption, partial(learning.draw, picked)))
    return made


def _map_caption(findings: Findings) -> str:
    text = "Each dot is a graph at its clustering C and path length L; darker is a lower mean error."
    text += plane.caption(findings)
    if plane.colour_range(findings)[2]:
        text += " The worst share the last colour, so that the others can be told apart."
    if findings.baseline is not None:
        text += " The star is the baseline: the complete graph, C = L = 1."
    if len(findings.graphs) == 1:
        return text
    if not findings.spot.tested:
        return f"{text} No rectangle is drawn: it takes at least two seeds to say which graphs are not worse."
    if len(findings.spot.graphs) < 2:
        return (
            f"{text} The published rectangle is the best graph alone: every other one is worse at level 0.05."
        )
    if not findings.spot.bounded:
        return f"{text} The published rectangle is not drawn: its graphs have no two places on the plane."
    return (
        f"{text} The dashed rectangle is the published one: it bounds the {len(findings.spot.graphs):,} "
        "graphs that a one-sided t-test against the best does not call worse at level 0.05, and holds "
        f"{findings.spot.holds(findings.graphs):,} of {len(findings.graphs):,}: "
        f"C {number(findings.spot.C_min)} to {number(findings.spot.C_max)}, "
        f"L {number(findings.spot.L_min)} to {number(findings.spot.L_max)}. "
        "It is not a region of confidence: the fewer the seeds, the wider it comes out."
    )


def _measure_caption(findings: Findings, name: str, letter: str) -> str:
    several = bool((findings.graphs["seeds"] > 1).any())
    if measure.has_bars(findings):
        text = f"A dot is a graph, its bar the {percent(findings.confidence)} interval of its mean."
    else:
        text = "A dot is a graph" + (", the mean of its seeds." if several else ", one seed.")
    if findings.baseline is not None:
        text += " The horizontal line is the baseline" + (", with its interval." if several else ".")
    fit = findings.fits[name]
    if fit is None:
        text += f" No curve: a parabola needs graphs at four or more values of {letter}."
    elif measure.trough(findings, name) is not None:
        text += (
            f" A parabola does not fit ({p_text(measure.misfit(findings, name))} for lack of fit), so the "
            f"curve joins the means of {measure.GROUPS} groups of graphs with neighbouring {letter}, with "
            f"their {percent(findings.confidence)} intervals."
        )
    else:
        band = f"{percent(findings.confidence)} band"
        text += f" The curve is a parabola through the graphs, not the baseline, with its {band}."
        lowest = measure.minimum(fit)
        if lowest is not None:
            text += f" It is lowest at {letter} = {number(lowest[0])}."
        else:
            text += " It has no minimum inside the range of these graphs."
    return text + _correlation(findings.correlations[name], letter) + plane.caption(findings)


def _correlation(correlation: Correlation | None, letter: str) -> str:
    if correlation is None:
        return ""
    tested = p_text(correlation.p_value)
    return f" Rank correlation of error with {letter}: {number(correlation.rho)} (Spearman, {tested})."


def _ranking_caption(findings: Findings) -> str:
    text = "Lower is better, best on top."
    if len(findings.graphs) > ranking.MOST_LINES:
        text = (
            f"Above, how the {len(findings.graphs):,} graphs spread. Below, the {ranking.ENDS} best and worst."
        )
    if (findings.graphs["seeds"] > 1).any():
        text += f" Bars are {percent(findings.confidence)} intervals of the mean."
    if findings.baseline is not None:
        text += " The vertical line is the baseline."
    if findings.tested > 1:
        text += (
            " Triangles: different from it by a t-test with the noise of a run pooled over all networks, after "
            f"Holm's correction for {len(findings.judged.pooled):,} graphs. A circle is not shown to differ, "
            "which is not the same as equal."
        )
    return text

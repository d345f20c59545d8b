"""Table of all graphs of a task for the page, best first, sortable by any column."""

from __future__ import annotations

import html
import math

import pandas as pd

from graph2nn.analysis.findings import ALPHA, Findings
from graph2nn.report.phrasing import number
from graph2nn.tasks import TOP1

#: Rows of the table; more graphs than these are in the atlas and in graphs.csv.
MOST_ROWS = 250

#: Rows that a printed page keeps; the style sheet's ``nth-child`` says the same.
PRINTED_ROWS = 40

#: Heading, column of ``per_graph``, digits (None for text); the heading's explanation.
_COLUMNS: tuple[tuple[str, str, int | None, str], ...] = (
    ("graph", "graph", None, "label"),
    ("error %", "mean", 2, "mean top-1 error of the final epoch"),
    ("sd", "sd", 2, "sample standard deviation over seeds"),
    ("C", "clustering", 3, "clustering coefficient"),
    ("L", "path_length", 3, "average path length"),
    ("gain", "gain", 2, "baseline's mean minus this mean, points"),
    ("p", "p_value", 4, "Welch's t-test against the baseline, two-sided"),
    ("p (Holm)", "p_holm", 4, "the same after Holm's correction over all graphs"),
    ("seeds", "seeds", 0, "runs counted"),
    ("low", "low", 2, "low end of the interval of the mean"),
    ("high", "high", 2, "high end of the interval of the mean"),
    ("sparsity", "sparsity", 3, "average degree / n"),
    ("n", "n", 0, "nodes"),
    ("widths", "widths", None, "features of each stage"),
    ("MACs", "macs", 0, "multiply-adds of one forward pass"),
    ("params", "params", 0, "effective parameters"),
)


def listing(found: Findings, *, heading: int = 2, name: str = "graphs") -> str:
    """Return the section; ``heading`` is the level of its title, ``name`` its anchor."""
    heads = "".join(
        f'<th scope="col" title="{html.escape(why)}"><button type="button">{html.escape(head)}</button></th>'
        for head, _, _, why in columns_of(found)
    )
    rows = [] if found.baseline is None else [_row(found.baseline, found)]
    rows += [_row(row, found) for _, row in found.graphs.head(MOST_ROWS).iterrows()]
    count, title = len(found.graphs), "Every graph"
    rest = ""
    if count > MOST_ROWS:
        title = f"The {MOST_ROWS} best graphs"
        rest = f" All {count:,} are in the atlas and in graphs.csv."
    return (
        f'<section id="{html.escape(name)}">\n<h{heading}>{title}</h{heading}>\n'
        f'<div class="table" tabindex="0" role="region" aria-label="{title}"><table>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>\n"
        f'<p class="caption"><span class="screen">Press a heading to sort by it.</span> '
        f"{html.escape(_units(found))}{rest}{_printed(len(rows))}</p>\n</section>"
    )


def columns_of(found: Findings) -> tuple[tuple[str, str, int | None, str], ...]:
    """Return the columns with the name, the unit and the digits of the score."""
    score, digits = found.score, found.digits
    if score == TOP1:
        return _COLUMNS
    heads = {"mean": (score.label, f"mean {score.name} of the final epoch")}
    heads["gain"] = ("gain", f"baseline's mean minus this mean, {score.difference}")
    scores = ("mean", "sd", "gain", "gain_low", "gain_high", "low", "high")
    return tuple(
        (*((heads[column][0],) if column in heads else (head,)), column, digits if column in scores else shown,
         heads[column][1] if column in heads else why)
        for head, column, shown, why in _COLUMNS
    )  # fmt: skip


def _printed(rows: int) -> str:
    """Say on paper what the style sheet leaves out there."""
    if rows <= PRINTED_ROWS:
        return ""
    said = f"On paper: the first {PRINTED_ROWS} rows and no costs; graphs.csv has all."
    return f'<span class="printed"> {said}</span>'


def _units(found: Findings) -> str:
    if found.score.unit == "%":
        return "Errors in %, gains in points."
    return f"Scores are {found.score.label}, lower is better; gains in {found.score.difference}."


def _row(row: pd.Series, found: Findings) -> str:
    name = ' class="baseline"' if row["kind"] == "baseline" else ""
    return (
        f"<tr{name}>"
        + "".join(_cell(row, column, digits) for _, column, digits, _ in columns_of(found))
        + "</tr>"
    )


def _cell(row: pd.Series, column: str, digits: int | None) -> str:
    value = row[column]
    if digits is None:
        return f"<td>{html.escape(str(value))}</td>"
    if not math.isfinite(value):
        return '<td data-value="">–</td>'
    mark = ""
    if column == "gain" and row["p_holm"] <= ALPHA:
        mark = ' class="better"' if value > 0 else ' class="worse"'
    shown = f"{int(value):,}" if digits == 0 else number(float(value), digits)
    if column.startswith("p_") and value < 1e-4:
        shown = "&lt; 0.0001"
    return f'<td{mark} data-value="{float(value)!r}">{shown}</td>'

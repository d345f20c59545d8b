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
#: Where the columns begin that describe the graph and the network, which paper leaves out.
_OF_GRAPH = 11


def listing(findings: Findings, *, heading: int = 2, name: str = "graphs") -> str:
    """Return the section; ``heading`` is the level of its title, ``name`` its anchor.

    Args:
        findings: of one task.
        heading: level, 1 to 6.
        name: the anchor.

    Returns:
        HTML.
    """
    heads = "".join(
        f'<th scope="col" title="{html.escape(why)}"><button type="button">{html.escape(head)}</button></th>'
        for head, _, _, why in columns_of(findings)
    )
    rows = [] if findings.baseline is None else [_row(findings.baseline, findings)]
    shown = (findings.graphs.index < MOST_ROWS) | findings.graphs["graph"].isin(findings.highlighted)
    rows += [_row(row, findings) for _, row in findings.graphs[shown].iterrows()]
    count, title = len(findings.graphs), "Every graph"
    rest = ""
    if count > MOST_ROWS:
        title = f"The {MOST_ROWS} best graphs"
        rest = f" All {count:,} are in the atlas and in graphs.csv."
    if findings.highlighted:
        rest += " ◆ marks the highlighted graphs."
    return (
        f'<section id="{html.escape(name)}">\n<h{heading}>{title}</h{heading}>\n'
        f'<div class="table" tabindex="0" role="region" aria-label="{title}"><table>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>\n"
        f'<p class="caption"><span class="screen">Press a heading to sort by it.</span> '
        f"{html.escape(_units(findings))}{rest}{_printed(len(rows))}</p>\n</section>"
    )


def columns_of(findings: Findings) -> tuple[tuple[str, str, int | None, str], ...]:
    """Return the columns with the name, the unit and the digits of the score."""
    score, digits, columns = findings.score, findings.digits, _columns(findings)
    if score == TOP1:
        return columns
    heads = {"mean": (score.label, f"mean {score.name} of the final epoch")}
    heads["gain"] = ("gain", f"baseline's mean minus this mean, {score.difference}")
    scores = ("mean", "sd", "gain", "gain_low", "gain_high", "low", "high")
    return tuple(
        (*((heads[column][0],) if column in heads else (head,)), column, digits if column in scores else shown,
         heads[column][1] if column in heads else why)
        for head, column, shown, why in columns
    )  # fmt: skip


def _printed(rows: int) -> str:
    """Say on paper what the style sheet leaves out there."""
    if rows <= PRINTED_ROWS:
        return ""
    said = f"On paper: the first {PRINTED_ROWS} rows and no costs; graphs.csv has all."
    return f'<span class="printed"> {said}</span>'


def _columns(findings: Findings) -> tuple[tuple[str, str, int | None, str], ...]:
    """Return the columns; C and L say where they are of symmetrised graphs, L where it is over some pairs."""
    columns = list(_COLUMNS)
    if findings.symmetrised:
        columns = [
            (f"{head}, symmetrised", column, digits, f"{why} of the symmetrised graph")
            if column in ("clustering", "path_length")
            else (head, column, digits, why)
            for head, column, digits, why in columns
        ]
        columns.insert(
            _OF_GRAPH, ("directed", "directed", None, "whether a node may read one that does not read it")
        )
    if len(findings.placed) < len(findings.graphs):
        why = "ordered pairs of nodes that have a path; below 1 the graph is off the plane and L is over these"
        columns.insert(_OF_GRAPH, ("pairs with a path", "reachable", 3, why))
    return tuple(columns)


def _units(findings: Findings) -> str:
    if findings.score.unit == "%":
        return "Errors in %, gains in points."
    return f"Scores are {findings.score.label}, lower is better; gains in {findings.score.difference}."


def _row(row: pd.Series, findings: Findings) -> str:
    name = ' class="baseline"' if row["kind"] == "baseline" else ""
    name = ' class="highlight"' if row["graph"] in findings.highlighted else name
    return (
        f"<tr{name}>"
        + "".join(_cell(row, column, digits, findings) for _, column, digits, _ in columns_of(findings))
        + "</tr>"
    )


def _cell(row: pd.Series, column: str, digits: int | None, findings: Findings) -> str:
    value = row[column]
    if column == "directed":
        return f"<td>{'–' if pd.isna(value) else 'yes' if value else 'no'}</td>"
    if digits is None:
        mark = "◆ " if column == "graph" and value in findings.highlighted else ""
        return f"<td>{mark}{html.escape(str(value))}</td>"
    if not math.isfinite(value):
        return '<td data-value="">–</td>'
    mark = ""
    if column == "gain" and row["p_holm"] <= ALPHA:
        mark = ' class="better"' if value > 0 else ' class="worse"'
    shown = f"{int(value):,}" if digits == 0 else number(float(value), digits)
    if column.startswith("p_") and value < 1e-4:
        shown = "&lt; 0.0001"
    return f'<td{mark} data-value="{float(value)!r}">{shown}</td>'

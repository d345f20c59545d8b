"""Table of all graphs of a task for the page, best first, sortable by any column."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from graph2nn.analysis.findings import Findings
from graph2nn.report.phrasing import number, p_number
from graph2nn.report.templates import html_of
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
    ("p", "p_value", 4, "t-test against the baseline, noise of a run pooled over all networks, two-sided"),
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


def listing(findings: Findings, *, heading: int = 2, name: str = "graphs") -> Markup:
    """Return the section; ``heading`` is the level of its title, ``name`` its anchor.

    Args:
        findings: of one task.
        heading: level, 1 to 6.
        name: the anchor.

    Returns:
        HTML.
    """
    rows = [] if findings.baseline is None else [_row(findings.baseline, findings, "")]
    standing = findings.standing
    shown = (findings.graphs.index < MOST_ROWS) | findings.graphs["graph"].isin(findings.highlighted)
    rows += [
        _row(row, findings, standing.get(str(row["graph"]), "")) for _, row in findings.graphs[shown].iterrows()
    ]
    count, title = len(findings.graphs), "Every graph"
    rest = ""
    if count > MOST_ROWS:
        title = f"The {MOST_ROWS} best graphs"
        rest = f" All {count:,} are in the atlas and in graphs.csv."
    if findings.highlighted:
        rest += " ◆ marks the highlighted graphs."
    return html_of(
        "assets/listing.html",
        anchor=name,
        level=heading,
        title=title,
        columns=columns_of(findings),
        rows=rows,
        caption=_units(findings) + rest,
        printed=_printed(len(rows)),
    )


@dataclass(frozen=True)
class _Cell:
    """A cell's text; ``value`` is what it sorts by, None for its text; ``style`` is its class."""

    text: str
    value: str | None = None
    style: str = ""


@dataclass(frozen=True)
class _Row:
    style: str
    cells: tuple[_Cell, ...]


def columns_of(findings: Findings) -> tuple[tuple[str, str, int | None, str], ...]:
    """Return the columns with the name, the unit and the digits of the score."""
    score, digits, columns = findings.score, findings.digits, _columns(findings)
    if score == TOP1:
        return columns
    heads = {"mean": (score.label, f"mean {score.name} of the final epoch")}
    heads["gain"] = ("gain", f"baseline's mean minus this mean, {score.difference}")
    scores = ("mean", "sd", "gain", "low", "high")
    return tuple(
        (*((heads[column][0],) if column in heads else (head,)), column, digits if column in scores else shown,
         heads[column][1] if column in heads else why)
        for head, column, shown, why in columns
    )  # fmt: skip


def _printed(rows: int) -> str:
    """Say on paper what the style sheet leaves out there."""
    if rows <= PRINTED_ROWS:
        return ""
    return f"On paper: the first {PRINTED_ROWS} rows and no costs; graphs.csv has all."


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


def _row(row: pd.Series, findings: Findings, standing: str) -> _Row:
    style = "baseline" if row["kind"] == "baseline" else ""
    style = "highlight" if row["graph"] in findings.highlighted else style
    return _Row(
        style,
        tuple(_cell(row, column, digits, findings, standing) for _, column, digits, _ in columns_of(findings)),
    )


def _cell(row: pd.Series, column: str, digits: int | None, findings: Findings, standing: str) -> _Cell:
    value = row[column]
    if column == "directed":
        return _Cell("–" if pd.isna(value) else "yes" if value else "no")
    if digits is None:
        mark = "◆ " if column == "graph" and value in findings.highlighted else ""
        return _Cell(f"{mark}{value}")
    if not math.isfinite(value):
        return _Cell("–", value="")
    style = standing if column == "gain" else ""
    text = f"{int(value):,}" if digits == 0 else number(float(value), digits)
    if column.startswith("p_"):
        text = p_number(float(value))
    return _Cell(text, value=repr(float(value)), style=style)

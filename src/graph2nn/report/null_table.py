"""Table of effects against nulls for the page, each next to what the nulls change."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from graph2nn.analysis.beyond.null_changes import counts
from graph2nn.analysis.task_findings import TaskFindings
from graph2nn.graphs.quantities import ALONG_EDGES
from graph2nn.report.phrasing import between, number, p_number
from graph2nn.report.templates import TextTable, tables

#: Rows per kind of null; summary.json has all.
MOST_ROWS = 100
_HEADS = (
    "graph",
    "effect",
    "interval",
    "p",
    "p (Holm)",
    "nulls",
    "ΔC",
    "ΔL",
    "Δreciprocity",
    "edges of graph → of nulls",
    "",
)


def null_tables(task: TaskFindings, *, heading: int = 2, name: str = "nulls") -> Markup:
    """Return a section per kind of null; ``heading`` is the level of its title, ``name`` its anchor.

    Args:
        task: what was found.
        heading: level, 1 to 6.
        name: start of the anchors.

    Returns:
        HTML.
    """
    return tables([_table(task, kind, f"{name}-{kind.replace('_', '-')}") for kind in task.nulls], heading)


def _table(task: TaskFindings, kind: str, anchor: str) -> TextTable:
    comparison = task.nulls[kind]
    changes = task.null_changes.get(kind, pd.DataFrame({"graph": []})).set_index("graph")
    rows = [
        _row(row, changes.loc[row["graph"]] if row["graph"] in changes.index else None)
        for _, row in comparison.rows.head(MOST_ROWS).iterrows()
    ]
    both = (
        " C, L and edges are those of the symmetrised graphs where a graph is directed and its nulls are not."
    )
    some = both if len(changes) and changes["symmetrised"].any() else ""
    if len(changes) and changes["directed"].any():
        some += f" Where a graph and its nulls are directed, so are C and L ({ALONG_EDGES})."
    caption = (
        "Effect: mean score of the nulls minus that of the graph; positive, the graph is better. ΔC, ΔL and "
        "Δreciprocity: mean of the nulls minus the graph; an effect may be that of what the nulls change "
        f"besides the wiring.{some} Uninformative: the nulls are within one per cent of the graph in C, L, "
        "reciprocity and edges; these graphs are not in the mean."
    )
    return TextTable(
        f"Effects against {kind.replace('_', '-')} nulls", _HEADS, rows, anchor=anchor, caption=caption
    )


def _row(row: pd.Series, changes: pd.Series | None) -> list[str]:
    cells = [
        str(row["graph"]),
        number(float(row["effect"])),
        between(float(row["low"]), float(row["high"])),
        p_number(float(row["p"])),
        p_number(float(row.get("p_holm", float("nan")))),
        f"{int(row['nulls']):,}",
    ]
    if changes is None:
        return [*cells, "–", "–", "–", "–", ""]
    deltas = [
        number(float(changes[f"delta_{name}"]), 3) for name in ("clustering", "path_length", "reciprocity")
    ]
    said = "" if changes["informative"] else "uninformative"
    return [*cells, *deltas, counts(changes), said]

"""What ``graphs show`` prints and writes."""

from __future__ import annotations

import json as json_module
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

from graph2nn.cli.common import console
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph


def write(graph: RelationalGraph, *, plot: Path | None, layout: str, out: Path | None) -> list[Path]:
    """Draw ``graph`` and write it where that is asked for; return the files written.

    Raises:
        UserError: an unknown layout or ending, or a folder that is not there.
    """
    from graph2nn.graphs import draw
    from graph2nn.graphs.io import write_graph

    written = []
    if plot is not None:
        written.append(draw.save(draw.graph(graph, layout), plot))
    if out is not None:
        written.append(write_graph(graph, out))
    return written


def conditions(texts: Iterable[str]) -> dict[str, list[str]]:
    """Read the values of ``--where``: ``Type=chemical``; several of one column are alternatives.

    Raises:
        UserError: a text without ``=``.
    """
    where: dict[str, list[str]] = {}
    for text in texts:
        column, equals, value = text.partition("=")
        if not equals or not column.strip():
            raise UserError(f"--where: {text!r} is not COLUMN=VALUE, for example Type=chemical.")
        where.setdefault(column.strip(), []).append(value.strip())
    return where


def summary(graph: RelationalGraph, *, slow: bool) -> dict[str, Any]:
    """Return what ``--json`` prints: the graph's size and measures, ``None`` for those it lacks."""
    from graph2nn.graphs.registry import measure_all

    values = measure_all(graph, slow=slow)
    return {
        "name": graph.name,
        "n": graph.n,
        "edges": graph.edges,
        "directed": graph.directed,
        "connected": graph.connected,
        "reachable": graph.reachable,
        "sparsity": graph.sparsity,
        "sha256": graph.digest,
        "measures": {name: None if math.isnan(value) else value for name, value in values.items()},
    }


def show(graph: RelationalGraph, *, slow: bool, json: bool, notes: Sequence[str] = (), how: str = "") -> None:
    """Print the summary as JSON or as a table; notes about the file go to standard error as well.

    Args:
        graph: the graph.
        slow: also measure what takes long.
        json: print JSON.
        notes: what was left aside or decided while the file was read.
        how: one line that says how the file was read.
    """
    facts = summary(graph, slow=slow)
    for line in (*([how] if how else []), *notes):
        console.print(f"graph2nn: {graph.name}: {line}.", markup=False, soft_wrap=True)
    if json:
        facts = {**facts, "read": how or None, "notes": list(notes)}
        typer.echo(json_module.dumps(facts, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from graph2nn.graphs.registry import MEASURES

    kind = "directed" if graph.directed else "undirected"
    title = f"{graph.name}: {graph.n} nodes, {graph.edges} {kind} edges, sparsity {graph.sparsity:.4g}"
    table = Table(title=Text(title), title_justify="left", box=None, header_style="bold", padding=(0, 1))
    table.add_column("measure")
    table.add_column("", style="cyan")
    table.add_column("value", justify="right")
    table.add_column("what it is", style="dim")
    for name, value in facts["measures"].items():
        measure = MEASURES[name]
        note = f"{measure.meaning}; {measure.directed}" if graph.directed else measure.meaning
        if name == "path_length":
            note += path_note(graph)
        table.add_row(name, measure.symbol, "–" if value is None else f"{value:.6g}", note)
    Console().print(table)


def path_note(graph: RelationalGraph) -> str:
    """Say what L leaves out, and its standard error where it was estimated."""
    note = f"; {100 * graph.reachable:.4g} % of pairs have a path" if graph.reachable < 1 else ""
    if graph.paths.sampled is not None:
        note += f"; ± {graph.paths.standard_error:.2g} from {graph.paths.sampled:,} nodes"
    return note


def say_written(paths: list[Path]) -> None:
    """Name the files written, one a line."""
    for path in paths:
        typer.echo(f"wrote {path}")

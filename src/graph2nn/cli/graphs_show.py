"""What ``graphs show`` prints and writes."""

from __future__ import annotations

import json as json_module
import math
from pathlib import Path
from typing import Any

import typer

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


def summary(graph: RelationalGraph, *, slow: bool) -> dict[str, Any]:
    """Return what ``--json`` prints: the graph's size and measures, ``None`` for those it lacks."""
    from graph2nn.graphs.measures.registry import measure_all

    values = measure_all(graph, slow=slow)
    return {
        "name": graph.name,
        "n": graph.n,
        "edges": graph.edges,
        "directed": graph.directed,
        "connected": graph.connected,
        "sparsity": graph.sparsity,
        "sha256": graph.digest,
        "measures": {name: None if math.isnan(value) else value for name, value in values.items()},
    }


def show(graph: RelationalGraph, *, slow: bool, json: bool) -> None:
    """Print the summary as JSON or as a table."""
    facts = summary(graph, slow=slow)
    if json:
        typer.echo(json_module.dumps(facts, indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from graph2nn.graphs.measures.registry import MEASURES

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
        table.add_row(name, measure.symbol, "–" if value is None else f"{value:.6g}", note)
    Console().print(table)


def say_written(paths: list[Path]) -> None:
    """Name the files written, one a line."""
    for path in paths:
        typer.echo(f"wrote {path}")

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
from graph2nn.graphs.components import component_sizes, isolated_nodes
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.registry import MEASURES, measure_all, measures_of
from graph2nn.graphs.motifs import triad_census
from graph2nn.graphs.nulls.small_worldness import small_world

#: Measures that compare with random references, and what :class:`SmallWorld` calls them.
_OF_REFERENCES = {
    "small_world_sigma": "sigma",
    "small_world_omega": "omega",
    "small_world_propensity": "propensity",
    "clustering_ratio": "clustering_ratio",
    "path_length_ratio": "path_length_ratio",
}


def write(graph: RelationalGraph, *, plot: Path | None, layout: str, out: Path | None) -> list[Path]:
    """Draw ``graph`` and write it where that is asked for; return the files written.

    Args:
        graph: to draw and write.
        plot: picture; None for none.
        layout: of the picture.
        out: file of the graph; None for none.

    Returns:
        The files written.

    Raises:
        UserError: an unknown layout or ending, or a folder that is not there.
    """
    from graph2nn.graphs import draw
    from graph2nn.graphs.io import write_graph
    from graph2nn.graphs.io.formats import FORMATS, ending_of

    if out is not None and (ending := ending_of(out)) not in FORMATS:
        what = f"the ending {ending!r} is not written" if ending else "the name has no ending"
        raise UserError(f"--out: {out}: {what}; expected one of {', '.join(FORMATS)}.")
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
    """Return what ``--json`` prints: the graph's size and measures, ``None`` for those it lacks.

    C and L of a directed graph stand under ``measures`` as directed values, and those of the graph without
    directions under ``symmetrised``; ``triads`` is its census of three nodes. ``standard_errors`` are those of
    measures that compare with random references.
    """
    values, refused = _measured(graph, slow=slow)
    facts: dict[str, Any] = {
        "name": graph.name,
        "n": graph.n,
        "edges": graph.edges,
        "directed": graph.directed,
        "connected": graph.connected,
        "reachable": graph.reachable,
        "sparsity": graph.sparsity,
        "sha256": graph.digest,
        "components": len(component_sizes(graph.csr)),
        "isolated": isolated_nodes(graph.adjacency, graph.node_names),
        "node_names": None if graph.node_names is None else list(graph.node_names),
        "measures": values,
        "standard_errors": _standard_errors(graph, values),
        "not_measured": refused,
    }
    if graph.directed:
        symmetrised = graph.symmetrised()
        facts["measures_of"] = "the directed graph; directed clustering as Fagiolo 2007 defines it"
        facts["symmetrised"] = {
            name: _number(MEASURES[name](symmetrised)) for name in ("clustering", "path_length")
        }
        facts["symmetrised"]["reachable"] = symmetrised.reachable
        facts["triads"] = triad_census(graph)
    return facts


def _measured(graph: RelationalGraph, *, slow: bool) -> tuple[dict[str, float | None], dict[str, str]]:
    """Measure a graph; return the values, and why a large graph lacks some of them."""
    values: dict[str, float | None] = {}
    refused: dict[str, str] = {}
    for name, measure in measures_of(graph).items():
        if measure.cost == "slow" and not slow:
            continue
        try:
            values[name] = _number(measure_all(graph, [name])[name])
        except UserError as error:  # what needs a dense matrix of a large graph says so
            values[name], refused[name] = None, str(error)
    return values, refused


def _standard_errors(graph: RelationalGraph, values: dict[str, float | None]) -> dict[str, float]:
    """Return how much the measured values would differ with other random references."""
    measured = [name for name in _OF_REFERENCES if values.get(name) is not None]
    if not measured:
        return {}
    world = small_world(graph)  # measured already, and kept
    return {name: float(getattr(world, f"{_OF_REFERENCES[name]}_error")) for name in measured}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def show(
    graph: RelationalGraph, *, slow: bool, json: bool, notes: Sequence[str] = (), read_as: str = ""
) -> None:
    """Print the summary as JSON or as a table; notes about the file go to standard error as well.

    Args:
        graph: the graph.
        slow: also measure what takes long.
        json: print JSON.
        notes: what was left aside or decided while the file was read.
        read_as: one line that says how the file was read.
    """
    for line in (*([read_as] if read_as else []), *notes):
        console.print(f"graph2nn: {graph.name}: {line}.", markup=False, soft_wrap=True)
    facts = summary(graph, slow=slow)
    if json:
        facts = {**facts, "read": read_as or None, "notes": list(notes)}
        typer.echo(json_module.dumps(facts, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    kind = "directed" if graph.directed else "undirected"
    title = f"{graph.name}: {graph.n} nodes, {graph.edges} {kind} edges, sparsity {graph.sparsity:.4g}"
    table = Table(title=Text(title), title_justify="left", box=None, header_style="bold", padding=(0, 1))
    table.add_column("measure")
    table.add_column("", style="cyan")
    table.add_column("value", justify="right")
    table.add_column("what it is", style="dim")
    symmetrised = facts.get("symmetrised", {})
    for name, value in facts["measures"].items():
        measure = measures_of(graph)[name]
        note = f"{measure.meaning}; {measure.directed}" if graph.directed else measure.meaning
        if name == "path_length" and graph.reachable < 1:
            note += f"; {graph.reachable:.4g} of the ordered pairs have one"
        if name == "path_length" and graph.paths.sampled is not None:
            note += f"; ± {graph.paths.standard_error:.2g} from {graph.paths.sampled:,} nodes"
        if name in facts["not_measured"]:
            note += "; not measured, as it needs a dense matrix"
        label = f"{name}, directed" if name in symmetrised else name
        error = facts["standard_errors"].get(name)
        shown = _shown(value) if error is None else f"{value:.4g} ± {error:.1g}"
        table.add_row(label, measure.symbol, shown, note)
        if name in symmetrised:
            note = f"{measure.meaning}; {SYMMETRISED}"
            if name == "path_length" and symmetrised["reachable"] < 1:
                note += f"; {symmetrised['reachable']:.4g} of the ordered pairs have one"
            table.add_row(f"{name}, symmetrised", measure.symbol, _shown(symmetrised[name]), note)
    Console(markup=False).print(table)
    if graph.directed:
        typer.echo("Triads: " + ", ".join(f"{name} {count:,}" for name, count in facts["triads"].items()))
    if facts["components"] > 1:
        alone = facts["isolated"]
        more = f" and {len(alone) - _LISTED} more" if len(alone) > _LISTED else ""
        said = f"; isolated: {', '.join(alone[:_LISTED])}{more}" if alone else ""
        typer.echo(f"In {facts['components']} parts, so off the (C, L) plane{said}.")


#: Isolated nodes that are named on a terminal; --json has all.
_LISTED = 20
#: What the second value of a directed graph is of; reports draw the (C, L) plane with it.
SYMMETRISED = "of the symmetrised graph"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def say_written(paths: list[Path]) -> None:
    """Name the files written, one per line."""
    for path in paths:
        typer.echo(f"wrote {path}")

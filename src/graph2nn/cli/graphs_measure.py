"""``graph2nn graphs measure``: every measure of one graph, or of a whole table of graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph2nn.cli.completion import complete_measured
from graph2nn.errors import UserError


def measure(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A catalogue, a file of one, a sweep, or a graph as for show.",
            autocompletion=complete_measured,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write to this .parquet or .csv file.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out the slow ones: σ, ω, betweenness.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder that has the connectomes' files.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes (default all cores).")] = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Measure all, neither look numbers up nor keep them.")
    ] = False,
) -> None:
    """Measure graphs: every measure of the registry, one column each.

    A published catalogue (looked up, not measured), a catalogue or sweep of your own, one graph:

        graph2nn graphs measure n64-52 --out measures.csv

        graph2nn graphs measure n32/n32-coarse.parquet --fast --out n32.parquet

        graph2nn graphs measure barabasi_albert:n=64,m=4,seed=1

    Numbers are kept on disk by the graph they belong to. Interrupted, the same command goes on.
    """
    from graph2nn.cli import graphs_show
    from graph2nn.graphs.measures.measure_tables import measured, writable, write_measured
    from graph2nn.graphs.spec import parse_graph
    from graph2nn.results.run_folder import refuse_own_file

    processes = workers or _cores()
    refuse_own_file("measure", out)
    if out is not None:
        writable(out)
    if names_a_table(what):
        if out is None:
            raise UserError(f"measure: {what} holds many graphs; name a file: --out measures.parquet.")
        table = measured(what, slow=not fast, afresh=afresh, workers=processes)
    else:
        graph = parse_graph(what, data=data)
        if out is None:
            graphs_show.show(graph, slow=not fast, json=False)
            return
        table = measured({graph.name: graph}, slow=not fast, afresh=afresh, workers=processes)
    typer.echo(f"{write_measured(table, out)}: {len(table):,} graphs, {len(table.columns)} columns")


def names_a_table(what: str) -> bool:
    """Whether ``what`` is a catalogue or a file of one, and not a graph."""
    from graph2nn.graphs.catalogue_files import COLUMNS
    from graph2nn.graphs.catalogues import PUBLISHED

    path = Path(what)
    if what in PUBLISHED or path.suffix == ".parquet":
        return True
    if path.suffix != ".csv" or not path.is_file():
        return False
    # A matrix or a list of edges ends in .csv, too; a catalogue has its columns in the first line.
    with path.open(encoding="utf-8", errors="replace") as lines:
        return set(COLUMNS) <= set(lines.readline().strip().split(","))


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""``graph2nn graphs sweep`` and ``graph2nn graphs catalogue``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph2nn.cli.completion import complete_catalogue
from graph2nn.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Degrees = Annotated[
    int | None, typer.Option(min=1, help="How many average degrees k. (default 300, below 64 nodes 200)")
]
KMin = Annotated[float | None, typer.Option(help="Least average degree (default √n).")]
KMax = Annotated[float | None, typer.Option(help="Greatest average degree (default n − 2).")]
Probabilities = Annotated[int, typer.Option(min=1, help="How many rewiring probabilities p from 0 to 1.")]
Seeds = Annotated[int, typer.Option(min=1, help="How many seeds, from 0.")]


def sweep(
    nodes: Annotated[int, typer.Option("--nodes", "-n", help="Number of nodes, at least 2.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Parquet file to write.")],
    degrees: Degrees = None,
    k_min: KMin = None,
    k_max: KMax = None,
    probabilities: Probabilities = 300,
    seeds: Seeds = 30,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads (default all cores).")] = None,
) -> None:
    """Measure C and L of every WS-flex graph of a grid.

    The published sweep of 2.7 million graphs:

        graph2nn graphs sweep --nodes 64 --out sweep.parquet

    A quick look at 32 nodes:

        graph2nn graphs sweep -n 32 --degrees 50 --probabilities 50 --seeds 3 -o small.parquet

    Interrupted or killed, the same command goes on and ends in the same file.
    """
    from graph2nn.graphs import ws_flex_sweep as sweeps

    done = sweeps.sweep(
        nodes,
        k=sweeps.default_degrees(nodes, degrees, low=k_min, high=k_max),
        p=sweeps.default_probabilities(probabilities),
        seeds=range(seeds),
        out=out,
        workers=workers,
    )
    gaps = f"; {done.missing:,} without a connected graph" if done.missing else ""
    typer.echo(f"{done.path}: {done.rows:,} graphs{gaps}")


def catalogue(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A published catalogue (n64-52, …) or a catalogue file.",
            show_default=False,
            autocompletion=complete_catalogue,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, floats to the last digit.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write to this .csv, .json or .parquet file; a folder when making one."
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it on the (C, L) plane: .png, .svg or .pdf.")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="Make catalogues from this sweep.")] = None,
    nodes: Annotated[
        int | None, typer.Option("--nodes", "-n", help="Make catalogues for this many nodes.")
    ] = None,
    bins: Annotated[
        int | None, typer.Option(help="Coarse bins a side. (default 15, below 64 nodes 12)")
    ] = None,
    l_max: Annotated[
        float | None, typer.Option(help="Greatest path length (default that of the sweep).")
    ] = None,
    fill_above: Annotated[
        float | None,
        typer.Option(help="Fill empty coarse bins where C is above this (default 0.75, below 64 nodes 0)."),
    ] = None,
) -> None:
    """Show a catalogue of graphs that cover the (C, L) plane, or make one.

    Without a name it lists the published ones. One of them, and its picture:

        graph2nn graphs catalogue n64-52

        graph2nn graphs catalogue n64-52 --plot plane.png

    New ones (coarse, medium, fine and a picture) for other nodes, after a sweep, or from a sweep you have:

        graph2nn graphs catalogue --nodes 32 --out n32/

        graph2nn graphs catalogue --from sweep.parquet --bins 10 --out mine/
    """
    from graph2nn.graphs import catalogue_files, catalogues
    from graph2nn.graphs import ws_flex_sweep as sweeps
    from graph2nn.results.run_folder import refuse_own_file

    plan = source if nodes is None else sweeps.plan_sweep(nodes)
    if plan is not None:
        if name is not None or out is None or (source is not None and nodes is not None):
            raise UserError("catalogue: to make one, give --out FOLDER and --from SWEEP or --nodes N, no name.")
        for path in catalogues.build_catalogues(out, plan, bins=bins, l_max=l_max, fill_above=fill_above):
            typer.echo(path)
        return
    if (bins, l_max, fill_above) != (None, None, None):
        raise UserError("catalogue: --bins, --l-max and --fill-above go with --from SWEEP or --nodes N.")
    if name is None:
        for published, level in catalogues.PUBLISHED.items():
            n, count = published[1:].split("-")
            typer.echo(f"{published:9} {count:>4} graphs on {n} nodes, {level}")
        return
    refuse_own_file("catalogue", out)
    frame = catalogues.catalogue(name)
    for path in [
        *([catalogue_files.write_catalogue(frame, out)] if out else []),
        *([catalogues.plot_catalogue(name, plot)] if plot else []),
    ]:
        typer.echo(path, err=True)
    if as_json:
        typer.echo(catalogue_files.to_json(frame))
    elif as_csv:
        typer.echo(frame.to_csv(index=False), nl=False)
    elif not out and not plot:
        _print(name, frame)


def _print(name: str, frame: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{name}: {len(frame)} graphs")
    for column in frame.columns:
        table.add_column(column, justify="right")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{value:.6f}" if isinstance(value, float) else str(value) for value in row))
    Console(markup=False).print(table)

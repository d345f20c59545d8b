"""``graph2nn recover``: recover graphs from trained weights."""

from __future__ import annotations

import math
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from graph2nn.cli.common import Json, print_json

if TYPE_CHECKING:
    import pandas as pd

    from graph2nn.conversion.blocks import Norm


def recover(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Checkpoints, runs, or folders of them.")
    ],
    nodes: Annotated[int, typer.Option("--nodes", "-n", help="Number of nodes, at least 2.")],
    density: Annotated[
        float | None, typer.Option(help="Share of the blocks that are edges, a node's own included.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Edges are blocks whose norm is more than this.")
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only these weights; may be repeated.")
    ] = None,
    norm: Annotated[str, typer.Option(help="fro, l1 or max.")] = "fro",
    symmetric: Annotated[bool, typer.Option("--symmetric", help="Choose undirected edges.")] = False,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the table: .csv or .parquet.")] = None,
) -> None:
    """Read graphs back from trained weights: density, C and L of each layer of each checkpoint.

    Each weight is cut into N × N blocks; the strongest are the edges. Without --density and --threshold only
    masked weights are read, from their masks. "captured" is the share of the squared weights that lies in the
    blocks of the graph.

    [bold]Examples[/bold]

    graph2nn recover runs --nodes 64
    graph2nn recover checkpoints --nodes 64 --density 0.3 --layer 'encoder.*' --out training.csv
    """
    from graph2nn.conversion.recover import recover_table, write_table
    from graph2nn.results.run_folder import refuse_own_file

    refuse_own_file("recover", out)
    kind = cast("Norm", norm)  # an unknown one is refused there
    table = recover_table(
        paths, nodes, density=density, threshold=threshold, norm=kind, layers=layer or None, symmetric=symmetric
    )
    if out is not None:
        typer.echo(f"wrote {write_table(table, out)}", err=True)
    if as_json:
        print_json(table.astype(object).where(table.notna(), None).to_dict(orient="records"))
    elif out is None:
        _print(table)


def _print(table: pd.DataFrame) -> None:
    """Print one table a checkpoint."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [column for column in table if column not in ("checkpoint", "epoch", "directed")]
    # Rows of a checkpoint follow each other. Not table.groupby: pandas 3 keeps no name that is not UTF-8.
    checkpoints = zip(table["checkpoint"], table["epoch"].astype(str), strict=True)
    cells = zip(checkpoints, table[columns].itertuples(index=False), strict=True)
    for (path, epoch), rows in groupby(cells, key=itemgetter(0)):
        title = f"{path}" if epoch == "<NA>" else f"{path} (epoch {epoch})"
        shown = Table(title=Text(title), title_justify="left", box=None, header_style="bold", padding=(0, 1))
        shown.add_column("layer", overflow="fold")
        for column in ("n", "edges", "density", "captured", "C", "L"):
            shown.add_column(column, justify="right", no_wrap=True)
        for _, row in rows:
            shown.add_row(*(Text(_cell(value)) for value in row))
        Console(markup=False).print(shown)
    if table["directed"].any():
        from graph2nn.graphs.quantities import ALONG_EDGES

        typer.echo(f"C and L of directed graphs follow the directions ({ALONG_EDGES}).")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4f}"
    return str(value)

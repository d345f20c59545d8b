"""``graph2nn match``: the widths at which a network on a graph costs what its baseline costs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from graph2nn.cli.common import Data, Graph, Json, WSFlex, console, parse_ws_flex, print_json
from graph2nn.errors import UserError


def match(
    model: Annotated[str, typer.Argument(help="An architecture, for example mlp5.")],
    ws_flex: WSFlex = None,
    graph: Graph = None,
    method: Annotated[str, typer.Option(help="published, exact, or auto.")] = "auto",
    side: Annotated[str, typer.Option(help="Of the target, with exact: nearest, below, above.")] = "nearest",
    multiple_of: Annotated[int, typer.Option(min=1, help="With exact: every width a multiple of this.")] = 1,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Find the widths that give a network on a graph the FLOPs of its dense baseline.

    [bold]Examples[/bold]

    graph2nn match mlp5                                        [dim]the baseline itself[/dim]
    graph2nn match mlp5 --ws-flex 64,0.128,0.128,4 --json      [dim]n, sparsity, p, seed[/dim]
    graph2nn match mlp5 --graph my-graph.graphml --method exact --side below
    """
    from graph2nn.budget.matching import match as find

    # Literals are checked by the function itself, which can name the nearest word.
    found = find(model, _graph(ws_flex, graph, data), method=method, side=side, multiple_of=multiple_of)  # type: ignore[arg-type]
    if as_json:
        print_json(asdict(found))
        return
    table = Table("widths", "MACs", "of the budget", "parameters", "method", title=f"{model}")
    share = f"{found.macs / found.target:.4%}"
    table.add_row(
        ", ".join(map(str, found.widths)), f"{found.macs:,}", share, f"{found.params:,}", found.method
    )
    console.print(table)


def _graph(ws_flex: str | None, graph: str | None, data: Path | None):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from graph2nn.graphs.spec import parse_graph

    if ws_flex and graph:
        raise UserError("match: give --ws-flex or --graph, not both.")
    if ws_flex:
        return parse_ws_flex(ws_flex).build()
    return parse_graph(graph, data=data) if graph else None

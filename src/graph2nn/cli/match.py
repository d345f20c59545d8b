"""``graph2nn match``: widths at which a network on a graph costs what its baseline costs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from graph2nn.cli.common import (
    Data,
    Graph,
    Json,
    Options,
    WSFlex,
    one_graph,
    parse_options,
    print_json,
    show_table,
)


def match(
    model: Annotated[str, typer.Argument(help="An architecture; graph2nn models lists them.")],
    ws_flex: WSFlex = None,
    graph: Graph = None,
    method: Annotated[str, typer.Option(help="published, published-below, exact, none or auto.")] = "auto",
    side: Annotated[str, typer.Option(help="Of the target, with exact: nearest, below, above.")] = "nearest",
    multiple_of: Annotated[int, typer.Option(min=1, help="With exact: every width a multiple of this.")] = 1,
    quantity: Annotated[str, typer.Option(help="What to match, with exact: macs or params.")] = "macs",
    option: Options = [],  # noqa: B006
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
    matched = find(
        model,
        one_graph(ws_flex, graph, data),
        method=method,  # type: ignore[arg-type]
        side=side,  # type: ignore[arg-type]
        quantity=quantity,  # type: ignore[arg-type]
        multiple_of=multiple_of,
        **parse_options(option),
    )
    if as_json:
        print_json(asdict(matched))
        return
    table = Table("widths", "MACs", "of the budget", "parameters", "method", title=f"{model}")
    share = f"{(matched.macs if quantity == 'macs' else matched.params) / matched.target:.4%}"
    table.add_row(
        ", ".join(map(str, matched.widths)), f"{matched.macs:,}", share, f"{matched.params:,}", matched.method
    )
    show_table(table)

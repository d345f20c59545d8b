"""``graph2nn models`` and ``graph2nn cost``: the architectures, and the cost of one of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from graph2nn.cli.common import (
    Data,
    Graph,
    Json,
    Options,
    WSFlex,
    numbers,
    one_graph,
    parse_options,
    print_json,
    show_table,
)

if TYPE_CHECKING:
    from graph2nn.budget import Cost


def models(as_json: Json = False) -> None:
    """List the architectures with the cost of their dense baselines.

    MLPs of any depth have names too, and so has every CIFAR ResNet: mlp12, resnet44-cifar.
    """
    from graph2nn.budget import baselines
    from graph2nn.models import ARCHITECTURES

    costs = baselines()
    if as_json:
        print_json(
            [
                {
                    "name": name,
                    "widths": described.widths,
                    "input_size": described.input_size,
                    "macs": macs,
                    "params": params,
                }
                for (name, described), (macs, params) in zip(ARCHITECTURES.items(), costs.values(), strict=True)
            ]
        )
        return
    table = Table("model", "what it is", "widths", "input")
    table.add_column("MACs", justify="right")
    table.add_column("parameters", justify="right")
    for name, described in ARCHITECTURES.items():
        macs, params = costs[name]
        size = "×".join(map(str, described.input_size))
        table.add_row(
            name, described.about, ", ".join(map(str, described.widths)), size, f"{macs:,}", f"{params:,}"
        )
    show_table(table)


def cost(
    model: Annotated[str, typer.Argument(help="An architecture; graph2nn models lists them.")],
    ws_flex: WSFlex = None,
    graph: Graph = None,
    widths: Annotated[
        str | None, typer.Option(metavar="W,W,…", help="One a stage. Default: those that match the baseline.")
    ] = None,
    input_size: Annotated[
        str | None, typer.Option(metavar="C,H,W", help="Of one sample. Default: the architecture's own.")
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="Outputs. Default: the architecture's own.")
    ] = None,
    option: Options = [],  # noqa: B006
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show what every layer of a network costs: multiply-adds and parameters, zeros of the mask left out.

    [bold]Examples[/bold]

    graph2nn cost resnet34-sep                                           [dim]the dense baseline[/dim]
    graph2nn cost mlp5 --ws-flex 64,0.128,0.128,4                        [dim]at matched widths[/dim]
    graph2nn cost mlp5 --graph my-graph.graphml --widths 700 --json
    """
    from graph2nn.budget import cost as count

    table = count(
        model,
        one_graph(ws_flex, graph, data),
        widths=numbers("--widths", widths),
        input_size=numbers("--input-size", input_size),
        num_classes=classes,
        **parse_options(option),
    )
    if as_json:
        print_json({**asdict(table), "macs": table.macs, "params": table.params})
        return
    _show(table)


def _show(costs: Cost) -> None:
    total = costs.macs
    title = f"{costs.model}, widths {', '.join(map(str, costs.widths))}"
    table = Table("layer", "kind", title=title, show_footer=True)
    for heading, footer in (
        ("MACs", f"{total:,}"),
        ("share", f"{total / costs.target:.2%} of the baseline"),
        ("in use", ""),
        ("parameters", f"{costs.params:,}"),
        ("dense", f"{sum(layer.dense_parameters for layer in costs.layers):,}"),
    ):
        table.add_column(heading, footer, justify="right")
    for layer in costs.layers:
        use = f"{layer.macs / layer.dense_macs:.1%}" if layer.dense_macs else ""
        share = f"{layer.macs / total:.1%}" if layer.macs else ""
        macs = f"{layer.macs:,}" if layer.macs else ""
        learnt = f"{layer.parameters:,}", f"{layer.dense_parameters:,}"
        table.add_row(layer.name, layer.kind, macs, share, use, *learnt)
    show_table(table)

"""``graph2nn graphs …``: look at graphs, sweep them, list catalogues."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph2nn.cli.common import OneValueEach
from graph2nn.cli.completion import complete_graph
from graph2nn.cli.graphs_measure import measure
from graph2nn.cli.graphs_sweep import catalogue, sweep

app = typer.Typer(help="Make graphs, measure them, look at them.", no_args_is_help=True)

_SHOW = """Measure a graph, draw it, or write it in another format.

X is a file (.npy .npz .mtx .csv .tsv .txt .edgelist .edges .adjlist .graphml .gml .gexf .net .dot .mat .xlsx
.feather .parquet, each also as .gz), a connectome (mcwhole, mcvisual, cat, worm, larva), or a family of
graphs with its arguments. An unknown X lists the families.

Examples:

  graph2nn graphs show ws_flex:n=64,sparsity=0.128,p=0.1,seed=4

  graph2nn graphs show barabasi_albert:n=64,m=4,seed=1 --all --plot ba.png --layout all

  graph2nn graphs show cat --data connectomes/ --symmetrise --json

  graph2nn graphs show weights.csv --keep-strongest 10% --absolute --drop-self-loops --out graph.graphml

  graph2nn graphs show worm.csv --where Type=chemical --combine sum --threshold 2 --name worm

  graph2nn graphs show connections.csv --neurons neurons.csv --min-weight 5
"""


@app.command(cls=OneValueEach, help=_SHOW)
def show(
    x: Annotated[
        str,
        typer.Argument(
            metavar="X", help="A file, a connectome, or family:argument=value,…", autocompletion=complete_graph
        ),
    ],
    every: Annotated[bool, typer.Option("--all", help="Also the slow measures: σ, ω, betweenness.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; a measure that X lacks is null.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw X into this .png, .svg or .pdf.")] = None,
    layout: Annotated[str, typer.Option(help="circular, spring, matrix or all.")] = "circular",
    out: Annotated[Path | None, typer.Option(help="Write X in the format that this ending names.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder that has the connectomes' files.")] = None,
    symmetrise: Annotated[bool, typer.Option("--symmetrise", help="Forget the directions.")] = False,
    file_format: Annotated[
        str | None, typer.Option("--format", metavar="F", help="What the file holds: matrix, edges, graphml, …")
    ] = None,
    directed: Annotated[
        bool | None, typer.Option("--directed/--undirected", help="Whether edges go one way only.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column or attribute that holds the weights.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Keep edges of more than this weight.")] = None,
    keep_strongest: Annotated[
        str | None, typer.Option(metavar="10%", help="Keep this share of all possible pairs, strongest first.")
    ] = None,
    absolute: Annotated[bool, typer.Option("--absolute", help="Compare weights without their sign.")] = False,
    where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Read only these rows of a table.")
    ] = None,
    combine: Annotated[
        str | None, typer.Option(metavar="HOW", help="Make one edge of repeated pairs: sum, max or first.")
    ] = None,
    transpose: Annotated[
        bool, typer.Option("--transpose", help="Turn every edge round: what was read reads.")
    ] = False,
    largest_component: Annotated[
        bool, typer.Option("--largest-component", help="Keep only the largest connected part.")
    ] = False,
    drop_self_loops: Annotated[bool, typer.Option("--drop-self-loops", help="Clear the diagonal.")] = False,
    variable: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Array of a .mat or .npz file, or sheet of an Excel file."),
    ] = None,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep the weights, for weighted measures and --out.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Call the graph NAME.")] = None,
    neurons: Annotated[
        list[Path] | None,
        typer.Option(metavar="TABLE", help="Table of neurons: X is one of their connections. Repeat to join."),
    ] = None,
    min_weight: Annotated[
        float | None, typer.Option(help="Keep connections of neurons of at least this weight.")
    ] = None,
) -> None:
    """Measure, draw and write one graph."""
    from graph2nn.cli import graphs_show
    from graph2nn.graphs.io import ReadOptions, parse_share
    from graph2nn.graphs.spec import find_graph

    options = ReadOptions(
        format=file_format,
        directed=directed,
        weight=weight,
        threshold=threshold,
        keep_strongest=parse_share(keep_strongest),
        transpose=transpose,
        largest_component=largest_component,
        drop_self_loops=drop_self_loops,
        where=graphs_show.conditions(where or []),
        combine=combine,
        absolute=absolute,
        variable=variable,
        keep_weights=keep_weights,
        name=name,
        side="command",
    )
    reading = find_graph(x, options, data=data, neurons=neurons or (), min_weight=min_weight)
    graph = reading.graph.symmetrised() if symmetrise else reading.graph
    written = graphs_show.write(graph, plot=plot, layout=layout, out=out)
    graphs_show.show(graph, slow=every, json=json, notes=reading.notes, read_as=reading.how)
    if not json:
        graphs_show.say_written(written)


app.command(cls=OneValueEach)(measure)
app.command(cls=OneValueEach)(sweep)
app.command(cls=OneValueEach)(catalogue)

"""``graph2nn graphs …``: look at graphs, sweep them, list catalogues."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph2nn.cli.graphs_measure import measure
from graph2nn.cli.graphs_sweep import catalogue, sweep

app = typer.Typer(help="Make graphs, measure them, look at them.", no_args_is_help=True)

_SHOW = """Measure a graph, draw it, or write it in another format.

X is a file (.npy .npz .mtx .csv .tsv .txt .edgelist .edges .graphml .gml), a connectome (mcwhole, mcvisual,
cat), or a family of graphs with its arguments. An unknown X lists the families.

Examples:

  graph2nn graphs show ws_flex:n=64,sparsity=0.128,p=0.1,seed=4

  graph2nn graphs show barabasi_albert:n=64,m=4,seed=1 --all --plot ba.png --layout all

  graph2nn graphs show cat --data connectomes/ --symmetrise --json

  graph2nn graphs show weights.csv --threshold 0.5 --out graph.graphml
"""


@app.command(help=_SHOW)
def show(
    x: Annotated[str, typer.Argument(metavar="X", help="A file, a connectome, or family:argument=value,…")],
    every: Annotated[bool, typer.Option("--all", help="Also the slow measures: σ, ω, betweenness.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; a measure that X lacks is null.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw X into this .png, .svg or .pdf.")] = None,
    layout: Annotated[str, typer.Option(help="circular, spring, matrix or all.")] = "circular",
    out: Annotated[Path | None, typer.Option(help="Write X in the format that this ending names.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder that has the connectomes' files.")] = None,
    symmetrise: Annotated[bool, typer.Option("--symmetrise", help="Forget the directions.")] = False,
    directed: Annotated[
        bool | None, typer.Option("--directed/--undirected", help="What an edge list or matrix is.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Keep edges of more than this weight.")] = None,
    drop_self_loops: Annotated[bool, typer.Option("--drop-self-loops", help="Clear the diagonal.")] = False,
) -> None:
    """Measure, draw and write one graph."""
    from graph2nn.cli import graphs_show
    from graph2nn.graphs.spec import parse_graph

    graph = parse_graph(x, data=data, threshold=threshold, directed=directed, drop_self_loops=drop_self_loops)
    graph = graph.symmetrised() if symmetrise else graph
    written = graphs_show.write(graph, plot=plot, layout=layout, out=out)
    graphs_show.show(graph, slow=every, json=json)
    if not json:
        graphs_show.say_written(written)


app.command()(measure)
app.command()(sweep)
app.command()(catalogue)

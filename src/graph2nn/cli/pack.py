"""``graph2nn pack``: runs without their weights, small enough to keep and to share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph2nn.cli.common import console


def pack(
    path: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of results, as train and sweep write it.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to; DIR itself if left out.")
    ] = None,
    leave_out_damaged: Annotated[
        bool,
        typer.Option(
            "--leave-out-damaged", help="Leave damaged runs out and name them; else nothing is packed."
        ),
    ] = False,
) -> None:
    """Pack finished runs into two small files: configs, results, learning curves; no weights.

    Every command reads a packed folder as it reads the runs: analyze remakes the report, sweep and retry go on
    with what is missing. Packing again adds what has finished since.

    [bold]Examples[/bold]

    graph2nn pack runs --out results/mlp
    graph2nn analyze results/mlp --out report
    graph2nn sweep mlp-cifar10 --seeds 5 --out results/mlp
    """
    from graph2nn.results.packing import pack as work
    from graph2nn.results.run_folder import results_home

    path = results_home(path)
    done = work(path, path if out is None else out, leave_out_damaged=leave_out_damaged)
    if done.left_out:
        console.print(
            f"graph2nn: pack: {len(done.left_out)} damaged runs were left out: {', '.join(done.left_out)}.",
            soft_wrap=True,
        )
    typer.echo(f"{done.folder}: {done.runs:,} runs, {done.new:,} of them new, {done.size / 1e3:,.0f} kB")

"""``graph2nn analyze`` and ``graph2nn quickstart``: from results to a report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from graph2nn.cli.common import (
    Data,
    Json,
    Threads,
    Workers,
    console,
    number_of_workers,
    print_json,
    progress,
    use_threads,
)
from graph2nn.cli.completion import complete_results
from graph2nn.cli.sweep_log import Log


def analyze(
    path: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_results,
            help="Folder of results, as train and sweep write it; or the published raw results: archive, "
            "folder, or the word [cyan]published[/cyan].",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the report is written.")] = Path(
        "report"
    ),
    where: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Only these runs, e.g. [cyan]--where epochs=200[/cyan] or [cyan]--where seed!=1[/cyan].",
        ),
    ] = [],  # noqa: B006
    task: Annotated[
        list[str], typer.Option(metavar="NAME", help="Only this task, e.g. mlp_cifar10; may be repeated.")
    ] = [],  # noqa: B006
    title: Annotated[str | None, typer.Option(help="Headline of the report.")] = None,
    formats: Annotated[
        str, typer.Option(metavar="LIST", help="Of the figure files: png, pdf, svg, joined by commas.")
    ] = "png,pdf",
    style: Annotated[
        str,
        typer.Option(
            metavar="STYLE",
            help="[cyan]page[/cyan], or [cyan]paper[/cyan] for a folder [cyan]paper[/cyan] with figures as "
            "PDF and SVG, LaTeX tables and BibTeX too.",
        ),
    ] = "page",
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Other results: how errors of the same graphs agree, e.g. [cyan]--against published[/cyan].",
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The plan of these runs: its tests come first; what was not planned is labelled so.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Test whether a connectome and its nulls are equivalent: within this many points of error, "
            "or units of another score. A plan has margins of its own.",
        ),
    ] = None,
    chosen_on: Annotated[
        list[str],
        typer.Option(
            metavar="SEED",
            help="A training seed that chose the graphs with nulls, to be left out where these are compared; "
            "[cyan]none[/cyan] if they were chosen without these runs. May be repeated.",
        ),
    ] = [],  # noqa: B006
    highlight: Annotated[
        list[str],
        typer.Option(
            metavar="GRAPH",
            help="Mark this graph of the results on the map, in tables and in the atlas: its label, or its "
            "file. May be repeated.",
        ),
    ] = [],  # noqa: B006
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Turn a folder of runs into a report: figures, a summary, a page that opens offline.

    [bold]Examples[/bold]

    graph2nn analyze runs --out report
    graph2nn analyze runs --where epochs=200 --out report-200
    graph2nn analyze runs --against published --style paper
    graph2nn analyze runs --plan plan.yaml
    graph2nn analyze runs --margin 0.5                    [dim]equivalent to nulls within ± 0.5 points?[/dim]
    graph2nn analyze runs --highlight cat --highlight my-graph.csv
    graph2nn analyze published --task mlp_cifar10 --task resnet34_imagenet
    """
    import json

    from graph2nn.report.build import report

    command = shlex.join(["graph2nn", *sys.argv[1:]]) if sys.argv[1:2] == ["analyze"] else None
    page = report(
        path,
        out,
        tasks=task,
        where=where,
        title=title,
        data=data,
        against=against,
        plan=plan,
        margin=margin,
        chosen_on=_seeds(chosen_on),
        highlight=highlight,
        formats=[kind.strip() for kind in formats.split(",")],
        style=style,
        command=command,
    )
    if as_json:
        print_json(json.loads((out / "summary.json").read_text(encoding="utf-8")))
    typer.echo(page, err=as_json)


def _seeds(given: list[str]) -> list[int] | None:
    """Seeds of ``--chosen-on``: None if it was not given, none for the word ``none``."""
    from graph2nn.errors import UserError

    if not given:
        return None
    if given == ["none"]:
        return []
    for word in given:
        if not word.isdigit():
            raise UserError(f"analyze: --chosen-on {word!r} is not a training seed; write a number, or none.")
    return [int(word) for word in given]


def quickstart(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where runs and report go.")] = Path(
        "quickstart"
    ),
    graphs: Annotated[int, typer.Option(min=1, max=52, help="How many graphs of the plane.")] = 26,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 1…N of each.")] = 3,
    workers: Workers = "auto",
    threads: Threads = 1,
) -> None:
    """See the whole way in minutes: graphs over the (C, L) plane and the baseline, trained on digits, a report.

    Digits are a smoke test: they show that everything works, not that the paper is right.
    """
    from graph2nn.report import quickstart as demo

    # Networks this small gain nothing from a second thread, and lose much on a busy machine.
    use_threads(threads)
    configs, data = demo.prepare(graphs=graphs, seeds=seeds)
    demo.check_folder(out, configs)
    # Each process needs seconds to begin, more than a handful of these runs takes.
    count = 1 if workers == "auto" and len(configs) < 16 else number_of_workers(workers)
    console.print(demo.introduction(configs, data))
    log = Log(len(configs))
    with progress("training", len(configs)) as bar:

        def step(row: dict[str, Any]) -> None:
            bar.update()
            line = log.line(row)
            if not console.is_terminal:
                console.print(line, soft_wrap=True, markup=False)

        page = demo.run_quickstart(configs, data, out, workers=count, on_run=step)
    console.print(demo.conclusion(out))
    typer.echo(page)

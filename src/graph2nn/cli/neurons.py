"""``graph2nn neurons``: what trained connectomes do by cell type, and which types they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph2nn.cli.common import Cache, Json, console, print_json


def neurons(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN…", help="Folders of finished runs of one connectome, one per seed."),
    ],
    by: Annotated[str, typer.Option(metavar="COLUMN", help="Of the table of neurons, such as celltype.")],
    data: Annotated[
        Path | None, typer.Option(metavar="DATA", help="That they were trained on. Default: digits.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Of the test part. Default: all of it.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where table and figures go.")] = Path(
        "neurons"
    ),
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Silence each type of neurons in trained networks, and draw adjacency, activity and what silencing costs.

    Writes silencing.csv, activity.csv, adjacency.png, activity.png and silencing.png. Intervals are over runs.

    Example: graph2nn neurons runs/runs/larva_s* --by celltype --data n-back:back=3
    """
    from graph2nn.cli.data_options import source_of
    from graph2nn.experiments.presets import preset
    from graph2nn.experiments.silencing import activity_by_type, silence_types
    from graph2nn.experiments.trained import load_run
    from graph2nn.files import replacing, unwritable_refused
    from graph2nn.report.figures import cell_types as figures
    from graph2nn.report.figures.theme import LIGHT, render
    from graph2nn.tasks.registry import task_of

    loaded = source_of(preset("connectome-rnn"), data, cache).load()
    table = silence_types(runs, loaded, by=by, samples=samples)
    activity = activity_by_type(runs, loaded, by=by, samples=min(samples or 256, 256))
    graph, score = load_run(runs[0]).graph, task_of(loaded).score
    files = {
        "silencing.csv": table.to_csv(index=False).encode(),
        "activity.csv": activity.to_csv(index=False).encode(),
        "adjacency.png": render(lambda theme: figures.draw_adjacency(graph, by, theme), LIGHT),  # type: ignore[arg-type]
        "activity.png": render(lambda theme: figures.draw_activity(activity, theme), LIGHT),
        "silencing.png": render(lambda theme: figures.draw_silencing(table, score, theme), LIGHT),
    }
    with unwritable_refused(out, "neurons"):
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(out / name) as temporary:
                temporary.write_bytes(content)
    if as_json:
        print_json(table.to_dict("records"))
        return
    console.print(
        f"{score.name} without a type minus with it, in {score.difference}; 95 % intervals over runs."
    )
    typer.echo(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    console.print(f"Tables and figures: {out}", soft_wrap=True)

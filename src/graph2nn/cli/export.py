"""``graph2nn export`` and ``graph2nn predict``: from a run to a model, and from a model to answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graph2nn.cli.common import Json, print_json, show_table

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]


def export(
    run: Run,
    to: Annotated[str, typer.Option("--to", help="onnx, torch-export or safetensors.")] = "onnx",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write.")] = None,
) -> None:
    """Export the trained network of a run with its normalisation: raw samples in, scores out.

    [bold]Examples[/bold]

    graph2nn export runs/runs/RUN --to onnx --out network.onnx
    graph2nn export runs/runs/RUN --to safetensors
    """
    from graph2nn.experiments.export import export_run

    typer.echo(str(export_run(run, to, out)))  # type: ignore[arg-type]


def predict(
    run: Run,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="PNG, JPEG, WebP or BMP files.")],
    as_json: Json = False,
) -> None:
    """Predict images with the trained network of a run.

    [bold]Example[/bold]

    graph2nn predict runs/runs/RUN photos/*.jpg
    """
    from graph2nn.experiments.export import predict as predictions

    rows: list[dict[str, Any]] = []
    for answer in predictions(run, images):
        row: dict[str, Any] = {"image": str(answer.path)}
        if answer.label:
            row |= {"class": answer.label, "probability": round(answer.probability, 4)}
        else:
            row |= {"values": [round(value, 6) for value in answer.values]}
        rows.append(row)
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    show_table(table)

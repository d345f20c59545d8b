"""``graph2nn export``, ``predict``, ``generate``, ``translate``: from a run to a model, from it to answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graph2nn.cli.common import Json, print_json, show_table
from graph2nn.errors import UserError

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


def generate(
    run: Run,
    prompt: Annotated[str, typer.Option(help="What the text begins with.")] = "\n",
    length: Annotated[int, typer.Option(min=1, metavar="BYTES", help="To add.")] = 200,
    temperature: Annotated[float, typer.Option(min=0, help="0 takes the likeliest byte.")] = 0.8,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
) -> None:
    """Continue a prompt with the trained language model of a run.

    [bold]Example[/bold]

    graph2nn generate runs/runs/RUN --prompt "The graph "
    """
    from graph2nn.experiments.generation import generate as continued

    typer.echo(prompt + continued(run, prompt, length=length, temperature=temperature, seed=seed))


def translate(
    run: Run,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Text file, one sentence per line.")],
    beam: Annotated[int, typer.Option(min=1, metavar="N", help="Beams; 1 is greedy.")] = 5,
    reference: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Print BLEU and chrF against these translations.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first sentences.")] = None,
) -> None:
    """Translate a file with the network of a run, one line per sentence.

    [bold]Example[/bold]

    graph2nn translate runs/runs/RUN test.en --reference test.de --beam 5
    """
    from graph2nn.data.text.translation_files import read_lines
    from graph2nn.experiments.generation import translate_sentences
    from graph2nn.tasks.translation import bleu_of

    sentences = read_lines(file)[:limit]
    references = None if reference is None else read_lines(reference)[:limit]
    if references is not None and len(references) != len(sentences):
        raise UserError(f"translate: {file} has {len(sentences)} lines and {reference} {len(references)}.")
    translations = translate_sentences(run, sentences, beams=beam)
    typer.echo("\n".join(translations))
    if references is not None:
        scored = bleu_of(translations, references)
        typer.echo(f"BLEU {scored.bleu:.2f}, chrF {scored.chrf:.2f} ({scored.signature})", err=True)

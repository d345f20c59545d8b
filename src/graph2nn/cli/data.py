"""``graph2nn data``: what a user's own data are, before anything is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from graph2nn.cli.common import Cache, Json, OneValueEach, console, print_json, show_table
from graph2nn.cli.data_options import OwnData, own_words, reads_own_data
from graph2nn.errors import UserError

app = typer.Typer(help="Your own data: images, arrays, tables.", no_args_is_help=True)
#: Rows of the table of classes or of columns, beyond which only their number is printed.
MOST_ROWS = 40


@app.callback()
def _root() -> None:
    """Your own data: class folders of images, .npz, CSV, Parquet; and MNIST, Fashion-MNIST, CIFAR-100."""


@app.command(cls=OneValueEach)
@reads_own_data
def show(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Folder, archive or file; or mnist, cifar100, …")
    ],
    own_data: OwnData = None,
    cache: Cache = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a contact sheet of the images as PNG.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what data are: kind, task, classes, shapes, splits, and what was left out and why.

    The data are decoded into the cache, where train and sweep find them.

    [bold]Examples[/bold]

    graph2nn data show photos --plot sheet.png
    graph2nn data show digits.npz
    graph2nn data show table.csv --target price --drop id
    graph2nn data show mnist
    graph2nn data show novel.txt --context 256
    """
    from graph2nn.data.registry import DATASETS, load_dataset
    from graph2nn.tasks.description import describe, draw_sheet

    pair = "," in str(path) and not path.exists()
    if pair and own_data is not None:
        raise UserError(f"data show: {own_words(own_data)[0]} is for other data than pairs of sentences.")
    word = str(path) in DATASETS and not path.exists() and own_data is None
    if pair:
        data = load_dataset("multi30k", path=path, cache=cache)
    elif word:
        data = load_dataset(str(path), cache=cache)
    else:
        data = load_dataset("own", path=path, cache=cache, options=own_data)
    said = describe(data)
    if plot is not None:
        said["plot"] = str(draw_sheet(data, plot))
    if as_json:
        print_json(said)
        return
    _print(said)


def _print(said: dict[str, Any]) -> None:
    shape = "×".join(map(str, said["shape"]))
    facts = Table(show_header=False, box=None)
    for name, value in (
        ("data", said["label"]),
        ("kind", f"{said['kind']}, {shape} {said['values']} each"),
        ("task", f"{said['task']}, score: {said['score']}, lower is better"),
        ("splits", ", ".join(f"{name} {count:,}" for name, count in said["splits"].items())),
    ):
        facts.add_row(name, value)
    show_table(facts)
    if "classes" in said:
        _classes(said)
    if "vocabulary" in said:
        console.print(f"Vocabulary: {said['vocabulary']:,} byte pairs of both languages.", soft_wrap=True)
    if "bytes" in said:
        counts = ", ".join(f"{name} {count:,}" for name, count in said["bytes"].items())
        console.print(f"Bytes: {counts}; {said['used']} different ones.", soft_wrap=True)
        console.print(f"Begins: {said['begins'][:200]!r}", soft_wrap=True, markup=False)
    for target in said.get("targets", ()):
        console.print(
            f"Target {target['name']}: mean {target['mean']:.4g}, sd {target['sd']:.4g}, from "
            f"{target['lowest']:.4g} to {target['highest']:.4g} in training.",
            soft_wrap=True,
        )
    if "features" in said:
        table = Table("column", title=f"{len(said['features'])} features, training part", title_justify="left")
        table.add_column("mean", justify="right")
        table.add_column("sd", justify="right")
        for feature in said["features"][:MOST_ROWS]:
            table.add_row(feature["name"], f"{feature['mean']:.4g}", f"{feature['sd']:.4g}")
        show_table(table)
        _rest(len(said["features"]), "columns")
    for note in said["notes"]:
        console.print(note, soft_wrap=True, markup=False)
    if said.get("skewed"):
        console.print(
            "The classes are skewed: --task balanced minimises the mean error of classes, and --set "
            "recipe.class_weights=true weighs them.",
            soft_wrap=True,
        )
    if "plot" in said:
        console.print(f"Contact sheet: {said['plot']}", soft_wrap=True)


def _classes(said: dict[str, Any]) -> None:
    table = Table("class", title=f"{len(said['classes'])} classes", title_justify="left")
    for split in said["splits"]:
        table.add_column(split, justify="right")
    for name, counts in list(said["classes"].items())[:MOST_ROWS]:
        table.add_row(name, *(f"{counts[split]:,}" for split in said["splits"]))
    show_table(table)
    _rest(len(said["classes"]), "classes")


def _rest(count: int, what: str) -> None:
    if count > MOST_ROWS:
        console.print(f"{count - MOST_ROWS:,} more {what}; --json lists all.")

"""``graph2nn presets``: list the experiments, and print one as YAML to edit and run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from graph2nn.cli.common import Json, print_json, show_table
from graph2nn.cli.completion import complete_preset
from graph2nn.errors import UserError


def presets(
    name: Annotated[
        str | None, typer.Argument(help="Print this one as YAML.", autocompletion=complete_preset)
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Convert a YAML config of the published code, print it as a preset."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the presets; with a name, print that one as YAML.

    [bold]Examples[/bold]

    graph2nn presets
    graph2nn presets mlp-cifar10 > mine.yaml
    graph2nn train mine.yaml --select best
    graph2nn presets --published R-34_bs32_1gpu.yaml > mine.yaml
    """
    from graph2nn.experiments.presets import PRESETS, preset
    from graph2nn.experiments.presets.convert import read_published_config

    if name and published:
        raise UserError("presets: give a name or --published, not both.")
    one = preset(name) if name else read_published_config(published) if published else None
    chosen = list(PRESETS.values()) if one is None else [one]
    if as_json:
        print_json([each.model_dump(mode="json") for each in chosen])
        return
    if one is not None:
        typer.echo(one.to_yaml(), nl=False)
        return
    table = Table("preset", "about", "model", "data", "graphs", "seeds", "epochs")
    for each in chosen:
        table.add_row(
            each.name,
            each.about,
            each.model.name,
            each.data,
            ", ".join(each.graphs),
            str(each.seeds),
            str(each.recipe.epochs),
        )
    show_table(table)

"""``graph2nn presets``: the experiments there are, and each as YAML to edit and run again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from graph2nn.cli.common import Json, print_json, show_table


def presets(
    name: Annotated[str | None, typer.Argument(help="Print this one as YAML.")] = None,
    as_json: Json = False,
) -> None:
    """List the presets; with a name, print that one as YAML.

    [bold]Examples[/bold]

    graph2nn presets
    graph2nn presets mlp-cifar10 > mine.yaml
    graph2nn train mine.yaml --select best
    """
    from graph2nn.experiments.presets import PRESETS, preset

    chosen = [preset(name)] if name else list(PRESETS.values())
    if as_json:
        print_json([known.model_dump(mode="json") for known in chosen])
        return
    if name:
        typer.echo(chosen[0].to_yaml(), nl=False)
        return
    table = Table("preset", "about", "model", "data", "graphs", "seeds", "epochs")
    for known in chosen:
        table.add_row(
            known.name,
            known.about,
            known.model.name,
            known.data,
            ", ".join(known.graphs),
            str(known.seeds),
            str(known.recipe.epochs),
        )
    show_table(table)

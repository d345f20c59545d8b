"""Options of ``train`` and ``sweep`` for connectomes at neuron resolution."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from graph2nn.errors import UserError

Inputs = Annotated[
    str | None,
    typer.Option(
        metavar="EXPRESSION", help="Neurons that are given the data, such as \"celltype == 'sensory'\"."
    ),
]
Outputs = Annotated[str | None, typer.Option(metavar="EXPRESSION", help="Neurons that are read.")]
Groups = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Of nulls of kind block: column of the cell types.")
]
Within = Annotated[
    str | None, typer.Option(metavar="WHERE", help="Of nulls of kind weights: target, source or a column.")
]

Positions = Annotated[
    str | None, typer.Option(metavar="X,Y,Z", help="Of nulls of kind spatial: columns that hold positions.")
]


def with_ends(settings: Sequence[str], inputs: str | None, outputs: str | None) -> list[str]:
    """Return the settings of a run with the neurons that are given the data and those that are read.

    Args:
        settings: ``key=value`` texts of ``--set``.
        inputs: value of ``--inputs``.
        outputs: value of ``--outputs``.

    Returns:
        The settings, with those two added.

    Raises:
        UserError: a setting names the same neurons.
    """
    given = {"inputs": inputs, "outputs": outputs}
    for setting in settings:
        key = setting.partition("=")[0].strip()
        name = key.removeprefix("model.options.")
        if name != key and given.get(name) is not None:
            raise UserError(f"--{name} and --set {key} name the same neurons; give one of them.")
    # Values of settings are YAML, to which JSON's quotes are quotes.
    added = [f"model.options.{name}={json.dumps(text)}" for name, text in given.items() if text is not None]
    return [*settings, *added]

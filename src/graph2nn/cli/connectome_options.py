"""Options of ``train`` and ``sweep`` for connectomes at neuron resolution."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.graphs.nulls import NullOptions

Inputs = Annotated[
    str | None,
    typer.Option(
        metavar="NEURONS",
        help="Given the data: \"celltype == 'sensory'\", node numbers (0,1,2) or ids (AVAL,AVAR).",
    ),
]
Outputs = Annotated[str | None, typer.Option(metavar="NEURONS", help="Neurons that are read, likewise.")]
Groups = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Of nulls of kind block: column of the cell types.")
]
Within = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="Of nulls of kind weights or signs: target, source or a column."),
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


def position_columns(text: str) -> list[str]:
    """Return the columns that ``--positions`` names.

    Raises:
        UserError: a name is empty.
    """
    columns = [name.strip() for name in text.split(",")]
    if not all(columns):
        raise UserError(
            f"--positions {text!r}: expected columns of the table of neurons, such as --positions x,y,z."
        )
    return columns


#: Values of the options that a kind of null cannot do without.
_NEEDED = {
    "groups": "--groups COLUMN, the column of cell types in the table of neurons",
    "positions": "--positions X,Y,Z, the columns of positions in the table of neurons",
}


def check_null_options(kinds: Sequence[str], options: NullOptions) -> None:
    """Refuse kinds of nulls that lack an option, and options that none of the kinds uses.

    Args:
        kinds: values of ``--null``; those that do not exist pass.
        options: of them. ``inputs`` and ``outputs`` also belong to networks and pass.

    Raises:
        UserError: says which option to give, or to leave out.
    """
    from graph2nn.graphs.nulls import KINDS

    described_kinds = {kind: KINDS[kind] for kind in kinds if kind in KINDS}
    for kind, described in described_kinds.items():
        if lacking := next((name for name in described.needs if name not in options), None):
            raise UserError(f"sweep: --null {kind} needs {_NEEDED[lacking]}.")
        if kind == "boundary" and not options.keys() & {"inputs", "outputs"}:
            raise UserError(
                "sweep: --null boundary needs --inputs, --outputs or both, expressions on the table of "
                "neurons: the connections of these neurons stay."
            )
    for name in options:
        if name not in ("inputs", "outputs") and not any(name in one.takes for one in described_kinds.values()):
            takers = " and ".join(f"--null {kind}" for kind, other in KINDS.items() if name in other.takes)
            raise UserError(f"sweep: --{name} is for {takers}; leave it out, or ask for such nulls.")

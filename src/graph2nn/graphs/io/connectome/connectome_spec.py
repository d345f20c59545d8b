"""Connectomes of neurons named by one text, ``edges.csv:neurons=neurons.csv,min_weight=5``, or by options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from graph2nn.errors import UserError
from graph2nn.graphs.io.assembly import Reading
from graph2nn.graphs.io.connectome.columns import PUBLISHED, edge_ends
from graph2nn.graphs.io.connectome.connectome_options import ConnectomeOptions
from graph2nn.graphs.io.connectome.connectome_reader import read_tables
from graph2nn.graphs.io.connectome.table_batches import open_table
from graph2nn.graphs.io.options import ReadOptions

#: Options that only a connectome of neurons has, and those that it shares with other files.
_OWN = ("neurons", "pre", "post", "sign", "id", "min_weight")
_SHARED = ("where", "combine", "weight", "name", "largest_component")


def read_spec(
    path: str,
    written: str,
    options: ReadOptions,
    *,
    neurons: Sequence[Path] = (),
    min_weight: float | None = None,
) -> Reading | None:
    """Read a table of connections between neurons; None where the file is to be read as any other graph.

    It is one where a table of neurons or another option of :func:`graph2nn.read_connectome` is given, or where
    the columns are those of a published connectome and no option asks for something else.

    Args:
        path: of the table of connections.
        written: ``option=value,…`` behind the file's name.
        options: those given elsewhere.
        neurons: tables of neurons.
        min_weight: smallest weight of a connection.

    Returns:
        The graph with what should be said about it, or None.

    Raises:
        UserError: options that a connectome of neurons does not have, or as :func:`read_connectome`.
    """
    pairs = [
        (key.strip(), value.strip())
        for key, _, value in (part.partition("=") for part in written.split(",") if part)
    ]
    asked = bool(neurons) or min_weight is not None or any(key in _OWN for key, _ in pairs)
    default = ReadOptions(side=options.side)
    others = [
        field.name
        for field in fields(ReadOptions)
        if field.name not in (*_SHARED, "side") and getattr(options, field.name) != getattr(default, field.name)
    ]
    others += [key for key, _ in pairs if key not in (*_OWN, *_SHARED)]
    if not asked and (others or not Path(path).is_file() or not _is_published(path)):
        return None
    if others:
        raise UserError(
            f"{path}: {options.say(others[0])} is not an option of a connectome of neurons; it takes "
            f"{', '.join(options.say(name) for name in _SHARED)} and a smallest weight "
            f"({'--min-weight 5' if options.side == 'command' else 'FILE:min_weight=5'})."
        )
    values: dict[str, Any] = {name: getattr(options, name) for name in _SHARED}
    values = {name: value for name, value in values.items() if value is not None}
    tables: list[Any] = list(neurons)
    values["where"] = dict(options.where)
    for key, value in pairs:
        if key == "neurons":
            tables.append(value)
        elif key == "where":
            column, _, entry = value.partition("=")
            values["where"].setdefault(column.strip(), []).append(entry.strip())
        elif key == "largest_component":
            values[key] = value.lower() in ("yes", "true", "1")
        else:
            values[key] = _number(path, key, value) if key == "min_weight" else value
    if min_weight is not None:
        values["min_weight"] = min_weight
    return read_tables(path, tables or None, ConnectomeOptions(**values, side=options.side))


def connectome_text(path: str, written: str) -> str | None:
    """Return the text that reads a table of connections between neurons as a connectome, weights and all.

    Args:
        path: of a file.
        written: ``option=value,…`` behind its name.

    Returns:
        The text; None if the file is read as a connectome anyway, is not a table with known columns for the two
        ends of a connection, or an option belongs to another kind of file.
    """
    keys = [part.partition("=")[0].strip() for part in written.split(",") if part]
    if (
        any(key in _OWN or key not in _SHARED for key in keys)
        or not Path(path).is_file()
        or _is_published(path)
    ):
        return None
    try:
        ends = edge_ends(open_table(path).columns)
    except UserError:
        return None
    # Weights below 1 are connections as others are.
    return None if ends is None else f"{path}:{','.join(filter(None, (written, 'min_weight=0')))}"


def _number(path: str, key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UserError(f"{path}: {key} = {value!r} is not a number.") from None


def _is_published(path: str) -> bool:
    try:
        ends = edge_ends(open_table(path).columns, PUBLISHED)
    except UserError:
        return False
    return ends is not None

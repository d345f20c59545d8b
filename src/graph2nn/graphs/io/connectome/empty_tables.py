"""Refusals of tables of which no connection is left: of other ids, of no weight, or of too small ones."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.connectome.columns import EdgeColumns
from graph2nn.graphs.io.connectome.connection_rows import ConnectionRows
from graph2nn.graphs.io.connectome.connectome_options import ConnectomeOptions
from graph2nn.graphs.io.connectome.table_batches import BatchedTable


def first_few(values: Iterable[Any], count: int = 3) -> str:
    """Return the first values as text.

    >>> first_few([11, 12, 13, 14])
    '11, 12, 13'
    """
    return ", ".join(str(value).strip() for value in islice(values, count))


def refuse_no_rows(
    table: BatchedTable,
    columns: EdgeColumns | None,
    rows: ConnectionRows,
    neurons: pd.DataFrame | None,
    options: ConnectomeOptions,
) -> None:
    """Refuse a table of which no row is read.

    Args:
        table: of connections.
        columns: which column holds what; None for a matrix.
        rows: those that were read.
        neurons: the known neurons, by their ids; None for all that the table names.
        options: of the reader.

    Raises:
        UserError: no row is a connection between known neurons.
    """
    if len(rows.pre):
        return
    if neurons is not None and rows.unknown:
        met = rows.total - rows.unmet
        ends = "its labels" if columns is None else f"{columns.pre!r} and {columns.post!r}"
        here, there = _ids(table, columns), first_few(neurons.index)
        ids = neurons.index.name or "id"
        raise UserError(
            f"{table.label}: none of {met:,} connections has both ends, {ends} ({here}, …), in the table of "
            f"neurons, {ids!r} ({there}, …). Name the column of neurons that has the same ids with "
            f"{options.say('id', 'NAME')} (columns: {first_few([ids, *neurons.columns], 12)}), or the ends "
            f"with {options.say('pre', 'NAME')} and {options.say('post', 'NAME')}."
        )
    if rows.empty and columns is not None:
        raise UserError(
            f"{table.label}: all {rows.empty:,} rows have weight 0 in column {columns.weight!r}; name another "
            f"with {options.say('weight', 'NAME')} (columns: {first_few(table.columns, 12)})."
        )
    what = "rows" if columns is not None else "entry but 0"
    raise UserError(f"{table.label}: the table has no {what}, and so no connection.")


def refuse_none_strong(name: str, weights: npt.NDArray[np.float64], options: ConnectomeOptions) -> None:
    """Refuse a smallest weight that no connection has.

    Args:
        name: of the graph, for the message.
        weights: of all connections.
        options: of the reader.

    Raises:
        UserError: every weight is below it.
    """
    if len(weights) and weights.max() < options.min_weight:
        least = f"{options.min_weight:g}"
        raise UserError(
            f"{name}: none of {len(weights):,} connections has a weight of at least {least}; the largest is "
            f"{weights.max():g}. Give a smaller one, such as {options.say('min_weight', float(weights.max()))}."
        )


def _ids(table: BatchedTable, columns: EdgeColumns | None) -> str:
    """Return a few ids of both ends of the first rows."""
    if columns is None:
        return first_few(table.columns[1:])
    for batch in table.read([columns.pre, columns.post], []):
        pre, post = (batch[name].slice(0, 3).to_pylist() for name in (columns.pre, columns.post))
        return first_few(dict.fromkeys([*pre, *post]))
    return ""

"""Rows of a table of connections: conditions, known neurons, weights and signs, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.connectome.columns import EdgeColumns, named
from graph2nn.graphs.io.connectome.connectome_options import ConnectomeOptions
from graph2nn.graphs.io.connectome.ids import Ids, Neurons, distinct, ids_of
from graph2nn.graphs.io.connectome.signs import Signs, refuse_unsigned, signs_of
from graph2nn.graphs.io.connectome.synapse_kinds import KindChoice
from graph2nn.graphs.io.connectome.table_batches import BatchedTable


@dataclass
class ConnectionRows:
    """Connections as rows of a table, and how many rows there were.

    Args:
        pre, post: positions among ``ids``.
        weights: of each row; None where each counts as one.
        signs: of each row, or None.
        ids: of the neurons.
        total: rows read.
        unmet: rows left out by a condition.
        unknown: rows left out because an end is not among the known neurons.
        empty: rows of weight 0, which are not connections.
        electrical: whether each row is of gap junctions; None where none is.
        classes: entries of the column of signs, and their rows.
    """

    pre: npt.NDArray[np.int64]
    post: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64] | None
    signs: Signs | None
    ids: Ids
    total: int = 0
    unmet: int = 0
    unknown: int = 0
    empty: int = 0
    electrical: npt.NDArray[np.bool_] | None = None
    classes: Counter[str] = field(default_factory=Counter)


def read_rows(
    table: BatchedTable,
    columns: EdgeColumns,
    neurons: Neurons | None,
    choice: KindChoice,
    options: ConnectomeOptions,
) -> ConnectionRows:
    """Read the rows of a table whose ends are known neurons and for which all conditions hold.

    Args:
        table: of connections.
        columns: which column holds what.
        neurons: those known; None for all that the rows name.
        choice: conditions on the rows, and which kinds are electrical.
        options: of the reader.

    Returns:
        Ends, weights and signs of the rows that are kept, and the neurons.

    Raises:
        UserError: an id, weight or sign that cannot be, or conditions that no row meets.
    """
    where = choice.where
    for column in where:
        named(table, "where", column, options)
    rows = ConnectionRows(*(np.empty(0, np.int64),) * 2, None, None, np.empty(0, np.int64))
    batches = _batches(table, columns, choice)
    parts = [
        _part(table, columns, neurons, choice, options.transmitter_signs, batch, rows) for batch in batches
    ]
    if where and rows.total and rows.unmet == rows.total:
        raise UserError(f"{table.label}: no row has {_conditions(where)}.{_values(table, where)}")
    ends = [part[0] for part in parts], [part[1] for part in parts]
    if neurons is None:
        neurons = Neurons(distinct([*ends[0], *ends[1]]))
        ends = [neurons.positions(e) for e in ends[0]], [neurons.positions(e) for e in ends[1]]
    rows.ids = neurons.ids
    rows.pre, rows.post = (np.concatenate(e) if e else np.empty(0, np.int64) for e in ends)
    if columns.weight is not None:
        rows.weights = np.concatenate([part[2] for part in parts]) if parts else np.empty(0)
    if choice.electrical:
        rows.electrical = np.concatenate([part[4] for part in parts]) if parts else np.empty(0, np.bool_)
    if columns.sign is not None or any(part[3] is not None for part in parts):
        signs = [part[3] if part[3] is not None else np.ones(len(part[0]), np.int8) for part in parts]
        rows.signs = np.concatenate(signs) if signs else np.empty(0, np.int8)
        if columns.sign is not None:
            refuse_unsigned(
                rows.signs, rows.classes, f"{table.label}, column {columns.sign!r}", side=options.side
            )
    return rows


def _batches(table: BatchedTable, columns: EdgeColumns, choice: KindChoice) -> Iterable[dict[str, Any]]:
    kind = columns.kind if choice.electrical else None
    wanted = [columns.pre, columns.post, columns.weight, columns.sign, kind, *choice.where]
    names = list(dict.fromkeys(name for name in wanted if name is not None))
    return table.read(names, [columns.weight] if columns.weight is not None else [])


def _part(
    table: BatchedTable, columns: EdgeColumns, neurons: Neurons | None, choice: KindChoice,
    rule: Mapping[str, int] | None, batch: dict[str, Any], rows: ConnectionRows,
) -> tuple[Any, Any, Any, Any, Any]:  # fmt: skip
    """Return ends, weights, signs and electrical of the rows of a batch that are kept; count the others."""
    length = len(batch[columns.pre])
    rows.total += length
    kept: npt.NDArray[np.int64] = np.arange(length)
    for column, value in choice.where.items():
        kept = kept[_meets(batch[column], value)[kept]]
    rows.unmet += length - len(kept)
    pre, post = (_taken(batch[name], kept, length) for name in (columns.pre, columns.post))
    pre, post = (ids_of(ids, f"{table.label}, column {name!r}") for ids, name in
                 ((pre, columns.pre), (post, columns.post)))  # fmt: skip
    if neurons is not None:
        at = neurons.positions(pre)
        inside = np.flatnonzero(at >= 0)
        to = neurons.positions(post[inside])
        both = inside[to >= 0]
        rows.unknown += len(kept) - len(both)
        pre, post, kept = at[both], to[to >= 0], kept[both]
    weights = signs = None
    if columns.weight is not None:
        weights = _weights(
            _taken(batch[columns.weight], kept, length), f"{table.label}, column {columns.weight!r}"
        )
        filled = weights != 0
        if not filled.all():
            rows.empty += int((~filled).sum())
            pre, post, kept, weights = pre[filled], post[filled], kept[filled], weights[filled]
        if columns.sign is None and (columns.signed or (weights < 0).any()):
            signs = np.sign(weights).astype(np.int8)
        negative = weights < 0
        weights = np.absolute(weights)
    if columns.sign is not None:
        column = _taken(batch[columns.sign], kept, length).to_pandas()
        signs, classes = signs_of(column, rule, f"{table.label}, column {columns.sign!r}")
        rows.classes += classes
        if columns.weight is not None and (odd := np.flatnonzero(negative & (signs > 0))).size:
            raise UserError(
                f"{table.label}: row {int(kept[odd[0]]) + 1} has a negative weight (column {columns.weight!r}) "
                f"and the sign {str(column.iloc[odd[0]]).strip()} (column {columns.sign!r}); leave one out."
            )
    electrical = None
    if choice.electrical and columns.kind is not None:
        electrical = _meets(batch[columns.kind], choice.electrical)[kept]
    return pre, post, weights, signs, electrical


def _taken(column: Any, kept: npt.NDArray[np.int64], length: int) -> Any:
    return column if len(kept) == length else column.take(kept)


def _weights(column: Any, where: str) -> npt.NDArray[np.float64]:
    series = column.to_pandas()
    if not pd.api.types.is_numeric_dtype(series.dtype):
        series = series.map(lambda entry: entry.strip() if isinstance(entry, str) else entry)
    numbers = pd.to_numeric(series, errors="coerce")
    if (wrong := np.flatnonzero((numbers.isna() & series.notna()).to_numpy())).size:
        raise UserError(
            f"{where}: row {int(wrong[0]) + 1} holds {str(series.iloc[wrong[0]])!r}; expected numbers, without "
            "commas or text."
        )
    values = numbers.to_numpy(np.float64)
    if not np.isfinite(values).all():
        raise UserError(f"{where}: row {int(np.flatnonzero(~np.isfinite(values))[0]) + 1} lacks a weight.")
    return np.asarray(values)


def _meets(column: Any, value: Any) -> npt.NDArray[np.bool_]:
    """Whether each entry is the value, or one of them; compared as numbers where both are, else as text."""
    values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    series = column.to_pandas()
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        numbers = pd.to_numeric(pd.Series(values), errors="coerce").dropna()
        return np.asarray(series.isin(numbers))
    codes, entries = pd.factorize(series, use_na_sentinel=False)
    texts = {str(one).strip() for one in values}
    met = np.array([str(entry).strip() in texts for entry in entries], dtype=np.bool_)
    return np.asarray(met[codes])


def _conditions(where: Mapping[str, Any]) -> str:
    return " and ".join(f"{column} = {value!r}" for column, value in where.items())


def _values(table: BatchedTable, where: Mapping[str, Any]) -> str:
    """Say which values the columns of the conditions have."""
    seen: dict[str, Counter[str]] = {column: Counter() for column in where}
    for batch in table.read(list(where), []):
        for column in where:
            seen[column].update(batch[column].to_pandas().astype(str).str.strip().tolist())
        break
    return "".join(
        f" {column} has {', '.join(value for value, _ in counts.most_common(6))}."
        for column, counts in seen.items()
    )

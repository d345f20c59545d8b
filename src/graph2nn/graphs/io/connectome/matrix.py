"""A connectome as a square table: presynaptic neurons down the side, postsynaptic ones along the top."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.connectome.connection_rows import ConnectionRows
from graph2nn.graphs.io.connectome.connectome_options import ConnectomeOptions
from graph2nn.graphs.io.connectome.ids import Neurons, ids_of
from graph2nn.graphs.io.connectome.table_batches import BatchedTable, frame_of


def rows_of_matrix(table: BatchedTable, neurons: Neurons | None, options: ConnectomeOptions) -> ConnectionRows:
    """Return the connections of a square table, one row per entry other than 0.

    Args:
        table: the first column names the presynaptic neurons, the header the postsynaptic ones, in any order.
        neurons: those known; None for those of the table, in the order of its rows.
        options: of the reader; a matrix has no rows that ``where`` could choose.

    Returns:
        Ends and weights of the connections, and the neurons.

    Raises:
        UserError: neither a list of connections nor a square matrix, labels that differ, missing numbers.
    """
    frame = frame_of(table, table.columns, table.columns[:1])
    if len(frame) != len(table.columns) - 1:
        more = ", …" if len(table.columns) > 8 else ""
        raise UserError(
            f"{table.label}: no columns are named like the ends of a connection (pre and post, pre_root_id and "
            f"post_root_id, bodyId_pre and bodyId_post, Source and Target, …); name them with "
            f"{options.say('pre')} and {options.say('post')}. Columns: {', '.join(table.columns[:8])}{more}."
        )
    if options.where:
        raise UserError(
            f"{table.label}: {options.say('where')} chooses rows of a list of connections; this is a matrix."
        )
    import pyarrow as pa

    label = frame.columns[0]
    down = ids_of(pa.array(frame[label], from_pandas=True), f"{table.label}, column {label!r}")
    along = ids_of(pa.array(list(frame.columns[1:])), f"{table.label}, header")
    neurons_of = Neurons(down) if neurons is None else neurons
    if len(set(down.tolist())) < len(down) or set(map(str, down)) != set(map(str, along)):
        raise UserError(f"{table.label}: the labels down the side are not those along the top, each once.")
    try:
        values = frame.iloc[:, 1:].apply(pd.to_numeric).to_numpy(dtype=np.float64)
    except (ValueError, TypeError):
        raise UserError(f"{table.label}: an entry of the matrix is not a number.") from None
    if not np.isfinite(values).all():
        raise UserError(
            f"{table.label}: an entry of the matrix is missing; write 0 where there is no connection."
        )
    row, column = np.nonzero(values)
    pre, post = neurons_of.positions(down)[row], neurons_of.positions(along)[column]
    inside = (pre >= 0) & (post >= 0)
    weights = values[row, column][inside]
    return ConnectionRows(
        pre[inside],
        post[inside],
        np.abs(weights),
        np.sign(weights).astype(np.int8) if (weights < 0).any() else None,
        neurons_of.ids,
        total=len(row),
        unknown=int((~inside).sum()),
    )

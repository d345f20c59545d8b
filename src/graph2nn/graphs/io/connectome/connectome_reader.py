"""``read_connectome``: from tables of connections and neurons to a directed graph, nothing dense on the way."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.arguments import checked_arguments
from graph2nn.errors import GraphNote, UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io.assembly import Reading
from graph2nn.graphs.io.connectome.columns import (
    TRANSMITTERS,
    EdgeColumns,
    edge_columns,
    first_of,
    id_column,
)
from graph2nn.graphs.io.connectome.connection_rows import ConnectionRows, read_rows
from graph2nn.graphs.io.connectome.connectome_options import ConnectomeOptions
from graph2nn.graphs.io.connectome.empty_tables import first_few, refuse_no_rows, refuse_none_strong
from graph2nn.graphs.io.connectome.ids import Neurons, as_text, ids_of, is_whole
from graph2nn.graphs.io.connectome.matrix import rows_of_matrix
from graph2nn.graphs.io.connectome.pair_weights import Connections, both_ways, combine_rows
from graph2nn.graphs.io.connectome.signs import counted, refuse_unsigned, signs_of
from graph2nn.graphs.io.connectome.synapse_kinds import choose_kinds
from graph2nn.graphs.io.connectome.table_batches import BatchedTable, frame_of, open_table


@checked_arguments
def read_connectome(
    edges: str | Path | pd.DataFrame,
    neurons: str | Path | pd.DataFrame | Sequence[str | Path | pd.DataFrame] | None = None,
    *,
    pre: str | None = None,
    post: str | None = None,
    weight: str | None = None,
    sign: str | None = None,
    id: str | None = None,  # noqa: A002 - the word of every table of neurons
    min_weight: float = 1,
    where: Mapping[str, Any] | None = None,
    combine: str = "sum",
    transmitter_signs: Mapping[str, int] | None = None,
    largest_component: bool = False,
    name: str | None = None,
) -> RelationalGraph:
    """Read a connectome at neuron resolution from its published tables.

    Columns are found by their names: those of FlyWire (``pre_root_id, post_root_id, syn_count, nt_type``), of
    Shiu et al. 2024 (``Presynaptic_Index, Postsynaptic_Index, Excitatory x Connectivity``), of the male CNS
    (``body_pre, body_post, weight``), of neuPrint and the hemibrain (``bodyId_pre, bodyId_post, weight``), of
    the worm (``Source, Target, Weight, Type`` or ``pre, post, type, synapses``), or a square matrix with the
    neurons along both sides, whose rows are presynaptic. The second column reads the first:
    ``adjacency[post, pre]``. Ids of 64 bits stay exact, and names lose the spaces around them.

    Signs come from the column ``sign``; from the weights where these are negative; from a column of
    transmitters of the neurons, else of the connections: acetylcholine +1, GABA and glutamate −1 (the rule for
    insects), others 0. A connection that stands in several rows has the sign of the sum of its signed weights.

    Kinds of synapses are those of the column ``type`` or ``kind``, in words or in WormAtlas's codes: chemical
    (S, Sp); electrical (EJ), which conduct both ways, whether listed once or twice; neuromuscular (NMJ), read
    where ``where`` asks for them. R and Rp list S and Sp again from the receiver's side and are not added.

    Args:
        edges: table of connections: a path (.csv .tsv .txt, also compressed; .feather; .parquet) or a data
            frame. A large file is read in batches.
        neurons: table of neurons, or several to be joined by their ids (annotations first); as ``edges``. The
            graph's nodes are its rows, in their order; connections of other neurons are left out and counted.
            None: the nodes are the neurons that the connections name.
        pre, post, weight, id: the columns, where their names do not say.
        sign: a column of −1, 0, +1, of words (excitatory, inhibitory) or of transmitters; of ``edges``, else of
            ``neurons``, where it is that of the presynaptic neuron.
        min_weight: keep the connections of at least this weight, all their rows combined.
        where: rows of ``edges`` to read: ``{"Type": "chemical"}``, or a list of values. ``chemical`` and
            ``electrical`` may stand for all that the table calls so.
        combine: what becomes of the weights of a pair that stands more than once: ``sum`` (one row per region),
            ``max`` or ``first``.
        transmitter_signs: sign of each transmitter, instead of the rule above: ``{"ACH": 1, "GABA": -1}``.
        largest_component: keep only the largest weakly connected part.
        name: a short label; else the stem of the file.

    Returns:
        A directed graph, undirected where only gap junctions were read, with ``edge_index``, ``weights``,
        ``signs`` (None where nothing says), ``nodes`` (the table of neurons, ids as its index; None without a
        table), ``node_names`` (the ids as text) and ``self_loops="given"``. What was left out, and how many
        connections have which sign, is said in a
        :class:`~graph2nn.graphs.io.GraphNote`.

    Raises:
        UserError: a table whose columns do not say what they hold, chemical and electrical synapses in one
            table without ``where``, ids that are not exact, missing entries, or no connection that is left.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"pre": [11, 11, 12], "post": [12, 12, 13], "synapses": [6, 5, 7]})
        >>> graph = read_connectome(rows, min_weight=5)
        >>> graph.edge_index.tolist(), graph.weights.tolist(), graph.node_names
        ([[0, 1], [1, 2]], [11.0, 7.0], ('11', '12', '13'))
    """
    options = ConnectomeOptions(
        pre=pre,
        post=post,
        weight=weight,
        sign=sign,
        id=id,
        min_weight=min_weight,
        where=dict(where or {}),
        combine=combine,
        transmitter_signs=transmitter_signs,
        largest_component=largest_component,
        name=name,
    )
    reading = read_tables(edges, neurons, options)
    for note in reading.notes:
        warnings.warn(f"{reading.graph.name}: {note}.", GraphNote, stacklevel=3)
    return reading.graph


def read_tables(edges: Any, neurons: Any, options: ConnectomeOptions) -> Reading:
    """Read a connectome and return it with what should be said about it; see :func:`read_connectome`.

    Args:
        edges: table of connections, by path or as a data frame.
        neurons: table of neurons, likewise, or None.
        options: the options of :func:`read_connectome`.

    Returns:
        The graph, what was left aside, and how it was read.

    Example:
        >>> import pandas as pd
        >>> edges = pd.DataFrame({"pre": ["a", "b", "c"], "post": ["b", "c", "a"], "weight": [3, 5, 2]})
        >>> read_tables(edges, None, ConnectomeOptions()).graph
        RelationalGraph('connectome', n=3, edges=3, directed)
    """
    table = open_table(edges)
    columns = edge_columns(table, options)
    frame = None if neurons is None else _neuron_frame(neurons, options)
    listed = None if frame is None else Neurons(_ids(frame))
    notes: list[str] = []
    if columns is None:
        rows = rows_of_matrix(table, listed, options)
        reading = "a square matrix whose rows are presynaptic"
    else:
        choice = choose_kinds(table, columns, options)
        columns = _without_neuron_sign(table, columns, frame, options)
        rows = read_rows(table, columns, listed, choice, options)
        notes += choice.notes
        weight = f"weights {columns.weight!r}" if columns.weight else "each row counts as one"
        reading = f"columns {columns.pre!r} → {columns.post!r}, {weight}"
    notes += _row_notes(rows, columns, options)
    refuse_no_rows(table, columns, rows, frame, options)
    graph = _graph(rows, frame, options, notes, _label(edges, options))
    if options.largest_component:
        whole, graph = graph.n, graph.largest_component()
        notes.append(f"the largest component has {graph.n:,} of {whole:,} neurons")
    direction = "directed, the second column reads the first" if graph.directed else "undirected, gap junctions"
    return Reading(graph, tuple(notes), f"{direction}: {reading}")


def _label(edges: Any, options: ConnectomeOptions) -> str:
    if options.name is not None or isinstance(edges, pd.DataFrame):
        return options.name or "connectome"
    return Path(edges).name.split(".")[0] or "connectome"


def _ids(frame: pd.DataFrame) -> Any:
    return frame.index.to_numpy() if is_whole(frame.index.to_numpy()) else frame.index.to_numpy(dtype=object)


def _neuron_frame(neurons: Any, options: ConnectomeOptions) -> pd.DataFrame:
    """Read tables of neurons and join them; the ids are the index."""
    several = [neurons] if isinstance(neurons, str | os.PathLike | pd.DataFrame) else list(neurons)
    if not several:
        raise UserError("read_connectome: neurons is an empty list; expected a table of neurons, or None.")
    frames = [_one_neuron_frame(one, options) for one in several]
    whole = frames[0]
    for source, frame in zip(several[1:], frames[1:], strict=True):
        if is_whole(_ids(frame)) != is_whole(_ids(whole)):
            frame.index, whole.index = frame.index.astype(str), whole.index.astype(str)
        if not frame.index.isin(whole.index).any():
            label = "a table of neurons" if isinstance(source, pd.DataFrame) else str(source)
            raise UserError(
                f"{label}: none of its ids ({frame.index.name!r}: {first_few(frame.index)}, …) is in the first "
                f"table of neurons ({whole.index.name!r}: {first_few(whole.index)}, …); leave it out, or give "
                "it a column of the same ids."
            )
        whole = whole.join(frame[[column for column in frame.columns if column not in whole.columns]])
    return whole


def _one_neuron_frame(source: Any, options: ConnectomeOptions) -> pd.DataFrame:
    table = open_table(source)
    column = id_column(table, options)
    ids = [ids_of(batch[column], f"{table.label}, column {column!r}") for batch in table.read([column], [])]
    values = np.concatenate(ids if all(map(is_whole, ids)) else [as_text(part) for part in ids])
    twice = pd.Index(values).duplicated()
    if twice.any():
        raise UserError(f"{table.label}: the id {values[twice][0]} stands twice; each neuron needs one row.")
    frame = frame_of(table, [name for name in table.columns if name != column])
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = frame[name].map(lambda entry: entry.strip() if isinstance(entry, str) else entry)
    frame.index = pd.Index(values, name=column or "id")
    return frame


def _without_neuron_sign(
    table: BatchedTable, columns: EdgeColumns, frame: pd.DataFrame | None, options: ConnectomeOptions
) -> EdgeColumns:
    """Prefer the transmitters of the neurons to those of the connections: a neuron has one."""
    if options.sign is not None and columns.sign is None:
        there = [] if frame is None else list(frame.columns)
        if options.sign not in there:
            raise unknown(
                f"read_connectome: column {options.say('sign')}", options.sign, [*table.columns, *there]
            )
    by_neuron = frame is not None and first_of(TRANSMITTERS, list(frame.columns)) is not None
    if options.sign is None and columns.sign is not None and by_neuron:
        return EdgeColumns(columns.pre, columns.post, columns.weight, columns.signed, None, columns.kind)
    return columns


def _row_notes(rows: ConnectionRows, columns: EdgeColumns | None, options: ConnectomeOptions) -> list[str]:
    notes = []
    if rows.unmet and options.where:
        notes.append(f"{rows.total - rows.unmet:,} of {rows.total:,} rows meet the condition")
    if rows.unknown:
        kept = rows.total - rows.unmet - rows.unknown
        notes.append(
            f"{kept:,} rows are connections between known neurons and were kept; {rows.unknown:,} others were "
            "left out"
        )
    if rows.empty:
        notes.append(f"{rows.empty:,} rows of weight 0 were left out")
    if columns is not None and rows.classes:
        notes.append(f"rows by {columns.sign!r}: {counted(rows.classes)}")
    return notes


def _graph(
    rows: ConnectionRows, frame: pd.DataFrame | None, options: ConnectomeOptions, notes: list[str], name: str
) -> RelationalGraph:
    n = len(rows.ids)
    if n < 2:
        raise UserError(f"{name}: {n} neurons, expected at least 2.")
    signs = rows.signs
    if signs is None and frame is not None:
        signs = _neuron_signs(rows, frame, options, notes)
    connections, gaps_alone = _connections(rows, signs, options.combine, notes)
    strong = connections.weights >= options.min_weight
    refuse_none_strong(name, connections.weights, options)
    if not strong.all():
        notes.append(
            f"{int((~strong).sum()):,} connections of weight below {options.min_weight:g} were left out"
        )
        connections = connections.kept(strong)
    signs = connections.signs
    if signs is not None:
        notes.append(
            f"connections by sign: +1 {int((signs > 0).sum()):,}, −1 {int((signs < 0).sum()):,}, "
            f"0 {int((signs == 0).sum()):,}"
        )
    return RelationalGraph.from_edge_index(
        np.stack([connections.pre, connections.post]),
        n,
        weights=connections.weights,
        signs=signs,
        nodes=frame,
        node_names=as_text(rows.ids).tolist(),
        name=name,
        directed=None if gaps_alone else True,  # gap junctions alone are undirected
        self_loops="given",
    )


def _neuron_signs(
    rows: ConnectionRows, frame: pd.DataFrame, options: ConnectomeOptions, notes: list[str]
) -> npt.NDArray[np.int8] | None:
    """Signs of the rows by the presynaptic neuron's entry in the table of neurons; None where it has none."""
    column = options.sign or first_of(TRANSMITTERS, list(frame.columns))
    if column is None or column not in frame.columns:
        return None
    of_neuron, classes = signs_of(frame[column], options.transmitter_signs, f"neurons, column {column!r}")
    refuse_unsigned(of_neuron, classes, f"neurons, column {column!r}", side=options.side)
    notes.append(f"neurons by {column!r}: {counted(classes)}")
    return np.asarray(of_neuron[rows.pre])


def _connections(
    rows: ConnectionRows, signs: npt.NDArray[np.int8] | None, combine: str, notes: list[str]
) -> tuple[Connections, bool]:
    """Return one connection per pair, and whether all of them are gap junctions."""
    n = len(rows.ids)
    weights = np.ones(len(rows.pre)) if rows.weights is None else rows.weights
    combine = combine if rows.weights is not None else "sum"  # rows that have no weight are synapses
    every = Connections(rows.pre, rows.post, weights, signs)
    gaps = rows.electrical
    if gaps is None or not gaps.any():
        return combine_rows(every, n, combine), False
    junctions, said = both_ways(every.kept(gaps), n, combine)
    notes += said
    return combine_rows(every.kept(~gaps).followed_by(junctions), n, combine), bool(gaps.all())

"""Which columns of a published table hold what: found by their names, or named by the user."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.io.connectome.connectome_options import ConnectomeOptions
from graph2nn.graphs.io.connectome.table_batches import BatchedTable

#: Columns of the two ends of a connection, from the most to the least specific; the second reads the first.
PUBLISHED = (
    ("pre_root_id", "post_root_id"),  # FlyWire
    ("pre_pt_root_id", "post_pt_root_id"),  # CAVE
    ("presynaptic_id", "postsynaptic_id"),  # Shiu et al. 2024
    ("presynaptic_index", "postsynaptic_index"),
    ("body_pre", "body_post"),  # male CNS
    ("bodyid_pre", "bodyid_post"),  # neuPrint
    (":start_id(body-id)", ":end_id(body-id)"),  # neuPrint's own tables
)
#: The same in tables that may hold any network.
ENDS = (
    *PUBLISHED,
    ("pre_id", "post_id"),
    ("presynaptic", "postsynaptic"),
    ("pre", "post"),  # worm, larva
    ("source", "target"),  # worm
    ("origin", "target"),
    ("from", "to"),
)
#: WormAtlas; without a column of kinds these are the labels of any table, such as a matrix.
_WITH_KINDS = ("neuron_1", "neuron_2")
WEIGHTS = (
    "syn_count", "synapses", "synapse_count", "synapsecount", "number_of_synapses", "n_synapses",
    "num_synapses", "n_syn", "nbr", "weight", "weight:int", "connectivity", "number_of_connections", "count",
)  # fmt: skip
#: Weights that carry their sign, as Shiu et al. publish them.
SIGNED = ("excitatory_x_connectivity",)
SIGNS = ("sign", "excitatory")
TRANSMITTERS = (
    "nt_type", "consensus_nt", "consensusnt", "neurotransmitter", "transmitter", "predicted_nt", "predictednt",
    "nt", "top_nt", "known_nt",
)  # fmt: skip
#: Columns that tell chemical from electrical synapses.
KINDS = ("type", "kind", "synapse_type", "connection_type")
IDS = (
    "root_id", "pt_root_id", "bodyid", "body", "id", "neuron_id", "neuronid", "body_id", "skid", "name",
    "neuron", "cell",
)  # fmt: skip
#: Columns that hold numbers but never synapse counts.
_NOT_WEIGHTS = re.compile(r"(^|_)(id|ids|index|x|y|z|size|score|confidence|avg|mean)(_|$)|:|unnamed")


@dataclass(frozen=True)
class EdgeColumns:
    """Names of the columns of a table of connections, as they stand there.

    Args:
        pre: the neuron that is read.
        post: the neuron that reads.
        weight: synapse count; None where each row counts as one.
        signed: whether ``weight`` carries its sign.
        sign: −1, 0, +1 or words for them, or a transmitter.
        kind: chemical or electrical.
    """

    pre: str
    post: str
    weight: str | None
    signed: bool
    sign: str | None
    kind: str | None


def normal(name: str) -> str:
    """Return the form in which names are compared: ``Postsynaptic_ID`` → ``postsynaptic_id``."""
    return re.sub(r"[\s_]+", "_", name.strip().lower())


def first_of(wanted: Sequence[str], columns: Sequence[str]) -> str | None:
    """Return the first of some names that a table has, as it stands there."""
    there = {normal(column): column for column in reversed(columns)}
    return next((there[name] for name in wanted if name in there), None)


def edge_ends(columns: Sequence[str], pairs: Sequence[tuple[str, str]] = ENDS) -> tuple[str, str] | None:
    """Return the columns of the two ends of a connection, or None where no names say so."""
    for pre, post in (*pairs, *([_WITH_KINDS] if first_of(KINDS, columns) is not None else [])):
        ends = first_of([pre], columns), first_of([post], columns)
        if ends[0] is not None and ends[1] is not None:
            return ends[0], ends[1]
    return None


def named(table: BatchedTable, option: str, name: str, options: ConnectomeOptions) -> str:
    """Return a column that the user named.

    Args:
        table: that should have the column.
        option: by which the user named it, for the message.
        name: of the column.
        options: of the reader, which spell the option.

    Returns:
        ``name``.

    Raises:
        UserError: the table has no such column.
    """
    if name not in table.columns:
        raise unknown(f"{table.label}: column {options.say(option)}", name, table.columns)
    return name


def edge_columns(table: BatchedTable, options: ConnectomeOptions) -> EdgeColumns | None:
    """Find the columns of a table of connections; None where no names say which its ends are.

    Args:
        table: of connections.
        options: with the columns that the user named; ``sign`` may be one of the table of neurons.

    Returns:
        Names of the columns, or None.

    Raises:
        UserError: a column that is not there, one end named without the other, or several columns that could
            be the weight.
    """
    pre, post, weight, sign = options.pre, options.post, options.weight, options.sign
    if (pre is None) != (post is None):
        raise UserError(
            f"{table.label}: name both ends, {options.say('pre')} and {options.say('post')}, or neither."
        )
    ends = edge_ends(table.columns)
    if pre is not None and post is not None:
        ends = named(table, "pre", pre, options), named(table, "post", post, options)
    if ends is None:
        return None
    rest = [column for column in table.columns if column not in ends]
    signed = first_of(SIGNED, rest) if weight is None else None
    chosen = named(table, "weight", weight, options) if weight is not None else signed
    chosen = chosen or _weight(table, rest, options)
    signs = sign if sign in rest else None
    if sign is None and signed is None:
        signs = first_of((*SIGNS, *TRANSMITTERS), [column for column in rest if column != chosen])
    kind = first_of(KINDS, [column for column in rest if column not in (chosen, signs)])
    is_signed = signed is not None or (weight is not None and normal(weight) in SIGNED)
    return EdgeColumns(*ends, chosen, is_signed, signs, kind)


def _weight(table: BatchedTable, rest: Sequence[str], options: ConnectomeOptions) -> str | None:
    numbers = [column for column in rest if column in table.numeric]
    named_weights = [column for column in numbers if normal(column) in WEIGHTS]
    candidates = named_weights or [column for column in numbers if not _NOT_WEIGHTS.search(normal(column))]
    candidates = [column for column in candidates if normal(column) not in SIGNS]
    if not named_weights:
        # Text that should be numbers is refused when it is read, and not passed over.
        texts = [column for column in rest if normal(column) in WEIGHTS and column not in table.numeric]
        candidates = [column for column in texts if _holds_digits(table, column)] or candidates
    if len(candidates) > 1:
        raise UserError(
            f"{table.label}: the columns {', '.join(candidates)} could each be the weight; name one, "
            f"for example {options.say('weight', candidates[0])}."
        )
    return candidates[0] if candidates else None


def _holds_digits(table: BatchedTable, column: str) -> bool:
    """Whether entries of a column of text look like numbers, be they written as ``1,030``."""
    first = next(table.read([column], []), None)
    return first is not None and any(
        any(letter.isdigit() for letter in str(entry)) for entry in first[column].to_pandas().dropna()
    )


def id_column(table: BatchedTable, options: ConnectomeOptions) -> str:
    """Return the column of a table of neurons that holds their ids.

    Args:
        table: of neurons.
        options: of the reader.

    Raises:
        UserError: no such column, or no names that say which.
    """
    if options.id is not None:
        return named(table, "id", options.id, options)
    by_name = first_of(IDS, table.columns)
    if by_name is not None:
        return by_name
    first = table.columns[0]
    if first == "" or first.startswith("Unnamed: ") or first == "index":
        return first
    raise UserError(
        f"{table.label}: no column is named like an id ({', '.join(IDS[:6])}, …); name it with "
        f"{options.say('id', 'NAME')}. Columns: {', '.join(table.columns[:12])}."
    )

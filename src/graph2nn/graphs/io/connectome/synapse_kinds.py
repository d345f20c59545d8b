"""Kinds of synapses in a table of connections: chemical, electrical, neuromuscular, or the same ones again.

WormAtlas lists each chemical synapse from both sides: S and Sp (the first neuron sends) and R and Rp (the first
neuron receives). EJ are electrical junctions, NMJ neuromuscular ones. Other tables of the worm write words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph2nn.errors import UserError
from graph2nn.graphs.io.connectome.columns import EdgeColumns
from graph2nn.graphs.io.connectome.connectome_options import ConnectomeOptions
from graph2nn.graphs.io.connectome.signs import counted
from graph2nn.graphs.io.connectome.table_batches import BatchedTable

#: Codes of WormAtlas (https://www.wormatlas.org/neuronalwiring.html), in lower case.
_CODES = {
    "s": "chemical", "sp": "chemical", "r": "received", "rp": "received", "ej": "electrical",
    "nmj": "neuromuscular",
}  # fmt: skip
#: Parts of words that say the same, the first that fits.
_WORDS = {"neuromusc": "neuromuscular", "chem": "chemical", "elect": "electrical", "gap": "electrical"}
#: A column with more different entries does not hold kinds of synapses.
_MOST_KINDS = 100


@dataclass(frozen=True)
class KindChoice:
    """Which rows are read for their kind.

    Args:
        where: the conditions on rows, those on the kind in the words of the table.
        electrical: entries of the column of kinds that mean gap junctions, which conduct both ways.
        notes: what was left out, and what was added up.
    """

    where: Mapping[str, Any]
    electrical: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def choose_kinds(table: BatchedTable, columns: EdgeColumns, options: ConnectomeOptions) -> KindChoice:
    """Choose the rows of one kind of synapse; synapses that are listed from both sides are read once.

    Args:
        table: of connections.
        columns: which column holds what.
        options: of the reader; ``where`` may ask for ``chemical`` whatever the table calls it.

    Returns:
        The conditions on rows, with what should be said.

    Raises:
        UserError: chemical and electrical synapses, or an unknown kind among them, without ``where``; rows that
            list synapses from the receiver's side.
    """
    column, where = columns.kind, options.where
    kinds = None if column is None else _kinds_of(table, column)
    if column is None or kinds is None:
        return KindChoice(where)
    meaning = _meanings(kinds)
    if not meaning:
        several = len(kinds) > 1 and column not in where
        return KindChoice(where, notes=(_added_up(column, kinds, options),) if several else ())
    label = f"{table.label}: column {column!r}"
    if column in where:
        chosen = _asked(where[column], kinds, meaning)
    else:
        chosen = _only_kind(label, column, kinds, meaning, options)
    if received := [kind for kind in chosen if meaning.get(kind) == "received"]:
        raise UserError(_received(label, column, received, meaning, options))
    if column in where or not set(kinds) <= set(chosen):
        where = {**where, column: chosen if len(chosen) > 1 else chosen[0]}
    electrical = frozenset(kind for kind in chosen if meaning.get(kind) == "electrical")
    notes = []
    if any(meaning.get(kind) == "chemical" for kind in chosen):
        notes = [*_left_out(column, kinds, chosen, meaning, options), *_unsent(table, columns, meaning)]
    return KindChoice(where, electrical, tuple(notes))


def _kinds_of(table: BatchedTable, column: str) -> Counter[str] | None:
    """Count the entries of a column; None where there are too many to be kinds."""
    kinds: Counter[str] = Counter()
    for batch in table.read([column], []):
        kinds.update(batch[column].to_pandas().astype(str).str.strip().value_counts().to_dict())
        if len(kinds) > _MOST_KINDS:
            return None
    return kinds


def _meanings(kinds: Iterable[str]) -> dict[str, str]:
    """Return what each entry means; empty where nothing says that they are kinds of synapses.

    >>> _meanings(["S", "Rp", "gap junction", "x"]), _meanings(["S", "F"])
    ({'S': 'chemical', 'Rp': 'received', 'gap junction': 'electrical'}, {})
    """
    words = {
        kind: meaning for kind in kinds for part, meaning in reversed(_WORDS.items()) if part in kind.lower()
    }
    codes = {kind: _CODES[kind.lower()] for kind in kinds if kind.lower() in _CODES}
    # One letter alone may stand for anything.
    if not words and not any(len(kind) > 1 for kind in codes) and len(codes) < 2:
        return {}
    return {kind: meaning for kind in kinds if (meaning := words.get(kind) or codes.get(kind, ""))}


def _asked(asked: Any, kinds: Iterable[str], meaning: Mapping[str, str]) -> list[str]:
    """Return the entries that the user asked for; a meaning stands for all entries that have it."""
    values = list(asked) if isinstance(asked, list | tuple | set | frozenset) else [asked]
    chosen: list[str] = []
    for value in (str(one).strip() for one in values):
        same = [kind for kind in kinds if meaning.get(kind) == value.lower()]
        chosen += [value] if value in kinds or not same else same
    return list(dict.fromkeys(chosen))


def _only_kind(
    where: str, column: str, kinds: Counter[str], meaning: Mapping[str, str], options: ConnectomeOptions
) -> list[str]:
    """Return the entries of the one network that a table holds."""
    networks = [n for n in ("chemical", "electrical", "neuromuscular") if n in meaning.values()]
    other = [kind for kind in kinds if kind not in meaning]
    if {"chemical", "electrical"} <= {*networks} or other:
        choices = [options.say("where", (column, name)) for name in networks[:2]]
        words = [_named(name, meaning) for name in networks[:2]]
        one = " or ".join(f"{choice}{word}" for choice, word in zip(choices, words, strict=True))
        both = options.say("where", (column, [*networks[:2], *other]))
        odd = f"; {', '.join(map(repr, other))} is not a kind of synapse that is known" if other else ""
        raise UserError(
            f"{where} holds {counted(kinds)}, which are different networks{odd}. {one} takes one kind, {both} "
            "adds them up."
        )
    network = networks[0] if networks else "received"
    return [kind for kind in kinds if meaning[kind] == network]


def _named(network: str, meaning: Mapping[str, str]) -> str:
    """Say which entries a network has, where its own name is not the only one."""
    names = [kind for kind, one in meaning.items() if one == network]
    return "" if names == [network] else f" ({', '.join(names)})"


def _received(
    where: str, column: str, received: Sequence[str], meaning: Mapping[str, str], options: ConnectomeOptions
) -> str:
    rows = f"{where}: rows of kind {', '.join(received)} list synapses from the receiver's side"
    sent = [kind for kind, one in meaning.items() if one == "chemical"]
    if sent:
        once = options.say("where", (column, "chemical"))
        return f"{rows}, the same as {', '.join(sent)} from the sender's; {once} reads each once."
    return f"{rows}, and none from the sender's; swap the two columns of neurons and call the kind chemical."


def _left_out(
    column: str,
    kinds: Counter[str],
    chosen: Sequence[str],
    meaning: Mapping[str, str],
    options: ConnectomeOptions,
) -> Iterable[str]:
    """Say which rows a choice of chemical synapses leaves out that may be missed."""
    for network, words in (
        ("received", "list the same synapses from the receiver's side"),
        ("neuromuscular", "are neuromuscular junctions"),
    ):
        left = Counter(
            {kind: n for kind, n in kinds.items() if meaning.get(kind) == network and kind not in chosen}
        )
        if left:
            both = options.say("where", (column, [*chosen, *left]))
            more = f"; {both} reads them, too" if network == "neuromuscular" else ""
            yield f"{counted(left)} rows {words} and were left out{more}"


def _unsent(table: BatchedTable, columns: EdgeColumns, meaning: Mapping[str, str]) -> Iterable[str]:
    """Say how many pairs are listed from the receiver's side alone, and so are not read."""
    if columns.kind is None or "received" not in meaning.values():
        return
    pairs: dict[str, set[tuple[str, str]]] = {"chemical": set(), "received": set()}
    for batch in table.read([columns.pre, columns.post, columns.kind], []):
        texts = (
            batch[name].to_pandas().astype(str).str.strip()
            for name in (columns.pre, columns.post, columns.kind)
        )
        for pre, post, kind in zip(*texts, strict=True):
            if (one := meaning.get(kind)) in pairs:
                pairs[one].add((pre, post) if one == "chemical" else (post, pre))
    if alone := pairs["received"] - pairs["chemical"]:
        pre, post = min(alone)
        yield (
            f"{len(alone):,} pairs stand from the receiver's side alone and were not read, "
            f"such as {pre} → {post}"
        )


def _added_up(column: str, kinds: Counter[str], options: ConnectomeOptions) -> str:
    one = kinds.most_common(1)[0][0]
    return (
        f"rows by {column!r}: {counted(kinds)}, all read as one network; "
        f"{options.say('where', (column, one))} takes one of them"
    )

"""Column headers of edge tables: which two columns are the nodes, and whether their names mean a direction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from graph2nn.errors import UserError

#: Words of a first and a second column that mean a direction: the second reads the first.
_DIRECTED = (
    ("pre", "post"),
    ("presynaptic", "postsynaptic"),
    ("from", "to"),
    ("sender", "receiver"),
    ("sender", "recipient"),
    ("origin", "destination"),
    ("origin", "dest"),
    ("upstream", "downstream"),
)
#: Words that name two ends without saying a direction; with ``directed`` the second reads the first.
_PLAIN = (
    ("source", "target"),
    ("src", "dst"),
    ("src", "dest"),
    ("src", "trg"),
    ("src", "tgt"),
    ("start", "end"),
    ("head", "tail"),
    ("row", "column"),
    ("row", "col"),
    ("u", "v"),
    ("i", "j"),
)
#: Our own words: the reader stands first.
_READER = ("reader", "read")
#: Nouns that name both ends with a number or letter: node1, node2; Neuron 1, Neuron 2; gene_a, gene_b.
_NOUNS = {
    *(
        "node",
        "vertex",
        "id",
        "name",
        "neuron",
        "cell",
        "gene",
        "protein",
        "interactor",
        "region",
        "area",
        "roi",
    ),
    *(
        "person",
        "user",
        "actor",
        "character",
        "entity",
        "item",
        "label",
        "city",
        "country",
        "station",
        "species",
    ),
    *("author", "player", "team", "word", "element", "object", "member", "individual", "animal", "agent"),
}
_ENDS = (("1", "2"), ("a", "b"), ("i", "j"), ("x", "y"), ("0", "1"))

#: Words of headers that number rows or give times: such columns are never weights.
ID_WORDS = frozenset({"id", "ids", "index", "idx", "key", "label", "uid", "guid"})
TIME_WORDS = frozenset({"time", "times", "timestamp", "timeset", "date", "datetime", "year", "day", "t"})

#: Which of several pairs with the same meaning names the nodes: pre before pre_id before pre_name.
_PREFERRED = (
    (),
    ("id",),
    ("root", "id"),
    ("pt", "root", "id"),
    ("body", "id"),
    ("node", "id"),
    ("name",),
    ("node",),
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Ends(NamedTuple):
    """The two columns of an edge table, by position."""

    first: int
    second: int
    directed: bool | None
    second_reads: bool


def words_of(header: str) -> list[str]:
    """Cut a header into lower-case words.

    >>> words_of("FromNodeId"), words_of("bodyId_pre")
    (['from', 'node', 'id'], ['body', 'id', 'pre'])
    """
    return [word.lower() for word in _WORD.findall(header)]


def is_endpoint(header: str) -> bool:
    """True if a header names one end of an edge (``pre_pt_position_x``)."""
    ends = {word for pair in (*_DIRECTED, _PLAIN[0], _READER) for word in pair}
    return bool(set(words_of(header)) & ends)


def find_ends(headers: Sequence[str]) -> Ends | None:
    """Return the columns that hold the nodes, or ``None`` where no header says so.

    Raises:
        UserError: several pairs of columns could be meant.
    """
    words = [words_of(header) for header in headers]
    for directed, pairs in ((True, _DIRECTED), (None, _PLAIN)):
        for one, other in pairs:
            if ends := _pair(headers, words, one, other):
                return Ends(*ends, directed, second_reads=True)
    if ends := _pair(headers, words, *_READER):
        return Ends(*ends, True, second_reads=False)
    return _numbered_nouns(words)


def _pair(headers: Sequence[str], words: list[list[str]], one: str, other: str) -> tuple[int, int] | None:
    """Find two columns that differ only in ``one`` and ``other``."""
    pairs: dict[tuple[str, ...], tuple[int, int]] = {}
    for i, left in enumerate(words):
        if left.count(one) != 1:
            continue
        swapped = [other if word == one else word for word in left]
        if swapped in words:
            pairs[tuple(word for word in left if word != one)] = (i, words.index(swapped))
    for rest in _PREFERRED:
        if rest in pairs:
            return pairs[rest]
    if len(pairs) > 1:
        listed = "; ".join(f"{headers[i]!r}, {headers[j]!r}" for i, j in pairs.values())
        raise UserError(f"several pairs of columns could hold the nodes ({listed}); keep one of them.")
    return next(iter(pairs.values()), None)


def _numbered_nouns(words: list[list[str]]) -> Ends | None:
    for i, left in enumerate(words[:-1]):
        right = words[i + 1]
        if len(left) == len(right) == 2:
            stems, ends = (left[0], right[0]), (left[1], right[1])
            alike = sum(len(other) == 2 and other[0] == left[0] for other in words)
            if ends in _ENDS and stems[0] == stems[1] and stems[0] in _NOUNS and alike == 2:
                return Ends(i, i + 1, None, second_reads=True)
        elif left == right and len(left) == 1 and left[0] in _NOUNS:
            return Ends(i, i + 1, None, second_reads=True)
    pairs = _ended_alike(words)
    return Ends(*pairs[0], None, second_reads=True) if pairs else None


def _ended_alike(words: list[list[str]]) -> list[tuple[int, int]]:
    """Return pairs of columns with more words before their end: ``id node1, id node2``; ``Interactor A``."""
    pairs = []
    for i, left in enumerate(words):
        for one, other in _ENDS:
            if len(left) < 3 or left[-1] != one or not set(left[:-1]) & _NOUNS:
                continue
            alike = [j for j, right in enumerate(words) if right[:-1] == left[:-1]]
            if len(alike) == 2 and words[alike[1]][-1] == other and alike[0] == i:
                pairs.append((i, alike[1]))
    return pairs


def naming_columns(headers: Sequence[str], ends: Ends) -> tuple[int, int] | None:
    """Return the columns that name the nodes whose ids are in ``ends``, if headers say so.

    >>> headers = ["id node1", "id node2", "name node1", "name node2"]
    >>> naming_columns(headers, find_ends(headers))
    (2, 3)
    """
    words = [words_of(header) for header in headers]
    pairs = _ended_alike(words)
    if (ends.first, ends.second) not in pairs:
        return None
    stem = set(words[ends.first])
    named = [pair for pair in pairs if "name" in words[pair[0]] and not stem & {"name"}]
    return min(named, key=lambda pair: len(words[pair[0]]), default=None)

"""Nodes as one text names them: node numbers, ids, or an expression on the table of nodes."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError, shown
from graph2nn.graphs.attributes import queried
from graph2nn.graphs.graph import RelationalGraph

_WORD = re.compile(r"[\w.\-]+")


def nodes_of_text(graph: RelationalGraph, text: str) -> npt.NDArray[np.int64]:
    """Return the nodes that a text names.

    Args:
        graph: whose nodes.
        text: node numbers or ids (names) with commas between them, or an expression on ``graph.nodes``. Where
            both could be meant, ``numbers:1,2`` or ``ids:1,2`` says which.

    Returns:
        Node numbers: in the order of the text, of an expression ascending.

    Raises:
        UserError: a number or an id that no node has, whole numbers that could be either, an expression that
            cannot be evaluated.

    Example:
        >>> from graph2nn import ws_flex
        >>> nodes_of_text(ws_flex(16, 4, 0.3, 1), "3, 0").tolist()
        [3, 0]
    """
    kind, colon, rest = text.partition(":")
    kind = kind.strip() if colon and kind.strip() in ("numbers", "ids") else ""
    words = [word.strip() for word in (rest if kind else text).split(",")]
    numbers, ids = _numbers(graph, words), _ids(graph, words)
    if kind:
        chosen = numbers if kind == "numbers" else ids
        if chosen is None:
            raise UserError(_unknown(graph, text, words, kind))
        return chosen
    if numbers is not None and ids is not None and numbers.tolist() != ids.tolist():
        raise UserError(
            f"graph {graph.name!r}: {shown(text)} could be node numbers or ids, and these are different nodes; "
            f"write numbers:{words[0]},… or ids:{words[0]},…."
        )
    if ids is not None and not _is_column(graph, words):
        return ids
    if numbers is not None:
        return numbers
    if all(map(_WORD.fullmatch, words)) and not _is_column(graph, words):
        raise UserError(_unknown(graph, text, words, ""))
    if graph.nodes is None:
        raise UserError(
            f"graph {graph.name!r} has no table of nodes, so the expression {shown(text)} selects none; give "
            "node numbers or ids, such as 0,1,2, or read the connectome with its table of neurons."
        )
    return queried(graph.nodes, text, graph.name)


def _numbers(graph: RelationalGraph, words: list[str]) -> npt.NDArray[np.int64] | None:
    if not all(
        word.isascii() and word.isdecimal() and len(word) < 19 and int(word) < graph.n for word in words
    ):
        return None
    return np.array([int(word) for word in words], dtype=np.int64)


def _ids(graph: RelationalGraph, words: list[str]) -> npt.NDArray[np.int64] | None:
    names = graph.node_names
    if names is None or not set(words) <= set(names):
        return None
    place = {name: i for i, name in enumerate(names)}
    return np.array([place[word] for word in words], dtype=np.int64)


def _is_column(graph: RelationalGraph, words: list[str]) -> bool:
    """Whether the text is one column of the table, which is an expression where it holds true and false."""
    return graph.nodes is not None and len(words) == 1 and words[0] in map(str, graph.nodes.columns)


def _unknown(graph: RelationalGraph, text: str, words: list[str], kind: str) -> str:
    """Say which word names no node, or that numbers and ids are mixed."""
    numbers = either = f"node numbers (0…{graph.n - 1})"
    ids = "node numbers, as it has no ids"
    if graph.node_names:
        ids = f"ids ({', '.join(graph.node_names[:4])}, …)"
        either = f"{numbers} or {ids}"
    known = set(graph.node_names or ())
    fits = {
        word: (_numbers(graph, [word]) is not None and kind != "ids") or (word in known and kind != "numbers")
        for word in words
    }
    odd = next((word for word, fit in fits.items() if not fit), None)
    wanted = {"numbers": numbers, "ids": ids}.get(kind, either)
    if odd is None:
        return f"graph {graph.name!r}: {shown(text)} mixes {numbers} and {ids}; give one or the other."
    columns = ""
    if graph.nodes is not None and len(words) == 1 and not kind:
        columns = f", or an expression on the columns {', '.join(map(str, graph.nodes.columns[:8]))}"
    return f"graph {graph.name!r}: {shown(odd)} names no node; expected {wanted}{columns}."

"""What a file or object held before any option is applied: a list of edges, or a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.errors import UserError

Indices = npt.NDArray[np.int64]
#: The most nodes that a file may claim: every one takes memory, however few edges there are.
MOST_NODES = 10_000_000


@dataclass
class EdgeList:
    """Edges in the order of the file.

    Args:
        first, second: node numbers of each edge, ``[edges]``, as the file lists them.
        n: number of nodes.
        names: name of each node, or ``None`` for nodes that are only numbered 0 … n−1.
        columns: attributes of the edges, one row per edge.
        directed: what the file says of its direction; ``None`` where it says nothing.
        said: what in the file says so, for the line that is printed.
        one_way: in a file that mixes directions, whether each edge goes one way only.
        second_reads: True if the second node reads the first (columns from/to), False if it is read.
        ends: headers of the two columns of nodes, for messages.
        table: True if columns were found by their headers, so that the only column of numbers is the weight.
        numbered: True if the columns have no names and the third is the weight.
        name: the file's own name for the graph.
        self_loops: ``given`` if a self-loop is an edge like any other, as in connectomes of neurons.
        notes: what the user should know about how the file was read.
    """

    first: Indices
    second: Indices
    n: int
    names: tuple[str, ...] | None = None
    columns: pd.DataFrame = field(default_factory=pd.DataFrame)
    directed: bool | None = None
    said: str = ""
    one_way: npt.NDArray[np.bool_] | None = None
    second_reads: bool = False
    ends: tuple[str, str] | None = None
    table: bool = False
    numbered: bool = False
    name: str | None = None
    self_loops: Literal["all", "given"] = "all"
    notes: list[str] = field(default_factory=list)

    @property
    def rule(self) -> str:
        """Who reads whom, in words."""
        first, second = ("the first node", "the second") if self.ends is None else map(repr, self.ends)
        if self.second_reads:
            first, second = (second, first) if self.ends else ("the second node", "the first")
        return f"{first} reads {second}"


@dataclass
class Matrix:
    """A square table of weights: row reads column.

    Args:
        values: ``[n, n]``, dense or a scipy sparse matrix.
        names: name of each node.
        directed: what the file says (a symmetric Matrix Market file is undirected).
        name: the file's own name for the graph.
        notes: what the user should know about how the file was read.
    """

    values: Any
    names: tuple[str, ...] | None = None
    directed: bool | None = None
    name: str | None = None
    notes: list[str] = field(default_factory=list)


Source = EdgeList | Matrix


def number_nodes(first: Sequence[str], second: Sequence[str]) -> tuple[Indices, Indices, list[str]]:
    """Number the words that name nodes: whole numbers in ascending order, other names by appearance."""
    both = np.empty(2 * len(first), dtype=object)
    both[0::2], both[1::2] = first, second
    codes, labels = pd.factorize(both)
    names = [str(label) for label in labels]
    if all(_is_whole(name) for name in names):
        order = np.array(sorted(range(len(names)), key=lambda i: int(names[i])), dtype=np.int64)
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return rank[codes[0::2]], rank[codes[1::2]], [names[i] for i in order]
    numbers: Indices = np.asarray(codes, dtype=np.int64)
    return numbers[0::2], numbers[1::2], names


def names_or_none(names: Sequence[str]) -> tuple[str, ...] | None:
    """Return the names, or ``None`` where they only count the nodes from 0."""
    if all(name == str(i) for i, name in enumerate(names)):
        return None
    return tuple(names)


def edge_list(
    first: Sequence[str],
    second: Sequence[str],
    *,
    columns: pd.DataFrame | None = None,
    table: bool = False,
    numbered: bool = False,
) -> EdgeList:
    """Make an edge list from two columns of node names.

    Args:
        first, second: names of the nodes of each edge.
        columns, table, numbered: as for :class:`EdgeList`.

    Returns:
        The edge list.

    Raises:
        UserError: an edge without one of its nodes.
    """
    one, other, names = number_nodes(first, second)
    if "" in names:
        empty = names.index("")
        place = int(np.flatnonzero((one == empty) | (other == empty))[0])
        raise UserError(f"edge {place + 1} ({first[place] or '…'}, {second[place] or '…'}) lacks a node.")
    columns = pd.DataFrame() if columns is None else columns
    return EdgeList(
        one, other, len(names), names_or_none(names), columns=columns, table=table, numbered=numbered
    )


def _is_whole(text: str) -> bool:
    digits = text[1:] if text[:1] == "-" else text
    return digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")

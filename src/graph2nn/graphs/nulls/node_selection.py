"""Nodes by number, mask or expression; labels and positions by column or array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.node_text import nodes_of_text

#: Node numbers, a mask ``[n]``, or a text: an expression on the graph's table of nodes, numbers or ids.
Selection: TypeAlias = "str | npt.ArrayLike"
#: One label per node ``[n]``, or a column of the graph's table of nodes.
Labels: TypeAlias = "str | npt.ArrayLike | Sequence[Any]"
#: Positions ``[n, axes]``, or the columns of the graph's table of nodes that hold them.
Positions: TypeAlias = "Sequence[str] | npt.ArrayLike"


def node_numbers(graph: RelationalGraph, selection: Selection, name: str) -> npt.NDArray[np.int64]:
    """Return the nodes that a selection means, ascending.

    Args:
        graph: whose nodes.
        selection: node numbers, a mask ``[n]``, or a text as :func:`nodes_of_text` takes it.
        name: of the argument, for the messages.

    Returns:
        The node numbers.

    Raises:
        UserError: no node, a number outside 0 … n−1, or an expression that cannot be evaluated.
    """
    if isinstance(selection, str):
        numbers = np.unique(nodes_of_text(graph, selection))
    else:
        array = np.asarray(selection)
        if array.dtype == np.bool_:
            if array.shape != (graph.n,):
                raise UserError(f"null: {name} is a mask of shape {array.shape}, expected ({graph.n},).")
            array = np.flatnonzero(array)
        if array.size and (array.ndim != 1 or array.dtype.kind not in "iu"):
            raise UserError(
                f"null: {name} holds {array.dtype} values of shape {array.shape}; expected node numbers, a "
                f"mask of {graph.n}, or an expression such as \"celltype == 'sensory'\"."
            )
        numbers = np.unique(array.astype(np.int64))
    if not len(numbers):
        raise UserError(f"null: {name} = {selection!r} selects no node of graph {graph.name!r}.")
    if numbers[0] < 0 or numbers[-1] >= graph.n:
        odd = numbers[0] if numbers[0] < 0 else numbers[-1]
        raise UserError(f"null: {name} holds node {odd}, outside 0…{graph.n - 1}.")
    return numbers


def node_labels(graph: RelationalGraph, labels: Labels, name: str) -> npt.NDArray[np.int64]:
    """Return the label of each node as a number ``[n]``; missing labels are one label of their own.

    Args:
        graph: whose nodes.
        labels: a column of ``graph.nodes``, or one label per node.
        name: of the argument, for the messages.

    Returns:
        Number of each node's label, from 0.

    Raises:
        UserError: no such column, or another number of labels than nodes.
    """
    import pandas as pd

    values = _column(graph, labels, name) if isinstance(labels, str) else pd.Series(np.asarray(labels))
    if len(values) != graph.n:
        raise UserError(f"null: {name} holds {len(values)} labels, expected one for each of {graph.n} nodes.")
    codes, _ = pd.factorize(values, use_na_sentinel=False)
    return np.asarray(codes, dtype=np.int64)


def node_positions(graph: RelationalGraph, positions: Positions) -> npt.NDArray[np.float64]:
    """Return the positions of the nodes ``[n, axes]``.

    Raises:
        UserError: no such column, another shape, or a position that is not a finite number.
    """
    listed = list(positions) if isinstance(positions, list | tuple) else None
    if listed and all(isinstance(one, str) for one in listed):
        columns = [_column(graph, one, "positions") for one in listed]
        array = np.stack([_numbers(column, one) for column, one in zip(columns, listed, strict=True)], axis=1)
    else:
        if isinstance(positions, str):
            raise UserError(
                f"null: positions = {positions!r}; expected several columns, or an array [n, axes]."
            )
        array = np.asarray(positions, dtype=np.float64)
    if array.ndim != 2 or len(array) != graph.n:
        raise UserError(f"null: positions of shape {array.shape}; expected [{graph.n}, axes].")
    lacking = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(lacking):
        raise UserError(
            f"null: {len(lacking)} nodes have no position, node {lacking[0]} for one; "
            "fill them in in the table of neurons, or take the subgraph of the others with graph.select(…)."
        )
    return np.ascontiguousarray(array)


def _numbers(column: Any, name: str) -> npt.NDArray[np.float64]:
    """Values of a column of positions."""
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(
            f"null: column {name!r} of positions holds values of type {column.dtype}; expected numbers."
        ) from None


def _column(graph: RelationalGraph, column: str, name: str) -> Any:
    if graph.nodes is None:
        raise UserError(
            f"null: {name} = {column!r} names a column, but graph {graph.name!r} has no table of "
            f"nodes; read it with one (FILE:neurons=TABLE in commands), or give {name} as an array of "
            f"{graph.n} values."
        )
    if column not in graph.nodes:
        raise unknown(f"column of nodes for {name}", column, [str(one) for one in graph.nodes])
    return graph.nodes[column].reset_index(drop=True)

"""Labels of the rows and columns of a matrix: aligned where they are the same, refused where they differ."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs.io.source import Matrix, names_or_none

_DEFAULT = re.compile(r"[VX]?(\d+)")


def align(values: npt.NDArray[np.float64], rows: Sequence[str] | None, columns: Sequence[str] | None) -> Matrix:
    """Put the rows of a labelled matrix into the order of its columns.

    Labels that only count (0 … n−1, 1 … n, and R's V1 … Vn and X1 … Xn) give way to names on the other side.

    Args:
        values: the matrix.
        rows: labels of its rows; None for none.
        columns: labels of its columns; None for none.

    Returns:
        The matrix, rows in the order of the columns, with the labels as names of nodes.

    Raises:
        UserError: rows and columns with different labels, or labels in another order that repeat.
    """
    if values.shape[0] != values.shape[1]:
        return Matrix(values)
    rows = None if rows is None else [str(label).strip() for label in rows]
    columns = None if columns is None else [str(label).strip() for label in columns]
    if rows != columns:
        rows = None if rows is None or _only_counts(rows) else rows
        columns = None if columns is None or _only_counts(columns) else columns
    if rows is None or columns is None or rows == columns:
        names = columns if columns is not None else rows
        return Matrix(values, None if names is None else names_or_none(names))
    missing = sorted(set(rows) ^ set(columns))
    if missing:
        side = "rows" if missing[0] in rows else "columns"
        raise UserError(
            f"the labels of rows and columns differ: {missing[0]!r} stands only among the {side}; "
            "a graph needs the same nodes on both sides."
        )
    if len(set(columns)) < len(columns):
        raise UserError("the labels of rows and columns stand in another order and repeat; make them unique.")
    position = {label: i for i, label in enumerate(rows)}
    order = [position[label] for label in columns]
    return Matrix(values[order], names_or_none(columns))


def _only_counts(labels: Sequence[str]) -> bool:
    matches = [_DEFAULT.fullmatch(str(label).strip()) for label in labels]
    numbers = [int(match[1]) for match in matches if match]
    prefixes = {match[0][:1] for match in matches if match and match[0][0] in "VX"}
    if len(numbers) != len(labels) or len(prefixes) > 1:
        return False
    n = len(numbers)
    return numbers in (list(range(n)), list(range(1, n + 1)))

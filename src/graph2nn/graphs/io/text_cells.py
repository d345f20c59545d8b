"""A table of text cells: a matrix with or without labels, or a list of edges with or without a header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.edge_weights import is_time, to_numbers
from graph2nn.graphs.io.frames import edges_of_table
from graph2nn.graphs.io.headers import ID_WORDS, Ends, find_ends, words_of
from graph2nn.graphs.io.labels import align
from graph2nn.graphs.io.notations import take_arrows, without_arrows
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.source import EdgeList, Matrix, Source, edge_list

EXPECTED = "expected a square 0/1 matrix or an edge list with two columns"

_COMPLEX = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?[+-][\d.]+(e[+-]?\d+)?[ij]", re.IGNORECASE)
#: Names that R and pandas give to columns that have none.
_NAMELESS = re.compile(r"[VX]?\d+")
#: Pairs of words that are headers wherever they stand; others must not occur among the nodes below them.
_STRONG = {"source", "target", "src", "dst", "from", "to", "pre", "post", "reader", "read"}


def source_of_cells(
    cells: pd.DataFrame, kind: str, options: ReadOptions, *, columns: Sequence[str] | None = None
) -> Source:
    """Decide what a table of cells holds, and read it.

    Args:
        cells: strings; ``None`` or NaN where a row is shorter than the longest.
        kind: ``matrix``, ``edges``, or ``text`` to look and decide.
        options: of the reader; a column named as the weight settles what a fourth column is for.
        columns: headers that a comment gives.

    Returns:
        Edges or a matrix.

    Raises:
        UserError: rows of different lengths, entries that are not numbers, or neither shape.
    """
    weight = options.weight
    cells, short_header = _even(_trimmed(cells), kind)
    _refuse_complex(cells)
    if kind != "matrix":
        pairs, arrows = (cells, None) if short_header else without_arrows(cells, header=columns is None)
        if arrows is not None:
            edges = source_of_cells(pairs, "edges", options, columns=columns)
            return take_arrows(edges, arrows)
        if columns is not None and len(columns) == cells.shape[1] and (ends := find_ends(columns)):
            return edges_of_table(_frame(cells, columns), ends)
        header = [str(cell) for cell in cells.iloc[0]]
        if short_header:
            header = ["", *header[:-1]]
        if ends := _header(header, cells.iloc[1:], kind, short_header=short_header):
            return edges_of_table(_frame(cells.iloc[1:], header), ends)
    if kind != "edges":
        matrix = _matrix(cells, short_header)
        if matrix is not None and not (kind == "text" and _ambiguous(matrix, cells, options)):
            return matrix
        if kind == "matrix":
            return _refuse_matrix(cells)
    listed = kind == "edges" or weight is not None or is_time(cells.iloc[:, -1])
    if cells.shape[1] in (2, 3) or (listed and cells.shape[1] > 3):
        return _plain_edges(cells, weight)
    return _refuse_matrix(cells) if cells.shape[0] == cells.shape[1] else _neither(cells)


def _refuse_complex(cells: pd.DataFrame) -> None:
    """Refuse a square of numbers some of which are complex, whose rows could pass for edges."""
    rows, columns = cells.shape
    entries = cells.to_numpy(dtype=object).ravel().tolist() if rows == columns else []
    real = [entry for entry in entries if not _COMPLEX.fullmatch(str(entry))]
    if len(real) < len(entries) and (not real or _all_numbers(real)):
        raise UserError("the matrix holds complex numbers; take their absolute values first.")


def _trimmed(cells: pd.DataFrame) -> pd.DataFrame:
    """Strip the padding of every cell, and drop last columns that trailing separators left empty."""
    trimmed = pd.DataFrame(
        {i: _stripped(cells[column]) for i, column in enumerate(cells.columns)}, dtype=object
    )
    while trimmed.shape[1] > 1:
        last = trimmed.iloc[:, -1]
        if not (last.isna() | (last == "")).all():
            break
        trimmed = trimmed.iloc[:, :-1]
    return trimmed


def _stripped(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Strip each entry; a long column repeats few texts, and each is stripped once."""
    codes, texts = pd.factorize(column.to_numpy(dtype=object))  # −1 where a cell is missing
    stripped = np.array([*(str(text).strip() for text in texts), None], dtype=object)
    return stripped[codes]


def _even(cells: pd.DataFrame, kind: str) -> tuple[pd.DataFrame, bool]:
    """Check that rows have the same length; say whether the first is one entry shorter, as R writes it."""
    lengths = cells.notna().sum(axis=1).to_numpy()
    width = cells.shape[1]
    if (lengths == width).all():
        return cells, False
    one_short = len(lengths) > 1 and lengths[0] == width - 1 and bool((lengths[1:] == width).all())
    # R writes no header over its row names. Numbers in the first row are a short row of a matrix.
    if one_short and not _all_numbers(cells.iloc[0, :-1]):
        return cells, True
    if kind == "edges" and width == 3 and (lengths >= 2).all():
        return cells, False  # weights on some edges only
    odd = int(np.flatnonzero(lengths != lengths[0])[0])
    raise UserError(
        f"row {odd + 1} has {lengths[odd]} entries and row 1 has {lengths[0]}; {EXPECTED}, "
        "all rows of the same length."
    )


def _header(header: list[str], body: pd.DataFrame, kind: str, *, short_header: bool) -> Ends | None:
    """Return where the nodes stand if the first row names the columns of an edge table."""
    if len(header) < 2 or not len(body):
        return find_ends(header) if len(header) >= 2 else None
    if ends := find_ends(header):
        ends_words = (header[ends.first], header[ends.second])
        strong = any(word in _STRONG for text in ends_words for word in text.lower().split("_"))
        below = set(body.iloc[:, ends.first]) | set(body.iloc[:, ends.second])
        plain = set(ends_words) & below or _square_below(header, body)
        return ends if strong or ends.directed or not plain else None
    if ends := _nameless(header, body):
        return ends
    if short_header or _all_numbers(header):
        return None
    if _square_below(header, body):
        return None
    first, second = header[:2]
    named = not _all_numbers([first]) and not _all_numbers([second])
    rest = range(2, len(header))
    whole = _all_whole(body.iloc[:, 0]) and _all_whole(body.iloc[:, 1])
    counted = any(not _all_numbers([header[i]]) and _all_numbers(body.iloc[:, i]) for i in rest)
    if not named or not (whole or counted):
        return None
    if set(words_of(first)) & (ID_WORDS | {"name", "node"}):
        raise UserError(
            f"columns {first!r} and {second!r} look like a table of nodes; an edge table names its two columns "
            "of nodes source and target, from and to, or pre and post."
        )
    return Ends(0, 1, None, second_reads=True)


def _nameless(header: list[str], body: pd.DataFrame) -> Ends | None:
    """Return the two columns of nodes under the names that R or pandas give to columns without one."""
    start = int(header[0] == "" and _counts(body.iloc[:, 0]))
    names = header[start:]
    if not 2 <= len(names) <= 3 or not all(_NAMELESS.fullmatch(name) for name in names):
        return None
    below = {str(entry) for i in (start, start + 1) for entry in body.iloc[:, i]}
    # Without a column of row numbers, names like those of the nodes below are an edge.
    alike = not start and (_all_numbers(names) or any(_NAMELESS.fullmatch(entry) for entry in below))
    square = _square_below(header, body) and all(
        _all_numbers(body.iloc[:, i]) for i in range(start, len(header))
    )
    return None if alike or square else Ends(start, start + 1, None, second_reads=True)


def _counts(column: pd.Series[Any]) -> bool:
    """True if a column numbers its rows from 0 or 1."""
    numbers, bad = to_numbers(column)
    return bad is None and any(np.array_equal(numbers, np.arange(len(numbers)) + first) for first in (0, 1))


def _square_below(header: list[str], body: pd.DataFrame) -> bool:
    """True if the rows below a first row of labels are a matrix, and not edges."""
    if len(header) == len(body) + 1:
        return header[0] == "" or set(header[1:]) == set(body.iloc[:, 0])
    if len(header) != len(body) or not all(_all_numbers(body[name]) for name in body.columns):
        return False
    return _matrix_like(np.array([to_numbers(body[name])[0] for name in body.columns]).T)


def _matrix_like(numbers: npt.NDArray[np.float64]) -> bool:
    """True if a small square of numbers has 0 and 1 only, or a constant diagonal."""
    return set(np.unique(numbers)) <= {0.0, 1.0} or len(np.unique(np.nan_to_num(np.diagonal(numbers)))) == 1


def _frame(cells: pd.DataFrame, header: Sequence[str]) -> pd.DataFrame:
    frame = cells.reset_index(drop=True)
    frame.columns = pd.Index([str(name) for name in header])
    return frame


def _matrix(cells: pd.DataFrame, short_header: bool) -> Matrix | None:
    """Read a square table of numbers; ``None`` if it is not one."""
    rows, columns = cells.shape
    values = cells.to_numpy(dtype=object)
    if short_header and rows == columns:
        return _labelled(values[1:, 1:], list(values[1:, 0]), list(values[0, :-1]))
    corner = str(values[0, 0])
    if rows == columns and rows > 1 and not _all_numbers([corner]):
        labels, index = list(values[0, 1:]), list(values[1:, 0])
        named = corner == "" or not _all_numbers(labels) or not _all_numbers(index)
        if named and (labelled := _labelled(values[1:, 1:], index, labels)) is not None:
            return labelled
    if rows == columns:
        return _labelled(values, None, None)
    if rows == columns + 1 and not _all_numbers(values[0]):
        return _labelled(values[1:], None, list(values[0]))
    if columns == rows + 1 and not _all_numbers(values[:, 0]):
        return _labelled(values[:, 1:], list(values[:, 0]), None)
    return None


def _labelled(values: Any, rows: list[str] | None, columns: list[str] | None) -> Matrix | None:
    table = pd.DataFrame(values)
    numbers = np.empty(table.shape, dtype=np.float64)
    for i in range(table.shape[1]):
        numbers[:, i], bad = to_numbers(table[i])
        if bad is not None:
            return None
    if not np.isfinite(numbers).any():
        return None
    return align(numbers, rows, columns)


def _ambiguous(matrix: Matrix, cells: pd.DataFrame, options: ReadOptions) -> bool:
    """Refuse two or three rows that are both a matrix and a list; say whether they can only be a list."""
    numbers = matrix.values
    if len(numbers) > 3 or matrix.names is not None or len(numbers) != cells.shape[1] or len(numbers) < 2:
        return False
    if is_time(cells.iloc[:, -1]):
        return True
    nodes = numbers[:, :2]
    listed = bool(
        (nodes == np.round(nodes)).all() and (nodes >= 0).all() and (nodes[:, 0] != nodes[:, 1]).all()
    )
    if listed and not _matrix_like(numbers):
        raise UserError(
            f"{len(numbers)} rows of {len(numbers)} numbers may be a matrix or a list of edges; say which with "
            f"{options.say('format', 'matrix')} or {options.say('format', 'edges')}."
        )
    return False


def _plain_edges(cells: pd.DataFrame, weight: str | None) -> EdgeList:
    """Read a list without a header: two nodes, and at most a weight."""
    extra = cells.iloc[:, 2:].reset_index(drop=True)
    extra.columns = pd.Index([str(i + 3) for i in range(extra.shape[1])])
    if weight is None and not all(is_time(extra[name]) for name in extra.columns[1:]):
        raise UserError(
            f"{' '.join(map(str, cells.iloc[0]))!r} is not an edge; expected two nodes per line and at most "
            "a weight, or a first line that names the columns, for example source target weight."
        )
    first, second = cells[cells.columns[0]].tolist(), cells[cells.columns[1]].tolist()
    edges = edge_list(first, second, columns=extra, numbered=True)
    if extra.shape[1] > 1:
        edges.notes.append("columns after the third were left out (time stamps)")
    ends = {first[0], second[0]}
    if len(first) > 2 and not _all_numbers(sorted(ends)) and not ends & {*first[1:], *second[1:]}:
        edges.notes.append(f"the first line ({first[0]}, {second[0]}) was read as an edge, not as a header")
    return edges


def _refuse_matrix(cells: pd.DataFrame) -> Matrix:
    rows, columns = cells.shape
    if rows != columns:
        _neither(cells)
    for i, row in enumerate(cells.itertuples(index=False)):
        for j, cell in enumerate(row):
            if not _all_numbers([cell]):
                raise UserError(f"row {i + 1}, column {j + 1}: {cell!r} is not a number; {EXPECTED}.")
    raise UserError(f"no entry of the matrix is a number; {EXPECTED}.")


def _neither(cells: pd.DataFrame) -> Matrix:
    rows, columns = cells.shape
    raise UserError(f"{rows} rows of {columns} entries are not a graph; {EXPECTED}.")


def _all_numbers(entries: Any) -> bool:
    _, bad = to_numbers(pd.Series(list(entries), dtype=object))
    return bad is None and any(str(entry).strip() != "" for entry in entries)


def _all_whole(column: pd.Series[Any]) -> bool:
    return bool(column.astype(str).str.fullmatch(r"-?\d+").all())

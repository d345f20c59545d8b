"""Text files: a square table of numbers, rows of 0/1 characters, or a list of edges.

A ``.txt``, ``.csv`` or ``.tsv`` file may hold either. It is a matrix if it has as many rows as columns and
all of it is numbers; otherwise, with two or three columns, it is an edge list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs.io.edges import HEADERS, edges_to_matrix, split_edge

Matrix = npt.NDArray[np.float64]
Rows = list[list[str]]

EXPECTED = "expected a square 0/1 matrix or an edge list with two columns"


@dataclass(frozen=True)
class Loaded:
    """What a file held: weights ``[n, n]`` (0 where there is no edge), and what it said of itself."""

    weights: npt.NDArray[np.generic]
    directed: bool | None = None
    name: str | None = None


def parse_text(text: str, kind: str, *, directed: bool | None = None) -> Loaded:
    """Read a text file's content; ``kind`` is ``matrix``, ``edges``, or ``text`` to look and decide.

    ``directed`` matters to edge lists alone: whether an edge goes one way only.

    Raises:
        UserError: an empty file, ragged rows, entries that are no numbers, or neither shape.
    """
    header = next((line for line in text.splitlines() if line.startswith("# graph2nn ")), None)
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line[0] not in "#%"]
    if header is not None and kind != "matrix":
        return _edges([split_edge(line) for line in lines], directed, header)
    if not lines and kind == "edges":
        return _edges([], directed)
    if not lines:
        raise UserError(f"the file is empty; {EXPECTED}.")
    if kind != "edges" and set("".join(lines)) <= {"0", "1"}:
        return Loaded(_numbers(_even([list(line) for line in lines])))
    rows = _even([split_edge(line) if kind == "edges" else _split(line) for line in lines])
    if kind == "edges":
        return _edges(rows, directed)
    body = _without_labels(rows)
    square = len(body) == len(body[0])
    if kind == "matrix" or (square and not _is_header(rows[0]) and _all_numbers(body)):
        return Loaded(_numbers(body))
    if len(rows[0]) in (2, 3):
        return _edges(rows, directed)
    shape = f"{len(body)} rows of {len(body[0])} entries"
    if square:
        _numbers(body)  # names the entry that is not a number
    raise UserError(f"{shape} are no graph; {EXPECTED}.")


def _split(line: str) -> list[str]:
    for separator in (",", ";", "\t"):
        if separator in line:
            return [cell.strip().strip('"') for cell in line.split(separator)]
    return line.split()


def _even(rows: Rows) -> Rows:
    """Check that every row is as long as the first."""
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise UserError(
                f"row {number} has {len(row)} entries and row 1 has {len(rows[0])}; {EXPECTED}, "
                "all rows of the same length."
            )
    return rows


def _number(cell: str) -> float | None:
    try:
        return {"true": 1.0, "false": 0.0}.get(cell.lower()) if cell[:1] in "tTfF" else float(cell)
    except ValueError:
        return None


def _all_numbers(rows: Rows) -> bool:
    return all(_number(cell) is not None for row in rows for cell in row)


def _numbers(rows: Rows) -> Matrix:
    values = [[_number(cell) for cell in row] for row in rows]
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            if value is None:
                raise UserError(f"row {i + 1}, column {j + 1}: {rows[i][j]!r} is not a number; {EXPECTED}.")
    return np.array(values, dtype=np.float64)


def _without_labels(rows: Rows) -> Rows:
    """Drop the first row and column of a table as pandas writes it, names around numbers."""
    first = rows[0]
    plain = first[0] != "" and _all_numbers([first[1:]])
    if len(rows) < 2 or plain:
        return rows
    if len(rows) == len(first) and (first[0] == "" or not _all_numbers(rows[1:])):
        return [row[1:] for row in rows[1:]]
    return rows[1:] if len(rows) == len(first) + 1 else rows


def _is_header(row: list[str]) -> bool:
    return len(row) >= 2 and all(cell.lower() in HEADERS for cell in row[:2])


def _edges(rows: Rows, directed: bool | None, header: str | None = None) -> Loaded:
    if rows and _is_header(rows[0]):
        rows = rows[1:]
    weights, one_way, name = edges_to_matrix(rows, header, directed=directed)
    return Loaded(weights, one_way, name)

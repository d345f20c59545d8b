"""Data frames: an edge table with named columns, or a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.headers import Ends, find_ends, naming_columns, words_of
from graph2nn.graphs.io.labels import align
from graph2nn.graphs.io.notations import refuse_arrows
from graph2nn.graphs.io.source import EdgeList, Source, edge_list

#: The largest whole number below which every whole number is a float64.
_EXACT = 2**53


def source_of_frame(frame: pd.DataFrame) -> Source:
    """Read a data frame: edges where two columns name nodes, else a square matrix.

    Raises:
        UserError: neither, or columns that cannot be told apart.
    """
    if any(name is not None for name in frame.index.names):
        named = frame.reset_index()
        if find_ends([str(column) for column in named.columns]):
            frame = named
    headers = [str(column) for column in frame.columns]
    if ends := find_ends(headers):
        return edges_of_table(frame, ends)
    numeric = all(pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes)
    if frame.shape[0] == frame.shape[1] and numeric:
        return _matrix(frame)
    text = [i for i, dtype in enumerate(frame.dtypes) if not pd.api.types.is_numeric_dtype(dtype)]
    if len(text) == 1 and text[0] == 0 and frame.shape[0] == frame.shape[1] - 1:
        return _matrix(frame.set_index(frame.columns[0]))
    if frame.shape[1] in (2, 3):
        edges = edges_of_table(frame, Ends(0, 1, None, second_reads=False))
        edges.table, edges.ends = False, None
        edges.numbered = _counted(frame.columns) or headers[2:] in (["2"], ["weight"])
        return edges
    raise UserError(
        f"{frame.shape[0]} rows of {frame.shape[1]} columns are neither a square matrix nor an edge table; "
        f"expected two columns named, for example, source and target (there are {', '.join(headers[:8])})."
    )


def edges_of_table(frame: pd.DataFrame, ends: Ends) -> EdgeList:
    """Make an edge list of a table whose columns ``ends`` hold the nodes; the rest are attributes."""
    frame = frame.reset_index(drop=True)
    headers = [str(column) for column in frame.columns]
    first, second = (_nodes(frame.iloc[:, i], headers[i]) for i in (ends.first, ends.second))
    refuse_arrows(second, headers[ends.second])
    if (names := naming_columns(headers, ends)) is not None:
        first, second = _named(frame, names, first, second)
    kept = [
        i for i in range(len(headers)) if i not in ends[:2] and not _is_row_index(frame.iloc[:, i], headers[i])
    ]
    columns = frame.iloc[:, kept].copy()
    columns.columns = pd.Index(_unique([headers[i] for i in kept]))
    one, other = headers[ends.first], headers[ends.second]
    edges = edge_list(first, second, columns=columns, table=True)
    edges.directed, edges.second_reads = ends.directed, ends.second_reads
    edges.ends = (one, other)
    edges.said = f"columns {one!r} and {other!r}" if ends.directed else ""
    _take_types(edges)
    return edges


def _named(
    frame: pd.DataFrame, names: tuple[int, int], first: list[str], second: list[str]
) -> tuple[list[str], list[str]]:
    """Return the names of nodes in place of their ids, where every id has one name and every name one id."""
    columns = [frame.iloc[:, i].astype(str).str.strip().tolist() for i in names]
    pairs = set(zip([*first, *second], [*columns[0], *columns[1]], strict=True))
    ids, labels = ({pair[i] for pair in pairs} for i in (0, 1))
    return (columns[0], columns[1]) if len(ids) == len(labels) == len(pairs) else (first, second)


#: Headers of columns that say of each edge whether it is directed, as words of the header.
_DIRECTIONS = (["type"], ["directed"], ["is", "directed"])
#: What such a column may hold; Gephi's Type holds words.
_ONE_WAY = {"directed": True, "undirected": False}
_BOOLEANS = {
    "true": True,
    "false": False,
    "yes": True,
    "no": False,
    "1": True,
    "0": False,
    "1.0": True,
    "0.0": False,
}


def _take_types(edges: EdgeList) -> None:
    """Read Gephi's column Type, or a column Directed, which says of each edge whether it is directed.

    Raises:
        UserError: a column Directed that holds something else.
    """
    for column in edges.columns:
        header = words_of(str(column))
        if header not in _DIRECTIONS:
            continue
        words = edges.columns[column].astype(str).str.strip().str.lower()
        meaning = _ONE_WAY if header == ["type"] else {**_ONE_WAY, **_BOOLEANS}
        other = sorted(set(words) - set(meaning))
        if other and header == ["type"]:
            continue
        if other:
            raise UserError(
                f"column {column!r} holds {other[0]!r}; expected true or false in every row, which say whether "
                "an edge is directed. Rename the column if it means something else."
            )
        one_way = words.map(meaning).to_numpy(dtype=np.bool_)
        edges.directed = bool(one_way.any())
        edges.one_way = one_way if one_way.any() and not one_way.all() else None
        edges.said = f"its column {column!r}"
        edges.columns = edges.columns.drop(columns=[column])
        return


def _nodes(column: pd.Series[Any], header: str) -> list[str]:
    """Return a column of nodes as text; whole numbers stay exact."""
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isnan(values).any():
            raise UserError(
                f"column {header!r}: row {int(np.flatnonzero(np.isnan(values))[0]) + 1} lacks a node."
            )
        if (np.abs(values) >= _EXACT).any():
            raise UserError(
                f"column {header!r} holds ids as floating-point numbers, which are not exact beyond 2^53; "
                "read the table with these columns as text or whole numbers."
            )
        if (values == np.round(values)).all():
            return [str(int(value)) for value in values]
    missing = column.isna().to_numpy()
    if missing.any():
        raise UserError(f"column {header!r}: row {int(np.flatnonzero(missing)[0]) + 1} lacks a node.")
    return [str(entry).strip() for entry in column]


def _is_row_index(column: pd.Series[Any], header: str) -> bool:
    """True for the unnamed column of row numbers or names that pandas and R write."""
    return header.strip() == "" or header.startswith("Unnamed: ")


def _unique(headers: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for header in headers:
        seen[header] = seen.get(header, 0) + 1
        names.append(header if seen[header] == 1 else f"{header}.{seen[header] - 1}")
    return names


def _counted(index: Any) -> bool:
    """True for labels that pandas made up."""
    return isinstance(index, pd.RangeIndex)


def _matrix(frame: pd.DataFrame) -> Source:
    index, columns = frame.index, frame.columns
    rows = None if _counted(index) else [str(label) for label in index]
    names = None if _counted(columns) else [str(label) for label in columns]
    values = frame.to_numpy()
    return align(values if np.iscomplexobj(values) else values.astype(np.float64), rows, names)

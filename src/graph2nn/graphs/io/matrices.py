"""From a matrix of weights to pairs of nodes: symmetry, one-triangle matrices, diagonals and missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.pairs import EdgePairs, combined, repeated_keys
from graph2nn.graphs.io.source import Matrix

#: Relative difference of two weights that still count as one: rounding of 32-bit correlations.
_TOLERANCE = 1e-5


def pairs_of_matrix(matrix: Matrix, options: ReadOptions) -> EdgePairs:
    """Return the nonzero entries of a matrix as pairs ``(reader, read)``.

    Raises:
        UserError: not a square matrix of real numbers, weights that need a threshold, or a direction that
            the matrix leaves open.
    """
    _refuse_options(options)
    shape = tuple(getattr(matrix.values, "shape", ()))
    if len(shape) != 2 or shape[0] != shape[1]:
        raise UserError(f"adjacency: shape {shape} is not square; expected [n, n], row reads column.")
    n = int(shape[0])
    if n < 2:
        raise UserError(f"adjacency: n = {n}, expected at least 2 nodes.")
    rows, columns, values = _entries(matrix.values, matrix.names, options)
    rows, columns, values = _without_blank_triangle(rows, columns, values)
    filled = len(rows) / n**2
    symmetric = _is_symmetric(rows, columns, values, n)
    directed = options.directed if options.directed is not None else matrix.directed
    undecided = directed is None
    directed = not symmetric if directed is None else directed
    inside = rows != columns
    triangle = not symmetric and _one_triangle(rows[inside], columns[inside])
    if triangle and undecided:
        raise UserError(
            f"only one triangle of the matrix is filled: {options.say('directed', False)} mirrors it, "
            f"{options.say('directed', True)} reads it as it stands."
        )
    if not directed and not symmetric and not triangle and options.combine is None:
        raise UserError(_asymmetric(rows, columns, values, n, matrix.names, options))
    notes = list(matrix.notes)
    if not directed:
        rows, columns, values = _mirrored(rows, columns, values, n, symmetric, options)
    if triangle and not directed:
        notes.append("only one triangle of the matrix is filled and was mirrored")
    said = "row reads column" if directed else "the matrix is symmetric" if symmetric else "as asked"
    weighted = bool((values != 1).any())
    return EdgePairs(
        n,
        rows,
        columns,
        values if weighted else None,
        matrix.names,
        directed,
        name=matrix.name,
        said=said,
        weight_name="entries",
        dense=weighted and filled > 0.5,
        matrix=True,
        notes=notes,
    )


def _refuse_options(options: ReadOptions) -> None:
    for option in ("weight", "where"):
        value = getattr(options, option)
        if value:
            raise UserError(f"{options.say(option)} is for tables of edges; this is a matrix.")
    if options.threshold is not None and options.threshold < 0:
        raise UserError(
            f"threshold = {options.threshold:g} is negative: pairs without an edge weigh 0 and would all be on."
        )


def _entries(
    values: Any, names: tuple[str, ...] | None, options: ReadOptions
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return row, column and weight of each entry that is not 0, without NaN on the diagonal."""
    if hasattr(values, "toarray"):
        coo = values.tocoo()
        _refuse_complex(coo.data)
        rows, columns = (np.asarray(axis).astype(np.int64) for axis in (coo.row, coo.col))
        entries = _real(coo.data)
        rows, columns, entries = _without_repeats(rows, columns, entries, int(coo.shape[0]), names, options)
        zero = (entries == 0) & (rows != columns)
        if zero.any() and options.threshold is None and options.keep_strongest is None:
            raise UserError(
                f"{_count(int(zero.sum()), 'stored entry has', 'stored entries have')} weight 0: "
                f"{options.say('threshold', 0)} says which weights make an edge."
            )
    else:
        array = np.asarray(values)
        _refuse_complex(array)
        array = _real(array)
        rows, columns = np.nonzero(array)
        entries = array[rows, columns].astype(np.float64)
        rows, columns = rows.astype(np.int64), columns.astype(np.int64)
    keep = (entries != 0) & ~(np.isnan(entries) & (rows == columns))
    return rows[keep], columns[keep], entries[keep]


def _real(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype == np.bool_:
        return array.astype(np.float64) if array.ndim == 1 else array
    if array.dtype.kind not in "iuf" and array.dtype != object:
        raise UserError("adjacency: the entries are not numbers; expected 0 and 1, or weights.")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise UserError("adjacency: the entries are not numbers; expected 0 and 1, or weights.") from None


def _refuse_complex(array: npt.NDArray[Any]) -> None:
    if np.iscomplexobj(array) or (array.dtype == object and any(isinstance(v, complex) for v in array.flat)):
        raise UserError("the matrix holds complex numbers; take their absolute values first.")


def _without_repeats(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    n: int,
    names: tuple[str, ...] | None,
    options: ReadOptions,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Merge entries of a sparse matrix that are stored more than once."""
    keys = rows * n + columns
    if len(np.unique(keys)) == len(keys):
        return rows, columns, values
    if options.combine is None and (i := repeated_keys(keys, values)) is not None:
        pair = ", ".join(names[k] if names else str(k) for k in (int(rows[i]), int(columns[i])))
        raise UserError(
            f"the entry {pair} stands twice, with different weights: {options.say('combine', 'sum')} adds "
            f"them, {options.say('combine', 'max')} keeps the larger."
        )
    keys, values = combined(keys, values, options.combine or "first")
    return keys // n, keys % n, values


def _is_symmetric(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], values: npt.NDArray[np.float64], n: int
) -> bool:
    forward, backward = rows * n + columns, columns * n + rows
    one, other = np.argsort(forward), np.argsort(backward)
    if not np.array_equal(forward[one], backward[other]):
        return False
    if (values == 1).all():
        return True
    scale = float(np.nanmax(np.abs(values), initial=0.0)) if len(values) else 0.0
    tolerance = _TOLERANCE * (scale if np.isfinite(scale) else 1.0)
    return bool(np.allclose(values[one], values[other], rtol=_TOLERANCE, atol=tolerance * 1e-3, equal_nan=True))


def _without_blank_triangle(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Drop the missing entries of a triangle that was left blank, as lists of distances often are."""
    missing = np.isnan(values)
    for side in (rows < columns, rows > columns):
        if missing[side].any() and missing[side].all() and not missing[~side].any():
            return rows[~side], columns[~side], values[~side]
    return rows, columns, values


def _one_triangle(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> bool:
    return len(rows) > 0 and bool((rows < columns).all() or (rows > columns).all())


def _mirrored(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    n: int,
    symmetric: bool,
    options: ReadOptions,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return each undirected pair once."""
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    rule = "first" if symmetric else options.combine or "first"
    keys, merged = combined(low * n + high, values, rule)
    return keys // n, keys % n, merged


def _asymmetric(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    n: int,
    names: tuple[str, ...] | None,
    options: ReadOptions,
) -> str:
    """Say where a matrix read as undirected is not symmetric."""
    table = dict(zip((rows * n + columns).tolist(), values.tolist(), strict=True))
    i, j = next(
        (i, j)
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        if table.get(j * n + i, 0.0) != table[i * n + j]
    )
    one, other = (names[i], names[j]) if names else (i, j)
    there, back = table[i * n + j], table.get(j * n + i, 0.0)
    return (
        f"the adjacency matrix is not symmetric ({one}, {other} is {there:g} and {other}, {one} is {back:g}), "
        f"yet {options.say('directed', False)}: {options.say('directed', True)} reads it as it stands, "
        f"{options.say('combine', 'max')} or sum makes one weight of the two."
    )


def _count(number: int, one: str, many: str) -> str:
    return f"one {one}" if number == 1 else f"{number} {many}"

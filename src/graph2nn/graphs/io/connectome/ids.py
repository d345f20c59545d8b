"""Ids of neurons: whole numbers of 64 bits stay exact, names lose the spaces around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.errors import UserError

#: int64, or an array of str.
Ids = npt.NDArray[Any]
Positions = npt.NDArray[np.int64]
#: Below it every whole number is a float64.
_EXACT = 2**53


def ids_of(column: Any, where: str) -> Ids:
    """Return a column of ids as int64, or as text where they are not all whole numbers of 64 bits.

    Args:
        column: an Arrow array of whole numbers, text, or floats that are whole and small enough to be exact.
        where: table and column, for messages.

    Raises:
        UserError: a missing id, or floats that cannot be exact.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise UserError(f"{where}: row {row + 1} lacks an id.")
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        if not ((np.abs(values) < _EXACT) & (values == np.round(values))).all():
            raise UserError(
                f"{where} holds ids as floating-point numbers, which are not exact beyond 2^53; "
                "store them as whole numbers or as text."
            )
        return np.asarray(values.astype(np.int64))
    if pa.types.is_integer(column.type):
        if not pa.types.is_uint64(column.type):
            return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False))
        column = column.cast(pa.string())
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    if pc.any(pc.equal(pc.utf8_length(text), 0)).as_py():
        row = int(np.flatnonzero(pc.equal(pc.utf8_length(text), 0).to_numpy(zero_copy_only=False))[0])
        raise UserError(f"{where}: row {row + 1} lacks an id.")
    try:
        numbers: Any = text.cast(pa.int64())
        if pc.all(pc.equal(numbers.cast(pa.string()), text)).as_py() in (True, None):  # 007 is a name
            return np.asarray(numbers.to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        whole = _whole_floats(text, where)
        if whole is not None:
            return whole
    return np.asarray(text.to_pandas(), dtype=object)


def _whole_floats(text: Any, where: str) -> Ids | None:
    """Return ids that a program wrote as 12.0; None where they are no such numbers.

    Raises:
        UserError: numbers such as 7.2E+17, of which a spreadsheet has dropped the last digits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        values = text.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    rounded = pc.match_substring_regex(text, "[eE]").to_numpy(zero_copy_only=False)
    if rounded.any():
        row = int(np.flatnonzero(rounded)[0])
        raise UserError(
            f"{where}: row {row + 1} holds the id {text[row].as_py()!r}, a floating-point number whose last "
            "digits are lost; export the table with ids as whole numbers or as text."
        )
    whole = pc.all(pc.match_substring_regex(text, r"^[+-]?\d+(\.0*)?$")).as_py()
    if not whole or (np.abs(values) >= _EXACT).any():
        return None
    return np.asarray(values.astype(np.int64))


def is_whole(ids: Ids) -> bool:
    """True for ids stored as whole numbers."""
    return ids.dtype == np.int64


def as_text(ids: Ids) -> Ids:
    """Return ids as text."""
    return np.asarray(ids.astype(str), dtype=object) if is_whole(ids) else ids


class Neurons:
    """The known neurons, and where each id stands among them."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self._index: Any = pd.Index(ids) if not is_whole(ids) else None
        self._order = np.argsort(ids, kind="stable") if is_whole(ids) else np.empty(0, dtype=np.int64)
        self._sorted = ids[self._order] if is_whole(ids) else ids

    def positions(self, ids: Ids) -> Positions:
        """Position of each id, −1 for those of no known neuron."""
        if self._index is not None:
            return np.asarray(self._index.get_indexer(as_text(ids)), dtype=np.int64)
        if not is_whole(ids):  # names in a table of numbers: those that are numbers may still be known
            position_of = {str(number): i for i, number in enumerate(self.ids.tolist())}
            return np.array([position_of.get(name, -1) for name in ids], dtype=np.int64)
        at = np.searchsorted(self._sorted, ids)
        at[at == len(self._sorted)] = 0
        return np.where(self._sorted[at] == ids, self._order[at], -1)


def distinct(parts: Sequence[Ids]) -> Ids:
    """Return the different ids of some arrays: numbers in ascending order, names in order of appearance."""
    if all(is_whole(part) for part in parts):
        unique = pd.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)
        return np.sort(unique)
    return np.asarray(pd.unique(np.concatenate([as_text(part) for part in parts])), dtype=object)

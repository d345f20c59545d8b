"""Types of arrays that every room uses, and plain arrays of what users give."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
BoolMatrix = npt.NDArray[np.bool_]


def plain_array(values: Any, what: str, expected: str, *, masked: int | None = None) -> npt.NDArray[Any]:
    """Return a plain array: a ``np.matrix`` would multiply differently, and NumPy drops masks without a word.

    Args:
        values: anything that NumPy takes.
        what: the values are, for messages.
        expected: shape of the values, for messages.
        masked: what stands for a masked entry; ``None`` refuses them.

    Returns:
        The array.

    Raises:
        UserError: rows of different lengths, or masked entries.

    Example:
        >>> plain_array(np.ma.array([1, 2], mask=[False, True]), "adjacency", "[n]", masked=0)
        array([1, 0])
    """
    if (number := masked_entries(values)) and masked is None:
        entries = "one entry is masked" if number == 1 else f"{number} entries are masked"
        raise UserError(f"{what}: {entries}; leave them out first, or give them values with .filled().")
    try:
        if number:
            make: Any = np.ma.MaskedArray  # which has no types
            return np.asarray(make(values).filled(masked))
        return np.asarray(values)
    except ValueError:
        raise UserError(f"{what}: the rows differ in length; expected {expected}.") from None


def masked_entries(values: Any) -> int:
    """Return how many entries of an array, or of a list of arrays, are masked."""
    rows = values if isinstance(values, list | tuple) else [values]
    return sum(np.count_nonzero(row.mask) for row in rows if isinstance(row, np.ma.MaskedArray))

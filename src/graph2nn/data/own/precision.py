"""Number types of own data: float32 where it keeps values apart, float64 where columns lie far from zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graph2nn.errors import UserError

#: The largest value that is read; differences of two of these, and their quotients, stay far inside float32.
LARGEST = 1e37
#: Values this many standard deviations away from zero are kept in float64. Float32 has 24 bits: at this
#: distance its rounding is 1/16384 of a standard deviation.
FAR = 1024.0
#: Values that differ by less than this come near the smallest numbers of float32.
SMALLEST = 1e-35
#: Beyond this float64 does not hold every whole number.
_WHOLE = 2**53


def refuse_masked(values: Any, what: str) -> None:
    """Refuse a masked array with values that are switched off, or a list of some: they are missing.

    Raises:
        UserError: a value is masked.
    """
    if isinstance(values, np.ma.MaskedArray):
        mask: Any = np.ma.getmaskarray(values)  # type: ignore[no-untyped-call]
        masked: npt.NDArray[np.bool_] = mask.reshape(len(mask) if mask.ndim else 1, -1).any(axis=1)
    elif isinstance(values, list | tuple):
        masked = np.array([bool(np.ma.is_masked(value)) for value in values])  # type: ignore[no-untyped-call]
    else:
        return
    if masked.any():
        raise UserError(
            f"data: {what} is masked, which means missing, in {masked.sum()} of {len(masked)} samples (the "
            f"first is number {masked.argmax()}); fill these values in or drop these samples."
        )


def as_floats(values: npt.NDArray[Any], what: str, fix: str = "") -> Tensor:
    """Return numbers as float32 where that holds all values of their type, else as float64.

    Args:
        values: finite numbers, one sample per row.
        what: their name in messages.
        fix: what else would help, for messages.

    Returns:
        A tensor of the same shape.

    Raises:
        UserError: values beyond what networks compute with, or whole numbers that float64 does not tell apart.
    """
    _refuse_large(values, what, fix)
    if np.can_cast(values.dtype, np.float32):
        return torch.from_numpy(np.ascontiguousarray(values, np.float32))
    wide = np.ascontiguousarray(values, np.float64)
    if values.dtype.kind in "iu" and max(-int(values.min()), int(values.max())) > _WHOLE:
        ordered = np.sort(values, axis=0)
        merged = (ordered[1:] != ordered[:-1]) & (
            ordered[1:].astype(np.float64) == ordered[:-1].astype(np.float64)
        )
        if merged.any():
            place = tuple(int(at[0]) for at in merged.nonzero())
            raise UserError(
                f"data: {what} holds whole numbers beyond 2^53 that float64 does not tell apart, such as "
                f"{ordered[place]} and {ordered[(place[0] + 1, *place[1:])]}; subtract a constant first{fix}."
            )
    return torch.from_numpy(wide)


def _refuse_large(values: npt.NDArray[Any], what: str, fix: str) -> None:
    if values.dtype.kind != "f" or not values.size or max(values.max(), -values.min()) <= LARGEST:
        return
    large = np.abs(values) > LARGEST
    row = int(np.flatnonzero(large.reshape(len(large), -1).any(axis=1))[0])
    raise UserError(
        f"data: {what} holds {values[large][0]!s} in row {row}, beyond ±{LARGEST:g}, more than networks in "
        f"float32 can take; divide by a constant first{fix}."
    )


def lies_far(mean: npt.NDArray[np.float64], sd: npt.NDArray[np.float64]) -> bool:
    """Whether float32 would round values by more than a trace of their standard deviation.

    Example:
        >>> lies_far(np.array([1.7e9]), np.array([500.0])), lies_far(np.array([2000.0]), np.array([10.0]))
        (True, False)
    """
    return bool((np.abs(mean) > FAR * sd).any())

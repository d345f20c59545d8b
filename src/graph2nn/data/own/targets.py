"""Targets: whether they are classes or numbers, the names of classes, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from graph2nn.data.dataset import TaskName
from graph2nn.data.own.precision import LARGEST, SMALLEST, refuse_masked
from graph2nn.errors import UserError, shown, unknown

TASKS = ("classification", "balanced", "regression")
#: Whole numbers with up to this many different values are taken for classes, floats with up to half of it.
FEW = 20


@dataclass(frozen=True)
class Targets:
    """Targets of all splits, as networks take them.

    Attributes:
        values: by split, int64 ``[N]`` or float64 ``[N, T]``.
        task: what they are.
        classes: names, in order of their numbers; empty for a regression.
        names: of the numbers of a regression; empty for classes.
    """

    values: Mapping[str, torch.Tensor]
    task: TaskName
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def read_targets(
    raw: Mapping[str, Any], *, task: TaskName | None, names: Sequence[str] = (), classes: Sequence[str] = ()
) -> Targets:
    """Read the targets of all splits.

    Args:
        raw: by split; ``"train"`` first.
        task: None decides by the values of all splits together.
        names: of the numbers, or of the one column that the targets come from.
        classes: names of the classes 0, 1, …, where the targets are their numbers.

    Returns:
        The targets as numbers, with their task and names.

    Raises:
        UserError: missing targets, an unknown task, one class, a class that training lacks.
    """
    if task is not None and task not in TASKS:
        raise unknown("data: task", task, TASKS)
    arrays = {split: _array(values, split, names) for split, values in raw.items()}
    if task is None:
        task = "regression" if _is_numbers(np.concatenate(list(arrays.values()))) else "classification"
    if task == "regression":
        return _numbers(arrays, names)
    return _classes(arrays, task, classes)


def _array(values: Any, split: str, names: Sequence[str]) -> npt.NDArray[Any]:
    """Return targets as an array ``[N]`` or ``[N, T]``; refuse missing ones."""
    refuse_masked(values, f"the target of {split}")
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or not array.size:
        raise UserError(
            f"data: the targets of {split} have shape {array.shape}; expected [N], or [N, numbers]."
        )
    missing = np.asarray(pd.isna(array)).reshape(len(array), -1).any(axis=1)
    if missing.any():
        rows = np.flatnonzero(missing)
        what = f"the target {names[0]!r}" if len(names) == 1 else "the target"
        raise UserError(
            f"data: {what} is missing in {len(rows)} of {len(array)} samples of {split} (the first is row "
            f"{rows[0]}); drop these rows."
        )
    return array


def _is_numbers(values: npt.NDArray[Any]) -> bool:
    if values.ndim == 2:
        return True
    if values.dtype.kind not in "iuf":
        return False
    different = np.unique(values)
    if values.dtype.kind == "f" and (different != np.round(different)).any():
        return True
    few = FEW if values.dtype.kind in "iu" else FEW // 2
    if len(different) <= few:
        return False
    numbered = np.array_equal(different, np.arange(len(different)))
    return not (values.dtype.kind in "iu" and numbered and len(values) >= 5 * len(different))


def _numbers(arrays: Mapping[str, npt.NDArray[Any]], names: Sequence[str]) -> Targets:
    values = {}
    for split, array in arrays.items():
        try:
            columns = array.astype(np.float64).reshape(len(array), -1)
        except (TypeError, ValueError):
            raise UserError(
                f"data: the target holds text ({array.ravel()[0]!r}, …), which a regression cannot fit; give "
                "numbers, or task classification."
            ) from None
        if not np.isfinite(columns).all():
            row = int(np.flatnonzero(~np.isfinite(columns).all(axis=1))[0])
            raise UserError(f"data: the target of {split} is infinite in row {row}; drop the row.")
        if (large := np.abs(columns) > LARGEST).any():
            row = int(np.flatnonzero(large.any(axis=1))[0])
            raise UserError(
                f"data: the target of {split} is {columns[large][0]:g} in row {row}, beyond ±{LARGEST:g}, more "
                "than networks in float32 can take; divide the targets by a constant."
            )
        values[split] = torch.from_numpy(columns)
    widths = {value.shape[1] for value in values.values()}
    if len(widths) > 1:
        raise UserError(f"data: the splits have {sorted(widths)} numbers per target; give the same in all.")
    width = widths.pop()
    labels = (
        tuple(names) if len(names) == width else tuple(f"y{k}" for k in range(width)) if width > 1 else ("y",)
    )
    _check_spread(values["train"].numpy(), labels)
    return Targets(values, "regression", names=labels)


def _check_spread(values: npt.NDArray[np.float64], names: Sequence[str]) -> None:
    """Refuse targets that are constant in training, or vary less than float32 can tell."""
    constant = values.max(axis=0) == values.min(axis=0)
    if constant.any():
        raise UserError(
            f"data: the target {names[int(constant.argmax())]!r} has one value in all training samples; there "
            "is nothing to fit."
        )
    spread = values.std(axis=0)
    if (spread < SMALLEST).any():
        raise UserError(
            f"data: the target {names[int(spread.argmin())]!r} has a standard deviation of {spread.min():.3g} "
            f"in training, below {SMALLEST:g}, too little for networks in float32; multiply it by a constant."
        )


def _classes(arrays: Mapping[str, npt.NDArray[Any]], task: TaskName, classes: Sequence[str]) -> Targets:
    if any(array.ndim == 2 for array in arrays.values()):
        raise UserError(
            "data: each sample has several targets; a classification takes one class per sample [N], not "
            "one-hot rows; for numbers give task regression."
        )
    if classes:
        every = np.concatenate(list(arrays.values()))
        if every.dtype.kind not in "iu" or every.min() < 0 or every.max() >= len(classes):
            raise UserError(
                f"data: targets must be class numbers 0 to {len(classes) - 1}, as {len(classes)} classes are "
                "named."
            )
        names, numbers = tuple(map(str, classes)), arrays
    else:
        labels = sorted(set(_plain(arrays["train"])), key=_order)
        place = {value: number for number, value in enumerate(labels)}
        for split, array in arrays.items():
            lacking = [value for value in _plain(array) if value not in place]
            if lacking:
                raise UserError(
                    f"data: the class {str(lacking[0])!r} is in {split} and not in train; training must see "
                    "every class."
                )
        numbers = {
            split: np.array([place[v] for v in _plain(array)], np.int64) for split, array in arrays.items()
        }
        names = tuple(str(value) for value in labels)
    there = len(np.unique(numbers["train"]))
    if there < 2 or len(set(names)) < len(names):
        what = (
            f"one class only ({names[int(numbers['train'][0])]!r})" if there < 2 else "two classes of one name"
        )
        raise UserError(f"data: the training targets have {what}; a classification needs two or more.")
    values = {split: torch.from_numpy(np.ascontiguousarray(n, np.int64)) for split, n in numbers.items()}
    return Targets(values, task, classes=names)


def _plain(array: npt.NDArray[Any]) -> list[Any]:
    """Values as Python has them; whole floats as the integers they stand for.

    Raises:
        UserError: lists or other values that name no class.
    """
    odd = [value for value in array.flat if isinstance(value, list | dict | set | np.ndarray)]
    if odd:
        raise UserError(f"data: the target {shown(odd[0])} is not a class; give a word or a number per sample.")
    if array.dtype.kind == "f" and (array == np.round(array)).all():
        array = array.astype(np.int64)
    return list(array.tolist())


def _order(value: Any) -> tuple[bool, Any]:
    """Numbers in order of size, then everything else by its text."""
    number = isinstance(value, int | float)
    return (not number, value if number else str(value))

"""Arrays of sequences: samples ``[N, time, features]``, and answers at the last step or at any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graph2nn.data.dataset import TaskName
from graph2nn.data.own.precision import as_floats, refuse_masked
from graph2nn.data.own.targets import Targets, read_targets
from graph2nn.data.sequence_sets import NOT_ASKED
from graph2nn.errors import UserError

#: Tasks of own sequences, by what is asked for at a step.
SEQUENCE_TARGETS: tuple[TaskName, ...] = ("sequence-classes", "sequence-numbers")


def sequences(x: Any, what: str) -> Tensor:
    """Return samples as a tensor of floats ``[N, time, features]``; see :func:`as_floats`.

    Args:
        x: an array or tensor.
        what: its name in messages.

    Returns:
        The samples.

    Raises:
        UserError: another shape, text, NaN, infinite, masked or too large values.
    """
    array = x.detach().cpu().numpy() if isinstance(x, Tensor) else _array(x, what)
    if array.dtype.kind not in "biuf":
        raise UserError(f"data: {what} holds {array.dtype}; sequences are numbers [N, time, features].")
    if array.ndim != 3 or not array.size:
        raise UserError(
            f"data: {what} has shape {array.shape}; sequences are [N, time, features], of one value per step "
            "[N, time, 1]."
        )
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
        raise UserError(
            f"data: {what} has NaN or infinite values in {len(bad)} of {len(array)} sequences (the first is "
            f"number {bad[0]}); fill them in, or drop these sequences."
        )
    return as_floats(array, what)


def _array(values: Any, what: str) -> npt.NDArray[Any]:
    refuse_masked(values, what)
    try:
        return np.asarray(values)
    except ValueError:
        raise UserError(
            f"data: {what} is not one array: its sequences differ in shape. Fill the shorter ones up, and ask "
            "for no answer there."
        ) from None


def read_answers(
    raw: Mapping[str, Any],
    time: int,
    *,
    task: TaskName,
    names: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> Targets:
    """Read the answers of all splits.

    Args:
        raw: by split; ``"train"`` first. Classes ``[N]`` (asked for at the last step) or ``[N, time]`` with
            −100 where nothing is asked for; numbers ``[N]``, ``[N, time]`` or ``[N, time, numbers]`` with NaN
            there.
        time: steps of a sequence.
        task: ``"sequence-classes"`` or ``"sequence-numbers"``.
        names: of the numbers.
        classes: names of the classes 0, 1, …, where the answers are their numbers.

    Returns:
        Class numbers ``[N, time]`` or numbers ``[N, time, numbers]``, as the tasks of sequences have them.

    Raises:
        UserError: another shape, a sequence without an answer, and as :func:`read_targets`.

    Example:
        >>> read_answers({"train": ["a", "b", "a"]}, 2, task="sequence-classes").values["train"].tolist()
        [[-100, 0], [-100, 1], [-100, 0]]
    """
    place = _classes if task == "sequence-classes" else _numbers
    placed = {split: place(values, split, time) for split, values in raw.items()}
    for split, (_, asked) in placed.items():
        if not asked.any(axis=1).all():
            mark = NOT_ASKED if task == "sequence-classes" else "NaN"
            raise UserError(
                f"data: sequence {int(asked.any(axis=1).argmin())} of {split} has no answer ({mark} at every "
                "step); leave it out."
            )
    flat = {split: answers[asked] for split, (answers, asked) in placed.items()}
    plain: TaskName = "classification" if task == "sequence-classes" else "regression"
    read = read_targets(flat, task=plain, names=names, classes=classes)
    values = {}
    for split, (_, asked) in placed.items():
        answers, chosen = read.values[split], torch.from_numpy(asked)
        empty = NOT_ASKED if task == "sequence-classes" else torch.nan
        values[split] = answers.new_full((*asked.shape, *answers.shape[1:]), empty)
        values[split][chosen] = answers
    return Targets(values, task, classes=read.classes, names=read.names)


Placed = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]


def _classes(values: Any, split: str, time: int) -> Placed:
    """Return answers ``[N, time]``, and where they are asked for."""
    array = _array(values.cpu() if isinstance(values, Tensor) else values, f"the target of {split}")
    if array.ndim == 1:
        asked = np.zeros((len(array), time), dtype=np.bool_)
        asked[:, -1] = True
        return np.repeat(array[:, None], time, axis=1), asked
    if array.ndim != 2 or array.shape[1] != time:
        raise UserError(
            f"data: the targets of {split} have shape {array.shape}; expected one class per sequence [N], or "
            f"one per step [N, {time}] with {NOT_ASKED} where no answer is asked for."
        )
    return array, np.asarray(array != NOT_ASKED)


def _numbers(values: Any, split: str, time: int) -> Placed:
    """Return answers ``[N, time, numbers]``, and where they are asked for ``[N, time]``."""
    array = _array(values.cpu() if isinstance(values, Tensor) else values, f"the target of {split}")
    if array.dtype.kind not in "biuf":
        raise UserError(
            f"data: the targets of {split} hold {array.dtype}, expected numbers; classes are task "
            "sequence-classes."
        )
    if array.ndim not in (1, 2, 3) or (array.ndim > 1 and array.shape[1] != time):
        raise UserError(
            f"data: the targets of {split} have shape {array.shape}; expected one number per sequence [N], or "
            f"[N, {time}] or [N, {time}, numbers] with NaN where no answer is asked for."
        )
    array = array.astype(np.float64)
    if array.ndim == 1:
        last = np.full((len(array), time), np.nan)
        last[:, -1] = array
        array = last
    array = array.reshape(*array.shape[:2], -1)
    absent = np.isnan(array)
    if (absent.any(axis=2) != absent.all(axis=2)).any() or np.isinf(array).any():
        raise UserError(
            f"data: targets of {split} are infinite, or NaN for some numbers of a step and not for others; at "
            "each step give all numbers, or NaN for all."
        )
    return array, ~absent.any(axis=2)

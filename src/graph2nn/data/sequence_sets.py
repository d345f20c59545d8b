"""Data sets of sequences by one word: ``n-back``, or ``n-back:back=3,time=12,samples=4000``."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graph2nn.data.dataset import Dataset, TaskName
from graph2nn.data.neurogym import PREFIX, neurogym_sequences
from graph2nn.data.samples import Samples
from graph2nn.data.sequence_tasks import SEQUENCE_TASKS, Sequences
from graph2nn.errors import UserError, unknown

#: Class of a step at which no answer is asked for; numbers are NaN there.
NOT_ASKED = -100
#: Options of every data set of sequences, and their defaults.
SHARED = {"samples": 2000, "test": 1000, "hold": 1, "seed": 0}
_CLASSES = {"delayed-match": ("different", "same"), "n-back": ("different", "same")}


@dataclass(frozen=True)
class SequenceWord:
    """What a word such as ``n-back:back=3`` asks for: task, its own arguments, those of :data:`SHARED`."""

    task: str
    arguments: tuple[tuple[str, Any], ...]
    shared: dict[str, int]


def names_sequences(text: str) -> bool:
    """Whether a text names a data set of sequences.

    Example:
        >>> names_sequences("n-back:back=3"), names_sequences("digits")
        (True, False)
    """
    name = text.partition(":")[0]
    return name in SEQUENCE_TASKS or name == PREFIX


def load_sequences(text: str) -> Dataset:
    """Draw a data set of sequences.

    Each step of a task is held for ``hold`` rounds of the network and its answer asked for in the last of them:
    signals take one round per connection, so that with ``hold=1`` an answer must not depend on the input of
    the same step. The training part is drawn with ``seed``, the test part with ``seed + 1``.

    Args:
        text: ``delayed-match``, ``n-back``, ``narma10`` or ``memory-capacity``, or ``neurogym:ENVIRONMENT``,
            followed by ``:option=value,…``: arguments of the task
            (:mod:`graph2nn.data.sequence_tasks`), and ``samples`` (2,000 for training), ``test`` (1,000),
            ``hold`` (1) and ``seed`` (0).

    Returns:
        Samples ``[time · hold, features]``; the label says all options, so that equal labels are equal data.

    Raises:
        UserError: an unknown task or option, a value out of range.

    Example:
        >>> data = load_sequences("n-back:back=1,time=6,samples=40,test=20,hold=3")
        >>> data.image_shape, len(data.train), data.classes, data.label
        ((18, 4), 40, ('different', 'same'), 'n-back:back=1,hold=3,samples=40,test=20,time=6')
    """
    word = _parse(text)
    shared = word.shared
    counts = {"train": (shared["samples"], shared["seed"]), "test": (shared["test"], shared["seed"] + 1)}
    drawn = {split: _draw(word, *count) for split, count in counts.items()}
    first = drawn["train"]
    splits = {split: _held(task, shared["hold"]) for split, task in drawn.items()}
    x, y = splits["train"].images, splits["train"].labels
    features = x.shape[2]
    numbers = y[~torch.isnan(y)].reshape(-1, y.shape[2]).double().numpy() if not first.classes else None
    return Dataset(
        name="sequences",
        label=_label(word),
        train=splits["train"],
        test=splits["test"],
        classes=_CLASSES.get(word.task, tuple(f"choice {k}" for k in range(first.classes))),
        mean=(0.0,) * features,
        sd=(1.0,) * features,
        task=_task(word, first),
        targets=() if numbers is None else _targets(word, numbers.shape[1]),
        target_mean=() if numbers is None else tuple(numbers.mean(axis=0).tolist()),
        target_sd=() if numbers is None else tuple(numbers.std(axis=0).tolist()),
    )


def _parse(text: str) -> SequenceWord:
    name, _, written = text.partition(":")
    if name == PREFIX:
        environment, _, written = written.partition(":")
        name = f"{PREFIX}:{environment}"
        options: list[str] = ["time"]
    else:
        if name not in SEQUENCE_TASKS:
            raise unknown("data: sequence task", name, SEQUENCE_TASKS)
        options = [one for one in inspect.signature(SEQUENCE_TASKS[name]).parameters if one not in SHARED]
    given: dict[str, Any] = {}
    for part in written.split(",") if written else ():
        option, _, value = part.partition("=")
        if option not in (*options, *SHARED):
            raise unknown(f"data: {name}: option", option, [*options, *SHARED])
        if option in given:
            raise UserError(f"data: {name}: {option} is given twice; leave one out.")
        try:
            given[option] = float(value) if option == "matches" else int(value)
        except ValueError:
            kind = "a number" if option == "matches" else "a whole number"
            raise UserError(f"data: {name}: {part!r}: expected {option}={kind}.") from None
    shared = {option: int(given.pop(option, default)) for option, default in SHARED.items()}
    for option, least in (("samples", 2), ("test", 1), ("hold", 1), ("seed", 0)):
        if shared[option] < least:
            raise UserError(f"data: {name}: {option} = {shared[option]}, expected at least {least}.")
    return SequenceWord(name, tuple(sorted(given.items())), shared)


def _label(word: SequenceWord) -> str:
    changed = {name: value for name, value in word.shared.items() if value != SHARED[name]}
    options = ",".join(f"{name}={value}" for name, value in sorted({**dict(word.arguments), **changed}.items()))
    return f"{word.task}:{options}" if options else word.task


def _draw(word: SequenceWord, samples: int, seed: int) -> Sequences:
    arguments = dict(word.arguments)
    if word.task.startswith(PREFIX):
        return neurogym_sequences(word.task.partition(":")[2], samples, seed=seed, **arguments)
    return SEQUENCE_TASKS[word.task](samples, seed=seed, **arguments)


def _held(task: Sequences, hold: int) -> Samples:
    """Hold each step for some rounds; mark what is not asked for."""
    x = torch.from_numpy(np.repeat(task.x, hold, axis=1))
    asked = np.zeros(task.x.shape[1] * hold, dtype=np.bool_)
    asked[hold - 1 :: hold] = task.counted
    y = np.repeat(task.y, hold, axis=1)
    y[:, ~asked] = NOT_ASKED if task.classes else np.nan
    return Samples(x, torch.from_numpy(y))


def _task(word: SequenceWord, drawn: Sequences) -> TaskName:
    if word.task == "memory-capacity":
        return "memory-capacity"
    return "sequence-classes" if drawn.classes else "sequence-numbers"


def _targets(word: SequenceWord, count: int) -> tuple[str, ...]:
    if word.task == "memory-capacity":
        return tuple(f"delay {k}" for k in range(1, count + 1))
    return ("next value",) if count == 1 else tuple(f"value {k}" for k in range(1, count + 1))


def asked(targets: Tensor) -> Tensor:
    """Return where an answer is asked for, bool ``[samples, time]``, of classes or numbers.

    Example:
        >>> asked(torch.tensor([[NOT_ASKED, 1]])).tolist()
        [[False, True]]
    """
    return targets != NOT_ASKED if targets.ndim == 2 else ~torch.isnan(targets[..., 0])

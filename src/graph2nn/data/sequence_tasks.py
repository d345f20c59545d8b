"""Sequence tasks whose best answer is known: delayed match, n-back, NARMA-10, memory capacity.

Each function draws samples and returns :class:`Sequences`; the same seed gives the same samples. ``counted``
says which steps a loss and a score look at. :mod:`graph2nn.data.sequence_sets` makes data sets of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError

Numbers = npt.NDArray[np.float32]

#: NARMA-10 leaves its range now and then, by chance of the input; such a sample is drawn again.
_BOUND = 1.0
_TRIES = 1000


class Sequences(NamedTuple):
    """Samples of a task.

    Args:
        x: float32 ``[samples, time, features]``.
        y: int64 classes ``[samples, time]``, or float32 values ``[samples, time, outputs]``.
        counted: bool ``[time]``: the steps at which the answer is asked for.
        classes: number of classes; 0 where values are predicted.
        chance: the score of the best answer that ignores the input: share of errors, or normalised squared
            error (1 for values).
    """

    x: Numbers
    y: npt.NDArray[np.int64] | Numbers
    counted: npt.NDArray[np.bool_]
    classes: int
    chance: float


def delayed_match(samples: int, *, symbols: int = 4, delay: int = 5, seed: int = 0) -> Sequences:
    """Draw delayed match to sample: a symbol, silence, a second symbol; were they the same?

    The answer is asked for in one last step, with a cue. Half of the samples match, so chance is 50 % errors;
    remembering one symbol solves the task.

    Args:
        samples: how many, at least 1.
        symbols: to choose from, at least 2; one feature each, and one feature for the cue.
        delay: steps of silence between the two symbols.
        seed: of the draw.

    Returns:
        ``x`` ``[samples, delay + 3, symbols + 1]``, ``y`` 1 for a match, asked for in the last step.

    Raises:
        UserError: an argument out of range.

    Example:
        >>> task = delayed_match(100, symbols=3, delay=2)
        >>> first, second = task.x[:, 0, :3].argmax(1), task.x[:, 3, :3].argmax(1)
        >>> bool(((first == second) == task.y[:, -1]).all())
        True
    """
    _check("delayed_match", samples=(samples, 1), symbols=(symbols, 2), delay=(delay, 0))
    generator = np.random.default_rng(seed)
    first = generator.integers(symbols, size=samples)
    match = generator.permutation(np.arange(samples) % 2)
    other = (first + generator.integers(1, symbols, size=samples)) % symbols
    second = np.where(match == 1, first, other)
    x = np.zeros((samples, delay + 3, symbols + 1), dtype=np.float32)
    rows = np.arange(samples)
    x[rows, 0, first] = 1
    x[rows, delay + 1, second] = 1
    x[:, -1, -1] = 1
    y = np.repeat(match[:, None], delay + 3, axis=1).astype(np.int64)
    counted = np.zeros(delay + 3, dtype=np.bool_)
    counted[-1] = True
    return Sequences(x, y, counted, 2, 0.5)


def n_back(
    samples: int, *, time: int = 20, back: int = 2, symbols: int = 4, matches: float = 0.5, seed: int = 0
) -> Sequences:
    """Draw n-back: at each step, is the symbol the one of ``back`` steps before?

    Args:
        samples: how many, at least 1.
        time: steps, more than ``back``.
        back: how many steps to remember, at least 1.
        symbols: to choose from, at least 2; one feature each.
        matches: probability of a match at each step that is asked for.
        seed: of the draw.

    Returns:
        ``x`` ``[samples, time, symbols]``, ``y`` 1 for a match; asked for from step ``back`` on.

    Raises:
        UserError: an argument out of range.
    """
    _check("n_back", samples=(samples, 1), back=(back, 1), symbols=(symbols, 2), time=(time, back + 1))
    if not 0 <= matches <= 1:
        raise UserError(f"n_back: matches = {matches} lies outside [0, 1].")
    generator = np.random.default_rng(seed)
    shown = generator.integers(symbols, size=(samples, time))
    match = generator.random((samples, time)) < matches
    match[:, :back] = False
    step = generator.integers(1, symbols, size=(samples, time))
    for t in range(back, time):
        before = shown[:, t - back]
        shown[:, t] = np.where(match[:, t], before, (before + step[:, t]) % symbols)
    x = np.eye(symbols, dtype=np.float32)[shown]
    return Sequences(x, match.astype(np.int64), np.arange(time) >= back, 2, min(matches, 1 - matches))


def narma10(samples: int, *, time: int = 200, warm_up: int = 20, seed: int = 0) -> Sequences:
    """Draw NARMA-10, a nonlinear autoregressive moving average of order 10.

    ``y(t+1) = 0.3 y(t) + 0.05 y(t) Σ_{i=0…9} y(t−i) + 1.5 u(t−9) u(t) + 0.1`` with u uniform in [0, 0.5]
    (Atiya and Parlos, "New results on recurrent network training", IEEE Trans. Neural Networks 2000). The
    target at step t is y(t+1). Samples that leave [−1, 1] are drawn again.

    Args:
        samples: how many, at least 1.
        time: steps, more than ``warm_up``.
        warm_up: steps at the start that are not counted.
        seed: of the draw.

    Returns:
        ``x`` ``[samples, time, 1]``, ``y`` ``[samples, time, 1]``.

    Raises:
        UserError: an argument out of range; no sample stayed in range.
    """
    _check("narma10", samples=(samples, 1), warm_up=(warm_up, 0), time=(time, warm_up + 1))
    generator = np.random.default_rng(seed)
    kept_u, kept_y = np.empty((0, time)), np.empty((0, time))
    for _ in range(_TRIES):
        u = generator.uniform(0, 0.5, size=(samples - len(kept_u), time))
        y = _narma(u)
        good = (np.abs(y) <= _BOUND).all(axis=1)
        kept_u, kept_y = np.concatenate([kept_u, u[good]]), np.concatenate([kept_y, y[good]])
        if len(kept_u) == samples:
            x, target = (values.astype(np.float32)[:, :, None] for values in (kept_u, kept_y))
            return Sequences(x, target, np.arange(time) >= warm_up, 0, 1.0)
    raise UserError(f"narma10: sequences of {time} steps leave their range almost always; use fewer steps.")


def _narma(u: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return y(1) … y(time) for y(t) = u(t) = 0 before the start."""
    samples, time = u.shape
    padded = np.concatenate([np.zeros((samples, 9)), u], axis=1)
    y = np.zeros((samples, time + 10))
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(time):
            last = y[:, t : t + 10]
            y[:, t + 10] = (
                0.3 * last[:, -1] + 0.05 * last[:, -1] * last.sum(axis=1) + 1.5 * padded[:, t] * u[:, t] + 0.1
            )
    return y[:, 10:]


def delayed_inputs(
    samples: int, *, time: int = 200, delays: int = 50, warm_up: int | None = None, seed: int = 0
) -> Sequences:
    """Draw the task of memory capacity: repeat the input of 1, 2, … ``delays`` steps before, all at once.

    Inputs are independent and uniform in [−1, 1]. :func:`memory_capacity` scores predictions of it.

    Args:
        samples: how many, at least 1.
        time: steps.
        delays: number of outputs, the k-th delayed by k steps.
        warm_up: steps at the start that are not counted; as many as ``delays`` if left out.
        seed: of the draw.

    Returns:
        ``x`` ``[samples, time, 1]``, ``y`` ``[samples, time, delays]``.

    Raises:
        UserError: an argument out of range.
    """
    warm_up = delays if warm_up is None else warm_up
    _check(
        "delayed_inputs",
        samples=(samples, 1),
        delays=(delays, 1),
        warm_up=(warm_up, 0),
        time=(time, warm_up + 1),
    )
    u = np.random.default_rng(seed).uniform(-1, 1, size=(samples, time)).astype(np.float32)
    y = np.zeros((samples, time, delays), dtype=np.float32)
    for delay in range(1, min(delays, time - 1) + 1):
        y[:, delay:, delay - 1] = u[:, :-delay]
    return Sequences(u[:, :, None], y, np.arange(time) >= warm_up, 0, 1.0)


def memory_capacity(predicted: npt.ArrayLike, task: Sequences) -> float:
    """Return the memory capacity of predictions of :func:`delayed_inputs`: Σ over delays of r².

    r is the correlation of prediction and target over all samples and counted steps. A linear network of N
    neurons with a linear read-out reaches at most N (Jaeger, "Short term memory in echo state networks", GMD
    report 152, 2001).

    Args:
        predicted: ``[samples, time, delays]``.
        task: that was predicted.

    Raises:
        UserError: predictions of another shape.
    """
    values = np.asarray(predicted, dtype=np.float64)
    if values.shape != task.y.shape:
        raise UserError(f"memory_capacity: predictions {list(values.shape)} for targets {list(task.y.shape)}.")
    a, b = (v[:, task.counted].reshape(-1, v.shape[2]) for v in (values, task.y.astype(np.float64)))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    spread = (a**2).sum(axis=0) * (b**2).sum(axis=0)
    products = (a * b).sum(axis=0)
    return float(np.divide(products**2, spread, out=np.zeros_like(spread), where=spread > 0).sum())


def _check(task: str, **bounds: tuple[int, int]) -> None:
    for name, (value, least) in bounds.items():
        if value < least:
            raise UserError(f"{task}: {name} = {value}, expected at least {least}.")


#: The tasks by name.
SEQUENCE_TASKS: dict[str, Callable[..., Sequences]] = {
    "delayed-match": delayed_match,
    "n-back": n_back,
    "narma10": narma10,
    "memory-capacity": delayed_inputs,
}

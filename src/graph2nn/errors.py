"""Errors for the user: one line that names the wrong value and how to fix it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Real
from operator import index
from typing import SupportsIndex


class UserError(ValueError):
    """Wrong input. The message is one line, written for the user; the command exits with code 2.

    Example:
        >>> from graph2nn import ws_flex
        >>> ws_flex(16, 1, 0.1, seed=1)
        Traceback (most recent call last):
            ...
        graph2nn.errors.UserError: ws_flex: k = 1 lies outside [2, 16] (n = 16). ...
    """


class TooNarrowError(UserError):
    """A layer has fewer features than its graph has nodes: a search over widths goes on with wider ones."""


class Graph2nnWarning(UserWarning):
    """Something the user should know and may act on, but that does not stop the work."""


class GraphNote(UserWarning):
    """How a graph was read where the file left it open. A note never stops the work.

    Example:
        >>> import warnings
        >>> from graph2nn import read_graph
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", GraphNote)  # read without notes
        ...     graph = read_graph([[0, 1], [1, 0]])
        >>> graph.n
        2
    """


def unknown(what: str, value: object, known: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a list, with the nearest known one.

    >>> print(unknown("train: preset", "mlp-cifar", ["mlp-cifar10", "mlp-digits"]))
    train: preset 'mlp-cifar' is not known; did you mean 'mlp-cifar10'? Known: mlp-cifar10, mlp-digits.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserError(f"{what} {value!r} is not known{hint} Known: {', '.join(names)}.")


def check_type(value: object, kind: type | tuple[type, ...], what: str, hint: str = "") -> None:
    """Refuse a value of another type, with the argument that it was given for.

    Args:
        value: what was given.
        kind: the type, or the types, that it may have.
        what: function and argument, such as ``"train: model"``.
        hint: how to get one, as a sentence.

    Raises:
        TypeError: another type.

    Example:
        >>> check_type(5, str, "load_dataset: name")
        Traceback (most recent call last):
        TypeError: load_dataset: name: expected str, got int.
    """
    if not isinstance(value, kind):
        kinds = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise TypeError(f"{what}: expected {kinds}, got {type(value).__name__}.{f' {hint}' if hint else ''}")


def whole_number(value: object) -> int | None:
    """Return a whole number of any kind as a Python integer: of NumPy, or a float without a fraction.

    A row of a data frame turns its integers into floats; a bool is not a number here.

    Example:
        >>> whole_number(64.0), whole_number(64.5), whole_number(True), whole_number("64")
        (64, None, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, SupportsIndex):
        return index(value)
    number = float(value) if isinstance(value, Real) else math.nan
    return int(number) if number.is_integer() else None

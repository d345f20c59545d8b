"""Errors for the user: one line that names the wrong value and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Wrong input. The message is one line, written for the user; the command exits with code 2."""


class TooNarrowError(UserError):
    """A layer has fewer features than its graph has nodes: a search over widths goes on with wider ones."""


class Graph2nnWarning(UserWarning):
    """Something the user should know and may act on, but that does not stop the work."""


def unknown(what: str, value: object, known: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a list, with the nearest known one.

    >>> print(unknown("train: preset", "mlp-cifar", ["mlp-cifar10", "mlp-digits"]))
    train: preset 'mlp-cifar' is not known; did you mean 'mlp-cifar10'? Known: mlp-cifar10, mlp-digits.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserError(f"{what} {value!r} is not known{hint} Known: {', '.join(names)}.")

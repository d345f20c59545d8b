"""Errors for the user: one line of bounded length that names the wrong value and how to fix it."""

from __future__ import annotations

import difflib
import math
import reprlib
from collections.abc import Iterable
from numbers import Real
from operator import index
from typing import SupportsIndex

#: Characters of the longest message; what is longer loses its middle. The only bound on what an error prints.
LONGEST = 2000


class UserError(ValueError):
    """Wrong input. The message is one line, written for the user; the command exits with code 2.

    Whatever a file or an option held, the line stays short: beyond :data:`LONGEST` its middle is cut.

    Example:
        >>> from graph2nn import ws_flex
        >>> ws_flex(16, 1, 0.1, seed=1)
        Traceback (most recent call last):
            ...
        graph2nn.errors.UserError: ws_flex: k = 1 lies outside [2, 16] (n = 16). ...
        >>> len(str(UserError("x" * 10**6)))
        2000
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(cut(str(message), LONGEST))


class WriteError(UserError):
    """A file or folder could not be written: the same may work once there is room, or permission."""


class WrongTypeError(UserError, TypeError):
    """An argument of another type: Python's own kind of error, which the command ends in one line, too."""


def cut(text: str, longest: int) -> str:
    """Return a text of at most ``longest`` characters, with ``…`` in place of the middle that is cut.

    >>> cut("abcdefghij", 7), cut("abc", 7)
    ('abc…hij', 'abc')
    """
    if len(text) <= longest:
        return text
    kept = longest - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


class _Short(reprlib.Repr):
    """``repr`` that looks at the first few entries of the first few levels only."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 3, 60, 60, 40

    def repr_int(self, x: int, level: int) -> str:
        """Show a whole number; Python refuses to write out very long ones."""
        return super().repr_int(x, level) if x.bit_length() < 10_000 else f"a number of {x.bit_length()} bits"


def shown(value: object) -> str:
    """Return a value as an error shows it, on one line, however large it is or however often it holds itself.

    >>> shown("a" * 1000), shown(list(range(1000)))
    ("'aaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaaaa'", '[0, 1, 2, 3, 4, 5, ...]')
    """
    return cut(" ".join(_Short().repr(value).split()), 300)


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


def unknown(what: str, value: object, allowed: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a list, with the nearest known one.

    Args:
        what: the name is for, beginning the message.
        value: the name.
        allowed: the names there are.

    Returns:
        The error, to be raised.

    >>> print(unknown("train: preset", "mlp-cifar", ["mlp-cifar10", "mlp-digits"]))
    train: preset 'mlp-cifar' is not known; did you mean 'mlp-cifar10'? Known: mlp-cifar10, mlp-digits.
    """
    names = sorted(str(name) for name in allowed)
    near = difflib.get_close_matches(cut(str(value), 100), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserError(f"{what} {shown(value)} is not known{hint} Known: {', '.join(names)}.")


def whole_number(value: object) -> int | None:
    """Return a whole number of any kind as a Python integer: of NumPy, or a float without a fraction.

    A row of a data frame turns its integers into floats; a bool is not a number here.

    Example:
        >>> whole_number(64.0), whole_number(64.5), whole_number(True), whole_number("64")
        (64, None, None, None)
    """
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):  # masks are no numbers
        return None
    if isinstance(value, SupportsIndex):
        try:
            return index(value)
        except TypeError:
            return None  # arrays have the method, and refuse unless they hold one whole number
    number = float(value) if isinstance(value, Real) else math.nan
    return int(number) if number.is_integer() else None


def checked_seed(seed: object, what: str) -> int:
    """Return a seed as a Python integer.

    ``random.Random`` drops the sign of its seed, so that −1 would be another name of 1.

    Args:
        seed: a whole number of any kind, 0 or more.
        what: draws with it; begins the line.

    Raises:
        UserError: anything else.

    Example:
        >>> checked_seed(3.0, "ws_flex")
        3
    """
    number = whole_number(seed)
    if number is None:
        raise UserError(
            f"{what}: seed = {shown(seed)} is not a whole number; without one a graph cannot be drawn again."
        )
    if number < 0:
        raise UserError(
            f"{what}: seed = {shown(number)} is negative; give 0 or more, so that no graph has two names."
        )
    return number

"""Options of reading a graph, and how each is spelled where the user stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from graph2nn.errors import UserError

#: Who is told about an option: a caller of Python, of ``graphs show``, or of ``--graph FILE:option=value``.
Side = Literal["python", "command", "spec"]

#: How repeated pairs become one edge.
COMBINE = ("sum", "max", "first")

_PYTHON = {"yes": "True", "no": "False"}


@dataclass(frozen=True)
class ReadOptions:
    """The options of :func:`graph2nn.read_graph`, which documents each.

    Args:
        side: whose spelling of an option messages use.

    Example:
        >>> ReadOptions(weight="synapses", threshold=5).threshold
        5
    """

    format: str | None = None
    directed: bool | None = None
    weight: str | None = None
    threshold: float | None = None
    keep_strongest: float | None = None
    transpose: bool = False
    largest_component: bool = False
    drop_self_loops: bool = False
    where: Mapping[str, Any] = field(default_factory=dict)
    combine: str | None = None
    absolute: bool = False
    variable: str | None = None
    keep_weights: bool = False
    name: str | None = None
    side: Side = "python"

    def __post_init__(self) -> None:
        if self.combine is not None and self.combine not in COMBINE:
            raise UserError(f"combine {self.combine!r} is not known; expected one of {', '.join(COMBINE)}.")
        if self.threshold is not None and self.threshold != self.threshold:
            raise UserError("the threshold is NaN; expected a number.")
        if self.threshold is not None and self.keep_strongest is not None:
            raise UserError(
                f"{self.say('threshold', self.threshold)} and {self.say('keep_strongest')} both choose edges; "
                "give one of them."
            )
        if self.threshold is not None and self.absolute and self.threshold < 0:
            raise UserError(f"threshold = {self.threshold:g} is negative; absolute values are never below 0.")

    @property
    def chooses(self) -> bool:
        """True if an option says which weights make an edge."""
        return self.threshold is not None or self.keep_strongest is not None

    def say(self, option: str, value: object = None) -> str:
        """Spell an option as this user would: ``threshold=0``, ``--threshold 0`` or ``FILE:threshold=0``."""
        if self.side == "command":
            return _command(option, value)
        if option == "where" and isinstance(value, tuple):
            column, entry = value
            value = f"{{{column!r}: {entry!r}}}" if self.side == "python" else f"{column}={entry}"
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        if self.side == "python":
            words = option in ("weight", "variable", "combine", "format") or "%" in str(value)
            shown = repr(value) if words and value is not None else _PYTHON.get(str(value), str(value))
            return option if value is None else f"{option}={shown}"
        return f"FILE:{option}=…" if value is None else f"FILE:{option}={value}"


def _command(option: str, value: object) -> str:
    if option == "directed":
        return "--undirected" if value is False else "--directed"
    flag = f"--{option.replace('_', '-')}"
    if option == "where" and isinstance(value, tuple):
        return f"{flag} {value[0]}={value[1]}"
    return flag if value is None or value is True else f"{flag} {value}"


def parse_share(value: float | str | None) -> float | None:
    """Read a share of all possible pairs: ``0.1`` or ``"10%"``.

    >>> parse_share("10%")
    0.1

    Raises:
        UserError: not a share above 0 and at most 1 (100%).
    """
    if value is None:
        return None
    try:
        share = float(value[:-1]) / 100 if isinstance(value, str) and value.endswith("%") else float(value)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise UserError(f"keep strongest {value}: expected a share of all possible pairs, such as 10% or 0.1.")
    return share

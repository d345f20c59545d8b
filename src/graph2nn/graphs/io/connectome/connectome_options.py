"""Options of reading a connectome, and how each is spelled where the user stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.io.options import COMBINE, Side

#: Options of ``graphs show`` for connectomes; the others are written behind the file's name.
_FLAGS = ("neurons", "min_weight", "where", "weight", "combine", "largest_component", "name")


@dataclass(frozen=True)
class ConnectomeOptions:
    """The options of :func:`graph2nn.read_connectome`, which documents each.

    Args:
        side: whose spelling of an option messages use.

    Example:
        >>> ConnectomeOptions(side="command").say("where", ("Type", ["S", "Sp"]))
        '--where Type=S --where Type=Sp'
    """

    pre: str | None = None
    post: str | None = None
    weight: str | None = None
    sign: str | None = None
    id: str | None = None
    min_weight: float = 1
    where: Mapping[str, Any] = field(default_factory=dict)
    combine: str = "sum"
    transmitter_signs: Mapping[str, int] | None = None
    largest_component: bool = False
    name: str | None = None
    side: Side = "python"

    def __post_init__(self) -> None:
        if self.combine not in COMBINE:
            raise unknown("read_connectome: combine", self.combine, COMBINE)
        if not self.min_weight >= 0:
            raise UserError(f"read_connectome: min_weight = {self.min_weight}, expected 0 or more.")

    def say(self, option: str, value: object = None) -> str:
        """Spell an option as this user would: ``id='NAME'``, ``--min-weight 5`` or ``FILE:id=NAME``.

        Args:
            option: name of the option.
            value: its value; for ``where`` a column and a value of it, or a list of values. None: no value.

        Returns:
            The option, with its value if there is one.
        """
        if option == "where" and isinstance(value, tuple):
            return self._where(*value)
        if isinstance(value, float):
            value = int(value) if value.is_integer() else value
        if self.side == "python":
            return f"{option}=" if value is None else f"{option}={value!r}"
        if self.side == "command" and option in _FLAGS:
            flag = f"--{option.replace('_', '-')}"
            return flag if value is None else f"{flag} {value}"
        return f"FILE:{option}={'…' if value is None else value}"

    def _where(self, column: str, entries: str | Sequence[str]) -> str:
        if self.side == "python":
            listed = entries if isinstance(entries, str) else list(entries)
            return f"where={{{column!r}: {listed!r}}}"
        every = [entries] if isinstance(entries, str) else entries
        if self.side == "command":
            return " ".join(f"--where {column}={entry}" for entry in every)
        return "FILE:" + ",".join(f"where={column}={entry}" for entry in every)

"""The score that a task minimises, as a plain value: its name, its unit, and how its numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Score:
    """The score that a task minimises.

    Args:
        name: as reports write it, for example ``"top-1 error"``.
        unit: of the score, for example ``"%"``; empty where it has none.
        better: which direction is better. Training, search and analysis minimise.

    Example:
        >>> Score("RMSE", "units of price").label
        'RMSE (units of price)'
    """

    name: str
    unit: str = ""
    better: Literal["lower"] = "lower"

    @property
    def label(self) -> str:
        """The name with its unit, as axes and column headings have it."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def difference(self) -> str:
        """What differences are counted in: points of percent, else the unit, else the name."""
        return "points" if self.unit == "%" else self.unit or self.name

    def written(self, value: str) -> str:
        """Return a number, already written, with name and unit.

        Example:
            >>> Score("top-1 error", "%").written("33.34"), Score("RMSE", "units of price").written("1.5")
            ('33.34 % top-1 error', 'RMSE 1.5 units of price')
        """
        if self.unit == "%":
            return f"{value} % {self.name}"
        return f"{self.name} {value} {self.unit}".rstrip()

    def digits(self, scale: float) -> int:
        """Return the digits after the point that numbers of about this size are written with.

        Example:
            >>> Score("top-1 error", "%").digits(3), Score("RMSE").digits(0.02), Score("RMSE").digits(5000)
            (2, 5, 0)
        """
        if self.unit == "%" or not math.isfinite(scale) or scale <= 0:
            return 2
        return min(8, max(0, 3 - math.floor(math.log10(scale))))


#: The score of the paper, and of every run that names no other.
TOP1 = Score("top-1 error", "%")

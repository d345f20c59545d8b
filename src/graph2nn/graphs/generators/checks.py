"""Checks of arguments that the families share. Each error names the family, the value and its range."""

from __future__ import annotations

import operator
from typing import Any

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph


def whole(family: str, argument: str, value: object, least: int, most: int | None = None) -> int:
    """Return ``value`` as an int between ``least`` and ``most``.

    Raises:
        UserError: no whole number, or outside that range.
    """
    wanted = f"a whole number of at least {least}" + ("" if most is None else f" and at most {most}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # takes NumPy's integers too
    except TypeError:
        raise UserError(f"{family}: {argument} = {value!r} is not {wanted}.") from None
    if isinstance(value, bool) or number < least or (most is not None and number > most):
        raise UserError(f"{family}: {argument} = {value!r} is not {wanted}.")
    return number


def share(family: str, argument: str, value: float) -> float:
    """Return ``value`` as a probability.

    Raises:
        UserError: outside [0, 1].
    """
    if not 0 <= value <= 1:
        raise UserError(f"{family}: {argument} = {value:g} lies outside [0, 1]. It is a probability.")
    return float(value)


def named(graph: Any, family: str, *arguments: object) -> RelationalGraph:
    """Turn a networkx graph into a relational one called like ``family(64,4,1)``, without loops or twins."""
    label = ",".join(f"{a:.4g}" if isinstance(a, float) else str(a) for a in arguments)
    return RelationalGraph.from_networkx(graph, name=f"{family}({label})", drop_self_loops=True)

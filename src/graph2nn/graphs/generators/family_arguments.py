"""Arguments of families of graphs: whole numbers, probabilities, sizes that fit into memory, and names."""

from __future__ import annotations

import operator
from typing import Any

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.memory import refuse_memory


def whole(family: str, argument: str, value: object, least: int, most: int | None = None) -> int:
    """Return ``value`` as an int between ``least`` and ``most``.

    Args:
        family: of graphs, for messages.
        argument: its name, for messages.
        value: to check.
        least: smallest value allowed.
        most: largest value allowed; None for no bound.

    Returns:
        The value as an int.

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


#: Bytes of networkx per node and per edge, both directions and their dictionaries of attributes.
_PER_NODE, _PER_EDGE = 400, 500


def refuse_huge(family: str, nodes: float, edges: float) -> None:
    """Refuse a graph that would not fit into memory, before it is drawn.

    Args:
        family: of graphs, for the message.
        nodes: how many.
        edges: how many, or about how many.

    Raises:
        UserError: too many of them, with the estimate.

    Example:
        >>> refuse_huge("s", 1e12, 1e12)
        Traceback (most recent call last):
        graph2nn.errors.UserError: s: a graph of 1e+12 nodes and about 1e+12 edges needs about 900,000.0 GB ...
    """
    needed = _PER_NODE * nodes + _PER_EDGE * edges
    refuse_memory(f"{family}: a graph of {nodes:.4g} nodes and about {edges:.4g} edges", needed, "take fewer")


def share(family: str, argument: str, value: float) -> float:
    """Return ``value`` as a probability.

    Args:
        family: of graphs, for messages.
        argument: its name, for messages.
        value: to check.

    Returns:
        The value as a float.

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

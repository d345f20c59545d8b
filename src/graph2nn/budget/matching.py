"""Width matching: the widths at which a network costs what its baseline costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from graph2nn.arguments import at_least, checked_arguments
from graph2nn.budget import width_search
from graph2nn.budget.bill import Bill
from graph2nn.errors import TooNarrowError, UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.models.architecture import Architecture, Size
from graph2nn.models.layer_shapes import Shape
from graph2nn.models.registry import architecture
from graph2nn.wiring import Dense, Wiring, wiring_of

Method = Literal["auto", "published", "published-below", "exact", "none"]
Quantity = Literal["macs", "params"]

_QUANTITIES = {"macs": "multiply-adds", "params": "parameters"}


@dataclass(frozen=True)
class Match:
    """Widths found for a budget, and what they cost.

    ``macs`` and ``params`` are exact effective counts; ``target`` is what the baseline costs of ``quantity``
    and ``method`` the procedure that was used.

    Example:
        >>> from graph2nn import match
        >>> dense = match("mlp5")
        >>> dense.widths, dense.macs == dense.target
        ([512], True)
    """

    model: str
    widths: list[int]
    macs: int
    params: int
    target: int
    method: str
    quantity: str = "macs"


@checked_arguments
def match(
    model: str,
    graph: RelationalGraph | Wiring | None = None,
    *,
    method: Method = "auto",
    side: width_search.Side = "nearest",
    multiple_of: int = 1,
    quantity: Quantity = "macs",
    widths: Sequence[int] | None = None,
    target: int | None = None,
    tolerance: float = 0.05,
    num_classes: int | None = None,
    input_size: Size | None = None,
    **options: Any,
) -> Match:
    """Find the widths at which ``model`` on ``graph`` costs what its dense baseline costs.

    Args:
        model: name of an architecture, for example ``"mlp5"``.
        graph: the graph or wiring; without one, the baseline itself is returned.
        method: ``"published"`` walks as the paper's code did and lands at or above the target, and
            ``"published-below"`` at or below it (its ``UPPER: False``); ``"exact"`` finds the closest widths on
            ``side``; ``"none"`` takes ``widths`` as they are, whatever they cost; ``"auto"`` is
            ``"published"`` for the paper's own question (baseline widths, default side) and ``"exact"`` as soon
            as anything else is asked for.
        side: for ``"exact"``: ``"nearest"``, ``"below"`` or ``"above"``. With ``"published"`` only ``"below"``
            changes something: it is ``"published-below"``.
        multiple_of: for ``"exact"``: every width a multiple of this.
        quantity: what to match, ``"macs"`` (multiply-adds) or ``"params"`` (effective parameters).
        widths: baseline widths to start from, one per stage; the architecture's own if left out.
        target: multiply-adds or parameters to meet; the dense baseline's, counted from the same code, if
            left out.
        tolerance: how far from the target, as a share of it, the cost may end before that is an error.
        num_classes: outputs; the architecture's own if left out.
        input_size: ``(channels, height, width)``; the architecture's own if left out.
        options: of the architecture (an MLP knows ``stem``).

    Returns:
        The widths and what they cost.

    Raises:
        UserError: unknown model or method, or a budget no widths can meet.

    Example:
        >>> from graph2nn import ws_flex
        >>> fit = match("mlp5", ws_flex(64, 8, 0.1, seed=1))
        >>> fit.widths, fit.macs, fit.target, fit.method
        ([1539], 2365424, 2364416, 'published')
    """
    if method not in get_args(Method):
        raise unknown("match: method", method, get_args(Method))
    if quantity not in get_args(Quantity):
        raise unknown("match: quantity", quantity, get_args(Quantity))
    if side not in get_args(width_search.Side):
        raise unknown("match: side", side, get_args(width_search.Side))
    at_least(1, "match", target=target, num_classes=num_classes, multiple_of=multiple_of)
    described = architecture(model)
    described.check_options(options)
    base = list(described.widths if widths is None else widths)
    classes, size = num_classes or described.num_classes, input_size or described.input_size
    wiring = described.prepare(wiring_of(graph))
    check_stem(model, wiring, options)

    def layers(candidate: Sequence[int]) -> list[Shape]:
        return described.shapes(candidate, classes, size, **options)

    bill = Bill(layers, wiring, base)
    count = bill.macs if quantity == "macs" else bill.parameters
    goal = target
    if goal is None:
        baseline = Bill(layers, Dense(), base)
        goal = baseline.macs(base) if quantity == "macs" else baseline.parameters(base)
    heads = options.get("heads")  # a width is shared by these, whatever the architecture's own number is
    unit = math.lcm(multiple_of, heads if isinstance(heads, int) and heads > 0 else described.multiple_of)
    if method == "auto":
        published_question = widths is None and target is None and not options and size == described.input_size
        plain = side == "nearest" and unit == 1 and quantity == "macs"
        method = "published" if described.scalings and published_question and plain else "exact"
    if method == "published" and side == "below":
        method = "published-below"
    below = method == "published-below"
    if method.startswith("published"):
        _check_published(model, described, quantity)
    if method == "none" or (isinstance(wiring, Dense) and count(base) == goal):
        matched = base
    elif method.startswith("published"):
        matched = width_search.published(bill.published_macs, base, goal, described.scalings, below=below)
    else:
        matched = width_search.exact(count, base, goal, smallest=bill.smallest, side=side, multiple_of=unit)
    spent = count(matched)
    if method != "none" and abs(spent - goal) > tolerance * goal:
        raise UserError(
            f"match: the closest {model} on this graph has widths {matched} and costs {spent:,} "
            f"{_QUANTITIES[quantity]}, {abs(spent / goal - 1):.0%} off the budget of {goal:,}. "
            "Use a smaller graph or a wider baseline."
        )
    return Match(model, matched, bill.macs(matched), bill.parameters(matched), goal, method, quantity)


def check_stem(model: str, wiring: Wiring, options: Mapping[str, Any]) -> None:
    """Refuse a graph with more nodes than the dense stem of a network has features.

    A search over widths cannot help: the stem keeps its width in every network.

    Args:
        model: name of the architecture.
        wiring: that makes the wired layers.
        options: of the architecture, of which ``stem`` may be one.

    Raises:
        TooNarrowError: with the option that widens the stem.
    """
    graph, default = getattr(wiring, "graph", None), architecture(model).option_default("stem")
    stem = options.get("stem", default)
    nodes = getattr(wiring, "nodes", None)  # fewer than the graph has, where narrow layers shrink it
    if not isinstance(graph, RelationalGraph) or not isinstance(stem, int) or stem >= (nodes or graph.n):
        return
    raise TooNarrowError(
        f"match: the graph {graph.name!r} has {graph.n} nodes and the stem of {model} has width {stem}; "
        f"widen the stem: --set model.options.stem={graph.n} for train and sweep, "
        f"--option stem={graph.n} for match and cost, stem={graph.n} in Python."
    )


def _check_published(model: str, described: Architecture, quantity: str) -> None:
    if not described.scalings:
        raise UserError(f"match: no published procedure for {model}; use method exact.")
    if quantity != "macs":
        raise UserError("match: the published procedure matches multiply-adds; match params with method exact.")


@checked_arguments
def match_widths(
    model: str,
    graph: RelationalGraph | Wiring | None = None,
    *,
    method: Method = "auto",
    side: width_search.Side = "nearest",
    multiple_of: int = 1,
    quantity: Quantity = "macs",
    widths: Sequence[int] | None = None,
    target: int | None = None,
    tolerance: float = 0.05,
    num_classes: int | None = None,
    input_size: Size | None = None,
    **options: Any,
) -> list[int]:
    """Return only the widths of :func:`match`, one per stage; the same arguments.

    Args:
        model: name of an architecture.
        graph: the graph or wiring; without one, the baseline's widths are returned.
        method, side, multiple_of, quantity, widths, target, tolerance, num_classes, input_size: as for
            :func:`match`.
        options: of the architecture.

    Returns:
        One width per stage.

    Example:
        >>> from graph2nn import ws_flex
        >>> match_widths("mlp5", ws_flex(64, 8, 0.1, seed=1))
        [1539]
    """
    return match(
        model, graph, method=method, side=side, multiple_of=multiple_of, quantity=quantity, widths=widths,
        target=target, tolerance=tolerance, num_classes=num_classes, input_size=input_size, **options,
    ).widths  # fmt: skip

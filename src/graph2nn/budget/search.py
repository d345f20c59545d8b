"""The two ways to find widths at a given cost: the published walk, and the exact search."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from graph2nn.errors import UserError

Cost = Callable[[Sequence[int]], int]
Side = Literal["nearest", "below", "above"]

#: The exact search looks at no more than about this many width vectors.
_CANDIDATES = 5_000


def published(cost: Cost, widths: Sequence[int], target: int, scalings: int) -> list[int]:
    """Walk from the baseline's widths to ``target`` as the published code did.

    Ratios are recomputed from rounded widths at each move, so the path matters and the result is not the
    closest one: do not simplify.

    Args:
        cost: multiply-adds of a list of widths, as the published code counts them.
        widths: of the baseline, one a stage.
        target: multiply-adds to meet.
        scalings: moves of the first, coarse round.
    """
    current = list(widths)
    if cost(current) == target:
        return current
    for _ in range(scalings):
        current = _with_first(current, round(current[0] * round((target / cost(current)) ** 0.5, 2)))
    spent = cost(current)
    if spent == target:
        return current
    step = 1 if spent < target else -1
    while True:
        current = _with_first(current, current[0] + step)
        spent = cost(current)
        if spent == target:
            return current
        if (1 if spent < target else -1) != step:
            break
    if spent < target:
        current = _with_first(current, current[0] - step)
    return _trim(cost, current, target)


def _with_first(widths: Sequence[int], first: int) -> list[int]:
    """Set the first width and let the others follow by their ratio to it."""
    return [first, *(round(first * (width / widths[0])) for width in widths[1:])]


def _trim(cost: Cost, widths: list[int], target: int) -> list[int]:
    """Round 2: narrow the later stages one by one while the cost stays on its side of the target."""
    trimmed = list(widths)
    step = -1 if cost(trimmed) > target else 1
    for stage in range(1, len(trimmed)):
        for _ in range(round(trimmed[stage] / trimmed[0])):
            trimmed[stage] += step
            spent = cost(trimmed)
            if (1 if spent < target else -1) != step:
                trimmed[stage] -= step
                break
    return trimmed


def exact(
    cost: Cost,
    widths: Sequence[int],
    target: int,
    *,
    smallest: int = 1,
    side: Side = "nearest",
    multiple_of: int = 1,
) -> list[int]:
    """Find the widths whose cost is closest to ``target``, in proportion to the baseline's.

    With one stage the answer is the closest there is. With several, every vector within a few units of the
    proportional one is looked at (8 units each way for three stages, 1 for seven); among equals the most
    proportional one wins.

    Args:
        cost: of a list of widths; must grow with each width.
        widths: of the baseline, one a stage.
        target: cost to meet.
        smallest: least width allowed, the number of nodes.
        side: ``"below"`` and ``"above"`` allow equality.
        multiple_of: every width must be a multiple of this.

    Raises:
        UserError: nothing on the wanted side, as when even the smallest widths cost more.
    """

    def proportional(first: int) -> list[int]:
        scaled = (first * width / widths[0] for width in widths)
        return [
            max(round(width / multiple_of) * multiple_of, _least(smallest, multiple_of)) for width in scaled
        ]

    centre = _last_below(lambda first: cost(proportional(first)), target, multiple_of)
    starts = (proportional(centre), proportional(centre + multiple_of))
    best: tuple[int, int] | None = None
    chosen: list[int] = []
    for start in starts:
        for candidate, distance in _around(start, smallest, multiple_of):
            gap = cost(candidate) - target
            if (side == "below" and gap > 0) or (side == "above" and gap < 0):
                continue
            if best is None or (abs(gap), distance) < best:
                best, chosen = (abs(gap), distance), candidate
    if best is None:
        raise UserError(
            f"match: no widths of at least {smallest} cost {side} {target:,}: "
            f"{starts[0]} cost {cost(starts[0]):,}. Use a smaller graph or a wider baseline."
        )
    return chosen


def _least(smallest: int, multiple_of: int) -> int:
    return -(-smallest // multiple_of) * multiple_of


def _last_below(cost: Callable[[int], int], target: int, unit: int) -> int:
    """Largest multiple of ``unit`` whose cost does not exceed ``target``; one unit if there is none."""
    high = 1
    while cost(high * unit) <= target:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if cost(middle * unit) <= target:
            low = middle
        else:
            high = middle
    return max(low, 1) * unit


def _around(start: Sequence[int], smallest: int, unit: int) -> Iterator[tuple[list[int], int]]:
    """Width vectors near ``start`` with their distance from it, as many as can be looked at."""
    slack = 1
    while (2 * slack + 3) ** len(start) <= _CANDIDATES and slack < 8:
        slack += 1
    for steps in itertools.product(range(-slack, slack + 1), repeat=len(start)):
        candidate = [width + step * unit for width, step in zip(start, steps, strict=True)]
        if min(candidate) >= smallest:
            yield candidate, sum(abs(step) for step in steps)

"""Searches for widths at a given cost: the published walk, and the exact search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import comb
from typing import Literal

from graph2nn.errors import TooNarrowError, UserError

Cost = Callable[[Sequence[int]], int]
Side = Literal["nearest", "below", "above"]

#: The exact search looks at no more than this many width vectors around each of its two starts.
_CANDIDATES = 400

#: Nor farther than this many steps, added up over the stages, from the proportional widths.
_FARTHEST = 8

#: No width is looked for beyond this.
_WIDEST = 1 << 20


def published(
    cost: Cost, widths: Sequence[int], target: int, scalings: int, *, below: bool = False
) -> list[int]:
    """Walk from the baseline's widths to ``target`` as the published code did.

    Ratios are recomputed from rounded widths at each move, so the path matters and the result is not the
    closest one: do not simplify.

    Args:
        cost: multiply-adds of a list of widths, as the published code counts them.
        widths: of the baseline, one per stage.
        target: multiply-adds to meet.
        scalings: moves of the first, coarse round.
        below: end at or below the target (the published ``UPPER: False``), not at or above it.

    Returns:
        The widths, one per stage.
    """
    current = list(widths)
    if cost(current) == target:
        return current
    for _ in range(scalings):
        current = _with_first(current, round(current[0] * round((target / cost(current)) ** 0.5, 2)))
    spent = cost(current)
    if spent == target and not below:  # from below, the published walk still takes its step
        return current
    step = 1 if spent < target else -1
    while True:
        current = _with_first(current, current[0] + step)
        spent = cost(current)
        if spent == target:
            return current
        if (1 if spent < target else -1) != step:
            break
    if (spent < target) != below:
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

    With one stage the answer is the closest there is. With several, every vector is looked at whose steps from
    the proportional one add up to a few (6 for three stages, 4 for four, 2 for seven); among equals the most
    proportional one wins.

    Args:
        cost: of a list of widths; must grow with each width. Widths for which it raises ``TooNarrowError`` are
            no answer, and wider ones are looked for.
        widths: of the baseline, one per stage.
        target: cost to meet.
        smallest: least width allowed, the number of nodes.
        side: ``"below"`` and ``"above"`` allow equality.
        multiple_of: every width must be a multiple of this.

    Returns:
        The widths, one per stage.

    Raises:
        UserError: nothing on the wanted side, as when even the smallest widths cost more.
    """

    def proportional(widest: int) -> list[int]:
        scaled = (widest * width / max(widths) for width in widths)
        return [
            max(round(width / multiple_of) * multiple_of, _least(smallest, multiple_of)) for width in scaled
        ]

    def known(candidate: Sequence[int]) -> int | None:
        try:
            return cost(candidate)
        except TooNarrowError:
            return None

    centre = _last_below(lambda widest: known(proportional(widest)), target, multiple_of)
    starts = (proportional(centre), proportional(centre + multiple_of))
    best: tuple[int, int] | None = None
    chosen: list[int] = []
    for candidate, distance in _around(starts, smallest, multiple_of):
        if (spent := known(candidate)) is None:
            continue
        gap = spent - target
        if (side == "below" and gap > 0) or (side == "above" and gap < 0):
            continue
        if best is None or (abs(gap), distance) < best:
            best, chosen = (abs(gap), distance), candidate
    if best is None:
        raise UserError(
            f"match: no widths of at least {smallest} cost {side} {target:,}: "
            f"{starts[1]} cost {cost(starts[1]):,}. Use a smaller graph or a wider baseline."
        )
    return chosen


def _least(smallest: int, multiple_of: int) -> int:
    return -(-smallest // multiple_of) * multiple_of


def _last_below(cost: Callable[[int], int | None], target: int, unit: int) -> int:
    """Largest multiple of ``unit`` that costs at most ``target`` or is too narrow; one unit if none does."""

    def below(multiple: int) -> bool:
        spent = cost(multiple * unit)
        # What stays too narrow however wide the widths are would be looked for forever.
        return multiple < _WIDEST if spent is None else spent <= target

    high = 1
    while below(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return max(low, 1) * unit


def _around(starts: Sequence[list[int]], smallest: int, unit: int) -> Iterator[tuple[list[int], int]]:
    """Width vectors near the starts with their distance in units, as many as can be looked at."""
    stages, reach = len(starts[0]), 1
    while reach < _FARTHEST and _within(stages, reach + 1) <= _CANDIDATES:
        reach += 1
    seen: set[tuple[int, ...]] = set()
    for start in starts:
        for steps in _steps(stages, reach):
            candidate = tuple(width + step * unit for width, step in zip(start, steps, strict=True))
            if candidate not in seen and min(candidate) >= smallest:
                seen.add(candidate)
                yield list(candidate), sum(map(abs, steps))


def _steps(stages: int, reach: int) -> Iterator[tuple[int, ...]]:
    """All vectors of whole numbers whose sizes add up to at most ``reach``."""
    if stages == 0:
        yield ()
        return
    for step in range(-reach, reach + 1):
        for rest in _steps(stages - 1, reach - abs(step)):
            yield (step, *rest)


def _within(stages: int, reach: int) -> int:
    """Number of :func:`_steps`: choose the stages that move, the sum of their moves, and the directions."""
    return sum(2**moved * comb(stages, moved) * comb(reach, moved) for moved in range(min(stages, reach) + 1))

"""Successive halving over epochs: many graphs trained briefly, the better third of them for longer."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from graph2nn.experiments.search.trials import Problem, Trial

#: Each level trains this many times longer, and so this many times fewer graphs (Jamieson and Talwalkar 2016).
FACTOR = 3
#: Levels at most, the full trainings included.
LEVELS = 3
#: Share of the budget that each level gets; what is left goes to full trainings that the surface proposes.
SHARE = 1 / 8


def rungs(epochs: int, known: Collection[int] | None = None) -> tuple[int, ...]:
    """Lengths of training, ascending, from about a ninth of ``epochs`` up to all of them.

    Args:
        epochs: of a full training.
        known: the only lengths there are, if not all are.
    """
    lengths = {math.ceil(epochs / FACTOR**level) for level in range(LEVELS)}
    return tuple(sorted(length for length in lengths if known is None or length in known))


def counts(problem: Problem, budget: float) -> tuple[int, ...]:
    """How many graphs each length of training gets, none of them more graphs than a shorter one."""
    found: list[int] = []
    most = len(problem.space)
    for length in problem.lengths:
        most = min(most, max(1, math.floor(budget * SHARE * problem.epochs / length + 1e-9)))
        found.append(most)
    return tuple(found)


def promoted(trials: Sequence[Trial], count: int) -> list[int]:
    """Rows of the ``count`` graphs with the lowest error, best first; a diverged one never passes another."""
    errors = np.array([math.inf if trial.diverged else trial.error for trial in trials])
    return [trials[place].proposal.row for place in np.argsort(errors, kind="stable")[:count]]

"""Proposals and trials of a search, and the rungs of successive halving."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from graph2nn.experiments.search.space import Space


@dataclass(frozen=True)
class Proposal:
    """One training run: the graph in this row of the space, with this training seed, for ``epochs`` epochs.

    Example:
        >>> Proposal(row=7, seed=1, epochs=200).epochs
        200
    """

    row: int
    seed: int
    epochs: int


@dataclass(frozen=True)
class Trial:
    """A proposal and its test error in percent; NaN where training diverged.

    Example:
        >>> Trial(Proposal(row=7, seed=1, epochs=200), error=math.nan).diverged
        True
    """

    proposal: Proposal
    error: float

    @property
    def diverged(self) -> bool:
        """Whether the training gave no number."""
        return not math.isfinite(self.error)


@dataclass(frozen=True)
class Problem:
    """What is searched and what a training run costs.

    Attributes:
        space: the graphs.
        lengths: epochs that a training run may have, ascending. The last is a full training run, which costs 1;
            a shorter one costs its share.
        seeds: training seeds that may be used, in order.

    Example:
        >>> from graph2nn import catalogue
        >>> problem = Problem(Space(catalogue("n64-52")), (22, 67, 200), (1, 2, 3))
        >>> problem.epochs, problem.cost(Proposal(row=0, seed=1, epochs=22))
        (200, 0.11)
    """

    space: Space
    lengths: tuple[int, ...]
    seeds: Sequence[int]

    @property
    def epochs(self) -> int:
        """Epochs of a full training run."""
        return self.lengths[-1]

    def cost(self, proposal: Proposal) -> float:
        """Full training runs that a proposal costs. A longer training run of the same graph starts over."""
        return proposal.epochs / self.epochs


class Evaluator(Protocol):
    """What turns proposals into errors: training runs, or a table of training runs done before.

    Example:
        >>> from graph2nn.experiments.search import Replay
        >>> evaluator: type[Evaluator] = Replay
    """

    @property
    def problem(self) -> Problem:
        """The problem whose proposals it takes."""

    def __call__(self, proposals: Sequence[Proposal]) -> list[float]:
        """Return the test error (%) of each proposal, in order; NaN where training diverged."""


#: Each level trains this many times longer, and so this many times fewer graphs (Jamieson and Talwalkar 2016).
FACTOR = 3
#: Levels at most, the full training runs included.
LEVELS = 3
#: Share of the budget that each level gets; what is left goes to full training runs that the surface proposes.
SHARE = 1 / 8


def rungs(epochs: int, measured: Collection[int] | None = None) -> tuple[int, ...]:
    """Lengths of training, ascending, from about a ninth of ``epochs`` up to all of them.

    Args:
        epochs: of a full training run.
        measured: the only lengths there are, if not all are.
    """
    lengths = {math.ceil(epochs / FACTOR**level) for level in range(LEVELS)}
    return tuple(sorted(length for length in lengths if measured is None or length in measured))


def counts(problem: Problem, budget: float) -> tuple[int, ...]:
    """How many graphs each length of training gets, none of them more graphs than a shorter one."""
    numbers: list[int] = []
    most = len(problem.space)
    for length in problem.lengths:
        most = min(most, max(1, math.floor(budget * SHARE * problem.epochs / length + 1e-9)))
        numbers.append(most)
    return tuple(numbers)


def promoted(trials: Sequence[Trial], count: int) -> list[int]:
    """Rows of the ``count`` graphs with the lowest error, best first; a diverged one never passes another."""
    errors = np.array([math.inf if trial.diverged else trial.error for trial in trials])
    return [trials[place].proposal.row for place in np.argsort(errors, kind="stable")[:count]]

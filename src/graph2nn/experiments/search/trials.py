"""What a search asks for and is told: proposals, trials, and the problem they belong to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from graph2nn.experiments.search.space import Space


@dataclass(frozen=True)
class Proposal:
    """One training: the graph in this row of the space, with this training seed, for so many epochs."""

    row: int
    seed: int
    epochs: int


@dataclass(frozen=True)
class Trial:
    """A proposal and its test error in percent; NaN where training diverged."""

    proposal: Proposal
    error: float

    @property
    def diverged(self) -> bool:
        """Whether the training gave no number."""
        return not math.isfinite(self.error)


@dataclass(frozen=True)
class Problem:
    """What is searched and what a training costs.

    Attributes:
        space: the graphs.
        lengths: epochs that a training may have, ascending. The last is a full training, which costs 1; a
            shorter one costs its share.
        seeds: training seeds that may be used, in order.
    """

    space: Space
    lengths: tuple[int, ...]
    seeds: Sequence[int]

    @property
    def epochs(self) -> int:
        """Epochs of a full training."""
        return self.lengths[-1]

    def cost(self, proposal: Proposal) -> float:
        """Full trainings that a proposal costs. A longer training of the same graph starts anew."""
        return proposal.epochs / self.epochs


class Evaluator(Protocol):
    """What turns proposals into errors: trainings, or a table of trainings done before."""

    @property
    def problem(self) -> Problem:
        """The problem whose proposals it takes."""

    def __call__(self, proposals: Sequence[Proposal]) -> list[float]:
        """Return the test error (%) of each proposal, in order; NaN where training diverged."""

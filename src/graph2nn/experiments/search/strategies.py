"""Search strategies: functions from the trials so far to the next proposals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from graph2nn.errors import unknown
from graph2nn.experiments.search.error_model import fit_error
from graph2nn.experiments.search.space import Rows
from graph2nn.experiments.search.trials import Problem, Proposal, Trial, counts, promoted

#: Graphs of the start, far apart on the plane.
START = 8
#: Proposals at once. Fixed, so that what is found does not depend on how many processes train.
BATCH = 4
#: Graphs among which a draw of the surface is minimised; redrawn each time.
CANDIDATES = 300

#: From the problem, the trials so far, the whole budget and a generator to proposals; none at the end.
Ask = Callable[[Problem, Sequence[Trial], float, np.random.Generator], list[Proposal]]


@dataclass(frozen=True)
class Strategy:
    """A way to search, by name. ``ask`` never proposes a training run twice, nor more than the budget pays for.

    Example:
        >>> strategy("random").about
        'graphs at random'
    """

    name: str
    about: str
    ask: Ask


def spent(problem: Problem, trials: Iterable[Trial]) -> float:
    """Full training runs that trials have cost."""
    return math.fsum(problem.cost(trial.proposal) for trial in trials)


def _proposals(
    problem: Problem,
    trials: Sequence[Trial],
    budget: float,
    rows: Iterable[int],
    epochs: int | None = None,
    most: int = BATCH,
) -> list[Proposal]:
    """Give the graphs of ``rows`` their next unused seeds, as far as the budget goes; skip those without."""
    epochs = epochs or problem.epochs
    taken = {trial.proposal for trial in trials}
    # Costs are fractions of epochs: a sum may fall short of a whole number by a rounding.
    affordable = math.floor((budget - spent(problem, trials)) * problem.epochs / epochs + 1e-6)
    chosen: list[Proposal] = []
    for row in rows:
        if len(chosen) >= min(affordable, most):
            break
        fresh = (Proposal(int(row), seed, epochs) for seed in problem.seeds)
        proposal = next((each for each in fresh if each not in taken), None)
        if proposal is not None:
            chosen.append(proposal)
            taken.add(proposal)
    return chosen


def ask_random(
    problem: Problem, trials: Sequence[Trial], budget: float, rng: np.random.Generator
) -> list[Proposal]:
    """Propose graphs at random, each equally likely.

    Args:
        problem: pool, seeds and lengths.
        trials: so far.
        budget: full training runs in all.
        rng: of the draws.

    Returns:
        Proposals, none where the budget is spent.
    """
    # A permutation, repeated, meets every graph until its seeds are used up.
    rows = (int(row) for _ in problem.seeds for row in rng.permutation(len(problem.space)))
    return _proposals(problem, trials, budget, rows)


def ask_sweep(
    problem: Problem, trials: Sequence[Trial], budget: float, rng: np.random.Generator
) -> list[Proposal]:
    """Propose graphs in the order of the pool, seed by seed, as a sweep does.

    Args:
        problem, trials, budget, rng: as for :func:`ask_random`.

    Returns:
        Proposals.
    """
    count = len(problem.space)
    first = len(trials) % count
    return _proposals(problem, trials, budget, [*range(first, count), *range(first)])


def ask_gp(
    problem: Problem, trials: Sequence[Trial], budget: float, rng: np.random.Generator
) -> list[Proposal]:
    """Start far apart on the plane; then train the minima of draws of the surface (Thompson sampling).

    A draw's minimum lies where the surface is low or little known, so that promising graphs get more seeds,
    as do their neighbours, from which the surface learns as much.

    Args:
        problem, trials, budget, rng: as for :func:`ask_random`.

    Returns:
        Proposals.
    """
    if not trials or all(trial.diverged for trial in trials):
        return _proposals(problem, trials, budget, problem.space.spread(START, rng), most=START)
    surface = fit_error(problem.space, trials)
    left = _seeds_left(problem, trials)
    free = np.flatnonzero(left)
    if not len(free):
        return []
    some = rng.choice(free, min(CANDIDATES, len(free)), replace=False)
    mean, covariance = surface.joint(some)
    draws = rng.multivariate_normal(mean, covariance, size=BATCH, method="eigh", check_valid="ignore")
    rows = []
    for draw in draws:
        open_to = np.flatnonzero(left[some])
        if len(open_to):
            rows.append(int(some[open_to[draw[open_to].argmin()]]))
            left[rows[-1]] -= 1
    return _proposals(problem, trials, budget, rows)


def _seeds_left(problem: Problem, trials: Sequence[Trial]) -> Rows:
    """How many seeds each graph has left for a full training, ``[graphs]``."""
    full = [trial.proposal.row for trial in trials if trial.proposal.epochs == problem.epochs]
    return len(problem.seeds) - np.bincount(full, minlength=len(problem.space)).astype(np.int64)


def ask_gp_halving(
    problem: Problem, trials: Sequence[Trial], budget: float, rng: np.random.Generator
) -> list[Proposal]:
    """Train many graphs briefly and the best of them for longer; go on as :func:`ask_gp` with all of it.

    Args:
        problem, trials, budget, rng: as for :func:`ask_random`.

    Returns:
        Proposals.
    """
    numbers = counts(problem, budget)
    if len(problem.lengths) < 2 or numbers[0] < 2:
        return ask_gp(problem, trials, budget, rng)
    if not trials:
        rows = [int(row) for row in problem.space.spread(numbers[0], rng)]
        return _proposals(problem, trials, budget, rows, problem.lengths[0], numbers[0])
    for shorter, longer, count in zip(problem.lengths, problem.lengths[1:], numbers[1:], strict=False):
        if not any(trial.proposal.epochs == longer for trial in trials):
            briefest = [trial for trial in trials if trial.proposal.epochs == shorter]
            return _proposals(problem, trials, budget, promoted(briefest, count), longer, count)
    return ask_gp(problem, trials, budget, rng)


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("gp", "a space-filling start, then draws of a Gaussian process", ask_gp),
        Strategy("gp-halving", "short training runs first, then as gp", ask_gp_halving),
        Strategy("random", "graphs at random", ask_random),
        Strategy("sweep", "the pool in its order", ask_sweep),
    )
}


def strategy(name: str) -> Strategy:
    """Look a strategy up.

    Raises:
        UserError: no such strategy.

    Example:
        >>> strategy("gp-halving").about
        'short training runs first, then as gp'
    """
    if name not in STRATEGIES:
        raise unknown("search: strategy", name, STRATEGIES)
    return STRATEGIES[name]

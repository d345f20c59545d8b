"""Search loop: ask, evaluate and tell until the budget is spent, then recommend a graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.experiments.search.error_model import fit_error
from graph2nn.experiments.search.strategies import Strategy, spent
from graph2nn.experiments.search.trials import Evaluator, Problem, Trial
from graph2nn.files import json_value

#: Standard normal quantile of the intervals, and their level.
QUANTILE, LEVEL = 1.96, 0.95
#: What the surface leaves out of its own standard deviation. The graph recommended was picked for a low error,
#: so the true one is higher by PICKED standard deviations; the surface's scales are unknown, which makes it
#: SCALES times as uncertain; a graph deviates from the surface by OWN of a run's noise. Set on simulated
#: searches, of graphs that differ and of graphs that hardly do (docs/statistics.md).
PICKED, SCALES, OWN = 0.3, 1.2, 0.3


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        problem: what was searched.
        trials: all training runs, in the order in which they were proposed.
        graphs: one row per graph of the pool that was trained, best first, the recommended one (which need not
            have been trained) above all: columns of the pool, ``graph`` (label), ``row``, ``trainings``,
            ``observed`` (mean error of its full training runs, %), ``expected``, ``low``, ``high`` (its
            expected error by the surface and the interval of it, corrected for having been picked, %).
        noise: standard deviation of a training run's error around its graph's expected one, points.

    Example:
        >>> from graph2nn import catalogue
        >>> from graph2nn.experiments.search import Proposal, Replay, Space, strategy
        >>> space = Space(catalogue("n64-52").head(8))
        >>> errors = {Proposal(row, 1, 5): 30.0 + row for row in range(8)}
        >>> result = search(Replay(Problem(space, (5,), (1,)), errors), strategy("sweep"), budget=6)
        >>> result.graphs.columns.tolist()[-5:]
        ['trainings', 'observed', 'expected', 'low', 'high']
    """

    problem: Problem
    trials: tuple[Trial, ...]
    graphs: pd.DataFrame
    noise: float

    @property
    def recommended(self) -> pd.Series:
        """The row of the recommended graph."""
        return self.graphs.iloc[0]

    @property
    def spent(self) -> float:
        """Full training runs that the search cost."""
        return spent(self.problem, self.trials)


def search(
    evaluator: Evaluator,
    strategy: Strategy,
    *,
    budget: float,
    seed: int = 0,
    on_trials: Callable[[Sequence[Trial]], None] | None = None,
) -> Found:
    """Find a good graph with at most ``budget`` full training runs.

    Every proposal follows from the problem, the budget, the seed and the errors before it. So a search that
    was stopped goes on when it is called again with an evaluator that keeps what it has trained.

    Args:
        evaluator: trains, or looks up what was trained.
        strategy: proposes.
        budget: full training runs, at least 1; shorter ones count by their share.
        seed: of the proposals; training seeds are those of the problem.
        on_trials: called after each batch with the new trials.

    Returns:
        What the search found, the recommended graph first.

    Raises:
        UserError: a budget below 1; every training run diverged; what the evaluator raises.

    Example:
        >>> from graph2nn import catalogue
        >>> from graph2nn.experiments.search import Proposal, Replay, Space, strategy
        >>> space = Space(catalogue("n64-52").head(8))
        >>> errors = {Proposal(row, 1, 5): 30.0 + row for row in range(8)}
        >>> result = search(Replay(Problem(space, (5,), (1,)), errors), strategy("sweep"), budget=6)
        >>> len(result.trials), len(result.graphs) >= 6
        (6, True)
    """
    check_budget(budget)
    problem = evaluator.problem
    trials: list[Trial] = []
    while proposals := strategy.ask(problem, trials, budget, np.random.default_rng([seed, len(trials)])):
        new = [Trial(*pair) for pair in zip(proposals, evaluator(proposals), strict=True)]
        trials += new
        if on_trials:
            on_trials(new)
    return conclude(problem, trials)


def check_budget(budget: float) -> None:
    """Raise UserError for a budget that does not pay for one training run.

    Raises:
        UserError: less than 1, or no number.
    """
    if not 1 <= budget < math.inf:
        raise UserError(f"search: budget = {budget:g}; expected at least 1, the cost of one full training run.")


def cautious(mean: Floats, sd: Floats) -> Floats:
    """By what graphs are ranked: their expected error, one standard deviation added.

    Of thousands of noisy errors the lowest is mostly luck, and where nothing was trained the surface only
    guesses. Replaying the published results of the MLP and of ResNet-34, this picked better than the lowest
    error seen and, of few training runs, better than the lowest expected error.
    """
    return mean + sd


def conclude(problem: Problem, trials: Sequence[Trial]) -> Found:
    """Work out what trials say of the graphs, and which one to take.

    Raises:
        UserError: every training run diverged.

    Example:
        >>> from graph2nn import catalogue
        >>> from graph2nn.experiments.search import Proposal, Space
        >>> problem = Problem(Space(catalogue("n64-52").head(8)), (5,), (1,))
        >>> trials = [Trial(Proposal(row, 1, 5), 30.0 + row) for row in range(8)]
        >>> len(conclude(problem, trials).graphs)
        8
    """
    if all(trial.diverged for trial in trials):
        raise UserError(
            "search: every training run diverged; lower the rate, for example --set recipe.lr=0.01."
        )
    surface = fit_error(problem.space, trials)
    mean, sd = surface.band()
    score = cautious(mean, sd)
    best = int(score.argmin())
    full = [trial for trial in trials if trial.proposal.epochs == problem.epochs]
    trained = {trial.proposal.row for trial in trials}
    others = sorted(trained - {best}, key=lambda row: float(score[row]))
    rows = [best, *others]
    graphs = problem.space.table.iloc[rows].reset_index(drop=True)
    graphs.insert(0, "graph", [problem.space.spec(row).name for row in rows])
    graphs["row"] = rows
    graphs["trainings"] = [sum(trial.proposal.row == row for trial in full) for row in rows]
    graphs["observed"] = [_mean([t.error for t in full if t.proposal.row == row]) for row in rows]
    graphs["expected"] = mean[rows] + PICKED * sd[rows]
    reach = QUANTILE * np.sqrt((SCALES * sd[rows]) ** 2 + (OWN * surface.noise) ** 2)
    graphs["low"], graphs["high"] = graphs["expected"] - reach, graphs["expected"] + reach
    return Found(problem, tuple(trials), graphs, surface.noise)


def _mean(errors: Sequence[float]) -> float:
    return float(np.mean(errors)) if errors else float("nan")


def search_record(outcome: Found) -> dict[str, Any]:
    """Return what was found as plain values, for JSON: numbers that are none are null."""
    graphs = [
        {name: json_value(value) for name, value in row.items()}
        for row in outcome.graphs.drop(columns="row").rename(columns={"seed": "graph_seed"}).to_dict("records")
    ]
    trials = [
        {
            "graph": outcome.problem.space.spec(trial.proposal.row).name,
            "seed": trial.proposal.seed,
            "epochs": trial.proposal.epochs,
            "test_error": json_value(trial.error),
        }
        for trial in outcome.trials
    ]
    return {
        "spent": outcome.spent,
        "noise": outcome.noise,
        "recommended": graphs[0],
        "graphs": graphs,
        "trials": trials,
    }

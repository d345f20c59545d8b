"""Replay of a search: training runs looked up in existing results, such as the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.experiments.search.error_model import fit_errors
from graph2nn.experiments.search.space import Space
from graph2nn.experiments.search.trials import Problem, Proposal, rungs
from graph2nn.results.evaluations import Evaluations


@dataclass(frozen=True)
class Replay:
    """An evaluator whose graphs have been trained before: one training run is one seed's error.

    A shorter training run is the full one's error at that epoch, its rate still on the full schedule.

    Attributes:
        problem: pool, seeds and lengths of training that the results have.
        errors: test error (%) of each proposal.

    Example:
        >>> from graph2nn import catalogue
        >>> problem = Problem(Space(catalogue("n64-52").head(2)), (200,), (1,))
        >>> replay = Replay(problem, {Proposal(0, 1, 200): 32.1, Proposal(1, 1, 200): 32.9})
        >>> replay([Proposal(1, 1, 200)])
        [32.9]
    """

    problem: Problem
    errors: Mapping[Proposal, float]

    @classmethod
    def of(cls, evaluations: Evaluations, task: str) -> Replay:
        """Take the WS-flex graphs of one task.

        Raises:
            UserError: no such task, or one with fewer than two WS-flex graphs.
        """
        rows = evaluations.of(task)
        rows = rows[(rows["kind"] == "relational") & rows["graph_seed"].notna() & rows["p"].notna()]
        graphs = rows.drop_duplicates("graph").reset_index(drop=True)
        if len(graphs) < 2:
            raise UserError(f"search: {task} has {len(graphs)} WS-flex graphs; a replay needs at least 2.")
        pool = graphs.rename(columns={"seed": "training_seed", "graph_seed": "seed"})
        columns = ["n", "sparsity", "p", "seed", "clustering", "path_length"]
        space = Space.of(pool[columns].astype({"n": np.int64, "seed": np.int64}))
        full = int(rows["epoch"].max())
        lengths = rungs(full, measured=set(rows["epoch"]))
        rows = rows[rows["epoch"].isin(lengths)]
        numbers = rows["graph"].map({graph: row for row, graph in enumerate(graphs["graph"])})
        errors = {
            Proposal(int(row), int(seed), int(epoch)): float(error)
            for row, seed, epoch, error in zip(
                numbers, rows["seed"], rows["epoch"], rows["test_error"], strict=True
            )
        }
        whole = rows["seed"].value_counts()
        seeds = tuple(sorted(int(seed) for seed in whole.index[whole == len(graphs) * len(lengths)]))
        if not seeds:
            raise UserError(f"search: {task} has no training seed with an error of every graph to replay.")
        return cls(Problem(space, lengths, seeds), errors)

    def __call__(self, proposals: Sequence[Proposal]) -> list[float]:
        """Look the errors up."""
        return [self.errors[proposal] for proposal in proposals]

    @cached_property
    def means(self) -> Floats:
        """Mean error of each graph over all its seeds (%), ``[graphs]``."""
        full = [(p.row, error) for p, error in self.errors.items() if p.epochs == self.problem.epochs]
        rows, errors = zip(*full, strict=True)
        sums = np.bincount(rows, weights=errors)
        return np.asarray(sums / np.bincount(rows), dtype=np.float64)

    @cached_property
    def expected(self) -> Floats:
        """Expected error of each graph (%), ``[graphs]``: the surface through the means over all seeds.

        The lowest of thousands of means is low by luck; this is what a new training run would give.
        """
        space = self.problem.space
        return fit_errors(space, np.arange(len(space)), self.means, self.problem.epochs).band()[0]

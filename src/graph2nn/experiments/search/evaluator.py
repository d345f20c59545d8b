"""Evaluator that trains: each proposal becomes a run in the results folder, unless it is finished already."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from graph2nn.data.dataset import Dataset
from graph2nn.errors import UserError
from graph2nn.experiments.launchers import Local, launch
from graph2nn.experiments.network import check_networks
from graph2nn.experiments.planning import plan
from graph2nn.experiments.presets import Preset
from graph2nn.experiments.search.space import Space
from graph2nn.experiments.search.trials import Problem, Proposal, rungs
from graph2nn.results.config import RunConfig
from graph2nn.results.run_folder import finished_runs, result_of
from graph2nn.results.runs_table import read_runs
from graph2nn.training.acceleration import PLAIN, Acceleration

#: Training seeds that a search may use of one graph.
SEEDS = range(1, 1001)


@dataclass(frozen=True)
class Training:
    """Train what is proposed, by a preset, in a folder of runs.

    A shorter training is a run of its own with fewer epochs, its schedule shortened with it.

    Attributes:
        preset: supplies model, recipe and match.
        space: the graphs.
        data: the loaded data set.
        out: folder of results; must hold no run that differs in more than graph, seed and epochs.
        settings: ``key=value`` changes.
        how: of the launcher: device, acceleration, workers, threads.
        on_run: called after each run with its row of the table.
    """

    preset: Preset
    space: Space
    data: Dataset
    out: Path
    settings: Sequence[str] = ()
    device: str = "cpu"
    acceleration: Acceleration = PLAIN
    workers: int = 1
    threads: int = 1
    on_run: Callable[[dict[str, Any]], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._check_folder()
        graphs = (self.space.spec(row) for row in range(len(self.space)))
        runs = [self.base.model_copy(update={"graph": graph}) for graph in graphs]
        check_networks(runs, self.data, engine=self.acceleration.engine)

    @cached_property
    def base(self) -> RunConfig:
        """The config of a full training run of the baseline."""
        return plan(self.preset, [None], [1], data=self.data.label, settings=self.settings)[0]

    @cached_property
    def problem(self) -> Problem:
        """Pool, lengths of training and seeds."""
        return Problem(self.space, rungs(self.base.recipe.epochs), SEEDS)

    def config(self, proposal: Proposal) -> RunConfig:
        """The config of the run that a proposal stands for."""
        recipe = self.base.recipe.model_copy(update={"epochs": proposal.epochs})
        graph = self.space.spec(proposal.row)
        return self.base.model_copy(update={"graph": graph, "seed": proposal.seed, "recipe": recipe})

    def __call__(self, proposals: Sequence[Proposal]) -> list[float]:
        """Train what has not been trained yet.

        Raises:
            UserError: as the launcher, or a run failed.
        """
        configs = [self.config(proposal) for proposal in proposals]
        outcome = launch(
            configs,
            self.data,
            self.out,
            Local(self.workers, self.threads),
            device=self.device,
            acceleration=self.acceleration,
            on_run=self.on_run,
        )
        if outcome.failed:
            raise UserError(f"search: {outcome.complaint(self.out)}")
        return [self._error(config) for config in configs]

    def _error(self, config: RunConfig) -> float:
        try:
            row = result_of(self.out, config.folder)
            # A search chooses: where there is a validation part, the test part must not be looked at.
            error = row["test_error" if row.get("validation_error") is None else "validation_error"]
        except (ValueError, KeyError):
            file = self.out / "runs" / config.folder / "result.json"
            raise UserError(f"search: {file} is damaged; delete its folder and search again.") from None
        return math.nan if error is None else float(error)

    def _check_folder(self) -> None:
        """Errors of other networks, data or recipes must not be taken for those of this search."""
        if not finished_runs(self.out):
            return
        recipe = self.base.recipe
        lengths = [recipe.model_copy(update={"epochs": epochs}) for epochs in self.problem.lengths]
        ours = {self.base.model_copy(update={"recipe": each}).experiment for each in lengths}
        table = read_runs(self.out)
        other = table[~table["experiment"].isin(ours)]
        if len(other):
            run = other.iloc[0]
            raise UserError(
                f"search: {self.out} holds runs of another experiment ({run['preset']}, {run['epochs']} "
                f"epochs, {run['run']}); name another --out, or give the same --set."
            )

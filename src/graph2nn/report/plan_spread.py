"""Spread of earlier results, for the power of a plan: scatter of runs, and of the networks of an arm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from graph2nn.analysis.beyond.noise import paired, seed_noise
from graph2nn.analysis.evidence import trained
from graph2nn.errors import UserError, unknown
from graph2nn.experiments.plans.schema import ExperimentPlan

#: The four arguments of a WS-flex graph, to six digits, as published.
_KEY = ["n", "sparsity", "p", "graph_seed"]
#: Fewer of a plan's own networks among the pilot's say nothing about their spread.
_FEWEST = 5


@dataclass(frozen=True)
class Spread:
    """Standard deviations in points, and what they come from.

    Attributes:
        run: of a run about its network's mean, seeds paired.
        network: of the true means of the networks of an arm; those of the plan where the pilot has them.
        runs, networks: behind the two. task: of the pilot results.
    """

    run: float
    network: float
    runs: int
    networks: int
    task: str


def pilot_spread(plan: ExperimentPlan, pilot: str | Path, *, task: str | None = None) -> Spread:
    """Estimate the spread from a folder of runs or from the published results.

    Args:
        plan: the plan; its networks are looked up in the pilot.
        pilot: folder of runs, or ``published``.
        task: of the pilot results; the first one for the plan's model where None.

    Returns:
        The spread.

    Raises:
        UserError: nothing there, an unknown task, or no network with two runs.
    """
    from graph2nn.report.build import read_evaluations

    evaluations = read_evaluations(pilot)
    guess = plan.preset.replace("-", "_")
    name = task or next(
        (each for each in evaluations.tasks if each in (plan.preset, guess)), evaluations.tasks[0]
    )
    if name not in evaluations.tasks:
        raise unknown("plan power: task", name, evaluations.tasks)
    table = trained(evaluations.last(name))
    table = table[table["null_of"].isna()] if "null_of" in table else table
    noise = seed_noise(table)
    if noise is None:
        raise UserError(f"plan power: no network of {name} has two runs, so their scatter is unknown.")
    graphs = table[table["kind"] == "relational"]
    keys = graphs[_KEY].astype(np.float64).round(6).apply(tuple, axis=1)
    deviations = []
    matched = 0
    for arm in plan.arms:
        specs = [network.ws_flex for network in arm.networks if network.ws_flex and not network.rewired]
        wanted = {(float(s.n), round(s.sparsity, 6), round(s.p, 6), float(s.seed)) for s in specs}
        in_arm = graphs[keys.isin(wanted)]
        if in_arm["graph"].nunique() >= _FEWEST and not arm.set:
            deviations.append(_variance(in_arm, noise.variance))
            matched += int(in_arm["graph"].nunique())
    if not deviations:
        deviations, matched = [_variance(graphs, noise.variance)], int(graphs["graph"].nunique())
    network = float(np.sqrt(np.mean(deviations)))
    return Spread(noise.sd, network, len(table), matched, name)


def _variance(runs: pd.DataFrame, noise: float) -> float:
    """Variance of true means: that of the means without what the runs' scatter adds."""
    means = paired(runs).groupby("graph")["test_error"].agg(["mean", "size"])
    return max(0.0, float(means["mean"].var(ddof=1)) - noise * float((1 / means["size"]).mean()))

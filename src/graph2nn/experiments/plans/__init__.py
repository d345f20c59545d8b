"""Plans of experiments: hypotheses, arms, tests and rules in one file, frozen before the first run."""

from graph2nn.experiments.plans.file import freeze_plan, plan_hash, read_plan
from graph2nn.experiments.plans.runs import PlannedRun, planned_runs
from graph2nn.experiments.plans.schema import Arm, ExperimentPlan, Network, Null, PlannedTest, Rules

__all__ = [
    "Arm",
    "ExperimentPlan",
    "Network",
    "Null",
    "PlannedRun",
    "PlannedTest",
    "Rules",
    "freeze_plan",
    "plan_hash",
    "planned_runs",
    "read_plan",
]

"""Plans of experiments: hypotheses, arms, tests and rules in one file, frozen before the first run."""

from graph2nn.experiments.plans.file import freeze_plan, plan_hash, read_plan, write_plan
from graph2nn.experiments.plans.plan_data import plan_source, with_data
from graph2nn.experiments.plans.runs import PlannedRun, planned_runs
from graph2nn.experiments.plans.schema import (
    Arm,
    AsRead,
    ExperimentPlan,
    Network,
    Null,
    OwnData,
    PlannedTest,
    Rules,
)

__all__ = [
    "Arm",
    "AsRead",
    "ExperimentPlan",
    "Network",
    "Null",
    "OwnData",
    "PlannedRun",
    "PlannedTest",
    "Rules",
    "freeze_plan",
    "plan_hash",
    "plan_source",
    "planned_runs",
    "read_plan",
    "with_data",
    "write_plan",
]

"""Runs against the plan they belong to: what is planned, what is missing, what the planned tests say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from graph2nn.analysis.ladder_comparison import Ladder
from graph2nn.analysis.plan_tests import FEWEST_OF_A_BAND, PlannedResult, gain_by_epoch, planned_tests
from graph2nn.errors import UserError
from graph2nn.experiments.plans.file import read_plan
from graph2nn.experiments.plans.runs import planned_runs
from graph2nn.experiments.plans.schema import ExperimentPlan
from graph2nn.files import json_value
from graph2nn.report.phrasing import between, number, p_number, plural
from graph2nn.report.templates import TextTable, tables

#: Of the table of planned tests.
TEST_COLUMNS = ["test", "family", "estimate", "interval", "p", "p (Holm)", "pairs", "runs", "says"]


@dataclass(frozen=True)
class PlanFindings:
    """What the runs of a plan say.

    Attributes:
        plan: the plan.
        tests: planned tests, primary ones first.
        arms: ``arm, part, planned, finished``, one row per arm.
        unplanned: runs that are in no arm of the plan.
        common: runs made with the plan's common recipe, which may be compared with one another.
        gains: gain per epoch with a simultaneous band, by name of the test, for paired tests with curves.
        arm_graphs: labels of the graphs, or of the dense networks, that the runs of each arm have.
        other_precision: number of planned runs by how they were computed, of those not in the plan's precision.
    """

    plan: ExperimentPlan
    tests: tuple[PlannedResult, ...]
    arms: pd.DataFrame
    unplanned: tuple[str, ...]
    common: frozenset[str]
    gains: dict[str, pd.DataFrame]
    arm_graphs: Mapping[str, tuple[str, ...]]
    other_precision: Mapping[str, int] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """Sentences for the top of the page."""
        digest = self.plan.sha256
        said = [f"Plan: {self.plan.title}, {'frozen as ' + digest[:12] if digest else 'not frozen'}."]
        planned, finished = int(self.arms["planned"].sum()), int(self.arms["finished"].sum())
        said[0] += f" {finished:,} of {plural(planned, 'planned run')} finished."
        if self.unplanned:
            said[0] += f" {plural(len(self.unplanned), 'run')} not planned: in no planned test."
        for computed, count in self.other_precision.items():
            said.append(f"{plural(count, 'run')} computed in {computed}: the plan has {self.plan.precision}.")
        few = {name: int(band["pairs"].iloc[0]) for name, band in self.gains.items()}
        few = {name: pairs for name, pairs in few.items() if pairs < FEWEST_OF_A_BAND}
        if few:
            tests = ", ".join(f"{name} ({pairs} pairs)" for name, pairs in few.items())
            said.append(
                f"The gain per epoch of {tests} has no band: from {FEWEST_OF_A_BAND} pairs on a band holds the "
                "whole curve."
            )
        return said


def plan_findings(
    file: Path, runs: pd.DataFrame, curves: pd.DataFrame, *, data: Path | None = None
) -> PlanFindings:
    """Check a table of runs against a plan and work out the planned tests.

    Args:
        file: the plan.
        runs: finished runs, one row each, as ``graph2nn.results.run_folder.read_runs`` gives them.
        curves: their epochs, ``run, epoch, test_error``; may be empty.
        data: folder that may hold connectomes.

    Returns:
        The findings.

    Raises:
        UserError: a malformed or changed plan, or no run of it.
    """
    plan = read_plan(file)
    named = _with_arms(plan, runs, data)
    arm_names = {arm.name for arm in plan.arms}
    inside = named[named["arm"].isin(arm_names)]
    if inside.empty:
        raise UserError(
            f"analyze: no run in this folder belongs to {file}. Name the folder that graph2nn sweep --plan "
            f"{file} "
            "wrote, or leave --plan out."
        )
    finished = inside.groupby("arm").size()
    arms = pd.DataFrame(
        [
            {
                "arm": arm.name,
                "part": arm.part,
                "planned": arm.count,
                "finished": int(finished.get(arm.name, 0)),
            }
            for arm in plan.arms
        ]
    )
    every = pd.concat([curves, inside.rename(columns={"epochs": "epoch"})[["run", "epoch", "test_error"]]])
    every = every.drop_duplicates(["run", "epoch"], keep="last") if len(curves) else every.iloc[:0]
    epochs = every.merge(inside[["run", "arm", "seed"]], on="run")
    gains = {
        test.name: band
        for test in plan.tests
        if test.kind == "paired_t_by_seed" and len(band := gain_by_epoch(epochs, test.arms[0], test.arms[1]))
    }
    plain_arms = {arm.name for arm in plan.arms if not arm.set}
    return PlanFindings(
        plan,
        tuple(planned_tests(plan, inside)),
        arms,
        tuple(named.loc[~named["arm"].isin(arm_names), "run"]),
        frozenset(inside.loc[inside["arm"].isin(plain_arms), "run"]),
        gains,
        {str(arm): tuple(dict.fromkeys(rows["graph"])) for arm, rows in inside.groupby("arm")},
        _other_precision(plan, inside),
    )


def as_planned(ladder: Ladder, findings: PlanFindings) -> Ladder:
    """Let planned tests decide the rungs of a ladder, where there are such.

    Args:
        ladder: with numbers of its own.
        findings: of the plan.

    Returns:
        The ladder; a rung that the plan tests has the estimate, interval and p-values of that test, and decides
        nothing while its runs are not complete.
    """
    results = {test.name: test for test in findings.tests}
    planned: dict[tuple[str, bool], PlannedResult] = {}
    for test in findings.plan.tests:
        graphs = findings.arm_graphs.get(test.arms[0], ())
        kinds = {str(label).split(" ")[0] for label in graphs}
        against = [findings.arm_graphs.get(name, ()) for name in test.arms[1:]]
        here = findings.plan.part_data.get(test.part, ladder.data) == ladder.data
        if here and len(kinds) == 1 and against == [(ladder.graph,)] and test.measure == "test_error":
            planned.setdefault((kinds.pop(), test.kind == "tost"), results[test.name])
    rungs = []
    for rung in ladder.rungs:
        if result := planned.get((rung.kind, False)):
            rung = replace(
                rung, estimate=result.estimate, low=result.low, high=result.high, p_value=result.p_value,
                p_holm=result.p_holm if result.complete else float("nan"),
            )  # fmt: skip
        if result := planned.get((rung.kind, True)):
            rung = replace(rung, p_equivalent=result.p_holm if result.complete else float("nan"))
        rungs.append(rung)
    return replace(ladder, rungs=tuple(rungs))


def _other_precision(plan: ExperimentPlan, runs: pd.DataFrame) -> dict[str, int]:
    """Count runs that were not computed in the plan's precision, by how they were."""
    if "acceleration" not in runs:
        return {}
    # The first part says it, as in "bf16+channels_last"; "float32 for bf16" was asked for in bf16.
    first = runs["acceleration"].dropna().astype(str).str.split("+").str[0].str.split(" ").str[0]
    computed = first.where(first.isin(["bf16", "fp16"]), "float32")
    return {str(kind): int(n) for kind, n in computed.value_counts().items() if kind != plan.precision}


def _with_arms(plan: ExperimentPlan, runs: pd.DataFrame, data: Path | None) -> pd.DataFrame:
    """Runs with their arm: as the sweep noted it for this plan, else by what the run is."""
    arm = pd.Series(None, index=runs.index, dtype=object)
    if {"arm", "plan"} <= set(runs) and plan.sha256:
        noted = runs["plan"] == plan.sha256[:12]
        arm[noted] = runs.loc[noted, "arm"]
    if arm.isna().any():
        names = {
            run.config.folder: run.arm
            for label in dict.fromkeys(runs["data"])
            for run in planned_runs(plan, data=str(label), folder=data)
        }
        arm = arm.where(arm.notna(), runs["run"].map(names))
    return runs.assign(arm=arm)


def plan_record(planned: PlanFindings) -> dict[str, Any]:
    """What summary.json holds of it."""
    answer = {
        "title": planned.plan.title,
        "sha256": planned.plan.sha256,
        "tests": [{**vars(test), "complete": test.complete} for test in planned.tests],
        "arms": planned.arms.to_dict("records"),
        "unplanned": list(planned.unplanned),
        "gain_by_epoch": {name: band.to_dict("list") for name, band in planned.gains.items()},
    }
    return {key: json_value(value) for key, value in answer.items()}


def section(planned: PlanFindings) -> Markup:
    """The planned tests as a section of the page, before everything that was not planned."""
    table = planned_table(planned)
    caption = (
        "Estimates: error, or another score, or the training loss where a test says so, of the first arm minus "
        "that of the second; positive, the second is better. Holm's correction over all planned tests of a "
        "family. Everything below this table was not planned."
    )
    rows = table.to_numpy().tolist()
    return tables([TextTable("Planned tests", TEST_COLUMNS, rows, anchor="planned", caption=caption)], level=2)


def planned_table(planned: PlanFindings) -> pd.DataFrame:
    """Planned tests as a table of texts, one row per test, for the page and for a paper.

    Args:
        planned: the tests and what they say.

    Returns:
        Columns ``test, family, estimate, interval, p, p (Holm), pairs, runs, says``.
    """
    return pd.DataFrame([_cells(test) for test in planned.tests], columns=TEST_COLUMNS)


def _cells(test: PlannedResult) -> Sequence[str]:
    margin = f" within ± {test.margin:g}" if test.margin else ""
    if not test.complete:
        says = "incomplete: no decision"
    elif test.family == "descriptive":
        says = "descriptive: no decision"
    elif not isfinite(test.p_value):
        says = "no spread to judge by"
    elif test.kind == "tost":
        says = f"equivalent{margin}" if test.decided else f"not shown to be equivalent{margin}"
    else:
        says = "different" if test.decided else "no difference shown"
    return (
        f"{test.name} ({test.kind})",
        test.family,
        f"{number(test.estimate)} {test.unit}" if isfinite(test.estimate) else "–",
        between(test.low, test.high),
        p_number(test.p_value),
        p_number(test.p_holm),
        str(test.pairs),
        f"{test.runs} of {test.planned_runs}",
        says,
    )

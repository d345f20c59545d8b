"""Table of evaluations: one row per task, graph, training seed and epoch, of our runs and published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from graph2nn.errors import unknown
from graph2nn.results.config import GraphSpec
from graph2nn.results.filters import one_experiment
from graph2nn.results.validation import config_of, curves_of, runs_of

#: Columns of the table, in order. Errors are top-1 and top-5 in percent; ``width`` is the first matched one.
#: ``index`` is the graph's row in ``catalogue`` (both empty for the baseline and for graphs of no catalogue).
COLUMNS = (
    "task", "model", "data", "kind", "graph", "catalogue", "index",
    "n", "sparsity", "p", "graph_seed", "clustering", "path_length", "widths", "width", "macs", "params",
    "seed", "epoch", "test_error", "test_error_top5", "remark",
)  # fmt: skip
#: What ``remark`` may say; empty for a plain evaluation.
FILLED, RESUMED = "filled from seed 1", "after a resume"


@dataclass(frozen=True)
class Evaluations:
    """Every evaluation of one or more tasks.

    Attributes:
        table: one row an evaluation; see :data:`COLUMNS`.
        graphs: how to build each graph, by its label.
        notes: what a reader of each task must know: gaps and repairs.
        ranks: tasks whose best graph is not the first of a stable sort by mean error, and which place it has.
    """

    table: pd.DataFrame
    graphs: Mapping[str, GraphSpec]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in order of first appearance."""
        return list(dict.fromkeys(self.table["task"]))

    def of(self, task: str) -> pd.DataFrame:
        """All evaluations of one task.

        Raises:
            UserError: no such task.
        """
        if task not in self.tasks:
            raise unknown("analyze: task", task, self.tasks)
        return self.table[self.table["task"] == task].reset_index(drop=True)

    def last(self, task: str) -> pd.DataFrame:
        """The results table of one task: one row per run at its last epoch (:mod:`graph2nn.analysis.table`)."""
        return last_epoch(self.of(task))


def last_epoch(evaluations: pd.DataFrame) -> pd.DataFrame:
    """The results table of one task's evaluations: one row per run, its last epoch.

    A run that has not reached the last epoch of the others is left out: its error is not yet comparable.
    """
    rows = evaluations[evaluations["epoch"] == evaluations["epoch"].max()]
    label = rows["graph"] + " seed " + rows["seed"].astype(str)
    named = rows if "run" in rows else rows.assign(run=label)
    last: pd.DataFrame = named.rename(columns={"epoch": "epochs"}).reset_index(drop=True)
    return last


def of_runs(
    out: Path, table: pd.DataFrame | None = None, *, preset_notes: Mapping[str, Sequence[str]] | None = None
) -> Evaluations:
    """Collect the evaluations of our own finished runs; the task of a run is its preset.

    In addition to :data:`COLUMNS` the table has ``run, null_of, reachable, directed, train_error, train_loss``
    and ``seconds`` (of the whole run); ``null_of`` is the graph that a null belongs to, ``reachable`` the share
    of its pairs of nodes that have a path. C and L of a ``directed`` graph are those of its symmetrised form.

    Args:
        out: folder of runs, as ``train`` and ``sweep`` write it.
        table: only these runs, rows of :func:`graph2nn.results.validation.runs_of`.
        preset_notes: what a reader of each preset's results must know, by the name of the preset.

    Returns:
        The evaluations.

    Raises:
        UserError: no finished run, a damaged one; a preset with runs that differ in more than graph and seed.
    """
    runs = runs_of(out) if table is None else table
    runs = runs[runs["kind"] != "dense"]  # a second dense network is on the ladder of a connectome alone
    for _, of_task in runs.groupby("preset", sort=False):
        one_experiment(of_task)
    # One run of each graph is enough: a large sweep has thousands of configs.
    configs = [config_of(out, run) for run in runs.drop_duplicates("graph")["run"]]
    specs = {config.graph.name: config.graph for config in configs if config.graph}
    evaluated = _evaluated(runs, curves_of(out))
    kept = [*COLUMNS, "run", "null_of", "reachable", "directed", "seconds", "score_name", "score_unit"]
    of_task = runs.rename(columns={"preset": "task"}).drop(columns=_MEASURED)
    tidy = evaluated.merge(of_task.drop(columns="epochs"), on="run", validate="many_to_one")
    tidy["width"] = tidy["widths"].map(_first_width)
    tidy["directed"] = tidy["graph"].map({label: spec.directed for label, spec in specs.items()})
    tidy = tidy.assign(catalogue=None, index=float("nan"), remark="")
    notes = {
        task: (*(preset_notes or {}).get(task, ()), *_gaps(tidy[tidy["task"] == task]))
        for task in dict.fromkeys(tidy["task"])
    }
    return Evaluations(tidy[[*kept, "train_error", "train_loss", "validation_error"]], specs, notes)


_MEASURED = ["test_error", "test_error_top5", "train_error", "train_loss", "validation_error"]


def _evaluated(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Every evaluation of these runs, run by run: those of the curves, and the last, which the table holds."""
    columns = ["run", "epoch", *_MEASURED]
    last = runs.rename(columns={"epochs": "epoch"})[columns]
    if curves.empty:
        return last
    curves = curves.reindex(columns=[*dict.fromkeys([*curves.columns, *columns])])
    earlier = curves.merge(runs[["run", "epochs"]], on="run")
    earlier = earlier[(earlier["epoch"] < earlier["epochs"]) & earlier["test_error"].notna()]
    order = dict(zip(runs["run"], range(len(runs)), strict=True))
    joined = pd.concat([earlier[columns], last], ignore_index=True)
    places = pd.DataFrame({"run": joined["run"].map(order), "epoch": joined["epoch"]})
    sorted_rows: pd.DataFrame = joined.loc[places.sort_values(["run", "epoch"]).index].reset_index(drop=True)
    return sorted_rows


def _gaps(rows: pd.DataFrame) -> tuple[str, ...]:
    """Say how many runs of one task lack epochs that others have: their ``metrics.csv`` is gone or was cut."""
    counts = rows.groupby("run")["epoch"].nunique()
    few = int((counts < counts.max()).sum())
    if not few:
        return ()
    return (
        f"{few} of {len(counts)} runs lack epochs that the others have (no metrics.csv, or a part of it): what "
        "is shown by epoch is based on the others.",
    )


def _first_width(widths: object) -> float:
    text = str(widths).strip("[]() ").replace(",", " ").split()
    try:
        return float(text[0])
    except (IndexError, ValueError):
        return float("nan")

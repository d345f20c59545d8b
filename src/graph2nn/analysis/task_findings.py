"""Findings of one task and of several tasks together; page, figures and summary.json read them from here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from graph2nn.analysis.beyond.agreement import Agreement, against
from graph2nn.analysis.beyond.null_changes import null_changes
from graph2nn.analysis.beyond.null_effects import NullComparison, compare_nulls
from graph2nn.analysis.cells import CellSweetSpot, binning_of, cell_sweet_spot
from graph2nn.analysis.correlation import epoch_correlations, graph_count_correlations, task_correlations
from graph2nn.analysis.findings import Findings, collect_findings
from graph2nn.analysis.slices import SliceFit, fit_slices
from graph2nn.errors import UserError
from graph2nn.graphs.cover import Binning
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.results.evaluations import last_epoch
from graph2nn.tasks import Score

if TYPE_CHECKING:
    from graph2nn.analysis.beyond.study import Beyond


@dataclass(frozen=True)
class TaskFindings:
    """What the runs of one task say.

    Attributes:
        name: of the task.
        found: baseline, best, sweet spot, fits over all graphs.
        evaluations: every evaluation, of every epoch.
        binning: how the plane is cut for this task's graphs.
        cells: the sweet spot over coarse cells.
        slices: the two published slices.
        epochs: correlation of each epoch with the last; see :func:`epoch_correlations`.
        counts: correlation of few graphs with all; see :func:`graph_count_correlations`.
        notes: gaps, repairs, ties: what a reader must know first.
        null_changes: what the nulls of each graph change, by kind; see
            :func:`graph2nn.analysis.beyond.null_changes.null_changes`. Empty where no graph was given.
        against: the same graphs in other experiments, by their names, where such were given.
        nulls: graphs against their own nulls, by kind of null. Nulls are in nothing else that is said here.
        beyond: what the published analysis leaves open, where it was asked for.
    """

    name: str
    found: Findings
    evaluations: pd.DataFrame
    binning: Binning
    cells: CellSweetSpot
    slices: Mapping[str, SliceFit]
    epochs: pd.DataFrame
    counts: pd.DataFrame
    notes: tuple[str, ...]
    nulls: Mapping[str, NullComparison] = field(default_factory=dict)
    null_changes: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    against: Mapping[str, Agreement] = field(default_factory=dict)
    beyond: Beyond | None = None

    @property
    def runs(self) -> pd.DataFrame:
        """The checked results table: one row per run, its last epoch."""
        return self.found.results.runs

    def index_of(self, graph: str) -> int:
        """Row of a graph in its catalogue, or its place in the table for graphs of no catalogue."""
        rows = self.runs[self.runs["graph"] == graph]
        stored = rows["index"].iloc[0] if "index" in rows else float("nan")
        if pd.notna(stored):
            return int(stored)
        relational = self.runs.loc[self.runs["kind"] == "relational", "graph"]
        return list(dict.fromkeys(relational)).index(graph)


def common_score(tasks: Iterable[TaskFindings]) -> Score:
    """Return the score of several tasks: theirs if they share it, else a word for all."""
    scores = list(dict.fromkeys(task.found.score for task in tasks))
    return scores[0] if len(scores) == 1 else Score("score")


@dataclass(frozen=True)
class Study:
    """Several tasks, and how they agree.

    Attributes:
        tasks: findings by task.
        correlations: between tasks; see :func:`task_correlations`.
        left_out: tasks about which nothing can be said, and why.
        measures: one row per graph, by label, one column per measure; None where nobody measured.
    """

    tasks: Mapping[str, TaskFindings]
    correlations: pd.DataFrame
    left_out: Mapping[str, str]
    measures: pd.DataFrame | None = None


@dataclass(frozen=True)
class Known:
    """What is known about graphs in addition to their errors, for what lies beyond the published analysis.

    Attributes:
        measures: one row per graph, by label, one column per measure.
        connectomes: to place on the plane; may be empty.
        others: results tables of other experiments, by name, for the errors of the same graphs there.
        graphs: by label, nulls among them, to say what these change.
    """

    measures: pd.DataFrame
    connectomes: Mapping[str, RelationalGraph] = field(default_factory=dict)
    others: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    graphs: Mapping[str, RelationalGraph] = field(default_factory=dict)


def study(
    evaluations: Mapping[str, pd.DataFrame],
    *,
    known: Known | None = None,
    notes: Mapping[str, tuple[str, ...]] | None = None,
    ranks: Mapping[str, int] | None = None,
    seed: int = 0,
    chosen_on: Sequence[int] | None = None,
    graphs: Mapping[str, RelationalGraph] | None = None,
    step: Callable[[], object] | None = None,
) -> Study:
    """Work out what the evaluations of one or more tasks say.

    Args:
        evaluations: of each task, all epochs, columns as of ``graph2nn.results.evaluations.COLUMNS``; or a
            results table (one row per run) as of :data:`graph2nn.analysis.table.COLUMNS`.
        known: to go beyond the published analysis; left out where None.
        notes: of each task, to stand before those found here.
        ranks: see :func:`graph2nn.analysis.findings.collect_findings`.
        seed: see :func:`graph2nn.analysis.findings.collect_findings`.
        chosen_on: see :func:`graph2nn.analysis.beyond.null_effects.compare_nulls`.
        graphs: by label, nulls among them, to say what these change and to leave graphs whose nulls hardly
            differ from them out of the mean effect; those of ``known`` where None.
        step: called after each part of the work: once a task, twice with ``known``.

    Returns:
        The findings of all tasks.

    Raises:
        UserError: nothing can be said about any task; with one task, whatever is wrong with it.
    """
    by_task: dict[str, TaskFindings] = {}
    left_out: dict[str, str] = {}
    if graphs is None:
        graphs = known.graphs if known else {}
    for name, table in evaluations.items():
        try:
            rank = (ranks or {}).get(name, 0)
            task = task_findings(
                name,
                table,
                notes=(notes or {}).get(name, ()),
                rank=rank,
                seed=seed,
                chosen_on=chosen_on,
            )
            by_task[name] = _with_changes(task, graphs)
        except UserError as error:
            if len(evaluations) == 1:
                raise
            left_out[name] = str(error)
        if step:
            step()
    if not by_task:
        raise UserError(
            "analyze: no task can be analysed: " + " ".join(f"{k}: {v}" for k, v in left_out.items())
        )
    tables = {name: task.runs for name, task in by_task.items()}
    if known is not None:
        by_task = _beyond(by_task, known, seed, step)
    return Study(by_task, task_correlations(tables), left_out, known.measures if known else None)


def _with_changes(task: TaskFindings, graphs: Mapping[str, RelationalGraph]) -> TaskFindings:
    """Say what the nulls change, and leave effects that this makes uninformative out of the mean effects."""
    changes = {kind: null_changes(compared, graphs) for kind, compared in task.nulls.items()}
    nulls, said = {}, []
    for kind, compared in task.nulls.items():
        rows = changes[kind]
        nulls[kind] = compared.without(set(rows.loc[~rows["informative"].astype(bool), "graph"]))
        if nulls[kind].uninformative:
            said.append(
                f"{kind} nulls: those of {', '.join(nulls[kind].uninformative)} hardly differ from their graph "
                "(C, L, reciprocity and edges within one per cent), so it is not in the effect over all graphs."
            )
    return replace(task, nulls=nulls, null_changes=changes, notes=(*task.notes, *said))


def _beyond(
    by_task: Mapping[str, TaskFindings], context: Known, seed: int, step: Callable[[], object] | None
) -> dict[str, TaskFindings]:
    # Waits for scikit-learn, which the plain analysis does not need.
    from threadpoolctl import threadpool_limits

    from graph2nn.analysis.beyond import connectome_placement
    from graph2nn.analysis.beyond.study import study as further

    scores = connectome_placement.compare(context.connectomes) if context.connectomes else None
    deeper = {}
    for name, task in by_task.items():
        task_measures = context.measures[context.measures.index.isin(task.found.graphs["graph"])]
        # The models are small: a second thread gains nothing, and on a busy machine waits for the first.
        with threadpool_limits(1):
            done = further(
                task.found,
                measures=task_measures if len(task_measures) else None,
                connectomes=context.connectomes,
                scores=scores,
                seed=seed,
            )
        elsewhere = against(task.runs, context.others, seed=seed)
        deeper[name] = replace(task, beyond=done, against=elsewhere)
        if step:
            step()
    return deeper


def task_findings(
    name: str,
    evaluations: pd.DataFrame,
    *,
    notes: tuple[str, ...] = (),
    rank: int = 0,
    seed: int = 0,
    chosen_on: Sequence[int] | None = None,
) -> TaskFindings:
    """Work out what the evaluations of one task say; arguments are those of :func:`study`.

    Args:
        name: of the task.
        evaluations, notes, rank, seed, chosen_on: as for :func:`study`, of this task.

    Returns:
        The findings of the task.

    Raises:
        UserError: a malformed table, or no relational graph that finished.
    """
    if "epoch" in evaluations:
        table = last_epoch(evaluations)
    else:  # a results table: it must be whole as it stands, and its epochs are the only ones there are
        table, evaluations = evaluations, evaluations.rename(columns={"epochs": "epoch"})
    table, twins = _apart(table)
    evaluations = _apart(evaluations)[0]
    findings = collect_findings(table, seed=seed, rank=rank)
    nulls, lone = compared(findings.results.runs, twins, chosen_on=chosen_on)
    binning = binning_of(findings.results.runs)
    return TaskFindings(
        name=name,
        found=findings,
        evaluations=evaluations,
        binning=binning,
        cells=cell_sweet_spot(findings.results.runs, binning),
        slices=fit_slices(findings.results.runs),
        epochs=epoch_correlations(evaluations),
        counts=graph_count_correlations(findings.results.runs),
        notes=(*notes, *_gaps(findings), *_ties(findings), *lone),
        nulls=nulls,
    )


def _apart(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The graphs that stand for themselves, and the nulls: rewired graphs are no part of a catalogue."""
    if "null_of" not in table:
        return table, table.iloc[:0]
    null = table["null_of"].notna()
    return table[~null].reset_index(drop=True), table[null].reset_index(drop=True)


def compared(
    runs: pd.DataFrame, twins: pd.DataFrame, *, chosen_on: Sequence[int] | None = None
) -> tuple[dict[str, NullComparison], list[str]]:
    """Compare graphs with their nulls, kind by kind; and say of what there are too few.

    Args:
        runs: results table of the graphs, one row per run.
        twins: results table of the nulls, ``null_of`` naming the graph of each. A null's name begins with its
            kind, as :func:`graph2nn.experiments.null_selection.plan_nulls` makes it.
        chosen_on: see :func:`graph2nn.analysis.beyond.null_effects.compare_nulls`.

    Returns:
        Comparisons by kind, and notes.
    """
    comparisons: dict[str, NullComparison] = {}
    said: list[str] = []
    of_these = twins[twins["null_of"].isin(runs["graph"])] if len(twins) else twins
    for kind, of_kind in (
        of_these.groupby(of_these["graph"].str.partition(" ")[0], sort=True) if len(of_these) else ()
    ):
        pairs = of_kind[["null_of", "graph"]].drop_duplicates().set_axis(["graph", "null"], axis=1)
        try:
            table = pd.concat([runs, of_kind], ignore_index=True)
            comparisons[str(kind)] = compare_nulls(table, pairs, chosen_on=chosen_on)
            said += [*comparisons[str(kind)].refused.values(), *filter(None, [comparisons[str(kind)].note])]
        except UserError as error:
            said.append(str(error))
    if len(of_these) < len(twins):
        lost = ", ".join(sorted(set(twins["null_of"]) - set(of_these["null_of"])))
        said.append(f"Nulls of {lost} are left out: there is no finished run of the graph itself.")
    return comparisons, said


def _gaps(by_task: Findings) -> list[str]:
    """Say what the table lacks and what that means."""
    said = []
    if by_task.baseline is None:
        said.append("There is no dense baseline among the runs, so no gain can be told.")
    seeds = by_task.graphs["seeds"]
    if seeds.max() == 1:
        said.append(_one_seed(by_task))
    elif seeds.min() < seeds.max():
        few = int((seeds < seeds.max()).sum())
        said.append(
            f"{few} of {len(seeds)} graphs have fewer training seeds than the {int(seeds.max())} of others."
        )
    return said


def _one_seed(findings: Findings) -> str:
    """Say what there is and what there is not where every graph has one run."""
    said = "Every graph has one training seed, so no graph has a spread or an interval of its own"
    if findings.baseline is None:
        return f"{said}."
    every = findings.judged.all_graphs
    lacking = [] if len(findings.judged.pooled) else ["test of single graphs"]
    if every is None or not math.isfinite(every.low):
        lacking.append("interval of the mean gain of all graphs")
    return f"{said}" + (f", and there is no {' and no '.join(lacking)}." if lacking else ".")


def _ties(findings: Findings, among: int = 10) -> list[str]:
    """Name exact ties among the first graphs: which of them is called best is then a matter of order."""
    top = findings.graphs.head(among)
    said = []
    if findings.rank and findings.chosen_on == "test":
        first = findings.graphs.iloc[0]
        said.append(
            f"Best is number {findings.rank + 1} of a stable sort by mean error, {findings.best['graph']}, as "
            f"published; the lowest mean is that of {first['graph']}, {first['mean']:.3f} %."
        )
    unit = findings.score.unit if findings.score.unit == "%" else findings.score.name
    ties = [
        f"{' and '.join(rows['graph'])} tie exactly at {rows['mean'].iloc[0]:.3f} {unit}"
        for _, rows in top.groupby("mean", sort=True)
        if len(rows) > 1
    ]
    if ties:
        said.append(f"{'; '.join(ties)}; catalogue order decides.")
    return said

"""Build a report from a folder of runs or from the published results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

import pandas as pd

from graph2nn.analysis.task_findings import Known, Study, study
from graph2nn.errors import UserError, unknown
from graph2nn.experiments.presets import PRESETS
from graph2nn.graphs.components import isolated_nodes
from graph2nn.graphs.connectomes import connectome, on_this_machine
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.measure_tables import measured
from graph2nn.progress import Bar
from graph2nn.report.highlight import highlighted, labels_to_highlight
from graph2nn.report.ladder_section import Comparison, comparisons, ladder_files, ladder_record, write_page
from graph2nn.report.ladder_section import section as ladders
from graph2nn.report.phrasing import plural
from graph2nn.report.plan_findings import (
    PlanFindings,
    as_planned,
    plan_findings,
    plan_record,
    planned_table,
    section,
)
from graph2nn.report.report_folder import refuse_early, write_report
from graph2nn.results.evaluations import Evaluations, of_runs
from graph2nn.results.filters import choose
from graph2nn.results.published import holds_results, is_published, read_published
from graph2nn.results.run_folder import results_home
from graph2nn.results.validation import curves_of, runs_of, unfinished

#: Larger graphs keep C and L alone: all measures of 2,952 nodes take minutes, and a study has many nulls.
MEASURED_NODES = 1000


def report(
    results: Path | str,
    out: Path | str,
    *,
    tasks: Sequence[str] = (),
    where: Sequence[str] = (),
    title: str | None = None,
    notes: Sequence[str] = (),
    data: Path | str | None = None,
    against: Path | str | None = None,
    plan: Path | str | None = None,
    margin: float | None = None,
    chosen_on: Sequence[int] | None = None,
    highlight: Sequence[str] = (),
    formats: Sequence[str] = ("png",),
    style: str = "page",
    command: str | None = None,
) -> Path:
    """Write the report of ``results`` into ``out`` and return its page.

    Args:
        results: folder of runs, as ``train`` and ``sweep`` write it; or the published raw results: their
            archive, the folder it unpacks to, or the word ``published``.
        out: folder of the report.
        tasks: these only; all there are when empty.
        where: ``column=value`` conditions on the table of runs, or of published evaluations; all must hold.
        title: headline; models and data if left out.
        notes: remarks to put first.
        data: folder that may hold the connectomes, to place them on the plane.
        against: other results, as ``results`` may be, for the errors of the same graphs there.
        plan: the plan of these runs: its tests come first, and what was not planned is labelled so.
        margin: of equivalence of a connectome of neurons with its nulls and dense networks, in the unit of the
            score; a plan with margins of its own takes none.
        chosen_on: training seeds that chose the graphs with nulls, left out where these are compared; empty:
            the graphs were chosen without these runs.
        highlight: graphs to mark on the map, in the tables and in the atlas: labels of the results, or what
            names such a graph to other commands, as the file it was read from.
        formats: of the figure files, of ``png``, ``pdf`` and ``svg``.
        style: ``page``, or ``paper`` for a folder ``paper`` with vector figures, LaTeX tables and BibTeX too.
        command: what to name as the page's origin.

    Returns:
        The path of ``index.html``.

    Raises:
        UserError: nothing to analyse, a graph to highlight that is not among the results, damaged files, runs
            that were made in different ways, an unknown format, or an ``out`` that cannot be written to.

    Example:
        >>> report("runs", "report")  # doctest: +SKIP
    """
    out, plan = Path(out), None if plan is None else Path(plan)
    data = None if data is None else Path(data)
    # Reading and studying may take a minute: what is wrong with the rest is said first.
    refuse_early(out, formats, style)
    _refuse_margin(margin)
    results = _home(results)
    if data is not None and not data.exists():
        raise UserError(f"--data: {data} does not exist; name a folder that may hold the connectomes.")
    planned = None if plan is None else _planned(results, plan, where, data)
    # Before the comparison, which takes a minute.
    if margin is not None and planned is not None and any(test.margin for test in planned.plan.tests):
        raise UserError(f"analyze: {plan} has its own margins of equivalence; leave --margin out.")
    made = [] if is_published(results) else _connectomes(Path(results), where, planned, margin)
    if margin is not None:
        _check_margin(made)
    if made and (planned is not None or len({each.found.data for each in made}) > 1):
        return write_page(
            made, out,
            title=title or ("Does the wiring matter?" if planned is None else planned.plan.title),
            notes=[*([] if planned is None else planned.notes()), *notes],
            first=[] if planned is None else [section(planned)],
            more=None if planned is None else {"plan": plan_record(planned)},
            command=command, formats=formats, style=style,
            paper=None if planned is None else {"planned": planned_table(planned)},
        )  # fmt: skip
    evaluations = read_evaluations(
        results, tasks=tasks, where=where, only=None if planned is None else planned.common
    )
    graphs = {label: spec.build() for label, spec in evaluations.graphs.items()}
    nulls = _nulls(evaluations)
    labels = [label for label in _labels(evaluations) if label not in nulls and label in graphs]
    marked = labels_to_highlight(highlight, labels, graphs, nulls=nulls, data=data)
    said = _studied(evaluations, graphs, data=data, against=against, chosen_on=chosen_on)
    with Bar("drawing", 0) as bar:

        def drawn(_done: int, every: int) -> None:
            bar.total = every
            bar.update()

        return write_report(
            highlighted(said, marked), out,
            graphs=graphs,
            title=title or (_title(results) if planned is None else planned.plan.title),
            notes=[
                *([] if planned is None else planned.notes()), *notes, *_unfinished(results),
                *_off_plane(graphs, nulls),
                *_unmeasured(graphs),
                *_directed({label: graph for label, graph in graphs.items() if label not in nulls}),
            ],
            formats=formats, style=style, command=command, step=drawn,
            first=[ladders(made)] if planned is None else [section(planned)],
            planned=planned is not None,
            more={
                **({"ladder": ladder_record(made)} if made else {}),
                **({} if planned is None else {"plan": plan_record(planned)}),
            },
            paper=None if planned is None else {"planned": planned_table(planned)},
            also=ladder_files(made, formats),
        )  # fmt: skip


def _labels(evaluations: Evaluations) -> list[str]:
    return [str(label) for label in evaluations.table["graph"].unique()]


def _studied(
    evaluations: Evaluations,
    graphs: Mapping[str, RelationalGraph],
    *,
    data: Path | None,
    against: Path | str | None,
    chosen_on: Sequence[int] | None,
) -> Study:
    """Study all tasks, with the connectomes that are on this machine: a report does not wait for downloads."""
    connectomes = {name: connectome(name, symmetrised=True, data=data) for name in on_this_machine(data)}
    others = {} if against is None else _last_of_each(against)
    small = {label: graph for label, graph in graphs.items() if graph.n <= MEASURED_NODES}
    measures = measured(small).set_index("graph").reindex(list(graphs))
    context = Known(measures, connectomes, others, graphs)
    tables = {task: evaluations.of(task) for task in evaluations.tasks}
    with Bar("analysing", 2 * len(tables)) as bar:
        return study(
            tables, known=context, notes=evaluations.notes, ranks=evaluations.ranks, chosen_on=chosen_on,
            step=bar.update,
        )  # fmt: skip


def _title(results: Path | str) -> str | None:
    """Headline of published results; None leaves it to models and data."""
    if not is_published(results):
        return None
    if holds_results(Path(results)):
        return f"Results of the published code in {Path(results).resolve().name}"
    return "The published results of Graph Structure of Neural Networks"


def _unfinished(results: Path | str) -> list[str]:
    """Say how many of our own runs are left out because they have not ended."""
    started = [] if is_published(results) else unfinished(Path(results))
    if not started:
        return []
    return [f"{plural(len(started), 'run')} had not ended when this was written: left out."]


def _refuse_margin(margin: float | None) -> None:
    if margin is not None and not (isfinite(margin) and margin > 0):
        raise UserError(f"analyze: --margin {margin:g} is not a margin of equivalence; give a number above 0.")


def _check_margin(made: Sequence[Comparison]) -> None:
    """Raise a UserError for a margin that nothing uses, or that would have two units."""
    if not made:
        raise UserError(
            "analyze: --margin is for a connectome of neurons and its nulls (connectome-rnn), and these "
            "results have no such comparison; leave it out."
        )
    if len(units := sorted({each.score.difference for each in made})) > 1:
        raise UserError(
            f"analyze: --margin cannot be in {' and '.join(units)} at once; select one data set with --where "
            f"'data={made[0].found.data}'."
        )


def _connectomes(
    results: Path, where: Sequence[str], planned: PlanFindings | None, margin: float | None
) -> list[Comparison]:
    """Connectomes of neurons among the runs, against their nulls and dense networks."""
    runs = choose(runs_of(results), where)
    margins = {} if margin is None else {str(label): margin for label in runs["data"].unique()}
    if planned is not None and margin is None:
        margins = {
            planned.plan.part_data[test.part]: test.margin
            for test in planned.plan.tests
            if test.margin is not None and test.part in planned.plan.part_data
        }
    if planned is None:
        return comparisons(results, runs, margins=margins)
    made = comparisons(results, runs, margins=margins, alpha=planned.plan.rules.alpha)
    return [replace(each, found=as_planned(each.found, planned)) for each in made]


def _home(results: Path | str) -> Path | str:
    """The folder of results that ``results`` means; what is published stays as it is."""
    return results if is_published(results) else results_home(Path(results))


def _planned(results: Path | str, plan: Path, where: Sequence[str], data: Path | None) -> PlanFindings:
    if is_published(results):
        raise UserError("analyze: the published results belong to no plan; leave --plan out.")
    runs = choose(runs_of(Path(results)), where)
    return plan_findings(plan, runs, curves_of(Path(results)), data=data)


def _nulls(evaluations: Evaluations) -> dict[str, str]:
    """Labels of the nulls among the results, and whose they are."""
    if "null_of" not in evaluations.table:
        return {}
    rows = evaluations.table[evaluations.table["null_of"].notna()].drop_duplicates("graph")
    return {str(label): str(whose) for label, whose in zip(rows["graph"], rows["null_of"], strict=True)}


def _directed(graphs: Mapping[str, RelationalGraph]) -> list[str]:
    """Say of which graphs C and L are, where some are directed."""
    labels = [label for label, graph in graphs.items() if graph.directed]
    if not labels:
        return []
    return [
        f"C and L of directed graphs ({_some(labels)}) are those of the symmetrised graph, as in the paper: an "
        "edge wherever there is one in either direction. The values along the edges, with the directed "
        "clustering of Fagiolo (2007), are printed by graph2nn graphs show. Other measures of directed graphs "
        "say in their names which of the two they are."
    ]


def _unmeasured(graphs: Mapping[str, RelationalGraph]) -> list[str]:
    """Say which graphs were too large for the measures other than C and L."""
    labels = [label for label, graph in graphs.items() if graph.n > MEASURED_NODES]
    if not labels:
        return []
    return [
        f"Of graphs of more than {MEASURED_NODES:,} nodes ({_some(labels)}) no measure is shown but C and L; "
        "graph2nn graphs show GRAPH measures one of them."
    ]


def _off_plane(graphs: Mapping[str, RelationalGraph], nulls: Mapping[str, str]) -> list[str]:
    """Say which graphs fall into parts, what the L in their tables is, and what does not show them."""
    wholes = {
        label: graph.symmetrised() if graph.directed else graph
        for label, graph in graphs.items()
        if graph.origin is None  # WS-flex graphs are drawn until they are connected
    }
    parts = {label: whole.paths for label, whole in wholes.items() if whole.reachable < 1}
    alone = {label: _isolated(wholes[label]) for label in parts}
    not_nulls = [label for label in parts if label not in nulls]
    notes = [
        f"Graph {label} falls into parts, so it is off the (C, L) plane: "
        f"{100 * parts[label].reachable:.3g} % of its ordered pairs of nodes have a path, and its L "
        f"({parts[label].mean:.3f}) is the mean over these.{alone[label]}"
        for label in not_nulls[:_NAMED]
    ]
    if len(not_nulls) > _NAMED:
        notes.append(f"So do {_some(not_nulls[_NAMED:])}; the column of pairs with a path has their shares.")
    if not_nulls:
        notes.append(
            "Maps, cells, the published rectangle, parabolas and fitted surfaces are of the graphs on "
            "the plane alone; ranking, gains, tests and comparisons with nulls are of all."
        )
    if lost := len(parts) - len(not_nulls):
        notes.append(f"{lost} of {plural(len(nulls), 'null')} fall into parts as well, which changes no test.")
    return notes


def _isolated(graph: RelationalGraph) -> str:
    """Name the nodes of a graph that have no edge."""
    alone = isolated_nodes(graph.adjacency, graph.node_names)
    return f" {plural(len(alone), 'node')} without an edge: {_some(alone)}." if alone else ""


#: Graphs or nodes that a note names one by one.
_NAMED = 5


def _some(labels: Sequence[str]) -> str:
    more = len(labels) - _NAMED
    return ", ".join(labels[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _last_of_each(results: Path | str) -> dict[str, pd.DataFrame]:
    """Results tables of all tasks of other results, without their nulls."""
    evaluations = read_evaluations(results)
    tables = {task: evaluations.last(task) for task in evaluations.tasks}
    return {
        task: table[table["null_of"].isna()] if "null_of" in table else table for task, table in tables.items()
    }


def read_evaluations(
    results: Path | str,
    *,
    tasks: Sequence[str] = (),
    where: Sequence[str] = (),
    only: frozenset[str] | None = None,
) -> Evaluations:
    """Read a folder of runs or the published results; arguments are those of :func:`report`.

    ``only`` names the runs to read; all of them where None.

    Args:
        results, tasks, where: as for :func:`report`.
        only: names of the runs to read; None for all.

    Returns:
        The evaluations.

    Raises:
        UserError: nothing there, damaged files, an unknown task, a condition that nothing meets.
    """
    results = _home(results)
    if is_published(results):
        published = read_published(results, tasks=tasks)
        return (
            published
            if not where
            else Evaluations(choose(published.table, where), published.graphs, published.notes, published.ranks)
        )
    table = choose(runs_of(Path(results)), where)
    if only is not None:
        table = table[table["run"].isin(list(only))].reset_index(drop=True)
    for task in tasks:
        if task not in set(table["preset"]):
            raise unknown("analyze: task", task, set(table["preset"]))
    kept = table[table["preset"].isin(tasks)] if tasks else table
    return of_runs(Path(results), kept, preset_notes={name: preset.notes for name, preset in PRESETS.items()})

"""Build a report from a folder of runs or from the published results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from graph2nn.analysis.tasks import Known, study
from graph2nn.errors import UserError, unknown
from graph2nn.experiments.presets import PRESETS
from graph2nn.graphs.connectomes import connectome, on_this_machine
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.table import measured
from graph2nn.progress import Bar
from graph2nn.report.phrasing import plural
from graph2nn.report.plan_findings import PlanFindings, plan_findings, record, section
from graph2nn.report.write import refuse_early, write_report
from graph2nn.results.evaluations import Evaluations, of_runs
from graph2nn.results.filters import choose
from graph2nn.results.published import is_published, read_published
from graph2nn.results.validation import curves_of, runs_of, unfinished


def report(
    results: Path | str,
    out: Path,
    *,
    tasks: Sequence[str] = (),
    where: Sequence[str] = (),
    title: str | None = None,
    notes: Sequence[str] = (),
    data: Path | None = None,
    against: Path | str | None = None,
    plan: Path | None = None,
    chosen_on: Sequence[int] | None = None,
    formats: Sequence[str] = ("png",),
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
        chosen_on: training seeds that chose the graphs with nulls, left out where these are compared; empty:
            the graphs were chosen without these runs.
        formats: of the figure files, of ``png``, ``pdf`` and ``svg``.
        command: what to name as the page's origin.

    Returns:
        The path of ``index.html``.

    Raises:
        UserError: nothing to analyse, damaged files, runs that were made in different ways, an unknown format,
            or an ``out`` that cannot be written to.

    Example:
        >>> report("runs", Path("report"))  # doctest: +SKIP
    """
    # Reading and studying may take a minute: what is wrong with the rest is said first.
    refuse_early(out, formats)
    if data is not None and not data.exists():
        raise UserError(f"--data: {data} does not exist; name a folder that may hold the connectomes.")
    planned = None if plan is None else _planned(results, plan, where, data)
    found = read_evaluations(
        results, tasks=tasks, where=where, only=None if planned is None else planned.common
    )
    graphs = {label: spec.build() for label, spec in found.graphs.items()}
    # Connectomes that are not here are left out: a report does not wait for downloads.
    brains = {name: connectome(name, symmetrised=True, data=data) for name in on_this_machine(data)}
    others = {} if against is None else _last_of_each(against)
    known = Known(measured(graphs).set_index("graph"), brains, others)
    if is_published(results):
        title = title or "The published results of Graph Structure of Neural Networks"
    elif started := unfinished(Path(results)):
        notes = [*notes, f"{plural(len(started), 'run')} had not ended when this was written: left out."]
    if planned is not None:
        notes = [*planned.notes(), *notes]
    notes = [*notes, *_off_plane(graphs)]
    tables = {task: found.of(task) for task in found.tasks}
    with Bar("analysing", 2 * len(tables)) as bar:
        said = study(
            tables, known=known, notes=found.notes, ranks=found.ranks, chosen_on=chosen_on, step=bar.update
        )
    with Bar("drawing", 0) as bar:

        def drawn(_done: int, every: int) -> None:
            bar.total = every
            bar.update()

        return write_report(
            said,
            out,
            graphs=graphs,
            title=title,
            notes=notes,
            formats=formats,
            command=command,
            step=drawn,
            first="" if planned is None else section(planned),
            more=None if planned is None else {"plan": record(planned)},
        )


def _planned(results: Path | str, plan: Path, where: Sequence[str], data: Path | None) -> PlanFindings:
    if is_published(results):
        raise UserError("analyze: the published results belong to no plan; leave --plan out.")
    runs = choose(runs_of(Path(results)), where)
    return plan_findings(plan, runs, curves_of(Path(results)), data=data)


def _off_plane(graphs: Mapping[str, RelationalGraph]) -> list[str]:
    """Say which graphs fall into parts, and what the L in their tables is."""
    notes = []
    for label, graph in graphs.items():
        if graph.origin is not None:  # WS-flex graphs are drawn until they are connected
            continue
        whole = graph.symmetrised() if graph.directed else graph
        if whole.reachable < 1:
            notes.append(
                f"Graph {label} falls into parts, so it is off the (C, L) plane: {100 * whole.reachable:.3g} % "
                "of its ordered pairs of nodes have a path, and its L "
                f"({whole.paths.mean:.3f}) is the mean over these."
            )
    return notes


def _last_of_each(results: Path | str) -> dict[str, pd.DataFrame]:
    """Results tables of all tasks of other results, without their nulls."""
    found = read_evaluations(results)
    tables = {task: found.last(task) for task in found.tasks}
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

    Raises:
        UserError: nothing there, damaged files, an unknown task, a condition that nothing meets.
    """
    if is_published(results):
        found = read_published(results, tasks=tasks)
        return (
            found
            if not where
            else Evaluations(choose(found.table, where), found.graphs, found.notes, found.ranks)
        )
    table = choose(runs_of(Path(results)), where)
    if only is not None:
        table = table[table["run"].isin(list(only))].reset_index(drop=True)
    for task in tasks:
        if task not in set(table["preset"]):
            raise unknown("analyze: task", task, set(table["preset"]))
    kept = table[table["preset"].isin(tasks)] if tasks else table
    return of_runs(Path(results), kept, preset_notes={name: preset.notes for name, preset in PRESETS.items()})

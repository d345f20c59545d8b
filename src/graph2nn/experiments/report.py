"""A report of a folder of runs: collects what the analysis room needs from the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from graph2nn.analysis.report import write_report
from graph2nn.errors import UserError, unknown
from graph2nn.experiments.presets import PRESETS
from graph2nn.experiments.results import read_config, read_curves, read_runs


def report(
    results: Path,
    out: Path,
    *,
    where: Sequence[str] = (),
    title: str | None = None,
    notes: Sequence[str] = (),
    command: str | None = None,
) -> Path:
    """Write the report of the finished runs in ``results`` into ``out`` and return its page.

    Args:
        results: folder of runs, as ``train`` and ``sweep`` write it.
        out: folder of the report.
        where: ``column=value`` conditions on the table of runs; all must hold.
        title: headline; model and data if left out.
        notes: remarks to put first, after those of the preset.
        command: what to name as the page's origin.

    Raises:
        UserError: no such run, or runs that were made in different ways.
    """
    table = choose(read_runs(results), where)
    one_experiment(table)
    # One run of each graph is enough: a large sweep has thousands of configs.
    configs = [read_config(results, run) for run in table.drop_duplicates("graph")["run"]]
    graphs = {config.graph.name: config.graph.build() for config in configs if config.graph}
    preset = PRESETS.get(table["preset"].iloc[0])
    return write_report(
        table,
        out,
        graphs=graphs,
        curves=read_curves(results),
        title=title or f"{table['model'].iloc[0]} on {table['data'].iloc[0]}",
        notes=[*(preset.notes if preset else ()), *notes],
        command=command,
    )


def choose(table: pd.DataFrame, where: Sequence[str]) -> pd.DataFrame:
    """Keep the rows for which every ``column=value`` holds; values are compared as they are printed.

    Raises:
        UserError: not a condition, no such column, or nothing left.
    """
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals:
            raise UserError(f"--where: {condition!r} is no condition; write column=value, such as epochs=200.")
        if column not in table:
            raise unknown("--where: column", column, table.columns)
        kept = table[table[column].map(_shown) == value]
        if kept.empty:
            there = ", ".join(sorted({_shown(cell) for cell in table[column]})[:8])
            raise UserError(f"--where: no run has {column} = {value}; there are {there}.")
        table = kept
    return table.reset_index(drop=True)


def one_experiment(table: pd.DataFrame) -> None:
    """Refuse runs that differ in more than graph and seed, and say how to choose among them.

    Raises:
        UserError: there are several experiments.
    """
    kinds = table.groupby("experiment", sort=False)
    if len(kinds) < 2:
        return
    shown = "; ".join(
        f"{name}: {len(runs)} runs of {runs['preset'].iloc[0]}, {runs['epochs'].max()} epochs"
        for name, runs in kinds
    )
    raise UserError(
        f"results: the runs come from {len(kinds)} experiments, whose errors cannot be compared ({shown}). "
        f"Choose one with --where experiment={table['experiment'].iloc[0]}."
    )


def _shown(cell: object) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)

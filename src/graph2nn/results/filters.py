"""Filters: conditions on the rows of a table, and checks that runs can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from graph2nn.errors import UserError, unknown


def choose(table: pd.DataFrame, where: Sequence[str]) -> pd.DataFrame:
    """Keep the rows for which every ``column=value`` and ``column!=value`` holds.

    Values are compared as they are printed.

    Raises:
        UserError: not a condition, no such column, or nothing left.
    """
    for condition in where:
        column, equals, value = condition.partition("=")
        sign = "≠" if column.endswith("!") else "="
        column = column.removesuffix("!")
        if not equals:
            raise UserError(f"--where: {condition!r} is not a condition; write column=value or column!=value.")
        if column not in table:
            raise unknown("--where: column", column, table.columns)
        kept = table[(table[column].map(_shown) == value) == (sign == "=")]
        if kept.empty:
            there = ", ".join(sorted({_shown(cell) for cell in table[column]})[:8])
            raise UserError(f"--where: no run has {column} {sign} {value}; there are {there}.")
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

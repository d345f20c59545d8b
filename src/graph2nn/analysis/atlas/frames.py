"""Results tables as evaluations: what the atlas reads, from the table a single-task report has."""

from __future__ import annotations

import pandas as pd

from graph2nn.errors import UserError

_CURVE = ("run", "epoch", "test_error")


def of_results(runs: pd.DataFrame, curves: pd.DataFrame | None = None, *, task: str) -> pd.DataFrame:
    """Return evaluations of one task: the last ones from its results table, earlier ones from learning curves.

    Args:
        runs: one row a finished run; columns :data:`graph2nn.analysis.table.COLUMNS`.
        curves: ``run, epoch, test_error``, a row an epoch; epochs without a test error are left out.
        task: what to call it.

    Raises:
        UserError: the curves lack a column.
    """
    last = runs.rename(columns={"epochs": "epoch"}).assign(task=task)
    if curves is None or curves.empty:
        return last.reset_index(drop=True)
    absent = [name for name in _CURVE if name not in curves]
    if absent:
        raise UserError(f"atlas: the learning curves have no column {absent[0]!r}.")
    own = last.drop(columns=["epoch", "test_error", "test_error_top5"], errors="ignore")
    columns = [name for name in (*_CURVE, "test_error_top5") if name in curves]
    earlier = curves.loc[curves["test_error"].notna(), columns].merge(own, on="run")
    ends = earlier["run"].map(last.set_index("run")["epoch"])
    earlier = earlier[earlier["epoch"] < ends]
    return pd.concat([earlier.astype({"epoch": float}), last.astype({"epoch": float})], ignore_index=True)

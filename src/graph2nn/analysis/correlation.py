"""How well one experiment predicts another: across tasks, across epochs, with few graphs for many."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.analysis.cells import LEVELS, binning_of, cell_of
from graph2nn.analysis.table import MAP_COLUMNS, checked_results, on_plane
from graph2nn.errors import UserError
from graph2nn.graphs.catalogues import PUBLISHED, catalogue
from graph2nn.graphs.cover import Binning

#: Fewer shared points than this say nothing about a correlation.
_FEWEST = 3


def shared_cells(
    one: pd.DataFrame, other: pd.DataFrame, *, binning: Binning | None = None, baseline: bool = True
) -> pd.DataFrame:
    """Mean errors of two results tables in the coarse cells that both occupy.

    Args:
        one: a results table, one row per run.
        other: another.
        binning: of the plane; by default that of the table with more nodes.
        baseline: count the baseline, where both have one, as a point of its own (as published).

    Returns:
        Columns ``i, j, C, L, one, other``: cell, where the graphs of ``one`` lie in it on average, and the
        mean over graphs of their mean errors (%).
    """
    if binning is None:
        binning = binning_of(pd.concat([one, other], ignore_index=True))
    means = [_by_cell(table, binning, baseline) for table in (one, other)]
    columns = {"mean_one": "one", "mean_other": "other", "C_one": "C", "L_one": "L"}
    shared = means[0].merge(means[1], on=["i", "j"], suffixes=("_one", "_other")).rename(columns=columns)
    return shared[["i", "j", "C", "L", "one", "other"]]


def task_correlations(tasks: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Pearson correlation of mean error between tasks over their shared coarse cells (paper, section 5.3).

    Graphs of different sizes share cells by their C and L. NaN with fewer than three shared cells.

    Returns:
        A square table with the tasks as index and columns.
    """
    names = list(tasks)
    matrix = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
    for place, one in enumerate(names):
        for other in names[:place]:
            shared = shared_cells(tasks[one], tasks[other])
            matrix.loc[one, other] = matrix.loc[other, one] = pearson(shared["one"], shared["other"])
    return matrix


def epoch_correlations(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Pearson correlation of mean error after each epoch with that after the last (paper, section 5.4).

    Over all graphs evaluated at both epochs, the baseline among them.

    Args:
        evaluations: all epochs of one task, with columns ``graph, epoch, test_error``.

    Returns:
        One row an evaluated epoch but 0 (before training): ``epoch``; ``graphs``; ``correlation``;
        ``cost_saved``, the share of the training that stopping there saves.
    """
    means = evaluations.groupby(["epoch", "graph"])["test_error"].mean().unstack("graph")
    means = means[means.index > 0]
    if means.empty:
        return pd.DataFrame(columns=["epoch", "graphs", "correlation", "cost_saved"])
    last = means.iloc[-1]
    epochs = means.index.to_numpy(dtype=np.int64)
    rows = [
        {
            "epoch": int(epoch),
            "graphs": int((row.notna() & last.notna()).sum()),
            "correlation": pearson(row, last),
            "cost_saved": 1 - int(epoch) / int(epochs[-1]),
        }
        for epoch, (_, row) in zip(epochs, means.iterrows(), strict=True)
    ]
    return pd.DataFrame(rows)


def graph_count_correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Pearson correlation of cell means from few graphs with those from all (paper, section 5.4).

    The few are the graphs of the smaller catalogues, or, for graphs of no catalogue, those nearest the
    centres of the coarse cells. The baseline, the same number on both sides, is left out.

    Args:
        table: a results table with ``catalogue`` and ``index``, as ``Evaluations.last`` gives it.

    Returns:
        One row a smaller set: ``graphs`` (how many the table has of it), ``cells``, ``correlation``,
        ``cost_saved`` (share of the training runs). Empty where the table has no larger set.
    """
    runs = checked_results(table, columns=MAP_COLUMNS).runs
    runs = on_plane(runs[runs["kind"] == "relational"])
    name = next((str(name) for name in runs.get("catalogue", pd.Series(dtype=object)).dropna()), "")
    binning, count = binning_of(runs), runs["graph"].nunique()
    rows = []
    for few in smaller_catalogues(name):
        part = runs[runs["index"].isin(_indices(few, name))]
        shared = shared_cells(part, runs, binning=binning, baseline=False) if len(part) else pd.DataFrame()
        if len(shared) >= _FEWEST:
            graphs = part["graph"].nunique()
            rows.append(
                {
                    "graphs": graphs,
                    "cells": len(shared),
                    "correlation": pearson(shared["one"], shared["other"]),
                    "cost_saved": 1 - graphs / count,
                }
            )
    return pd.DataFrame(rows, columns=["graphs", "cells", "correlation", "cost_saved"])


def graph_count_curve(table: pd.DataFrame, *, seed: int = 1) -> pd.DataFrame:
    """Pearson correlation of cell means with those from all graphs, after each further graph (section 5.4).

    The graphs of the smallest catalogue come first, all at once; then the others one by one, in random order.
    Cells are those that the first ones occupy, as published: from 52 graphs to 3,942 this is the whole curve,
    of which :func:`graph_count_correlations` has the points at catalogues.

    Args:
        table: a results table with ``catalogue`` and ``index``, as ``Evaluations.last`` gives it.
        seed: of the order of the further graphs.

    Returns:
        Columns ``graphs`` (how many) and ``correlation``, one row per number of graphs. Empty where the table
        has no larger set, or the first graphs occupy fewer than three cells.
    """
    nothing = pd.DataFrame({"graphs": pd.Series(dtype=np.int64), "correlation": pd.Series(dtype=np.float64)})
    runs = checked_results(table, columns=MAP_COLUMNS).runs
    runs = on_plane(runs[runs["kind"] == "relational"])
    name = next((str(name) for name in runs.get("catalogue", pd.Series(dtype=object)).dropna()), "")
    smaller = smaller_catalogues(name)
    if not smaller:
        return nothing
    graphs = runs.groupby("graph", sort=False).agg(
        index=("index", "first"), C=("clustering", "first"), L=("path_length", "first"),
        mean=("test_error", "mean"),
    )  # fmt: skip
    first = graphs["index"].isin(_indices(smaller[0], name)).to_numpy()
    others = np.random.RandomState(seed).permutation(np.flatnonzero(~first))
    order = np.concatenate([np.flatnonzero(first), others])
    at = cell_of(graphs["C"], graphs["L"], binning_of(runs))[order]
    occupied = np.unique(at[: first.sum()], axis=0)
    if len(occupied) < _FEWEST:
        return nothing
    inside = (at[:, None] == occupied[None]).all(axis=2)  # [graphs, cells]
    sums = np.cumsum(inside * graphs["mean"].to_numpy(dtype=np.float64)[order, None], axis=0)
    means = (sums / np.maximum(np.cumsum(inside, axis=0), 1))[first.sum() - 1 :]
    counts = np.arange(first.sum(), len(order) + 1)
    return pd.DataFrame({"graphs": counts, "correlation": [pearson(row, means[-1]) for row in means]})


def smaller_catalogues(name: str) -> list[str]:
    """Published catalogues of the same sweep that are coarser than ``name``, coarsest first."""
    if name not in PUBLISHED:
        return []
    coarser = LEVELS[: LEVELS.index(PUBLISHED[name])]
    return [other for other, level in PUBLISHED.items() if other[:3] == name[:3] and level in coarser]


def pearson(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Pearson's correlation over the pairs that are finite; NaN for fewer than three or without spread."""
    both = np.array([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    both = both[:, np.isfinite(both).all(axis=0)]
    if both.shape[1] < _FEWEST or (np.ptp(both, axis=1) == 0).any():
        return float("nan")
    return float(np.corrcoef(both)[0, 1])


def _by_cell(table: pd.DataFrame, binning: Binning, baseline: bool) -> pd.DataFrame:
    runs = checked_results(table, columns=MAP_COLUMNS).runs
    if not baseline:
        runs = runs[runs["kind"] == "relational"]
    if runs.empty:
        raise UserError("correlation: the table holds no graph that finished.")
    graphs = (
        on_plane(runs)
        .groupby("graph", sort=False)
        .agg(
            clustering=("clustering", "first"),
            path_length=("path_length", "first"),
            mean=("test_error", "mean"),
        )
    )
    at = cell_of(graphs["clustering"], graphs["path_length"], binning)
    cells = graphs.assign(i=at[:, 0], j=at[:, 1]).groupby(["i", "j"])
    return cells.agg(C=("clustering", "mean"), L=("path_length", "mean"), mean=("mean", "mean")).reset_index()


def _indices(few: str, name: str) -> set[int]:
    """Rows of catalogue ``name`` that are in ``few``."""
    columns = ["n", "sparsity", "p", "seed"]
    rows = {row: place for place, row in enumerate(catalogue(name)[columns].itertuples(index=False, name=None))}
    return {rows[row] for row in catalogue(few)[columns].itertuples(index=False, name=None) if row in rows}

"""The (C, L) plane in cells: mean error per cell, and the cells that are not worse than the best one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.analysis import significance
from graph2nn.analysis.table import MAP_COLUMNS, checked_results, on_plane
from graph2nn.errors import UserError, unknown
from graph2nn.graphs.cover import SIDE, Binning, Level, default_binning

#: How finely the plane is cut, from 15 × 15 cells (for 64 nodes) to 135 × 135.
LEVELS: tuple[Level, ...] = get_args(Level)
_CUTS: dict[str, int] = {"coarse": 1, "medium": 3, "fine": SIDE}


@dataclass(frozen=True)
class CellSweetSpot:
    """The sweet spot at the resolution of cells: each cell's runs, pooled, against those of the best cell.

    Attributes:
        best: cell with the lowest mean error, as (i, j).
        cells: the cells inside, rows of :func:`cell_means`; the best is one of them.
        occupied: cells that hold a graph.
        compared: cells that could be tested against the best.
        C_min, C_max, L_min, L_max: the rectangle that bounds the centres of ``cells``.
    """

    best: tuple[int, int]
    cells: pd.DataFrame
    occupied: int
    compared: int
    C_min: float
    C_max: float
    L_min: float
    L_max: float


def binning_of(table: pd.DataFrame) -> Binning:
    """How the plane of these graphs is cut: as published for 64 and 16 nodes, by the same rule for others.

    Graphs of several sizes, as connectomes next to WS-flex graphs, share the cut of the largest.
    """
    relational = table[table["kind"] == "relational"] if "kind" in table else table
    if relational.empty:
        return Binning()
    relational = on_plane(relational)
    if relational.empty:
        return Binning()
    nodes = relational["n"].max() if "n" in relational else 64
    n = 64 if pd.isna(nodes) else int(nodes)
    longest = float(relational["path_length"].max())
    published = {64: 4.5, 16: 2.5}.get(n, 0.0)
    # The graphs at hand may be a few of a sweep: the published cut stays unless they lie outside it.
    return default_binning(n, max(longest, published))


def edges(binning: Binning, level: str) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Edges of the cells of one level, along C and along L.

    Raises:
        UserError: an unknown level.
    """
    if level not in _CUTS:
        raise unknown("cells: level", level, LEVELS)
    count = binning.bins * _CUTS[level]
    return np.linspace(0, 1, count + 1), np.linspace(1, binning.l_max, count + 1)


def cell_of(
    clustering: npt.ArrayLike, path_length: npt.ArrayLike, binning: Binning, level: str = "coarse"
) -> npt.NDArray[np.int64]:
    """Cell of each graph, ``[graphs, 2]``: i along C, j along L, from 1; an upper edge belongs to the next.

    Args:
        clustering: C of each graph.
        path_length: L of each graph.
        binning: how the plane is cut.
        level: of the cells: ``"fine"``, ``"medium"`` or ``"coarse"``.

    Returns:
        The pairs (i, j).
    """
    c_edges, l_edges = edges(binning, level)
    i = np.digitize(np.asarray(clustering, dtype=np.float64), c_edges)
    j = np.digitize(np.asarray(path_length, dtype=np.float64), l_edges)
    return np.stack([i, j], axis=-1).astype(np.int64)


def cell_means(table: pd.DataFrame, level: str = "coarse", binning: Binning | None = None) -> pd.DataFrame:
    """Mean error of each occupied cell, over the relational graphs.

    Args:
        table: one row per run; columns :data:`graph2nn.analysis.table.MAP_COLUMNS`.
        level: ``coarse``, ``medium`` or ``fine``.
        binning: of the plane; :func:`binning_of` the table when left out.

    Returns:
        One row per cell, by i, then j: ``i, j``; ``C, L``, its centre; ``C_low, C_high, L_low, L_high``;
        ``graphs`` and ``runs`` in it; ``mean``, the mean over its graphs of their mean error (%).

    Raises:
        UserError: a malformed table, an unknown level.
    """
    return _means(_relational(table), level, binning or binning_of(table))


def cell_sweet_spot(
    table: pd.DataFrame, binning: Binning | None = None, *, level: str = "coarse", alpha: float = 0.05
) -> CellSweetSpot:
    """Find the cells whose runs are not worse than those of the best cell (paper, section 5.1).

    The rule is that of :func:`graph2nn.analysis.sweet_spot`, with the runs of all graphs of a cell as one
    sample; the rectangle bounds centres of cells, as published. The baseline is never part of it.

    Args:
        table: one row per run.
        binning: how the plane is cut; the default of the number of nodes if None.
        level: of the cells.
        alpha: level of the tests.

    Returns:
        The cells and their rectangle.

    Raises:
        UserError: a malformed table, no relational graph, an unknown level.
    """
    if not (checked_results(table, columns=MAP_COLUMNS).runs["kind"] == "relational").any():
        raise UserError("sweet spot: the table holds no relational graph that finished.")
    runs, binning = _relational(table), binning or binning_of(table)
    if runs.empty:
        nowhere = (float("nan"),) * 4
        return CellSweetSpot((0, 0), _means(runs, level, binning), 0, 0, *nowhere)
    cells = _means(runs, level, binning)
    at = cell_of(runs["clustering"], runs["path_length"], binning, level)
    values = runs["test_error"].to_numpy(dtype=np.float64)
    samples = [values[(at == cell).all(axis=1)] for cell in zip(cells["i"], cells["j"], strict=True)]
    best = int(np.argmin(significance.moments(samples)[1]))
    testable = np.array([len(sample) for sample in samples]) + len(samples[best]) > 2
    testable[best] = False
    kept = testable & ~significance.worse(samples, samples[best], alpha=alpha)
    kept[best] = True
    inside = cells[kept].reset_index(drop=True)
    return CellSweetSpot(
        best=(int(cells["i"][best]), int(cells["j"][best])),
        cells=inside,
        occupied=len(cells),
        compared=int(testable.sum()),
        C_min=float(inside["C"].min()),
        C_max=float(inside["C"].max()),
        L_min=float(inside["L"].min()),
        L_max=float(inside["L"].max()),
    )


def _relational(table: pd.DataFrame) -> pd.DataFrame:
    runs = checked_results(table, columns=MAP_COLUMNS).runs
    return on_plane(runs[runs["kind"] == "relational"]).reset_index(drop=True)


def _means(runs: pd.DataFrame, level: str, binning: Binning) -> pd.DataFrame:
    places = ["clustering", "path_length"]
    graphs = runs.groupby("graph", sort=False).agg(
        clustering=("clustering", "first"),
        path_length=("path_length", "first"),
        mean=("test_error", "mean"),
        runs=("test_error", "size"),
    )
    at = cell_of(graphs[places[0]], graphs[places[1]], binning, level)
    cells = graphs.assign(i=at[:, 0], j=at[:, 1]).groupby(["i", "j"])
    means = cells.agg(graphs=("mean", "size"), runs=("runs", "sum"), mean=("mean", "mean")).reset_index()
    c_edges, l_edges = edges(binning, level)
    for name, along, cell_edges in (("C", "i", c_edges), ("L", "j", l_edges)):
        # The complete graph, at C = 1, lies beyond the last edge: its cell is one as wide as the others.
        cell_edges = np.append(cell_edges, cell_edges[-1] + (cell_edges[1] - cell_edges[0]))
        means[f"{name}_low"] = cell_edges[means[along] - 1]
        means[f"{name}_high"] = cell_edges[means[along]]
        means[name] = (means[f"{name}_low"] + means[f"{name}_high"]) / 2
    columns = ["i", "j", "C", "L", "C_low", "C_high", "L_low", "L_high", "graphs", "runs", "mean"]
    return means[columns]

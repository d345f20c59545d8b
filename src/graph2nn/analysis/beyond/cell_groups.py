"""Cells of the (C, L) plane as cross-validation groups, and the points that graphs can reach."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graph2nn.arrays import Floats, Longs
from graph2nn.graphs.cover import SIDE, Binning

#: Fine bins along a medium cell and a coarse one.
MEDIUM, COARSE = 3, SIDE


def nodes_of(rows: pd.DataFrame) -> int:
    """Number of nodes of the graphs, the largest where they differ."""
    return int(rows["n"].max())


def cell_numbers(points: Floats, binning: Binning, side: int) -> Longs:
    """Number of the cell of ``points [rows, 2]``, cells being ``side`` fine bins wide, ``[rows]``.

    Args:
        points: C and L.
        binning: how the plane is cut.
        side: of a cell, in fine bins.

    Returns:
        One number per point; equal numbers are one cell.
    """
    i = np.digitize(points[:, 0], binning.c_edges[:-1]) - 1
    j = np.digitize(points[:, 1], binning.l_edges[:-1]) - 1
    number: Longs = (i // side) * (SIDE * binning.bins // side) + j // side
    return number


def cell_size(binning: Binning, side: int) -> Floats:
    """Width of a cell in C and in L, ``[2]``."""
    return np.array([side / (SIDE * binning.bins), side * (binning.l_max - 1) / (SIDE * binning.bins)])


def centres(binning: Binning, side: int) -> Floats:
    """Middles of all cells, ``[cells, 2]``, numbered as :func:`cell_numbers` does."""
    count = SIDE * binning.bins // side
    width, height = cell_size(binning, side)
    c, length = np.meshgrid(
        (np.arange(count) + 0.5) * width, 1 + (np.arange(count) + 0.5) * height, indexing="ij"
    )
    return np.stack([c.ravel(), length.ravel()], axis=1)


def pooled(points: Floats, error: Floats, runs: Floats, cell: Longs) -> tuple[Floats, Floats, Floats, Longs]:
    """Average over cells, each graph by its number of runs, so that the noise of a mean is that of its runs.

    Args:
        points: ``[rows, 2]``. error, runs, cell: ``[rows]``.

    Returns:
        Points ``[cells, 2]``, mean error, runs and graphs ``[cells]``; cells ascending.
    """
    names, at, graphs = np.unique(cell, return_inverse=True, return_counts=True)

    def total(values: Floats) -> Floats:
        return np.bincount(at, values * runs, minlength=len(names)).astype(np.float64)

    weight = total(np.ones_like(runs))
    middle = np.stack([total(points[:, 0]), total(points[:, 1])], axis=1) / weight[:, None]
    return middle, total(error) / weight, weight, graphs.astype(np.int64)

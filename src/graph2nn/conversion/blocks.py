"""Blocks of a weight: their norms, and the graph of the strongest ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from torch import Tensor

from graph2nn.arrays import BoolMatrix
from graph2nn.errors import UserError, unknown
from graph2nn.layers.partition import Sizes, node_sizes
from graph2nn.layers.weight_layout import Layout

Matrix = npt.NDArray[np.float64]
Norm = Literal["fro", "l1", "max"]


def block_norms(weight: Tensor, layout: Layout, n: int, norm: Norm = "fro") -> Matrix:
    """Norm of each block of a weight, ``[n, n]``, row reads column, per pair of features.

    ``"fro"`` is the root of the mean square, ``"l1"`` the mean absolute value, both summed over the kernel and
    averaged over stacked parts; ``"max"`` the largest absolute value.

    Args:
        weight: of any layout.
        layout: its axes and stacked parts.
        n: number of nodes.
        norm: ``"fro"``, ``"l1"`` or ``"max"``.

    Returns:
        The norms, float64 ``[n, n]``.

    Raises:
        UserError: a width smaller than n, or an unknown norm.
    """
    if norm not in get_args(Norm):
        raise unknown("recover: norm", norm, get_args(Norm))
    values = np.abs(layout.split(weight.detach().double().cpu().numpy()))
    rows = node_sizes(layout.out_features, n)
    halves = np.split(values, np.cumsum(layout.inputs)[:-1], axis=2)
    columns = [node_sizes(width, n) for width in layout.inputs]
    if norm == "max":
        blocks = [
            _by_block(np.maximum, v.max(axis=(0, 3)), rows, c) for v, c in zip(halves, columns, strict=True)
        ]
        largest: Matrix = np.maximum.reduce(blocks)
        return largest
    pairs = [half**2 if norm == "fro" else half for half in halves]
    sums = [_by_block(np.add, p.sum(axis=3).mean(axis=0), rows, c) for p, c in zip(pairs, columns, strict=True)]
    means: Matrix = np.add.reduce(sums) / _pairs(layout, n)
    return np.sqrt(means) if norm == "fro" else means


def _pairs(layout: Layout, n: int) -> Matrix:
    """How many pairs of features each block of one part holds, ``[n, n]``."""
    read = np.add.reduce([node_sizes(width, n) for width in layout.inputs])
    return np.outer(node_sizes(layout.out_features, n), read).astype(np.float64)


def captured(weight: Tensor, layout: Layout, on: BoolMatrix) -> float:
    """Share of the sum of squared weights that lies in the blocks ``on`` ``[n, n]`` and on the diagonal.

    Args:
        weight: of any layout.
        layout: its axes and stacked parts.
        on: blocks of the graph, ``[n, n]``.

    Returns:
        A share from 0 to 1.
    """
    n = len(on)
    squares = block_norms(weight, layout, n) ** 2
    energy = squares * _pairs(layout, n)
    total = energy.sum()
    return float(energy[on | np.eye(n, dtype=bool)].sum() / total) if total else 1.0


def _by_block(operation: np.ufunc, matrix: Matrix, rows: Sizes, columns: Sizes) -> Matrix:
    for axis, sizes in enumerate((rows, columns)):
        matrix = operation.reduceat(matrix, np.cumsum(sizes) - sizes, axis=axis)
    return matrix


@dataclass(frozen=True)
class Strongest:
    """How edges are chosen: the blocks above a threshold, or as many of the strongest as make a density.

    Args:
        density: share of the n² blocks, the diagonal included.
        threshold: norms above it; the two exclude each other.
        symmetric: choose undirected edges, by the mean norm of both directions.

    Raises:
        UserError: both, or out of range.
    """

    density: float | None = None
    threshold: float | None = None
    symmetric: bool = False

    def __post_init__(self) -> None:
        if self.density is not None and self.threshold is not None:
            raise UserError("recover: give density or threshold, not both.")
        if self.density is not None and not 0 < self.density <= 1:
            raise UserError(f"recover: density = {self.density} lies outside (0, 1].")
        if self.threshold is not None and not self.threshold >= 0:
            raise UserError(f"recover: threshold = {self.threshold} is not a number of at least 0.")

    @property
    def given(self) -> bool:
        """Whether there is anything to choose by."""
        return self.density is not None or self.threshold is not None

    def edges(self, norms: Matrix) -> BoolMatrix:
        """Return the chosen blocks off the diagonal, ``[n, n]``; the diagonal is on in any case.

        Raises:
            UserError: the diagonal alone exceeds the density.
        """
        if self.symmetric:
            norms = (norms + norms.T) / 2
        chosen: BoolMatrix = np.zeros(norms.shape, dtype=np.bool_)
        if self.threshold is not None:
            chosen = norms > self.threshold
        elif self.density is not None:
            pairs = np.triu(np.ones_like(chosen), 1) if self.symmetric else ~np.eye(len(norms), dtype=np.bool_)
            count = self._count(len(norms))
            where = np.argwhere(pairs)
            # Stable, so that equal norms (weights never touched) are chosen in the order of the nodes.
            order = np.argsort(-norms[pairs], kind="stable")[:count]
            chosen[tuple(where[order].T)] = True
            chosen |= chosen.T if self.symmetric else chosen
        np.fill_diagonal(chosen, False)
        return chosen

    def _count(self, n: int) -> int:
        assert self.density is not None
        edges = self.density * n**2 - n
        if edges < 0 and round(self.density * n**2) < n:
            raise UserError(
                f"recover: density = {self.density} is less than 1/{n}, and each of {n} nodes reads itself."
            )
        return max(0, round(edges / 2 if self.symmetric else edges))

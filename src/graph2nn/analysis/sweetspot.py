"""The sweet spot: the graphs that are not worse than the best one, and their rectangle in (C, L)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graph2nn.analysis import significance
from graph2nn.analysis.table import MAP_COLUMNS, checked_results, on_plane, order_by_mean
from graph2nn.errors import UserError


@dataclass(frozen=True)
class SweetSpot:
    """A region of the (C, L) plane (paper, section 5.1).

    Attributes:
        best: label of the graph the others were tested against.
        graphs: labels of the graphs inside, in table order; ``best`` is one of them.
        compared: relational graphs that could be tested against the best.
        C_min, C_max, L_min, L_max: the rectangle that bounds clustering and path length of ``graphs``.

    Example:
        >>> columns = ["graph", "kind", "clustering", "path_length", "test_error"]
        >>> rows = [
        ...     (f"g{i}", "relational", 0.1 * i, 1.5, 32 + abs(i - 2) + 0.1 * s)
        ...     for i in range(5)
        ...     for s in range(3)
        ... ]
        >>> sweet_spot(pd.DataFrame(rows, columns=columns)).best
        'g2'
    """

    best: str
    graphs: tuple[str, ...]
    compared: int
    C_min: float
    C_max: float
    L_min: float
    L_max: float

    @property
    def bounded(self) -> bool:
        """Whether there is a rectangle to draw: more than one graph, at different places of the plane."""
        spread = self.C_max > self.C_min or self.L_max > self.L_min
        return self.tested and len(self.graphs) > 1 and spread

    @property
    def tested(self) -> bool:
        """False when no graph could be tested: then the rectangle is the best graph's own point."""
        return self.compared > 0

    def holds(self, graphs: pd.DataFrame) -> int:
        """Number of graphs, one row each, inside the rectangle: many more than passed its test."""
        inside = graphs["clustering"].between(self.C_min, self.C_max)
        return int((inside & graphs["path_length"].between(self.L_min, self.L_max)).sum())


def sweet_spot(table: pd.DataFrame, *, rank: int = 0, alpha: float = 0.05) -> SweetSpot:
    """Find the graphs not worse than the best at level ``alpha`` (paper, section 5.1).

    A relational graph is left out only if a one-sided equal-variance t-test of its seeds against those of
    the best says that its mean error is larger. Best is the lowest mean; :func:`order_by_mean` decides ties.
    The baseline is never part of it.

    A test needs two runs on at least one side. A graph that cannot be tested (one seed on both sides) is
    left out, so with a single seed everywhere the sweet spot is the best graph alone and ``tested`` is
    False; the published script, applied to such a table, would have kept every graph. If neither side has
    any spread, a larger mean counts as worse.

    Args:
        table: one row per run, with ``graph``, ``kind``, ``clustering``, ``path_length``, ``test_error`` (%).
        rank: which graph in the order of means plays the best: 0 the first; the published figure of the
            MLP took the third (rank 2).
        alpha: level of the one-sided test.

    Returns:
        The graphs inside and the rectangle that bounds them.

    Raises:
        UserError: a malformed table, no relational graph, or a rank that no graph has.

    Example:
        >>> columns = ["graph", "kind", "clustering", "path_length", "test_error"]
        >>> rows = [
        ...     (f"g{i}", "relational", 0.1 * i, 1.5, 32 + abs(i - 2) + 0.1 * s)
        ...     for i in range(5)
        ...     for s in range(3)
        ... ]
        >>> sweet_spot(pd.DataFrame(rows, columns=columns)).graphs
        ('g2',)
    """
    results = checked_results(table, columns=MAP_COLUMNS)
    first = results.first_rows()
    relational = first.loc[first["kind"] == "relational"].reset_index(drop=True)
    if relational.empty:
        raise UserError("sweet spot: the table holds no relational graph that finished.")
    errors = results.errors()
    samples = [errors[label] for label in relational["graph"]]
    order = order_by_mean(relational, significance.moments(samples)[1])
    if not 0 <= rank < len(order):
        raise UserError(f"sweet spot: rank = {rank} lies outside 0…{len(order) - 1} ({len(order)} graphs).")
    best = int(order[rank])
    testable = np.array([len(sample) for sample in samples]) + len(samples[best]) > 2
    testable[best] = False
    kept = testable & ~significance.worse(samples, samples[best], alpha=alpha)
    kept[best] = True
    inside = relational.loc[kept]
    placed = on_plane(inside)
    return SweetSpot(
        best=str(relational["graph"][best]),
        graphs=tuple(str(label) for label in inside["graph"]),
        compared=int(testable.sum()),
        C_min=float(placed["clustering"].min()),
        C_max=float(placed["clustering"].max()),
        L_min=float(placed["path_length"].min()),
        L_max=float(placed["path_length"].max()),
    )

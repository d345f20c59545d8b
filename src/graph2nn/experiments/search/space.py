"""Search space: a pool of WS-flex graphs whose C and L are known before any of them is trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.graphs.cover import farthest_first
from graph2nn.results.config import GraphSpec

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Space:
    """A finite pool of graphs, by row.

    A catalogue covers the (C, L) plane so finely that the graph next to a point is as good as the point; a
    finite pool has nothing to round and its C and L are those of the very graphs that are trained.

    Attributes:
        table: columns of :func:`graph2nn.catalogue`; no two rows name the same graph.

    Example:
        >>> from graph2nn import catalogue
        >>> space = Space(catalogue("n64-52"))
        >>> len(space), space.spec(0).name
        (52, 'ws(64,26.08,0.4167,0)')
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, pool: str | Path | pd.DataFrame) -> Space:
        """Take the graphs of a catalogue, each once.

        Raises:
            UserError: no such catalogue; fewer than two graphs, or graphs that all have the same C and L.
        """
        from graph2nn.graphs.catalogues import catalogue

        table = pool if isinstance(pool, pd.DataFrame) else catalogue(pool)
        table = table.drop_duplicates(["n", "sparsity", "p", "seed"]).reset_index(drop=True)
        plane = table[["clustering", "path_length"]].to_numpy(dtype=np.float64)
        if len(table) < 2 or not np.isfinite(plane).all() or not (np.ptp(plane, axis=0) > 0).all():
            raise UserError(
                f"search: the pool holds {len(table)} graphs; expected at least 2 that differ in clustering "
                "and path length. Name a catalogue such as n64-3942."
            )
        return cls(table)

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def features(self) -> Floats:
        """C, log L and log k of each graph, each scaled to [0, 1] over the pool, ``[graphs, 3]``."""
        # A copy: from pandas 3 on the table's own array cannot be written to.
        columns = self.table[["clustering", "path_length", "sparsity"]].to_numpy(dtype=np.float64, copy=True)
        columns[:, 1:] = np.log(columns[:, 1:])
        scaled: Floats = (columns - columns.min(axis=0)) / np.maximum(np.ptp(columns, axis=0), 1e-12)
        return scaled

    def spec(self, row: int) -> GraphSpec:
        """How the graph of a row is built."""
        return GraphSpec.of_rows(self.table.iloc[[row]])[0]

    def spread(self, count: int, rng: np.random.Generator) -> Rows:
        """Rows of ``count`` graphs far apart from one another: farthest first, from one that ``rng`` draws."""
        return farthest_first(self.features, min(count, len(self)), first=int(rng.integers(len(self))))

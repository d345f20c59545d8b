"""References in a row: one chain of degree-preserving swaps, looked at every few proposals per edge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.graph import DENSE_LIMIT, RelationalGraph
from graph2nn.graphs.nulls.arc_rows import ArcRows
from graph2nn.graphs.nulls.ladder import PROPOSALS

#: Proposals per edge between two references; the first has ten. After three, an edge that can move has done so
#: with a chance of 99 % (docs/nulls.md).
BETWEEN = 3.0

Pairs = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


def degree_chain(graph: RelationalGraph, count: int, seed: int) -> Iterator[tuple[Pairs, bool]]:
    """Give the arcs of ``count`` degree nulls, one after the other.

    Swapping edges is swapping gaps: where there are fewer of those, the chain runs on them.

    Args:
        graph: of any size and direction.
        count: how many.
        seed: of the chain.

    Yields:
        Sources and targets of all arcs but self-connections, valid until the next step, and whether they are
        the gaps: the pairs of nodes that are *not* joined.
    """
    pairs = graph.n * (graph.n - 1)
    gaps = 2 * (graph.arcs - graph.loops) > pairs and graph.n <= DENSE_LIMIT
    rows = ArcRows.of(_complement(graph) if gaps else graph)
    other = np.flatnonzero(~rows.loops).astype(np.int32)
    state = int(np.random.default_rng(seed % 2**64).integers(2**63))
    for drawn in range(count):
        state = rows.swap(other, BETWEEN if drawn else PROPOSALS, state)
        everything = len(other) == len(rows.source)
        chosen = slice(None) if everything else other
        yield (rows.source[chosen], rows.target[chosen]), gaps


def _complement(graph: RelationalGraph) -> RelationalGraph:
    missing = ~graph.dense_adjacency()
    np.fill_diagonal(missing, False)
    return RelationalGraph(missing, directed=graph.directed)

"""Triads and motifs of three nodes: how often each wiring of three nodes occurs, and in nulls.

Names are those of the triad census (Davis and Leinhardt 1972): numbers of mutual, asymmetric and absent pairs,
and a letter. 030T is the feed-forward loop, 030C the three-node cycle.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from graph2nn.arguments import checked_arguments
from graph2nn.arrays import Longs
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.kernels.jit import compiled
from graph2nn.graphs.storage import to_csr, without_loops

if TYPE_CHECKING:
    import pandas as pd


#: The 13 connected triads.
MOTIFS = (
    "021D", "021U", "021C", "111D", "111U", "201", "030T", "030C", "120D", "120U", "120C", "210", "300",
)  # fmt: skip


def motif_counts(graph: RelationalGraph) -> dict[str, int]:
    """Count the triples of nodes of each connected wiring, as ``nx.triadic_census`` does.

    Takes time in proportion to the sum of squared degrees. Given self-connections play no part.

    Args:
        graph: of any size; an undirected graph has 201 (open) and 300 (closed) only. In the census an arc
            points from the reader to the node it reads, as in ``graph.to_networkx()``.

    Returns:
        Counts by name, in the order of :data:`MOTIFS`.

    Example:
        >>> import graph2nn as g
        >>> loop = g.RelationalGraph.from_edges([(0, 1), (1, 2), (0, 2)], 3, directed=True)
        >>> motif_counts(loop)["030T"]
        1

    References:
        Holland and Leinhardt, Sociological Methodology 7, 1 (1976), doi:10.2307/270703 (the triad census).
        Milo et al., Science 298, 824 (2002), doi:10.1126/science.298.5594.824 (motifs).
    """
    wiring = to_csr(without_loops(graph.adjacency))
    read_by = wiring.T.tocsr()
    read_by.sort_indices()
    both = (wiring + read_by).tocsr()
    both.sort_indices()
    codes = census(wiring.indptr, wiring.indices, both.indptr, both.indices)
    totals = dict.fromkeys(MOTIFS, 0)
    names = _names()
    for code in np.flatnonzero(codes):
        totals[names[int(code)]] += int(codes[code])
    return totals


#: All 16 triads, in the order of the census.
TRIADS = ("003", "012", "102", *MOTIFS)


@checked_arguments
def triad_census(graph: RelationalGraph) -> dict[str, int]:
    """Count the triples of nodes of each of the 16 wirings, as ``nx.triadic_census`` does.

    The connected ones are counted (:func:`motif_counts`); the other three follow from the numbers of mutual and
    of asymmetric pairs, so that a large sparse graph takes no longer than its motifs.

    Args:
        graph: of any size; in an undirected graph every connected pair is mutual.

    Returns:
        Counts by name, in the order of :data:`TRIADS`; they add up to n(n − 1)(n − 2)/6.

    Example:
        >>> import graph2nn as g
        >>> loop = g.RelationalGraph.from_edges([(0, 1), (1, 2), (2, 0)], 4, directed=True)
        >>> {name: count for name, count in triad_census(loop).items() if count}
        {'012': 3, '030C': 1}

    References:
        Holland and Leinhardt, Sociological Methodology 7, 1 (1976), doi:10.2307/270703.
    """
    wiring = to_csr(without_loops(graph.adjacency)).astype(np.int64)
    reads, mutual = int(wiring.nnz), int(wiring.multiply(wiring.T).nnz) // 2
    connected, n = motif_counts(graph), graph.n
    # The first two digits of a name are its mutual and its asymmetric pairs; a pair lies in n − 2 triples.
    inside = [sum(int(name[place]) * count for name, count in connected.items()) for place in (0, 1)]
    one_way = (reads - 2 * mutual) * (n - 2) - inside[1]
    both_ways = mutual * (n - 2) - inside[0]
    empty = math.comb(n, 3) - one_way - both_ways - sum(connected.values())
    return dict(zip(TRIADS, (empty, one_way, both_ways, *connected.values()), strict=True))


@checked_arguments
def motif_table(
    graph: RelationalGraph, *, null: str = "degree", count: int = 100, seed: int = 0
) -> pd.DataFrame:
    """Compare the motifs of three nodes with those of nulls.

    Args:
        graph: directed, of any size.
        null: kind, of :data:`graph2nn.graphs.nulls.NULLS`; ``reciprocal`` keeps the number of mutual pairs,
            as Milo et al. do.
        count: number of nulls.
        seed: of the nulls.

    Returns:
        One row per motif: ``motif, count, null_mean, null_sd, z, p`` (two-sided, from the nulls' ranks).

    Raises:
        UserError: fewer than two nulls, or an unknown kind.

    Example:
        >>> from graph2nn.graphs.generators import GENERATORS
        >>> graph = GENERATORS["random_directed"](12, 30, seed=1)
        >>> list(motif_table(graph, count=5).columns)
        ['motif', 'count', 'null_mean', 'null_sd', 'z', 'p']
    """
    import pandas as pd

    from graph2nn.graphs.nulls.ensembles import ensemble

    if count < 2:
        raise UserError(f"motif_table: count = {count}, expected at least 2 nulls.")
    here = np.array(list(motif_counts(graph).values()), dtype=np.float64)
    drawn = np.array([list(motif_counts(one).values()) for one in ensemble(graph, null, count, seed)])
    mean, sd = drawn.mean(axis=0), drawn.std(axis=0, ddof=1)
    above, below = (drawn >= here).sum(axis=0), (drawn <= here).sum(axis=0)
    p = np.minimum(1.0, 2 * (1 + np.minimum(above, below)) / (1 + count))
    z = np.divide(here - mean, sd, out=np.full(len(here), math.nan), where=sd > 0)
    return pd.DataFrame({"motif": MOTIFS, "count": here, "null_mean": mean, "null_sd": sd, "z": z, "p": p})


def feed_forward_share(graph: RelationalGraph) -> float:
    """Share of feed-forward loops (030T) among the connected triples; NaN without such triples."""
    return _share(graph, "030T")


def cycle_share(graph: RelationalGraph) -> float:
    """Share of directed three-node cycles (030C) among the connected triples; NaN without such triples."""
    return _share(graph, "030C")


def _share(graph: RelationalGraph, name: str) -> float:
    counts = motif_counts(graph)
    total = sum(counts.values())
    return counts[name] / total if total else math.nan


@lru_cache(maxsize=2)
@lru_cache(maxsize=1)
def _names() -> dict[int, str]:
    """Name of each of the connected ones among 64 wirings of three nodes; bit 0: first → second, and so on."""
    import networkx as nx

    names = {}
    for code in range(64):
        arcs = [arc for bit, arc in enumerate(_ARCS) if code >> bit & 1]
        triad: Any = nx.DiGraph(arcs)
        if len(triad) == 3 and nx.is_weakly_connected(triad):
            names[code] = str(nx.triad_type(triad))
    return names


_ARCS = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1))


@compiled
def stored(indptr: Any, indices: Any, row: int, column: int) -> Any:
    """1 if an entry is stored, else 0; columns ascend within a row.

    Args:
        indptr, indices: a CSR matrix.
        row, column: of the entry.

    Returns:
        1 or 0.
    """
    low, high = indptr[row], indptr[row + 1]
    while low < high:
        middle = (low + high) // 2
        if indices[middle] < column:
            low = middle + 1
        else:
            high = middle
    return 1 if low < indptr[row + 1] and indices[low] == column else 0


@compiled
def census(indptr: Any, indices: Any, around_ptr: Any, around: Any) -> Longs:
    """Count connected triples by the 6-bit code of their wiring, given as it is and symmetrised (CSR).

    Args:
        indptr, indices: the directed graph, CSR.
        around_ptr, around: its symmetrised form, CSR.

    Returns:
        Number of triples by code, ``[64]``.
    """
    codes = np.zeros(64, np.int64)
    n = len(indptr) - 1
    for v in range(n):
        first, last = around_ptr[v], around_ptr[v + 1]
        for i in range(first, last):
            u = around[i]
            ends = stored(indptr, indices, v, u) | stored(indptr, indices, u, v) << 1
            for j in range(i + 1, last):
                w = around[j]
                between = stored(indptr, indices, u, w) << 4 | stored(indptr, indices, w, u) << 5
                if between and v > u:  # u < w: a closed triple is counted at its first node only
                    continue
                others = stored(indptr, indices, v, w) << 2 | stored(indptr, indices, w, v) << 3
                codes[ends | others | between] += 1
    return codes

"""The rich club over all degrees, against nulls that keep the degrees: how strong, and how likely by chance."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats, Longs
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls.chain import degree_chain

if TYPE_CHECKING:
    import pandas as pd


#: Nulls that a rich club is compared with.
REFERENCES = 50


def rich_club_curve(graph: RelationalGraph, *, count: int = REFERENCES, seed: int = 0) -> pd.DataFrame:
    """Compare the rich club at every degree with that of nulls that keep all degrees (Colizza et al. 2006).

    Args:
        graph: of any size; of a directed graph, the degree is in + out and both directions count.
        count: number of nulls.
        seed: of the nulls.

    Returns:
        One row per degree k that two or more nodes exceed: ``k``; ``nodes``, how many; ``phi``, the density
        among them; ``null_phi``, its mean over the nulls; ``normalised`` = phi / null_phi (NaN where the nulls
        have none); ``p``, one-sided, that a null is as dense there; ``p_all``, the same corrected for looking
        at all degrees (largest standardised excess over k, as in Westfall and Young 1993).

    Raises:
        UserError: fewer than two nulls.

    Example:
        >>> import graph2nn as g
        >>> curve = rich_club_curve(g.ws_flex(64, 8, 0.3, seed=1), count=20)
        >>> sorted(set(curve.columns) & {"k", "phi", "normalised", "p"})
        ['k', 'normalised', 'p', 'phi']

    References:
        Colizza, Flammini, Serrano and Vespignani, Nature Physics 2, 110 (2006), doi:10.1038/nphys209.
    """
    import pandas as pd

    if count < 2:
        raise UserError(f"rich_club_curve: count = {count}, expected at least 2 nulls.")
    degrees = _total_degrees(graph)
    other = graph.edge_index[0] != graph.edge_index[1]
    source, target = graph.edge_index[:, other]
    nodes = _exceeding(degrees, int(degrees.max()))
    k = np.flatnonzero(nodes >= 2)
    pairs = nodes[k] * (nodes[k] - 1.0)
    phi = _exceeding(np.minimum(degrees[source], degrees[target]), int(degrees.max()))[k] / pairs
    null_phi = np.empty((count, len(k)))
    for row, ((start, end), gaps) in enumerate(degree_chain(graph, count, seed)):
        share = _exceeding(np.minimum(degrees[start], degrees[end]), int(degrees.max()))[k] / pairs
        null_phi[row] = 1 - share if gaps else share
    mean = null_phi.mean(axis=0)
    p, p_all = _chances(phi, null_phi)
    normalised = np.divide(phi, mean, out=np.full(len(k), math.nan), where=mean > 0)
    return pd.DataFrame(
        {
            "k": k,
            "nodes": nodes[k],
            "phi": phi,
            "null_phi": mean,
            "normalised": normalised,
            "p": p,
            "p_all": p_all,
        }
    )


def rich_club_normalised(graph: RelationalGraph) -> float:
    """φ over the mean φ of degree nulls, among the nodes whose degree is above the mean; NaN without such."""
    curve = _curve(graph)
    total = _total_degrees(graph)
    if not len(curve):
        return math.nan
    at = curve.loc[curve["k"] == int(total.sum()) // graph.n, "normalised"]
    return float(at.iloc[0]) if len(at) else math.nan


def rich_club_p(graph: RelationalGraph) -> float:
    """Chance that a degree null has as strong a rich club, over all degrees; NaN where there is no club."""
    curve = _curve(graph)
    return float(curve["p_all"].min()) if len(curve) else math.nan


@lru_cache(maxsize=2)
def _curve(graph: RelationalGraph) -> pd.DataFrame:
    return rich_club_curve(graph)


def _total_degrees(graph: RelationalGraph) -> Longs:
    source, target = graph.edge_index
    other = source != target
    total = np.bincount(target[other], minlength=graph.n)
    if graph.directed:
        total = total + np.bincount(source[other], minlength=graph.n)
    return np.asarray(total, dtype=np.int64)


def _exceeding(values: npt.NDArray[np.integer], largest: int) -> Longs:
    """How many values exceed k, for k = 0 … largest."""
    counts = np.bincount(values, minlength=largest + 1)
    return np.asarray(counts.sum() - np.cumsum(counts), dtype=np.int64)


def _chances(phi: Floats, null_phi: Floats) -> tuple[Floats, Floats]:
    """One-sided p-values per degree, and those corrected for all degrees."""
    everything = np.vstack([phi, null_phi])
    spread = everything.std(axis=0)
    z = np.divide(
        everything - everything.mean(axis=0), spread, out=np.zeros_like(everything), where=spread > 1e-12
    )
    p = (everything >= phi - 1e-12).mean(axis=0)
    largest = z.max(axis=1) if z.shape[1] else np.zeros(len(z))
    p_all = (largest[:, None] >= z[0] - 1e-12).mean(axis=0)
    return np.asarray(p), np.asarray(np.maximum(p, p_all))

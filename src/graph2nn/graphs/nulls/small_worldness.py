"""Small worlds: C and L against random references and lattices, with the error that the references leave.

σ, ω, the small-world propensity φ, C/C₀ and L/L₀ all divide by means over random references; with ten of them
the result moves by several per cent from one set of references to the next. :func:`small_world` gives each with
its standard error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from graph2nn.arguments import checked_arguments
from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.graphs import kernels
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.kernels import bits, wsflex
from graph2nn.graphs.nulls.chain import degree_chain
from graph2nn.graphs.nulls.ensembles import SMALL, ensemble, lattice_null
from graph2nn.memory import refuse_memory

#: Random references of a graph.
REFERENCES = 50
#: Draws per reference before giving up on connected ones.
TRIES = 100

#: A difference of C or L up to this is rounding.
_NO_WAY = 1e-9


@dataclass(frozen=True)
class SmallWorld:
    """C and L of a graph against its references; each ``_error`` is the standard error that these leave.

    Attributes:
        references: number of random references.
        sigma: (C/C₀) / (L/L₀), above 1 in a small world (Humphries and Gurney 2008).
        omega: L₀/L − C/C_lattice: near −1 a lattice, near 0 a small world, near 1 random (Telesford et al.
            2011; the lattice is a ring of as many edges).
        propensity: φ = 1 − √((Δ_C² + Δ_L²)/2), between 0 and 1 (Muldoon et al. 2016): Δ_C is how far C falls
            short of the lattice's, Δ_L how far L exceeds the references', as shares of the way between them
            (0 where there is none: in dense graphs the lattice's L is that of the references).
        clustering_ratio: C/C₀. path_length_ratio: L/L₀.

    Example:
        >>> from graph2nn import small_world, ws_flex
        >>> world = small_world(ws_flex(32, 4, 0.1, 1), count=4)
        >>> world.references, world.sigma > 1
        (4, True)
    """

    references: int
    sigma: float
    sigma_error: float
    omega: float
    omega_error: float
    propensity: float
    propensity_error: float
    clustering_ratio: float
    clustering_ratio_error: float
    path_length_ratio: float
    path_length_ratio_error: float


@checked_arguments
def small_world(
    graph: RelationalGraph, *, null: str = "degree", count: int = REFERENCES, seed: int = 0
) -> SmallWorld:
    """Compare C and L of a graph with those of random references and of the ring lattice.

    Args:
        graph: a connected graph; directed graphs are measured along their edges, as their references are.
        null: kind of the references, of :data:`graph2nn.graphs.nulls.NULLS`; connected ones. Humphries and
            Gurney took ``density``; ``degree`` keeps the degrees too, so that hubs alone do not make a small
            world.
        count: number of references.
        seed: of the references.

    Returns:
        The measures with their standard errors; NaN where the graph is not connected, has no edges, or its
        references or its lattice have no triangles.

    Raises:
        UserError: fewer than two references, or an unknown kind.

    Example:
        >>> import graph2nn as g
        >>> value = g.small_world(g.ws_flex(64, 8, 0.1, seed=1), count=50)
        >>> value.sigma > 2, value.sigma_error < 0.1 * value.sigma
        (True, True)

    References:
        Humphries and Gurney, PLoS ONE 3, e0002051 (2008), doi:10.1371/journal.pone.0002051 (σ).
        Telesford et al., Brain Connectivity 1, 367 (2011), doi:10.1089/brain.2011.0038 (ω).
        Muldoon, Bridgeford and Bassett, Scientific Reports 6, 22057 (2016), doi:10.1038/srep22057 (φ).
    """
    if count < 2:
        raise UserError(f"small_world: count = {count}, expected at least 2 references.")
    refuse_memory(f"small_world: {count:,} references", 200 * count, "lower the count")
    return _small_world(graph, null, count, seed)


@checked_arguments
def small_world_sigma(
    graph: RelationalGraph, *, null: str = "degree", count: int = REFERENCES, seed: int = 0
) -> float:
    """σ of :func:`small_world`, above 1 in a small world (Humphries and Gurney 2008); same arguments.

    Args:
        graph: undirected or directed, connected.
        null: kind of the random references; see :func:`small_world`.
        count: references.
        seed: of the first reference.

    Returns:
        σ, above 1 in a small world.

    Example:
        >>> from graph2nn import ws_flex
        >>> small_world_sigma(ws_flex(32, 4, 0.1, 1), count=4) > 1
        True
    """
    return small_world(graph, null=null, count=count, seed=seed).sigma


@checked_arguments
def small_world_omega(
    graph: RelationalGraph, *, null: str = "degree", count: int = REFERENCES, seed: int = 0
) -> float:
    """ω of :func:`small_world`: near −1 a lattice, near 1 random (Telesford et al. 2011); same arguments.

    Args:
        graph: undirected or directed, connected.
        null: kind of the random references; see :func:`small_world`.
        count: references.
        seed: of the first reference.

    Returns:
        ω, between −1 and 1.

    Example:
        >>> from graph2nn import ws_flex
        >>> round(small_world_omega(ws_flex(32, 4, 0.1, 1), count=4), 2)
        -0.17
    """
    return small_world(graph, null=null, count=count, seed=seed).omega


def small_world_propensity(graph: RelationalGraph) -> float:
    """φ of :func:`small_world` with its default references."""
    return small_world(graph).propensity


def clustering_ratio(graph: RelationalGraph) -> float:
    """C/C₀ of :func:`small_world` with its default references."""
    return small_world(graph).clustering_ratio


def path_length_ratio(graph: RelationalGraph) -> float:
    """L/L₀ of :func:`small_world` with its default references."""
    return small_world(graph).path_length_ratio


@lru_cache(maxsize=4)
def _small_world(graph: RelationalGraph, null: str, count: int, seed: int) -> SmallWorld:
    """Measure once: all five measures of a graph ask for the same references, one after the other."""
    if not graph.connected or graph.edges == 0:
        return SmallWorld(0, *[math.nan] * 10)
    c, length = _c_and_l(graph)
    cs, lengths = references(graph, null, count, seed)
    lattice = lattice_null(graph)
    c_lattice, l_lattice = _c_and_l(lattice)
    best = _measures(c, length, np.array([cs.mean()]), np.array([lengths.mean()]), c_lattice, l_lattice)[:, 0]
    # The jackknife: leave one reference out at a time.
    c_left, l_left = ((values.sum() - values) / (count - 1) for values in (cs, lengths))
    left = _measures(c, length, c_left, l_left, c_lattice, l_lattice)
    errors = np.sqrt((count - 1) * left.var(axis=1))
    values = np.stack([best, errors], axis=1).ravel().tolist()
    return SmallWorld(count, *values)


def _measures(
    c: float, length: float, c_random: Floats, l_random: Floats, c_lattice: float, l_lattice: float
) -> Floats:
    """σ, ω, φ, C/C₀ and L/L₀ for arrays of reference means, ``[5, …]``."""
    c_random = np.where(c_random > 0, c_random, np.nan)
    c_ratio, l_ratio = c / c_random, length / l_random
    omega = l_random / length - (c / c_lattice if c_lattice > 0 else math.nan)
    return np.stack(
        [
            c_ratio / l_ratio,
            omega,
            _propensity(c, length, c_random, l_random, c_lattice, l_lattice),
            c_ratio,
            l_ratio,
        ]
    )


def _propensity(
    c: float, length: float, c_random: Floats, l_random: Floats, c_lattice: float, l_lattice: float
) -> Floats:
    short = _share(c_lattice - c, c_lattice - c_random)
    long = _share(length - l_random, l_lattice - l_random)
    return np.asarray(1 - np.sqrt((short**2 + long**2) / 2))


def _share(part: Any, way: Floats) -> Floats:
    """``part / way`` within 0 and 1; 0 where lattice and references are the same, as in dense graphs."""
    there = ~(way <= _NO_WAY)  # NaN stays NaN
    return np.where(there, np.clip(np.divide(part, way, where=there, out=np.zeros_like(way)), 0, 1), 0.0)


def references(graph: RelationalGraph, null: str, count: int, seed: int) -> tuple[Floats, Floats]:
    """C and L of connected random references, each ``[count]``.

    Degree references of a small graph are states of one chain of swaps; all others are drawn by
    :func:`ensemble`.

    Args:
        graph: to draw references of.
        null: kind of reference.
        count: how many.
        seed: of the draws.

    Returns:
        C and L of the references.
    """
    if null != "degree" or graph.n > SMALL:
        nulls = ensemble(graph, null, count, seed, connected=True)
        pairs = np.array([_c_and_l(one) for one in nulls])
        return pairs[:, 0], pairs[:, 1]
    measured: list[tuple[float, float]] = []
    for (source, target), gaps in degree_chain(graph, TRIES * count, seed):
        adjacency = np.full((graph.n, graph.n), gaps, dtype=np.bool_)
        adjacency[target, source] = not gaps
        np.fill_diagonal(adjacency, False)
        if wsflex.connected(bits.pack(adjacency | adjacency.T)):
            measured.append(kernels.clustering_and_path_length(adjacency, directed=bool(graph.directed)))
        if len(measured) == count:
            break
    else:
        raise UserError(f"small_world: too few references of graph {graph.name!r} are connected.")
    pairs = np.array(measured)
    return pairs[:, 0], pairs[:, 1]


def _c_and_l(graph: RelationalGraph) -> tuple[float, float]:
    if graph.n > SMALL:
        return graph.clustering, graph.paths.mean
    adjacency = graph.dense_adjacency() & ~np.eye(graph.n, dtype=np.bool_)
    c, length = kernels.clustering_and_path_length(adjacency, directed=bool(graph.directed))
    return float(c), length

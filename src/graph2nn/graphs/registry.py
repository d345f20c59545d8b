"""Every measure by name, for analyses that loop over them.

All take a graph and return one float. None raises for any graph: a measure that a graph does not have (a
path length in parts, an assortativity of equal degrees) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from graph2nn.errors import unknown
from graph2nn.graphs import degrees as deg
from graph2nn.graphs import distances as dist
from graph2nn.graphs import nulls, structure
from graph2nn.graphs.graph import RelationalGraph

#: Version of the values. Raise it when a measure changes what it gives: numbers kept on disk are then measured
#: anew, and the shipped ones have to be (see :mod:`graph2nn.graphs.measured`).
VERSION = 1

#: Mean and spread of one graph ask for the same numbers, one after the other.
_betweenness = lru_cache(maxsize=2)(dist.betweenness)

_ALONG = "along directed edges"
_FORGOTTEN = "of the symmetrised graph"
_OUT = "out-degree: nodes read"


@dataclass(frozen=True)
class Measure:
    """A measure of a graph.

    Args:
        function: graph in, float out; NaN where the graph has no such value.
        symbol: for tables and the axes of figures.
        meaning: a few words.
        directed: what it does with a directed graph.
        cost: ``slow`` takes more than about 50 ms on 64 nodes, or grows faster than the rest.
    """

    function: Callable[[RelationalGraph], float]
    symbol: str
    meaning: str
    directed: str
    cost: Literal["fast", "slow"] = "fast"

    def __call__(self, graph: RelationalGraph) -> float:
        """Measure one graph."""
        return float(self.function(graph))


def _mean(of_nodes: Callable[[RelationalGraph], npt.NDArray[Any]]) -> Callable[[RelationalGraph], float]:
    return lambda graph: float(np.mean(of_nodes(graph)))


def _spread(of_nodes: Callable[[RelationalGraph], npt.NDArray[Any]]) -> Callable[[RelationalGraph], float]:
    return lambda graph: float(np.std(of_nodes(graph)))


MEASURES: dict[str, Measure] = {
    "clustering": Measure(
        lambda g: g.clustering, "C", "clustering coefficient", "directed triangles (Fagiolo 2007)"
    ),
    "path_length": Measure(dist.path_length, "L", "average path length", f"{_ALONG}, no path adds 0"),
    "transitivity": Measure(structure.transitivity, "T", "closed triples", _FORGOTTEN),
    "global_efficiency": Measure(dist.global_efficiency, "E_glob", "mean of 1/distance", _ALONG),
    "local_efficiency": Measure(dist.local_efficiency, "E_loc", "efficiency among neighbours", _ALONG),
    "diameter": Measure(dist.diameter, "D", "longest shortest path", f"{_ALONG}, where there is a path"),
    "density": Measure(deg.density, "ρ", "edges over pairs", "edges over ordered pairs"),
    "degree_mean": Measure(_mean(deg.degrees), "k", "average degree", _OUT),
    "degree_variance": Measure(lambda g: _spread(deg.degrees)(g) ** 2, "Var k", "variance of degrees", _OUT),
    "degree_entropy": Measure(deg.degree_entropy, "H(k)", "entropy of degrees (bits)", _OUT),
    "assortativity": Measure(
        deg.assortativity, "r", "degree correlation over edges", "reader's out-degree, in-degree of the read"
    ),
    "modularity": Measure(structure.modularity, "Q", "Louvain modularity", "directed modularity"),
    "small_world_sigma": Measure(
        nulls.small_world_sigma, "σ", "small world above 1", "directed C, L and nulls", "slow"
    ),
    "small_world_omega": Measure(
        nulls.small_world_omega, "ω", "−1 lattice, 1 random", "directed C, L and nulls", "slow"
    ),
    "spectral_gap": Measure(structure.spectral_gap, "λ₁−λ₂", "adjacency spectral gap", _FORGOTTEN),
    "algebraic_connectivity": Measure(
        structure.algebraic_connectivity, "μ₂", "second Laplacian eigenvalue", _FORGOTTEN
    ),
    "betweenness_mean": Measure(_mean(_betweenness), "b", "betweenness, mean", _ALONG, "slow"),
    "betweenness_spread": Measure(_spread(_betweenness), "sd b", "betweenness, spread", _ALONG, "slow"),
    "closeness_mean": Measure(_mean(dist.closeness), "c", "closeness, mean", f"{_ALONG}, to the nodes read"),
    "closeness_spread": Measure(
        _spread(dist.closeness), "sd c", "closeness, spread", f"{_ALONG}, to the nodes read"
    ),
    "rich_club": Measure(deg.rich_club, "φ", "density above the mean degree", "in- plus out-degree"),
    "core_number": Measure(deg.core_number, "core", "deepest core", _FORGOTTEN),
    "reciprocity": Measure(deg.reciprocity, "R", "edges that go both ways", "1 if undirected"),
}


def measure_all(
    graph: RelationalGraph, names: Iterable[str] | None = None, *, slow: bool = True
) -> dict[str, float]:
    """Measure ``graph``: the measures named, or all of them; ``slow=False`` leaves out the slow ones.

    Measures that use chance have fixed seeds. Louvain communities may differ between networkx versions.

    Raises:
        UserError: a name that is not in :data:`MEASURES`.
    """
    if names is None:
        chosen = [name for name, measure in MEASURES.items() if slow or measure.cost == "fast"]
    else:
        chosen = list(names)
    for name in chosen:
        if name not in MEASURES:
            raise unknown("measure", name, MEASURES)
    return {name: MEASURES[name](graph) for name in chosen}

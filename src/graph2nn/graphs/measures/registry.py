"""Registry of measures by name.

All take a graph and return one float. None raises for any graph: a measure that a graph does not have (a
path length in parts, an assortativity of equal degrees) is NaN.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from graph2nn.arguments import checked_arguments
from graph2nn.errors import Graph2nnWarning, UserError, unknown
from graph2nn.graphs import motifs, nulls, spectrum, weighted
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures import degrees as deg
from graph2nn.graphs.measures import distance as dist
from graph2nn.graphs.measures import structure
from graph2nn.graphs.nulls import rich_club, small_worldness
from graph2nn.graphs.storage import DENSE_LIMIT, refuse_dense

#: Version of the values. Raise it when a measure changes what it gives: numbers kept on disk are then measured
#: again, and the shipped ones have to be (see :mod:`graph2nn.graphs.measures.measure_tables`).
VERSION = 2

#: Mean and spread of one graph ask for the same numbers, one after the other.
_betweenness = lru_cache(maxsize=2)(dist.betweenness)

_ALONG = "along directed edges"
_FORGOTTEN = "of the symmetrised graph"
_OUT = "out-degree: nodes read"
_DEFINED = "by definition"


@dataclass(frozen=True)
class Measure:
    """A measure of a graph.

    Args:
        function: graph in, float out; NaN where the graph has no such value.
        symbol: for tables and the axes of figures.
        meaning: a few words.
        directed: what it does with a directed graph.
        source: who proposed it, or how it is defined.
        cost: ``slow`` takes more than about 50 ms on 64 nodes, or grows faster than the rest.

    Example:
        >>> from graph2nn import ws_flex
        >>> MEASURES["density"].symbol, MEASURES["density"].cost
        ('ρ', 'fast')
    """

    function: Callable[[RelationalGraph], float]
    symbol: str
    meaning: str
    directed: str
    source: str
    cost: Literal["fast", "slow"] = "fast"

    @checked_arguments
    def __call__(self, graph: RelationalGraph) -> float:
        """Measure one graph."""
        return float(self.function(graph))


#: Measures with a form for sparse storage; the others need room for all pairs of nodes.
_SPARSE = frozenset(
    {
        "clustering", "path_length", "transitivity", "global_efficiency", "diameter", "density", "degree_mean",
        "degree_variance", "degree_entropy", "assortativity", "modularity", "spectral_gap", "closeness_mean",
        "closeness_spread", "rich_club", "core_number", "reciprocity", "weighted_clustering",
        "weighted_path_length",
    }
)  # fmt: skip
_BYTES_PER_PAIR = 16


def _mean(of_nodes: Callable[[RelationalGraph], npt.NDArray[Any]]) -> Callable[[RelationalGraph], float]:
    return lambda graph: float(np.mean(of_nodes(graph)))


def _spread(of_nodes: Callable[[RelationalGraph], npt.NDArray[Any]]) -> Callable[[RelationalGraph], float]:
    return lambda graph: float(np.std(of_nodes(graph)))


MEASURES: dict[str, Measure] = {
    "clustering": Measure(
        lambda g: g.clustering,
        "C",
        "clustering coefficient",
        "directed triangles (Fagiolo 2007)",
        "Watts and Strogatz 1998 (paper, section 2.3)",
    ),
    "path_length": Measure(
        dist.path_length,
        "L",
        "average path length",
        f"{_ALONG}, over pairs with a path",
        "Watts and Strogatz 1998 (paper, section 2.3)",
    ),
    "transitivity": Measure(structure.transitivity, "T", "transitivity", _FORGOTTEN, "Newman 2003"),
    "global_efficiency": Measure(
        dist.global_efficiency, "E_glob", "global efficiency", _ALONG, "Latora and Marchiori 2001"
    ),
    "local_efficiency": Measure(
        dist.local_efficiency, "E_loc", "local efficiency", _ALONG, "Latora and Marchiori 2001"
    ),
    "diameter": Measure(dist.diameter, "D", "diameter", f"{_ALONG}, where there is a path", _DEFINED),
    "density": Measure(deg.density, "ρ", "density", "edges over ordered pairs", _DEFINED),
    "degree_mean": Measure(_mean(deg.degrees), "k", "average degree", _OUT, _DEFINED),
    "degree_variance": Measure(
        lambda g: _spread(deg.degrees)(g) ** 2, "Var k", "variance of degrees", _OUT, _DEFINED
    ),
    "degree_entropy": Measure(
        deg.degree_entropy, "H(k)", "entropy of degrees (bits)", _OUT, "Shannon 1948, of the degrees"
    ),
    "assortativity": Measure(
        deg.assortativity,
        "r",
        "degree correlation over edges",
        "reader's out-degree, in-degree of the read",
        "Newman 2003",
    ),
    "modularity": Measure(
        structure.modularity,
        "Q",
        "Louvain modularity",
        "directed modularity (Leicht and Newman 2008)",
        "Blondel et al. 2008",
    ),
    "small_world_sigma": Measure(
        nulls.small_world_sigma,
        "σ",
        "small world above 1",
        "directed C, L and nulls",
        "Humphries and Gurney 2008, nulls that keep the degrees",
        "slow",
    ),
    "small_world_omega": Measure(
        nulls.small_world_omega,
        "ω",
        "−1 lattice, 1 random",
        "directed C, L and nulls",
        "Telesford et al. 2011, C of a ring lattice",
        "slow",
    ),
    "small_world_propensity": Measure(
        small_worldness.small_world_propensity,
        "φ_sw",
        "small-world propensity, 0 to 1",
        "directed C, L and nulls",
        "Muldoon et al. 2016, nulls that keep the degrees",
        "slow",
    ),
    "clustering_ratio": Measure(
        small_worldness.clustering_ratio,
        "C/C₀",
        "C over that of degree nulls",
        "directed C and nulls",
        _DEFINED,
        "slow",
    ),
    "path_length_ratio": Measure(
        small_worldness.path_length_ratio,
        "L/L₀",
        "L over that of degree nulls",
        "directed L and nulls",
        _DEFINED,
        "slow",
    ),
    "spectral_gap": Measure(spectrum.spectral_gap, "λ₁−λ₂", "adjacency spectral gap", _FORGOTTEN, _DEFINED),
    "algebraic_connectivity": Measure(
        spectrum.algebraic_connectivity, "μ₂", "second Laplacian eigenvalue", _FORGOTTEN, "Fiedler 1973"
    ),
    "betweenness_mean": Measure(_mean(_betweenness), "b", "betweenness, mean", _ALONG, "Freeman 1977", "slow"),
    "betweenness_spread": Measure(
        _spread(_betweenness), "sd b", "betweenness, spread", _ALONG, "Freeman 1977", "slow"
    ),
    "closeness_mean": Measure(
        _mean(dist.closeness),
        "c",
        "closeness, mean",
        f"{_ALONG}, to the nodes read",
        "Wasserman and Faust 1994",
    ),
    "closeness_spread": Measure(
        _spread(dist.closeness),
        "sd c",
        "closeness, spread",
        f"{_ALONG}, to the nodes read",
        "Wasserman and Faust 1994",
    ),
    "rich_club": Measure(
        deg.rich_club, "φ", "density above the mean degree", "in- plus out-degree", "Zhou and Mondragón 2004"
    ),
    "rich_club_normalised": Measure(
        rich_club.rich_club_normalised,
        "φ/φ₀",
        "rich club over that of degree nulls, above the mean degree",
        "in- plus out-degree",
        "Colizza et al. 2006",
        "slow",
    ),
    "rich_club_p": Measure(
        rich_club.rich_club_p,
        "p(φ)",
        "chance of as strong a rich club, over all degrees",
        "in- plus out-degree",
        "Colizza et al. 2006; Westfall and Young 1993",
        "slow",
    ),
    "core_number": Measure(deg.core_number, "core", "deepest core", _FORGOTTEN, "Seidman 1983"),
    "reciprocity": Measure(deg.reciprocity, "R", "edges that go both ways", "1 if undirected", _DEFINED),
    "feed_forward_share": Measure(
        motifs.feed_forward_share,
        "FFL",
        "share of feed-forward loops in connected triples",
        _ALONG,
        "Milo et al. 2002",
    ),
    "cycle_share": Measure(
        motifs.cycle_share, "C₃", "share of three-node cycles in connected triples", _ALONG, "Milo et al. 2002"
    ),
    "normalised_laplacian_gap": Measure(
        spectrum.normalised_laplacian_gap,
        "λ₂",
        "second eigenvalue, normalised Laplacian",
        _FORGOTTEN,
        "Chung 1997",
    ),
    "effective_resistance": Measure(
        spectrum.effective_resistance, "R_eff", "mean effective resistance", _FORGOTTEN, "Klein and Randić 1993"
    ),
}


#: Measures of the weights of graphs that have some. Tables of measures, which hold graphs without, lack them.
WEIGHTED_MEASURES: dict[str, Measure] = {
    "weighted_clustering": Measure(
        weighted.weighted_clustering,
        "C_w",
        "weighted clustering coefficient",
        "directed triangles (Fagiolo 2007)",
        "Onnela et al. 2005",
    ),
    "weighted_path_length": Measure(
        weighted.weighted_path_length,
        "L_w",
        "average path length, an edge of weight w being 1/w long",
        f"{_ALONG}, over pairs with a path",
        "Newman 2001",
    ),
}


@checked_arguments
def measure_all(
    graph: RelationalGraph, names: Iterable[str] | None = None, *, slow: bool = True
) -> dict[str, float]:
    """Measure ``graph``: the measures named, or all of them; ``slow=False`` leaves out the slow ones.

    Measures of weights (:data:`WEIGHTED_MEASURES`) are among all of them where the graph has weights. Of a
    large graph (above :data:`DENSE_LIMIT` nodes), measures that need all pairs of nodes are NaN with a warning,
    or an error where they are named. Measures that use chance have fixed seeds. Louvain communities may differ
    between networkx versions.

    Args:
        graph: the graph.
        names: of :data:`MEASURES`; all of them if left out.
        slow: False leaves out the slow measures.

    Returns:
        Values by name, in the order of ``names`` or of the registry.

    Raises:
        UserError: a name that is not in :data:`MEASURES`.

    Example:
        >>> from graph2nn import ws_flex
        >>> measure_all(ws_flex(16, 4, 0.0, 1), ["clustering", "density"])
        {'clustering': 0.5, 'density': 0.26666666666666666}
    """
    available = {**MEASURES, **WEIGHTED_MEASURES}
    if names is None:
        chosen = [name for name, measure in measures_of(graph).items() if slow or measure.cost == "fast"]
    else:
        chosen = list(names)
    for name in chosen:
        if name not in available:
            raise unknown("measure", name, available)
    if graph.n <= DENSE_LIMIT:
        return {name: available[name](graph) for name in chosen}
    values, refused = {}, []
    for name in chosen:
        try:
            if name not in _SPARSE:
                refuse_dense(graph.name, graph.n, f"the measure {name}", _BYTES_PER_PAIR)
            values[name] = available[name](graph)
        except UserError:
            if names is not None:
                raise
            values[name] = math.nan
            refused.append(name)
    if refused:
        warnings.warn(
            f"graph {graph.name!r}: {', '.join(refused)} need all pairs of {graph.n:,} nodes; left out.",
            Graph2nnWarning,
            stacklevel=3,
        )
    return values


def measures_of(graph: RelationalGraph) -> dict[str, Measure]:
    """Return the measures that apply to a graph: those of weights where it has weights."""
    return MEASURES if graph.weights is None else {**MEASURES, **WEIGHTED_MEASURES}

"""Nulls: graphs that share some properties of a graph, and nothing else. A claim is worth its nulls.

ladder           :func:`null`: each kind named by what it keeps, at any size, with weights and signs
ensembles        many nulls of one graph, connected where asked for
report           what a null changes besides what it keeps
small_worldness  σ, ω, the small-world propensity, C/C₀ and L/L₀, each with its standard error
rich_club        the rich club over all degrees, against degree nulls
"""

from graph2nn.graphs.nulls.ensembles import (
    NULLS,
    degree_null,
    density_null,
    ensemble,
    lattice_null,
    reciprocal_null,
    ws_flex_null,
)
from graph2nn.graphs.nulls.ladder import KINDS, NullOptions, null
from graph2nn.graphs.nulls.lattice import degree_lattice_null
from graph2nn.graphs.nulls.null_graph import NullGraph
from graph2nn.graphs.nulls.null_report import NullReport, null_differences
from graph2nn.graphs.nulls.rich_club import rich_club_curve
from graph2nn.graphs.nulls.small_worldness import SmallWorld, small_world, small_world_omega, small_world_sigma

__all__ = [
    "KINDS",
    "NULLS",
    "NullGraph",
    "NullOptions",
    "NullReport",
    "SmallWorld",
    "degree_lattice_null",
    "degree_null",
    "density_null",
    "ensemble",
    "lattice_null",
    "null",
    "null_differences",
    "reciprocal_null",
    "rich_club_curve",
    "small_world",
    "small_world_omega",
    "small_world_sigma",
    "ws_flex_null",
]

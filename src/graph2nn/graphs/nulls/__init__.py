"""Nulls: graphs that share some properties of a graph, and nothing else. A claim is worth its nulls.

ladder      :func:`null`: each kind named by what it keeps, at any size, with weights and signs
ensembles   many nulls of one graph of the kinds in :data:`NULLS`, connected where asked for
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
from graph2nn.graphs.nulls.ladder import KINDS, null
from graph2nn.graphs.nulls.lattice import degree_lattice_null
from graph2nn.graphs.nulls.null_graph import NullGraph
from graph2nn.graphs.nulls.report import NullReport
from graph2nn.graphs.nulls.small_worldness import SmallWorld, small_world, small_world_omega, small_world_sigma

__all__ = [
    "KINDS",
    "NULLS",
    "NullGraph",
    "NullReport",
    "SmallWorld",
    "degree_lattice_null",
    "degree_null",
    "density_null",
    "ensemble",
    "lattice_null",
    "null",
    "reciprocal_null",
    "small_world",
    "small_world_omega",
    "small_world_sigma",
    "ws_flex_null",
]

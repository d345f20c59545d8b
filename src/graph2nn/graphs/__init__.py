"""Graphs: the value, where it comes from, what is measured on it. Knows nothing of networks."""

from graph2nn.graphs.connectomes import connectome
from graph2nn.graphs.generators import GENERATORS
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io import read_graph, write_graph
from graph2nn.graphs.nulls import (
    NULLS,
    NullGraph,
    ensemble,
    null,
    small_world,
    small_world_omega,
    small_world_sigma,
)
from graph2nn.graphs.registry import MEASURES, Measure, measure_all
from graph2nn.graphs.rewiring import rewire
from graph2nn.graphs.spec import parse_graph
from graph2nn.graphs.ws_flex import ws_flex

__all__ = [
    "GENERATORS",
    "MEASURES",
    "NULLS",
    "Measure",
    "NullGraph",
    "RelationalGraph",
    "connectome",
    "ensemble",
    "measure_all",
    "null",
    "parse_graph",
    "read_graph",
    "rewire",
    "small_world",
    "small_world_omega",
    "small_world_sigma",
    "write_graph",
    "ws_flex",
]

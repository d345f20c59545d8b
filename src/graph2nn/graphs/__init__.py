"""Graphs: the value, where it comes from, what is measured on it. Knows nothing of networks."""

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.ws_flex import ws_flex

__all__ = ["RelationalGraph", "ws_flex"]

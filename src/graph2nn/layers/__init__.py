"""Relational layers: the node partition, the masks and the modules that apply them."""

from graph2nn.layers.masked import RelationalConv2d, RelationalLinear
from graph2nn.layers.partition import graph_from_mask, mask, node_sizes, weights_on

__all__ = ["RelationalConv2d", "RelationalLinear", "graph_from_mask", "mask", "node_sizes", "weights_on"]

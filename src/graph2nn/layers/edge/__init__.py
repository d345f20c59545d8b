"""The edge engine: one weight per connection, for graphs whose nodes are single features."""

from graph2nn.layers.edge.linear import EdgeLinear
from graph2nn.layers.edge.operator import edge_product
from graph2nn.layers.edge.sparse_rows import Tables, arcs, tables_of

__all__ = ["EdgeLinear", "Tables", "arcs", "edge_product", "tables_of"]

"""Any graph in, any graph out: matrices, edge lists, GraphML, GML, sparse files and networkx objects."""

from graph2nn.graphs.io.formats import FORMATS
from graph2nn.graphs.io.read import read_graph
from graph2nn.graphs.io.write import write_graph

__all__ = ["FORMATS", "read_graph", "write_graph"]

"""Any graph in, any graph out: matrices, edge lists and tables, network formats, objects of other libraries."""

from graph2nn.errors import GraphNote
from graph2nn.graphs.io.assembly import Reading
from graph2nn.graphs.io.formats import ENDINGS, FORMATS, ending_of
from graph2nn.graphs.io.options import ReadOptions, parse_share
from graph2nn.graphs.io.read import read_graph, read_with, warn_of
from graph2nn.graphs.io.write import write_graph

__all__ = [
    "ENDINGS",
    "FORMATS",
    "GraphNote",
    "ReadOptions",
    "Reading",
    "ending_of",
    "parse_share",
    "read_graph",
    "read_with",
    "warn_of",
    "write_graph",
]

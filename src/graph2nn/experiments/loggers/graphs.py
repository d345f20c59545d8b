"""C and L of a network's weights while it learns: the graphs that its strongest blocks make."""

from __future__ import annotations

from torch import nn

from graph2nn.conversion.recover import recover
from graph2nn.graphs.graph import RelationalGraph

#: Nodes where the network runs on no graph, as in the paper's MLP experiments.
NODES = 64


def graph_scalars(model: nn.Module, graph: RelationalGraph | None, density: float) -> dict[str, float]:
    """Return C and L of each weight's strongest blocks, and the share of its squares that they hold.

    A graph in parts has no L, and none is returned for it. Names: ``graph/<weight>/clustering`` and so on.

    Raises:
        UserError: a density out of range; no weight that is as wide as the graph has nodes.
    """
    found = recover(model, graph.n if graph else NODES, density=density)
    values: dict[str, float] = {}
    for name, one in found.items():
        values[f"graph/{name}/clustering"] = one.clustering
        values[f"graph/{name}/captured"] = one.captured
        if one.path_length is not None:
            values[f"graph/{name}/path_length"] = one.path_length
    return values

"""Families of graphs by name. Names and arguments are networkx's, without its ``_graph``.

Those that use chance take a ``seed`` and draw what networkx draws for it; WS-flex draws the published
graphs. Every family raises :class:`UserError` for arguments outside its range.
"""

from collections.abc import Callable

from graph2nn.graphs.generators.families import (
    barabasi_albert,
    configuration,
    gnm_random,
    gnp_random,
    planted_partition,
    ramanujan,
    random_directed,
    random_regular,
    random_tree,
    scale_free,
    stochastic_block,
    watts_strogatz,
    ws_flex_directed,
)
from graph2nn.graphs.generators.shapes import (
    balanced_tree,
    complete,
    cycle,
    grid,
    hypercube,
    path,
    ring,
    star,
)
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.ws_flex import ws_flex

#: What a command may name, as in ``barabasi_albert:n=64,m=4,seed=1``.
GENERATORS: dict[str, Callable[..., RelationalGraph]] = {
    "ws_flex": ws_flex,
    "ws_flex_directed": ws_flex_directed,
    "watts_strogatz": watts_strogatz,
    "ring": ring,
    "gnm_random": gnm_random,
    "gnp_random": gnp_random,
    "erdos_renyi": gnp_random,  # networkx's other name for the same
    "random_directed": random_directed,
    "random_tree": random_tree,
    "barabasi_albert": barabasi_albert,
    "configuration": configuration,
    "scale_free": scale_free,
    "stochastic_block": stochastic_block,
    "planted_partition": planted_partition,
    "random_regular": random_regular,
    "ramanujan": ramanujan,
    "hypercube": hypercube,
    "grid": grid,
    "cycle": cycle,
    "balanced_tree": balanced_tree,
    "star": star,
    "path": path,
    "complete": complete,
}

__all__ = ["GENERATORS", *sorted(GENERATORS.keys() - {"erdos_renyi"})]

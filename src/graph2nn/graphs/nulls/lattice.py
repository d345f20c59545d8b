"""Degree-preserving lattices: edges are swapped towards a ring until they hardly come closer.

The reference of Sporns and Zwi (Neuroinformatics 2, 145, 2004): as clustered as the degrees allow.
"""

from __future__ import annotations

import numpy as np

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.kernels import swaps
from graph2nn.graphs.nulls.arc_rows import ArcRows
from graph2nn.graphs.nulls.ladder import Request

#: Proposals per edge: C levels off within them (docs/nulls.md).
PROPOSALS = 300
#: Lattices drawn before giving up on a connected one.
TRIES = 20


def degree_lattice_null(graph: RelationalGraph, seed: int = 0, connected: bool = False) -> RelationalGraph:
    """Swap the edges of ``graph`` towards a ring, each node keeping its in- and out-degree.

    Nodes stand on the ring in random order; a swap is made if the two edges become, taken together, no longer.

    Args:
        graph: left as it is.
        seed: of the order and the swaps.
        connected: draw again until the lattice is connected.

    Returns:
        The lattice.

    Raises:
        UserError: ``connected`` is asked for and 20 lattices were not.

    Example:
        >>> import graph2nn as g
        >>> graph = g.ws_flex(40, 6, 1.0, seed=1)
        >>> degree_lattice_null(graph, seed=1).clustering > 2 * graph.clustering
        True
    """
    request = Request(graph, "degree_lattice", seed)
    rng = request.rng
    for _ in range(TRIES):
        rows = ArcRows.of(graph)
        movable = np.flatnonzero(~rows.loops).astype(np.int32)
        if len(movable) > 1:
            swaps.swap_closer(
                rows.source, rows.target, rows.start, rows.hub, rows.bits, rows.mate, rows.label, movable,
                swaps.EDGES if rows.undirected else swaps.ARCS, PROPOSALS * len(movable),
                np.uint64(rng.integers(2**63)), rng.permutation(graph.n),
            )  # fmt: skip
        lattice = request.from_rows(rows)
        if lattice.connected or not connected:
            return lattice
    raise UserError(f"degree_lattice null: no connected lattice in {TRIES} draws of graph {graph.name!r}.")

"""Degree-preserving rewiring: edge swaps that leave every degree as it is (Maslov and Sneppen 2002)."""

from __future__ import annotations

import random

import numpy as np

from graph2nn.arrays import BoolMatrix
from graph2nn.errors import UserError, checked_seed
from graph2nn.graphs.graph import DENSE_LIMIT, RelationalGraph


def rewire(
    graph: RelationalGraph, seed: int = 0, *, swaps: float = 10.0, connected: bool = False
) -> RelationalGraph:
    """Randomise ``graph`` by swapping the ends of pairs of edges.

    Two edges a→b and c→d, drawn at random, become a→d and c→b unless that would make a self-loop or an edge
    that is there already; a refused swap counts as a step, which makes every reachable graph equally likely
    in the long run. An undirected edge is drawn in either orientation and each node keeps its degree; in a
    directed graph each keeps its in- and its out-degree. (Directed swaps cannot turn a lone three-node cycle
    round; that matters only where almost nothing else can be swapped.)

    Args:
        graph: left as it is.
        seed: of ``random.Random``.
        swaps: steps per edge, or per missing edge where those are fewer: swapping edges is swapping gaps,
            and in a dense graph only the gaps can move. Overlap with the start and C level off within 5
            (measured on WS-flex, n = 64, degrees 8, 32 and 56; 20 chains each).
        connected: also refuse swaps that take the graph apart (directions forgotten).

    Returns:
        The randomised graph; its degrees are those of ``graph``.

    Raises:
        UserError: ``connected`` is asked for and the graph is not, ``swaps`` is negative, or a graph that is
            stored sparsely or has weights, signs or given self-connections (see :func:`graph2nn.null`).

    Example:
        >>> from graph2nn import ws_flex
        >>> graph = ws_flex(64, 8, 0.1, seed=1)
        >>> bool((rewire(graph, seed=0).adjacency.sum(0) == graph.adjacency.sum(0)).all())
        True
    """
    if swaps < 0:
        raise UserError(f"rewire: swaps = {swaps:g} is negative.")
    valued = graph.weights is not None or graph.signs is not None or graph.self_loops != "all"
    if valued or not isinstance(graph.adjacency, np.ndarray):
        raise UserError(
            f"rewire: graph {graph.name!r} has weights, signs or given self-connections, or more than "
            f"{DENSE_LIMIT:,} nodes; take graph2nn.null(graph, 'degree', seed), which keeps them."
        )
    if connected and not graph.connected:
        raise UserError(f"graph {graph.name!r} is not connected, so it has no connected rewiring.")
    off_diagonal = ~np.eye(graph.n, dtype=bool)
    gaps = bool(2 * graph.adjacency.sum() > off_diagonal.sum())
    moved = off_diagonal & ~graph.adjacency if gaps else graph.adjacency
    result = _Swaps(moved, bool(graph.directed), gaps, connected).run(
        random.Random(checked_seed(seed, "rewire")), swaps
    )
    return RelationalGraph(
        off_diagonal & ~result if gaps else result,
        name=f"degree null({graph.name},{seed})",
        directed=graph.directed,
    )


class _Swaps:
    """The chain's state: a list of edges, and for each node a whole number whose bits are its neighbours.

    ``gaps`` says that the edges listed are the missing ones of the graph that has to stay connected.
    """

    def __init__(self, matrix: BoolMatrix, directed: bool, gaps: bool, connected: bool) -> None:
        self.n = len(matrix)
        self.directed, self.gaps, self.connected = directed, gaps, connected
        listed = matrix if directed else np.triu(matrix)
        self.edges = [(int(a), int(b)) for a, b in np.argwhere(listed)]
        self.out = _bits(matrix)
        self.into = _bits(matrix.T)

    def run(self, rng: random.Random, swaps: float) -> BoolMatrix:
        count = len(self.edges)
        for _ in range(round(swaps * count) if count > 1 else 0):
            i, j = int(rng.random() * count), int(rng.random() * count)
            (a, b), (c, d) = self.edges[i], self.edges[j]
            if not self.directed and rng.random() < 0.5:
                c, d = d, c
            # i = j, in either orientation, is refused here too: a→d is a→b itself, or a loop.
            if a == d or c == b or self.out[a] >> d & 1 or self.out[c] >> b & 1:
                continue
            self._swap(a, b, c, d)
            if self.connected and not self._reaches(a, c):
                self._swap(a, d, c, b)
                continue
            self.edges[i], self.edges[j] = (a, d), (c, b)
        matrix: BoolMatrix = np.zeros((self.n, self.n), dtype=np.bool_)
        for a, b in self.edges:
            matrix[a, b] = True
        return matrix if self.directed else matrix | matrix.T

    def _swap(self, a: int, b: int, c: int, d: int) -> None:
        """Turn a→b, c→d into a→d, c→b in the bits."""
        for x, y in ((a, b), (c, d), (a, d), (c, b)):
            self.out[x] ^= 1 << y
            self.into[y] ^= 1 << x
            if not self.directed:
                self.out[y] ^= 1 << x
                self.into[x] ^= 1 << y

    def _reaches(self, start: int, goal: int) -> bool:
        """Whether a path joins two nodes, directions forgotten.

        After a swap in a connected graph, every node still hangs on one of the four ends, and two pairs of
        those are joined by the new edges: so one path between the pairs is enough.
        """
        everything = (1 << self.n) - 1
        seen = frontier = 1 << start
        while frontier:
            if seen >> goal & 1:
                return True
            node = frontier.bit_length() - 1
            if self.gaps:  # two nodes are joined unless both directions are gaps
                around = everything & ~(self.out[node] & self.into[node])
            else:
                around = self.out[node] | self.into[node]
            frontier = (frontier ^ 1 << node) | (around & ~seen)
            seen |= around
        return False


def _bits(matrix: BoolMatrix) -> list[int]:
    return [int("".join(row)[::-1], 2) for row in matrix.astype(int).astype(str).tolist()]

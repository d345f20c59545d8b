"""RelationalGraph: an immutable graph whose nodes read each other along its edges."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs import measures

if TYPE_CHECKING:
    import networkx as nx

BoolMatrix = npt.NDArray[np.bool_]


class Origin(NamedTuple):
    """The WS-flex arguments a graph was drawn from, so that it can be drawn again with fewer nodes."""

    n: int
    k: float
    p: float
    seed: int


@dataclass(frozen=True, eq=False, repr=False)
class RelationalGraph:
    """An immutable graph on the nodes 0 … n−1 (paper, section 2.1).

    Args:
        adjacency: boolean ``[n, n]``, row reads column, zero diagonal (a node always reads itself, so the
            self-loop is implied and never stored). Kept as a read-only copy.
        name: a short label for tables and figures.
        directed: whether row-reads-column may differ from column-reads-row. ``None`` looks at the matrix.
        origin: set by :func:`graph2nn.ws_flex`; plays no part in equality.

    Raises:
        UserError: not a square matrix, entries other than 0 and 1, self-loops, fewer than two nodes,
            or an asymmetric matrix declared undirected.
    """

    adjacency: BoolMatrix
    name: str = "graph"
    directed: bool | None = None
    origin: Origin | None = None

    def __post_init__(self) -> None:
        matrix = _binary_matrix(self.adjacency)
        symmetric = bool((matrix == matrix.T).all())
        if self.directed is False and not symmetric:
            raise UserError(
                f"graph {self.name!r}: the adjacency matrix is not symmetric, yet directed=False. "
                "Say directed=True, or symmetrise it with matrix | matrix.T."
            )
        matrix.setflags(write=False)
        object.__setattr__(self, "adjacency", matrix)
        object.__setattr__(self, "directed", not symmetric if self.directed is None else self.directed)

    # --- made from -----------------------------------------------------------------------------------------

    @classmethod
    def from_adjacency(
        cls,
        matrix: npt.ArrayLike,
        *,
        name: str = "graph",
        directed: bool | None = None,
        drop_self_loops: bool = False,
    ) -> RelationalGraph:
        """Make a graph from a 0/1 matrix ``[n, n]`` whose rows read its columns.

        Args:
            matrix: booleans or the numbers 0 and 1.
            name: a short label.
            directed: ``None`` decides by symmetry.
            drop_self_loops: forget the diagonal instead of refusing it.

        Raises:
            UserError: as for the class.
        """
        array = _array(matrix).copy()
        if drop_self_loops and array.ndim == 2 and array.shape[0] == array.shape[1]:
            np.fill_diagonal(array, 0)
        return cls(array, name=name, directed=directed)

    @classmethod
    def from_edges(
        cls, edges: Iterable[tuple[int, int]], n: int, *, name: str = "graph", directed: bool = False
    ) -> RelationalGraph:
        """Make a graph on ``n`` nodes from pairs ``(reader, read)`` of node numbers 0 … n−1.

        Raises:
            UserError: a node number outside 0 … n−1, or a self-loop.
        """
        if not _whole(n) or n < 2:
            raise UserError(f"graph {name!r}: n = {n!r}, expected a whole number of at least 2 nodes.")
        matrix = np.zeros((n, n), dtype=bool)
        for edge in edges:
            if not isinstance(edge, Iterable) or len(pair := tuple(edge)) != 2 or not all(map(_whole, pair)):
                raise UserError(
                    f"graph {name!r}: edge {edge!r} is not a pair of node numbers; "
                    "for named or weighted nodes go through networkx or a file."
                )
            reader, read = pair
            if not (0 <= reader < n and 0 <= read < n):
                raise UserError(
                    f"graph {name!r}: edge ({reader}, {read}) names a node outside 0…{n - 1}. "
                    "Number the nodes from 0, or raise n."
                )
            matrix[reader, read] = True
            if not directed:
                matrix[read, reader] = True
        return cls(matrix, name=name, directed=directed)

    @classmethod
    def from_networkx(
        cls, graph: nx.Graph[Any], *, name: str | None = None, drop_self_loops: bool = False
    ) -> RelationalGraph:
        """Make a graph from a networkx one; nodes keep the order in which networkx lists them.

        In a networkx ``DiGraph`` the edge u → v means that node u reads node v, as in the published
        connectome networks. Weights and parallel edges are ignored: an edge is there or not.

        Raises:
            UserError: self-loops (unless ``drop_self_loops``), fewer than two nodes.
        """
        position = {node: i for i, node in enumerate(graph.nodes)}
        n = len(position)
        label = name or str(getattr(graph, "name", "") or "graph")
        matrix = np.zeros((n, n), dtype=bool)
        for u, v in graph.edges():
            matrix[position[u], position[v]] = True
            if not graph.is_directed():
                matrix[position[v], position[u]] = True
        return cls.from_adjacency(
            matrix, name=label, directed=graph.is_directed(), drop_self_loops=drop_self_loops
        )

    def to_networkx(self) -> nx.Graph[Any]:
        """Return a networkx ``Graph``, or ``DiGraph`` when directed, on the nodes 0 … n−1."""
        import networkx as nx

        graph: nx.Graph[Any] = nx.DiGraph() if self.directed else nx.Graph()
        graph.name = self.name
        graph.add_nodes_from(range(self.n))
        graph.add_edges_from((int(u), int(v)) for u, v in np.argwhere(self.adjacency))
        return graph

    # --- what it is ----------------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Number of nodes."""
        return int(self.adjacency.shape[0])

    @cached_property
    def edges(self) -> int:
        """Number of edges; an undirected edge counts once."""
        ones = int(self.adjacency.sum())
        return ones if self.directed else ones // 2

    @property
    def degree(self) -> float:
        """Average degree k: how many other nodes a node reads, on average."""
        return float(self.adjacency.sum()) / self.n

    @property
    def sparsity(self) -> float:
        """k / n, the published measure of how full the graph is (a complete graph has (n−1)/n)."""
        return self.degree / self.n

    @property
    def density(self) -> float:
        """Share of on blocks in a weight of equal node sizes, each node reading itself: (k + 1) / n."""
        return (float(self.adjacency.sum()) + self.n) / self.n**2

    @cached_property
    def clustering(self) -> float:
        """Clustering coefficient C, the mean local clustering; see :func:`measures.clustering`."""
        return measures.clustering(self.adjacency, directed=bool(self.directed))

    @cached_property
    def path_length(self) -> float:
        """Average path length L; see :func:`measures.path_length`."""
        return measures.path_length(self.adjacency, name=self.name)

    @cached_property
    def connected(self) -> bool:
        """Whether a path joins every pair of nodes, whatever the direction of its edges."""
        return measures.is_connected(self.adjacency | self.adjacency.T)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the adjacency matrix as C-order uint8: the same matrix, the same digest."""
        return hashlib.sha256(np.ascontiguousarray(self.adjacency, dtype=np.uint8).tobytes()).hexdigest()

    # --- turned into ---------------------------------------------------------------------------------------

    def symmetrised(self) -> RelationalGraph:
        """Return the undirected graph with an edge wherever this one has it in either direction."""
        return RelationalGraph(self.adjacency | self.adjacency.T, name=self.name, directed=False)

    def permuted(self, order: npt.ArrayLike) -> RelationalGraph:
        """Renumber the nodes: node ``i`` of the result is node ``order[i]`` of this graph.

        Raises:
            UserError: ``order`` is not a permutation of 0 … n−1.
        """
        index = np.asarray(order)
        if sorted(index.tolist()) != list(range(self.n)):
            raise UserError(f"graph {self.name!r}: the order is not a permutation of 0…{self.n - 1}.")
        return RelationalGraph(self.adjacency[np.ix_(index, index)], name=self.name, directed=self.directed)

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies and pickles are rebuilt: NumPy would drop the read-only flag of the matrix.
        return RelationalGraph, (self.adjacency, self.name, self.directed, self.origin)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RelationalGraph):
            return NotImplemented
        return self.directed == other.directed and self.digest == other.digest

    def __hash__(self) -> int:
        return hash((self.digest, self.directed))

    def __repr__(self) -> str:
        arrow = "directed" if self.directed else "undirected"
        return f"RelationalGraph({self.name!r}, n={self.n}, edges={self.edges}, {arrow})"


def _binary_matrix(matrix: npt.ArrayLike) -> BoolMatrix:
    """Check and copy a 0/1 matrix without self-loops."""
    array = _array(matrix)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise UserError(f"adjacency: shape {array.shape} is not square; expected [n, n], row reads column.")
    if array.shape[0] < 2:
        raise UserError(f"adjacency: n = {array.shape[0]}, expected at least 2 nodes.")
    if array.dtype != np.bool_:
        odd = array[(array != 0) & (array != 1)]
        if odd.size:
            raise UserError(
                f"adjacency: entry {odd.flat[0]!s} is neither 0 nor 1; threshold a weighted graph first, "
                "for example with matrix > 0."
            )
    binary: BoolMatrix = array.astype(np.bool_, copy=True, order="C")
    loops = np.flatnonzero(np.diagonal(binary))
    if loops.size:
        raise UserError(
            f"adjacency: node {loops[0]} has a self-loop. Every node reads itself already; "
            "clear the diagonal, or pass drop_self_loops=True."
        )
    return binary


def _array(matrix: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return a plain array: a ``np.matrix`` would multiply differently, a ragged list has no shape."""
    try:
        return np.asarray(matrix)
    except ValueError:
        raise UserError("adjacency: the rows differ in length; expected [n, n], row reads column.") from None


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)

"""RelationalGraph: an immutable graph whose nodes read each other along its edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graph2nn.arguments import checked_arguments
from graph2nn.arrays import BoolMatrix, plain_array
from graph2nn.errors import UserError
from graph2nn.graphs import attributes, storage
from graph2nn.graphs.arcs import arcs_of_pairs, node_count, sorted_arcs
from graph2nn.graphs.attributes import Signs, Weights
from graph2nn.graphs.components import component_labels
from graph2nn.graphs.interchange import Combine, SelfLoops, networkx_arguments, networkx_of_graph
from graph2nn.graphs.quantities import Quantities
from graph2nn.graphs.storage import DENSE_LIMIT, Adjacency

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

__all__ = ["DENSE_LIMIT", "BoolMatrix", "Origin", "RelationalGraph"]


class Origin(NamedTuple):
    """The WS-flex arguments a graph was drawn from, so that it can be drawn again with fewer nodes."""

    n: int
    k: float
    p: float
    seed: int


@checked_arguments
@dataclass(frozen=True, eq=False, repr=False)
class RelationalGraph(Quantities):
    """An immutable graph on the nodes 0 … n−1 (paper, section 2.1).

    Args:
        adjacency: 0/1 matrix ``[n, n]``, dense or of scipy.sparse, row reads column. Kept as a read-only copy:
            a boolean array up to :data:`DENSE_LIMIT` nodes, a boolean ``scipy.sparse.csr_array`` above.
        name: a short label for tables and figures.
        directed: whether row-reads-column may differ from column-reads-row. ``None`` looks at the matrix,
            weights and signs.
        origin: set by :func:`graph2nn.ws_flex`; plays no part in equality.
        node_names: n different texts, or None.
        weights: magnitudes ``[arcs]`` above 0 in the order of :attr:`edge_index`, or None.
        signs: −1, 0 or +1, ``[arcs]`` in the same order, or None.
        nodes: a data frame with one row per node, for :meth:`select`, or None. Copied; do not change it.
        self_loops: ``"all"``: every node reads itself, which is implied and never stored (the paper's
            graphs). ``"given"``: a node reads itself only where the diagonal says so (connectomes).

    Raises:
        UserError: not a square matrix, entries other than 0 and 1, self-loops with ``self_loops="all"``, fewer
            than two nodes, something asymmetric declared undirected, or values of another length.

    Example:
        >>> ring = RelationalGraph([[0, 1, 0], [0, 0, 1], [1, 0, 0]], name="ring")
        >>> ring
        RelationalGraph('ring', n=3, edges=3, directed)
        >>> ring.edge_index.tolist()  # node 1 is read by node 0, and so on
        [[1, 2, 0], [0, 1, 2]]
    """

    adjacency: Adjacency
    name: str = "graph"
    directed: bool | None = None
    origin: Origin | None = None
    _: KW_ONLY
    node_names: tuple[str, ...] | None = None
    weights: Weights | None = None
    signs: Signs | None = None
    nodes: pd.DataFrame | None = None
    self_loops: SelfLoops = "all"

    def __post_init__(self) -> None:
        if self.self_loops not in ("all", "given"):
            raise UserError(
                f"graph {self.name!r}: self_loops = {self.self_loops!r}, expected 'all' or 'given'."
            )
        matrix = storage.stored(self.adjacency, self_loops=self.self_loops)
        n, arcs = (
            matrix.shape[0],
            int(np.count_nonzero(matrix)) if matrix.shape[0] <= DENSE_LIMIT else matrix.nnz,
        )
        put = partial(object.__setattr__, self)
        put("adjacency", matrix)
        put("weights", attributes.checked_weights(self.weights, arcs, self.name))
        put("signs", attributes.checked_signs(self.signs, arcs, self.name))
        put("node_names", attributes.checked_names(self.node_names, n, self.name))
        put("nodes", attributes.checked_nodes(self.nodes, n, self.name))
        symmetric = self.directed is not True and storage.is_symmetric(matrix)
        if self.directed is False and not symmetric:
            raise UserError(
                f"graph {self.name!r}: the adjacency matrix is not symmetric, yet directed=False. "
                "Say directed=True, or symmetrise it with matrix | matrix.T."
            )
        if symmetric and self._values and not attributes.is_symmetric(self.csr, self._values):
            if self.directed is False:
                raise UserError(
                    f"graph {self.name!r}: the weights or signs of an edge differ between its directions, yet "
                    "directed=False. Say directed=True, or take .symmetrised() of the directed graph."
                )
            symmetric = False
        put("directed", not symmetric if self.directed is None else bool(self.directed))

    # --- made from -----------------------------------------------------------------------------------------

    @classmethod
    @checked_arguments
    def from_adjacency(
        cls,
        matrix: Any,
        *,
        name: str = "graph",
        directed: bool | None = None,
        drop_self_loops: bool = False,
        node_names: Iterable[str] | None = None,
        self_loops: SelfLoops = "all",
    ) -> RelationalGraph:
        """Make a graph from a 0/1 matrix ``[n, n]`` whose rows read its columns.

        Args:
            matrix: booleans or the numbers 0 and 1; dense, or of scipy.sparse.
            name: a short label.
            directed: ``None`` decides by symmetry.
            drop_self_loops: forget the diagonal instead of refusing it.
            node_names: n different texts.
            self_loops: as for the class.

        Returns:
            The graph.

        Raises:
            UserError: as for the class.
        """
        array = storage.any_matrix(matrix)
        if drop_self_loops and array.ndim == 2 and array.shape[0] == array.shape[1]:
            array = storage.without_loops(array)
        names = None if node_names is None else tuple(node_names)
        return cls(array, name=name, directed=directed, node_names=names, self_loops=self_loops)

    @classmethod
    @checked_arguments
    def from_edges(
        cls,
        edges: Iterable[tuple[int, int]],
        n: int | None = None,
        *,
        name: str = "graph",
        directed: bool = False,
    ) -> RelationalGraph:
        """Make a graph on ``n`` nodes from pairs ``(reader, read)`` of node numbers 0 … n−1.

        Args:
            edges: pairs of node numbers.
            n: nodes; one more than the largest number if left out.
            name: a short label.
            directed: whether direction counts.

        Returns:
            The graph.

        Raises:
            UserError: a node number outside 0 … n−1, or a self-loop.
        """
        pairs = list(edges)
        n = node_count(pairs) if n is None else n
        arcs = arcs_of_pairs(pairs, n, name, directed=directed)
        return cls.from_edge_index(arcs, int(n), name=name, directed=directed, self_loops="all")

    @classmethod
    @checked_arguments
    def from_edge_index(
        cls,
        edge_index: npt.ArrayLike,
        n: int,
        *,
        weights: npt.ArrayLike | None = None,
        signs: npt.ArrayLike | None = None,
        nodes: pd.DataFrame | None = None,
        node_names: Iterable[str] | None = None,
        name: str = "graph",
        directed: bool | None = True,
        self_loops: SelfLoops = "given",
    ) -> RelationalGraph:
        """Make a graph from two rows of node numbers, in any order of columns; nothing dense is made.

        Args:
            edge_index: whole numbers ``[2, arcs]``: row 0 the node that is read (from, presynaptic), row 1 the
                reader (to). An undirected edge stands in both directions.
            n: number of nodes.
            weights, signs: one per column of ``edge_index``; sorted with it.
            nodes, node_names, name, directed, self_loops: as for the class.

        Returns:
            The graph; its :attr:`edge_index` is sorted by reader, then by node read.

        Raises:
            UserError: another shape, numbers outside 0 … n−1, an arc given twice, and as for the class.

        Example:
            >>> pair = RelationalGraph.from_edge_index([[0, 0], [1, 0]], 2, weights=[5, 2])
            >>> pair.edges, pair.edge_index.tolist(), pair.weights.tolist()
            (2, [[0, 0], [0, 1]], [2.0, 5.0])
        """
        csr, order = sorted_arcs(edge_index, n, name)
        return cls(
            csr,
            name=name,
            directed=directed,
            node_names=None if node_names is None else tuple(node_names),
            weights=attributes.in_order(weights, order, "weights", name),
            signs=attributes.in_order(signs, order, "signs", name),
            nodes=nodes,
            self_loops=self_loops,
        )

    @classmethod
    @checked_arguments
    def from_networkx(
        cls,
        graph: nx.Graph[Any],
        *,
        name: str | None = None,
        drop_self_loops: bool = False,
        weight: str = "weight",
        threshold: float | None = None,
        combine: Combine | None = None,
        self_loops: SelfLoops = "all",
    ) -> RelationalGraph:
        """Make a graph from a networkx one; nodes keep their order, names and, where they have any, weights.

        In a networkx ``DiGraph`` the edge u → v means that node u reads node v, as in the published
        connectome networks.

        Args:
            graph: any networkx graph.
            name: a short label; else the graph's own.
            drop_self_loops: forget self-loops instead of refusing them.
            weight: the edge attribute that holds weights. Every nonzero weight makes an edge; the magnitude
                becomes its weight, and where some are negative the signs are kept. An edge without the
                attribute weighs 1.
            threshold: keep the edges of more than this weight only.
            combine: how the weights of parallel edges become one: ``sum``, ``max`` or ``first``.
            self_loops: as for the class.

        Returns:
            The graph. ``node_names`` are the nodes as text, or None where they are 0 … n−1 in order.

        Raises:
            UserError: self-loops (unless dropped or given), a weight of 0 without a threshold, weights that
                are not finite numbers, parallel edges of different weights, fewer than two nodes.
        """
        arguments = networkx_arguments(
            graph,
            name=name,
            drop_self_loops=drop_self_loops,
            weight=weight,
            threshold=threshold,
            combine=combine,
            self_loops=self_loops,
        )
        return cls.from_edge_index(**arguments)

    def to_networkx(self) -> nx.Graph[Any]:
        """Return a networkx ``Graph``, or ``DiGraph`` when directed, on the node names or on 0 … n−1.

        The edge u → v means that u reads v. Edges have the attributes ``weight`` and ``sign`` where the graph
        has them.

        Raises:
            UserError: this many edges that the networkx graph would take more than 4 GB.
        """
        return networkx_of_graph(self)

    # --- turned into ---------------------------------------------------------------------------------------

    def symmetrised(self) -> RelationalGraph:
        """Return the undirected graph with an edge wherever this one has it in either direction.

        Names, the table of nodes and given self-connections stay. An edge has the larger of its two weights,
        and the sign on which both directions agree, else 0.
        """
        both = storage.either_way(self.adjacency)
        values = attributes.symmetrised_values(self._values, self.csr, storage.to_csr(both))
        return RelationalGraph(both, name=self.name, directed=False, **self._carried, **values.named)

    def permuted(self, order: npt.ArrayLike) -> RelationalGraph:
        """Renumber the nodes: node ``i`` of the result is node ``order[i]`` of this graph.

        Raises:
            UserError: ``order`` is not a permutation of 0 … n−1.
        """
        index = plain_array(order, f"graph {self.name!r}: the order", "node numbers [n]")
        if index.shape != (self.n,) or not np.array_equal(np.sort(index), np.arange(self.n)):
            raise UserError(f"graph {self.name!r}: the order is not a permutation of 0…{self.n - 1}.")
        return self.subgraph(index)

    def subgraph(self, nodes: npt.ArrayLike) -> RelationalGraph:
        """Return the graph induced by some nodes, in the order given; all that they carry stays.

        Args:
            nodes: different node numbers, or a boolean mask ``[n]``.

        Raises:
            UserError: fewer than two nodes, a number outside 0 … n−1 or given twice.
        """
        index = plain_array(nodes, f"graph {self.name!r}: the nodes", "node numbers, or a boolean mask [n]")
        index = np.flatnonzero(index) if index.dtype == np.bool_ and index.shape == (self.n,) else index
        if index.ndim != 1 or index.dtype.kind not in "iu" or len(index) < 2:
            raise UserError(
                f"graph {self.name!r}: a subgraph of {index.size} nodes; expected at least 2 node numbers, "
                f"or a boolean mask of {self.n}."
            )
        if index.min() < 0 or index.max() >= self.n or len(np.unique(index)) < len(index):
            raise UserError(f"graph {self.name!r}: the nodes are not different numbers within 0…{self.n - 1}.")
        part = self.adjacency[index][:, index]
        values = self._values.through(self.csr, storage.to_csr(storage.canonical(part)), index, index)
        carried = self._carried
        if self.node_names is not None:
            carried["node_names"] = tuple(self.node_names[i] for i in index)
        if self.nodes is not None:
            carried["nodes"] = self.nodes.iloc[index]
        return RelationalGraph(part, name=self.name, directed=self.directed, **carried, **values.named)

    def select(self, expression: str) -> RelationalGraph:
        """Return the graph induced by the nodes for which an expression on :attr:`nodes` holds.

        Args:
            expression: as in ``DataFrame.query``, for example ``"superclass == 'sensory' or side == 'left'"``.

        Returns:
            The induced subgraph; rows of :attr:`nodes` keep their index (ids).

        Raises:
            UserError: no table of nodes, an expression that cannot be evaluated, or fewer than two nodes.

        Example:
            >>> import pandas as pd
            >>> kinds = pd.DataFrame({"kind": ["in", "in", "out"]}, index=[11, 12, 13])
            >>> graph = RelationalGraph.from_edge_index([[0, 1], [1, 2]], 3, nodes=kinds)
            >>> graph.select("kind == 'in'").nodes.index.tolist()
            [11, 12]
        """
        index = attributes.queried(self.nodes, expression, self.name)
        if len(index) < 2:
            raise UserError(
                f"graph {self.name!r}: {expression!r} holds for {len(index)} nodes, expected at least 2."
            )
        return self.subgraph(index)

    def largest_component(self) -> RelationalGraph:
        """Return the subgraph of the largest weakly connected component; the first of several equal ones."""
        labels = component_labels(self.csr)
        return self.subgraph(labels == np.bincount(labels).argmax())

    def renamed(self, name: str) -> RelationalGraph:
        """Return the same graph under another name."""
        values = self._values.named
        return RelationalGraph(self.adjacency, name, self.directed, self.origin, **self._carried, **values)

    @property
    def _carried(self) -> attributes.NodeArguments:
        """What a graph on the same nodes keeps, as arguments."""
        return {"node_names": self.node_names, "nodes": self.nodes, "self_loops": self.self_loops}

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies and pickles are made from scratch: NumPy would drop the read-only flag of the matrix.
        make = partial(RelationalGraph, **self._carried, **self._values.named)
        return make, (self.adjacency, self.name, self.directed, self.origin)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RelationalGraph):
            return NotImplemented
        return self.directed == other.directed and self.digest == other.digest

    def __hash__(self) -> int:
        return hash((self.digest, self.directed))

    def __repr__(self) -> str:
        arrow = "directed" if self.directed else "undirected"
        return f"RelationalGraph({self.name!r}, n={self.n}, edges={self.edges}, {arrow})"

"""Quantities of a graph, computed when they are asked for and kept: counts, degree, C, L, digest."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import BoolMatrix
from graph2nn.graphs import attributes, measures, storage
from graph2nn.graphs.attributes import EdgeValues, Signs, Weights
from graph2nn.graphs.interchange import SelfLoops
from graph2nn.graphs.paths import Paths, measure_paths
from graph2nn.graphs.storage import CSR, Adjacency

#: What C and L of a directed graph are, where they are not those of its symmetrised form.
ALONG_EDGES = "directed C of Fagiolo 2007, L along the edges"


class Quantities:
    """What follows from the wiring of a graph and from its values."""

    adjacency: Adjacency
    name: str
    directed: bool | None
    weights: Weights | None
    signs: Signs | None
    self_loops: SelfLoops

    @property
    def n(self) -> int:
        """Number of nodes."""
        return int(self.adjacency.shape[0])

    @cached_property
    def csr(self) -> CSR:
        """The adjacency matrix as a read-only boolean ``scipy.sparse.csr_array``, whatever the storage."""
        return storage.to_csr(self.adjacency)

    @cached_property
    def edge_index(self) -> npt.NDArray[np.int64]:
        """Every arc, ``[2, arcs]``: row 0 the node read (from), row 1 the reader (to); sorted by to, then from.

        An undirected edge stands in both directions.
        """
        arcs = np.stack([self.csr.indices.astype(np.int64), storage.rows_of(self.csr)])
        arcs.setflags(write=False)
        return arcs

    @cached_property
    def loops(self) -> int:
        """Number of self-connections that are given; 0 where all are implied."""
        return int(np.count_nonzero(self.adjacency.diagonal()))

    @cached_property
    def arcs(self) -> int:
        """Number of columns of :attr:`edge_index`: an undirected edge counts twice."""
        dense = isinstance(self.adjacency, np.ndarray)
        return int(np.count_nonzero(self.adjacency) if dense else self.adjacency.nnz)

    @property
    def edges(self) -> int:
        """Number of edges, given self-connections included; an undirected edge counts once."""
        return self.arcs if self.directed else (self.arcs - self.loops) // 2 + self.loops

    @property
    def degree(self) -> float:
        """Average degree k: how many other nodes a node reads, on average."""
        return float(self.arcs - self.loops) / self.n

    @property
    def sparsity(self) -> float:
        """k / n, the published measure of how full the graph is (a complete graph has (n−1)/n)."""
        return self.degree / self.n

    @property
    def density(self) -> float:
        """Share of on blocks in a weight of equal node sizes: (k + 1) / n where each node reads itself."""
        implied = self.n if self.self_loops == "all" else 0
        return float(self.arcs + implied) / self.n**2

    @cached_property
    def clustering(self) -> float:
        """Clustering coefficient C, the mean local clustering; see :func:`measures.clustering`.

        Given self-connections play no part. Directed: Fagiolo's definition.
        """
        return measures.clustering(self.adjacency, directed=bool(self.directed))

    @cached_property
    def paths(self) -> Paths:
        """Shortest paths over ordered pairs: mean, share of pairs with a path, and how they were measured."""
        return measure_paths(self.adjacency)

    @property
    def path_length(self) -> float:
        """Average path length L over the ordered pairs that have a path; see :attr:`reachable`.

        NaN without any edge. A :class:`~graph2nn.errors.Graph2nnWarning` says where some pairs have no path,
        and where L was estimated from a sample of nodes (large graphs), with its standard error.
        """
        self.paths.warn(self.name)
        return self.paths.mean

    @property
    def reachable(self) -> float:
        """Share of ordered pairs of nodes that have a path; 1.0 where the graph is strongly connected."""
        return self.paths.reachable

    @cached_property
    def connected(self) -> bool:
        """Whether a path joins every pair of nodes, whatever the direction of its edges."""
        return measures.is_joined(self.adjacency)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what makes the network: wiring, given self-loops, weights and signs.

        Without the last three it is that of the adjacency matrix as C-order uint8 (of row pointers and indices
        above :data:`DENSE_LIMIT` nodes).
        """
        return attributes.values_digest(storage.adjacency_digest(self.adjacency), self.self_loops, self._values)

    def dense_adjacency(self, purpose: str = "this", *, bytes_per_pair: float = 1.0) -> BoolMatrix:
        """Return the adjacency matrix as a dense boolean array ``[n, n]``, read-only up to :data:`DENSE_LIMIT`.

        Args:
            purpose: what it is for; the subject of the message.
            bytes_per_pair: memory that the purpose needs per pair of nodes.

        Raises:
            UserError: more memory than 1 GiB, with the estimate, before anything is allocated.
        """
        if isinstance(self.adjacency, np.ndarray):
            return self.adjacency
        storage.refuse_dense(self.name, self.n, purpose, bytes_per_pair)
        dense: BoolMatrix = self.adjacency.toarray()
        return dense

    @property
    def _values(self) -> EdgeValues:
        return EdgeValues(self.weights, self.signs)

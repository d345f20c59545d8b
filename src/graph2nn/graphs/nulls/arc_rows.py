"""The arcs of a graph in rows, one row per source: what the swap kernels work on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Longs
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.kernels import detours, swaps
from graph2nn.graphs.kernels.swaps import Bits, Ints

#: Rows longer than this also have one bit per node, so that looking an arc up does not take a long scan.
LONG_ROW = 64
#: Bytes that these bits may take; with more hubs only longer rows have them.
HUB_BYTES = 2**29
#: Proposals per arc are raised where few swaps are free, as in dense graphs, up to this factor.
MOST_REFUSED = 100.0


@dataclass
class ArcRows:
    """Arcs sorted by source, then target; a chain of swaps changes ``target``.

    Args:
        n: number of nodes.
        source, target: ends of each arc ``[arcs]``.
        start: where the row of each node begins ``[n + 1]``.
        place: column of the graph's ``edge_index`` that each arc was ``[arcs]``: weight and sign stay with it.
        undirected: each edge stands in both directions, and swaps move both.
    """

    n: int
    source: Ints
    target: Ints
    start: Longs
    place: npt.NDArray[np.int64]
    undirected: bool
    hub: Ints = field(init=False)
    bits: Bits = field(init=False)
    mate: Ints = field(init=False)
    label: Ints = field(init=False)

    def __post_init__(self) -> None:
        lengths = np.diff(self.start)
        words = (self.n + 63) // 64
        longest = LONG_ROW
        while (lengths > longest).sum() * words * 8 > HUB_BYTES:
            longest *= 2
        hubs = np.flatnonzero(lengths > longest)
        self.hub = np.full(self.n, -1, dtype=np.int32)
        self.hub[hubs] = np.arange(len(hubs), dtype=np.int32)
        self.bits = np.zeros((max(1, len(hubs)), words), dtype=np.uint64)
        swaps.fill_bits(self.target, self.start, self.hub, self.bits)
        empty = np.empty(0, dtype=np.int32)
        self.mate = swaps.mates(self.source, self.target, self.start) if self.undirected else empty
        self.label = np.arange(len(self.source), dtype=np.int32) if self.undirected else empty
        if self.undirected:
            self.label = np.minimum(self.label, self.mate)

    @classmethod
    def of(cls, graph: RelationalGraph) -> ArcRows:
        """Sort the arcs of a graph by source. Takes time and memory in proportion to them."""
        from scipy import sparse

        arcs = graph.edge_index
        start = np.zeros(graph.n + 1, dtype=np.int64)
        np.cumsum(np.bincount(arcs[1], minlength=graph.n), out=start[1:])
        places = np.arange(arcs.shape[1], dtype=np.int32)
        by_target = sparse.csr_array((places, arcs[0].astype(np.int32), start), shape=(graph.n, graph.n))
        by_source = by_target.tocsc()
        begin = by_source.indptr.astype(np.int64)
        return cls(
            n=graph.n,
            source=np.repeat(np.arange(graph.n, dtype=np.int32), np.diff(begin)),
            target=by_source.indices.astype(np.int32),
            start=begin,
            place=by_source.data,
            undirected=not graph.directed,
        )

    @property
    def loops(self) -> npt.NDArray[np.bool_]:
        """Arcs of a node with itself."""
        return np.asarray(self.source == self.target)

    def swap(
        self,
        movable: npt.NDArray[np.bool_] | Ints,
        proposals: float,
        state: int,
        *,
        room: float | None = None,
        mode: int = swaps.ARCS,
    ) -> int:
        """Propose swaps among some arcs, ``proposals`` per arc (per edge in an undirected graph).

        Args:
            movable: mask of the arcs, or their numbers.
            proposals: per arc, more where ``room`` is short.
            state: of the random numbers; the next one is returned.
            room: pairs of nodes that the arcs may join. Where more than half are joined, a proposal is free
                as rarely as two gaps meet, and there are more proposals in proportion.
            mode: of :mod:`graph2nn.graphs.kernels.swaps`; undirected graphs always swap edges.

        Returns:
            State to go on with.
        """
        chosen = np.flatnonzero(movable) if movable.dtype == np.bool_ else movable
        numbers: Ints = chosen.astype(np.int32)
        if len(numbers) < 2:
            return state
        mode = swaps.EDGES if self.undirected else mode
        count = len(numbers) / 2 if mode >= swaps.PAIRS else len(numbers)
        total = round(count * proposals * crowded(len(numbers), room))
        everything = len(numbers) == len(self.source)
        numbers = np.empty(0, dtype=np.int32) if everything else numbers
        _, after = swaps.swap(
            self.source, self.target, self.start, self.hub, self.bits, self.mate, self.label,
            numbers, mode, total, np.uint64(state),
        )  # fmt: skip
        return int(after)

    def take_detours(self, movable: npt.NDArray[np.bool_], proposals: float, state: int) -> None:
        """Propose detours that keep every node's number of reciprocal pairs, ``proposals`` per arc.

        Args:
            movable: which arcs may be moved, ``[arcs]``.
            proposals: per arc that may be moved.
            state: seed of the random numbers.
        """
        numbers = np.flatnonzero(movable).astype(np.int32)
        if len(numbers) > 1:
            detours.detours(
                self.source, self.target, self.start, self.hub, self.bits, numbers,
                round(proposals * len(numbers)), np.uint64(state),
            )  # fmt: skip

    def pair_up(self) -> npt.NDArray[np.bool_]:
        """Find the arcs that go both ways (not those of a node with itself); fills ``mate``."""
        self.mate = swaps.mates(self.source, self.target, self.start)
        return (self.mate >= 0) & ~self.loops


def crowded(arcs: int, room: float | None) -> float:
    """How many times more proposals arcs need than in a graph with room to spare."""
    if room is None:
        return 1.0
    gaps = room - arcs
    return 1.0 if arcs <= gaps else min(MOST_REFUSED, arcs / max(gaps, arcs / MOST_REFUSED))

"""The ladder of nulls: each kind is named by what it keeps, and keeps nothing else.

==========  ========================================================================================
density     the number of connections
degree      every node's in- and out-degree
reciprocal  these, and every node's number of reciprocal pairs
block       every node's in- and out-degree from and to each group (``groups=``)
boundary    every degree, and every connection that touches ``inputs=`` or ``outputs=``
spatial     every degree, and the distribution of distances (``positions=``)
weights     the wiring; weights are shuffled (``within=``: per target, per source or per pair of types)
signs       the wiring and the weights; signs are shuffled
==========  ========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from graph2nn.arguments import checked_arguments
from graph2nn.arrays import Longs
from graph2nn.errors import UserError, checked_seed, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.kernels import swaps
from graph2nn.graphs.nulls import checks, shuffles
from graph2nn.graphs.nulls.arc_rows import ArcRows
from graph2nn.graphs.nulls.node_selection import (
    Labels,
    Positions,
    Selection,
    node_labels,
    node_numbers,
    node_positions,
)
from graph2nn.graphs.nulls.null_graph import NullGraph
from graph2nn.graphs.nulls.spatial import swap_in_space

#: Proposals per edge: enough, as docs/nulls.md shows, and the most, beyond which only the time changes.
PROPOSALS, MOST_PROPOSALS = 10.0, 1e4
#: Arcs up to which reciprocal nulls also take detours, and how many of them per proposal.
DETOURS, PER_ARC = 100, 10


@dataclass(frozen=True)
class Request:
    """What a null is drawn of, its options resolved to node numbers and labels."""

    graph: RelationalGraph
    kind: str
    seed: int
    proposals: float = PROPOSALS
    groups: Longs | None = None
    inputs: Longs | None = None
    outputs: Longs | None = None
    within: Labels | None = None
    positions: npt.NDArray[np.float64] | None = None

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers that depend on the seed alone."""
        return np.random.default_rng(self.seed % 2**64)

    @property
    def state(self) -> int:
        """State of the kernels' random numbers."""
        return int(self.rng.integers(2**63))

    def drawn(self, edge_index: Any, weights: Any = None, signs: Any = None) -> NullGraph:
        """Make the null from its arcs; nodes, names and direction are those of the graph.

        Args:
            edge_index: ``[2, arcs]``, from and to.
            weights: of the arcs, or None.
            signs: of the arcs, or None.

        Returns:
            The null.
        """
        graph = self.graph
        drawn: Any = NullGraph.from_edge_index(
            edge_index,
            graph.n,
            weights=weights,
            signs=signs,
            nodes=graph.nodes,
            node_names=graph.node_names,
            name=f"{self.kind} null({graph.name},{self.seed})",
            directed=graph.directed,
            self_loops=graph.self_loops,
        )
        null: NullGraph = drawn.described(graph, self.kind, self.seed, self.inputs, self.outputs)
        return null

    def from_rows(self, rows: ArcRows) -> NullGraph:
        """Make the null from rows after their swaps."""
        place = rows.place[rows.label] if rows.undirected else rows.place
        values = [None if v is None else v[place] for v in (self.graph.weights, self.graph.signs)]
        return self.drawn(np.stack([rows.source, rows.target]).astype(np.int64), *values)


def _density(request: Request) -> NullGraph:
    drawn = request.drawn(*shuffles.density_arcs(request.graph, request.rng))
    checks.same_count(request.graph, drawn)
    checks.same_pool(request.graph, drawn)
    return drawn


def _degree(request: Request) -> NullGraph:
    rows = ArcRows.of(request.graph)
    n = rows.n
    rows.swap(~rows.loops, request.proposals, request.state, room=n * (n - 1))
    drawn = request.from_rows(rows)
    checks.same_degrees(request.graph, drawn)
    checks.same_row_values(request.graph, drawn)
    return drawn


def _reciprocal(request: Request) -> NullGraph:
    if not request.graph.directed:  # every edge is a reciprocal pair
        return _degree(request)
    rows = ArcRows.of(request.graph)
    state, n = request.state, rows.n
    pairs = rows.pair_up()
    singles = ~pairs & ~rows.loops
    room = float(n * (n - 1))
    turns = max(1, round(request.proposals))
    for _ in range(turns):  # in turns, as each makes room for the other
        each = request.proposals / turns
        state = rows.swap(pairs, each, state, room=room, mode=swaps.PAIRS)
        state = rows.swap(singles, each, state, room=room - pairs.sum(), mode=swaps.SINGLES)
    if len(rows.source) <= DETOURS:
        rows.take_detours(~rows.loops, PER_ARC * request.proposals, state)
    drawn = request.from_rows(rows)
    checks.same_degrees(request.graph, drawn)
    checks.same_reciprocal_degrees(request.graph, drawn)
    checks.same_row_values(request.graph, drawn)
    return drawn


def _block(request: Request) -> NullGraph:
    labels = request.groups
    assert labels is not None
    rows = ArcRows.of(request.graph)
    state = request.state
    span = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=span)
    classes = labels[rows.source] * span + labels[rows.target]
    movable = np.flatnonzero(~rows.loops)
    order = movable[np.argsort(classes[movable], kind="stable")].astype(np.int32)
    bounds = np.flatnonzero(np.diff(classes[order])) + 1
    for part in np.split(order, bounds):
        a, b = (divmod(int(classes[part[0]]), span)) if len(part) else (0, 0)
        if rows.undirected and a > b:
            continue  # the edges of these groups are those of (b, a)
        room = float(sizes[a] * (sizes[b] - (a == b)))
        proposals = request.proposals * (2 if rows.undirected and a != b else 1)
        state = rows.swap(part, proposals, state, room=room)
    drawn = request.from_rows(rows)
    checks.same_block_degrees(request.graph, drawn, labels)
    checks.same_row_values(request.graph, drawn)
    return drawn


def _boundary(request: Request) -> NullGraph:
    rows = ArcRows.of(request.graph)
    fixed = np.zeros(rows.n, dtype=np.bool_)
    for numbers in (request.inputs, request.outputs):
        if numbers is not None:
            fixed[numbers] = True
    inside = int((~fixed).sum())
    movable = ~(fixed[rows.source] | fixed[rows.target] | rows.loops)
    rows.swap(movable, request.proposals, request.state, room=inside * (inside - 1))
    drawn = request.from_rows(rows)
    checks.same_degrees(request.graph, drawn)
    checks.same_boundary(request.graph, drawn, fixed)
    checks.same_row_values(request.graph, drawn)
    return drawn


def _spatial(request: Request) -> NullGraph:
    assert request.positions is not None
    rows = ArcRows.of(request.graph)
    swap_in_space(rows, request.positions, request.proposals, request.state)
    drawn = request.from_rows(rows)
    checks.same_degrees(request.graph, drawn)
    checks.same_row_values(request.graph, drawn)
    return drawn


def _weights(request: Request) -> NullGraph:
    graph = request.graph
    if graph.weights is None:
        raise UserError(f"weights null: graph {graph.name!r} has no weights to shuffle.")
    weights = shuffles.shuffled_over_edges(graph, graph.weights, _within(request), request.rng)
    drawn = request.drawn(graph.edge_index, weights, graph.signs)
    checks.same_wiring(graph, drawn)
    checks.same_pool(graph, drawn)
    return drawn


def _signs(request: Request) -> NullGraph:
    graph = request.graph
    if graph.signs is None:
        raise UserError(f"signs null: graph {graph.name!r} has no signs to shuffle.")
    if isinstance(request.within, str) and request.within in ("target", "source"):
        signs = shuffles.shuffled_over_edges(graph, graph.signs, _within(request), request.rng)
    else:
        labels = None if request.within is None else node_labels(graph, request.within, "within")
        signs = shuffles.shuffled_signs(graph, labels, request.rng)
    drawn = request.drawn(graph.edge_index, graph.weights, signs)
    checks.same_wiring(graph, drawn)
    return drawn


def _within(request: Request) -> Longs | None:
    """Label of the arcs among which values are shuffled, or None for all of them."""
    graph, within = request.graph, request.within
    if within is None:
        return None
    if isinstance(within, str) and within in ("target", "source"):
        if not graph.directed:
            raise UserError(
                f"{request.kind} null: within = {within!r}, but an undirected edge has no {within}."
            )
        return np.asarray(graph.edge_index[1 if within == "target" else 0])
    return shuffles.arc_labels(graph, node_labels(graph, within, "within"))


@dataclass(frozen=True)
class Kind:
    """A kind of null: what it keeps, how it is drawn, which options it takes and needs."""

    keeps: str
    draw: Callable[[Request], NullGraph]
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def uses(self) -> tuple[str, ...]:
        """Options that decide what is drawn, ``inputs`` and ``outputs`` of the boundary among them."""
        return ("inputs", "outputs") if self.draw is _boundary else self.takes


KINDS: dict[str, Kind] = {
    "density": Kind("the number of connections", _density),
    "degree": Kind("every in- and out-degree", _degree),
    "reciprocal": Kind("every in- and out-degree and number of reciprocal pairs", _reciprocal),
    "block": Kind("every in- and out-degree per group", _block, ("groups",), ("groups",)),
    "boundary": Kind("every degree, and all connections of inputs and outputs", _boundary),
    "spatial": Kind("every degree, and the distances", _spatial, ("positions",), ("positions",)),
    "weights": Kind("the wiring; weights are shuffled", _weights, ("within",)),
    "signs": Kind("the wiring and the weights; signs are shuffled", _signs, ("within",)),
}


class NullOptions(TypedDict, total=False):
    """Options of kinds of nulls, by the keywords of :func:`null`.

    Example:
        >>> NullOptions(groups="superclass")
        {'groups': 'superclass'}
    """

    groups: Labels
    inputs: Selection
    outputs: Selection
    within: Labels
    positions: Positions


@checked_arguments
def null(
    graph: RelationalGraph,
    kind: str,
    seed: int = 0,
    *,
    groups: Labels | None = None,
    inputs: Selection | None = None,
    outputs: Selection | None = None,
    within: Labels | None = None,
    positions: Positions | None = None,
    proposals: float = PROPOSALS,
) -> NullGraph:
    """Draw a null of a graph: what its kind keeps stays, the rest is chance.

    Swaps exchange the targets of two connections (Maslov and Sneppen 2002): weight and sign travel with the
    source. Self-connections stay where they are and none are created. What the kind keeps is checked on the
    graph that is returned.

    Args:
        graph: of any size, directed or not; left as it is.
        kind: ``density``, ``degree``, ``reciprocal``, ``block``, ``boundary``, ``spatial``, ``weights`` or
            ``signs``, see :data:`KINDS`.
        seed: the same seed, the same null.
        groups: for ``block``: a column of ``graph.nodes``, or one label per node. Nodes without a label are
            one group.
        inputs, outputs: node numbers, a mask, or an expression on ``graph.nodes``. For ``boundary``, at least
            one of them; with any kind, what :meth:`NullGraph.report` looks at.
        within: for ``weights`` and ``signs``: ``"target"``, ``"source"``, or types of nodes (a column or one
            label per node): values are shuffled among the connections of one target, one source, or two
            types. Signs, where every node has one for all its outputs, stay one per node and are dealt out
            again among nodes (of one type).
        positions: for ``spatial``: an array ``[n, axes]``, or columns of ``graph.nodes``.
        proposals: swaps proposed per edge.

    Returns:
        The null, whose ``.report()`` says what changed.

    Raises:
        UserError: an unknown kind, an option that the kind does not take or lacks, nodes or columns that do
            not exist.

    Example:
        >>> import graph2nn as g
        >>> ring = g.RelationalGraph.from_edge_index([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]], 5)
        >>> drawn = g.null(ring, "degree", seed=1)
        >>> drawn.edges, drawn.kind
        (5, 'degree')

    References:
        Maslov and Sneppen, Science 296, 910 (2002), doi:10.1126/science.1065103.
    """
    if kind not in KINDS:
        raise unknown("null", kind, KINDS)
    seed = checked_seed(seed, "null")
    if not 0 <= proposals <= MOST_PROPOSALS:
        raise UserError(f"null: proposals = {proposals:g}, expected a number from 0 to {MOST_PROPOSALS:g}.")
    options = {"groups": groups, "within": within, "positions": positions}
    for name, value in options.items():
        if value is not None and name not in KINDS[kind].takes:
            takers = [one for one, described in KINDS.items() if name in described.takes]
            raise UserError(f"null: kind {kind!r} does not use {name}=; {' and '.join(takers)} do.")
        if value is None and name in KINDS[kind].needs:
            raise UserError(f"null: kind {kind!r} needs {name}=, {_NEEDED[name]}.")
    if kind == "boundary" and inputs is None and outputs is None:
        raise UserError(
            "null: kind 'boundary' needs inputs=, outputs= or both: the nodes whose connections stay."
        )
    request = Request(
        graph=graph,
        kind=kind,
        seed=int(seed),
        proposals=proposals,
        groups=None if groups is None else node_labels(graph, groups, "groups"),
        inputs=None if inputs is None else node_numbers(graph, inputs, "inputs"),
        outputs=None if outputs is None else node_numbers(graph, outputs, "outputs"),
        within=within,
        positions=None if positions is None else node_positions(graph, positions),
    )
    drawn = KINDS[kind].draw(request)
    checks.same_loops(graph, drawn)
    return drawn


_NEEDED = {
    "groups": "a column of graph.nodes or one label per node",
    "positions": "an array [n, axes] or columns of graph.nodes",
}

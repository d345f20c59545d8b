"""The graph that a null is: a RelationalGraph that remembers what it is a null of."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from graph2nn.arrays import Longs
from graph2nn.graphs.graph import RelationalGraph

if TYPE_CHECKING:
    from graph2nn.graphs.nulls.node_selection import Selection
    from graph2nn.graphs.nulls.null_report import NullReport


@dataclass(frozen=True, eq=False, repr=False)
class NullGraph(RelationalGraph):
    """A null, as :func:`graph2nn.null` draws it; it is equal to any graph of the same wiring and values.

    Attributes:
        null_of: the graph it is a null of.
        kind: what it keeps, of :data:`graph2nn.graphs.nulls.KINDS`.
        seed: it was drawn with.
        inputs, outputs: node numbers that :meth:`report` looks at, or None.
    """

    _: KW_ONLY
    null_of: RelationalGraph | None = None
    kind: str = ""
    seed: int = 0
    inputs: Longs | None = None
    outputs: Longs | None = None

    def described(
        self, null_of: RelationalGraph, kind: str, seed: int, inputs: Longs | None, outputs: Longs | None
    ) -> NullGraph:
        """Return this null with what it remembers.

        Args:
            null_of: the graph it is a null of.
            kind: what it keeps.
            seed: it was drawn with.
            inputs: node numbers for the report.
            outputs: node numbers for the report.

        Returns:
            This wiring with where it comes from.
        """
        told = {"null_of": null_of, "kind": kind, "seed": seed, "inputs": inputs, "outputs": outputs}
        for name, value in told.items():
            object.__setattr__(self, name, value)
        return self

    def report(self, inputs: Selection | None = None, outputs: Selection | None = None) -> NullReport:
        """Measure what changed from the graph to its null; seconds on a large graph.

        Edges, C, L, reciprocity, spectral radius and, where inputs and outputs are given, their direct
        connections and the mean path from one to the other.

        Args:
            inputs, outputs: node numbers, a mask, or an expression on ``graph.nodes``; else those that
                :func:`graph2nn.null` was given.

        Returns:
            A table; printed, it also warns of short cuts.

        Example:
            >>> import graph2nn as g
            >>> graph = g.RelationalGraph.from_edge_index([[0, 1, 2, 3], [1, 2, 3, 0]], 4)
            >>> g.null(graph, "degree", seed=1).report().table.loc["edges", "change"].item()
            0.0
        """
        from graph2nn.graphs.nulls.node_selection import node_numbers
        from graph2nn.graphs.nulls.null_report import report_of

        graph = self if self.null_of is None else self.null_of
        chosen = self.inputs if inputs is None else node_numbers(graph, inputs, "inputs")
        read = self.outputs if outputs is None else node_numbers(graph, outputs, "outputs")
        return report_of(graph, self, chosen, read)

    def __reduce__(self) -> tuple[Any, ...]:
        told = (self.null_of, self.kind, self.seed, self.inputs, self.outputs)
        return _restored, (super().__reduce__(), told)


def _restored(plain: tuple[Any, ...], told: tuple[Any, ...]) -> NullGraph:
    make, arguments = plain
    graph: RelationalGraph = make(*arguments)
    null = NullGraph(
        graph.adjacency,
        graph.name,
        graph.directed,
        graph.origin,
        node_names=graph.node_names,
        weights=graph.weights,
        signs=graph.signs,
        nodes=graph.nodes,
        self_loops=graph.self_loops,
    )
    return null.described(*told)

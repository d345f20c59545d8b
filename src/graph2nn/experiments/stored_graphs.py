"""Graph specs of connectomes of neurons and their nulls, which are kept by content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls import KINDS, null
from graph2nn.results.config import GraphSpec, StoredGraphSpec
from graph2nn.results.graph_store import NULL_OPTIONS, store

#: Graphs of more nodes are stored by content; smaller ones without values stand in the config row by row.
ROWS_LIMIT = 512


def named_spec(graph: RelationalGraph, text: str) -> GraphSpec:
    """Describe a graph that a text named: by its matrix, or by its content where a matrix does not say all.

    Args:
        graph: as it was read.
        text: that named it.
    """
    plain = graph.weights is None and graph.signs is None and graph.nodes is None
    if plain and graph.self_loops == "all" and graph.n <= ROWS_LIMIT:
        return GraphSpec.of(graph)
    kept = StoredGraphSpec(text=text, digest=store(graph))
    return GraphSpec(name=graph.name, stored=kept, directed=bool(graph.directed))


def stored_nulls(
    graphs: Sequence[GraphSpec | None], count: int, kind: str, **options: str
) -> list[GraphSpec | None]:
    """Draw ``count`` nulls of each stored graph, with seeds 0, 1, …, and describe them.

    Args:
        graphs: as selected; the baseline is passed over.
        count: nulls of each.
        kind: of :func:`graph2nn.null`.
        options: ``inputs``, ``outputs``, ``groups``, ``within``; each kind gets those that it takes.

    Raises:
        UserError: an unknown kind or option, a graph that is not stored, or as :func:`graph2nn.null`.
    """
    if kind not in KINDS:
        raise unknown("--null", kind, KINDS)
    if odd := [name for name in options if name not in NULL_OPTIONS]:
        raise unknown("nulls: option", odd[0], NULL_OPTIONS)
    takes = (*KINDS[kind].takes, *(("inputs", "outputs") if kind == "boundary" else ()))
    used: dict[str, Any] = {name: value for name, value in options.items() if name in takes}
    specs: list[GraphSpec | None] = []
    for spec in graphs:
        if spec is None:
            continue
        if spec.stored is None:
            raise UserError(
                f"nulls: {spec.name!r} is not a connectome of neurons and others are; sweep them apart."
            )
        graph = spec.build()
        for seed in range(count):
            drawn = null(graph, kind, seed=seed, **used)
            name = f"{kind} null({spec.name},{seed})"
            kept = StoredGraphSpec(text=spec.stored.text, digest=store(drawn), null=kind, seed=seed, **used)
            specs.append(GraphSpec(name=name, stored=kept, directed=spec.directed, null_of=spec.name))
    return specs

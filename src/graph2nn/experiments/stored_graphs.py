"""Graph specs of connectomes of neurons and their nulls, which are kept by content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import cast

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls import KINDS, NullOptions, null
from graph2nn.results.config import GraphSpec, StoredGraphSpec, is_plain
from graph2nn.results.graph_store import NULL_OPTIONS, store


def named_spec(graph: RelationalGraph, text: str) -> GraphSpec:
    """Describe a graph that a text named: a WS-flex graph by its arguments, others by their matrix or content.

    The matrix is enough for small graphs that carry nothing else. Arguments let narrow layers shrink the graph.

    Args:
        graph: as it was read.
        text: that named it.
    """
    if graph.origin is not None and not graph.directed:
        n, k, p, seed = graph.origin
        spec = GraphSpec.of_ws_flex(n, k / n, p, seed).model_copy(update={"name": graph.name})
        if spec.build() == graph:
            return spec
    if is_plain(graph):
        return GraphSpec.of(graph)
    kept = StoredGraphSpec(text=text, digest=store(graph))
    return GraphSpec(name=graph.name, stored=kept, directed=bool(graph.directed))


def stored_nulls(
    graphs: Sequence[GraphSpec | None], seeds: Iterable[int], kind: str, options: NullOptions | None = None
) -> list[GraphSpec | None]:
    """Draw nulls of each stored graph, one per seed, and describe them.

    Args:
        graphs: as selected; the baseline is passed over.
        seeds: of the draws.
        kind: of :func:`graph2nn.null`.
        options: ``inputs``, ``outputs``, ``groups``, ``within``, ``positions``; the kind gets those that it
            takes.

    Returns:
        The nulls, those of one graph next to each other.

    Raises:
        UserError: an unknown kind or option, a graph that is not stored, or as :func:`graph2nn.null`.
    """
    if kind not in KINDS:
        raise unknown("--null", kind, KINDS)
    given = options or NullOptions()
    if odd := [name for name in given if name not in NULL_OPTIONS]:
        raise unknown("nulls: option", odd[0], NULL_OPTIONS)
    used = cast(NullOptions, {name: value for name, value in given.items() if name in KINDS[kind].uses})
    specs: list[GraphSpec | None] = []
    for spec in graphs:
        if spec is None:
            continue
        if spec.stored is None:
            raise UserError(
                f"nulls: {spec.name!r} is not a connectome of neurons and others are; sweep them apart."
            )
        specs += [stored_null(spec, kind, seed, used) for seed in seeds]
    return specs


def stored_null(spec: GraphSpec, kind: str, seed: int, options: NullOptions) -> GraphSpec:
    """Draw one null of a stored graph and describe it.

    Args:
        spec: of the graph.
        kind: of :func:`graph2nn.null`.
        seed: of the draw.
        options: of the kind, as texts, so that a run can draw the null again.

    Returns:
        The null.

    Raises:
        UserError: an option that is not a text or, of positions, a list of texts; as :func:`graph2nn.null`.
    """
    assert spec.stored is not None
    for name, value in options.items():
        texts = value if name == "positions" and isinstance(value, list | tuple) else [value]
        if not all(isinstance(text, str) for text in texts):
            raise UserError(
                f"nulls: {name} of {spec.name!r} is of type {type(value).__name__}; expected columns of, or "
                "expressions on, its table of neurons, from which each run draws its null again."
            )
    drawn = null(_built(spec), kind, seed=seed, **options)
    kept = StoredGraphSpec.model_validate(
        {"text": spec.stored.text, "digest": store(drawn), "null": kind, "seed": seed, **options}
    )
    name = f"{kind} null({spec.name},{seed})"
    return GraphSpec(name=name, stored=kept, directed=spec.directed, null_of=spec.name)


@lru_cache(maxsize=2)
def _built(spec: GraphSpec) -> RelationalGraph:
    """Build a graph once for all its nulls."""
    return spec.build()

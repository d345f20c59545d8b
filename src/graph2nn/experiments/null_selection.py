"""Which null graphs to train: nulls of one or several kinds of given graphs, named after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls import KINDS, NULLS, NullOptions, ensemble
from graph2nn.results.config import GraphSpec


@dataclass(frozen=True)
class NullPlan:
    """Null graphs and whose they are.

    Attributes:
        specs: the nulls, as a sweep takes them; each by its matrix.
        pairs: ``graph, null, kind``: labels, one row per null, as ``compare_nulls`` reads them.
    """

    specs: tuple[GraphSpec, ...]
    pairs: pd.DataFrame


def plan_nulls(
    graphs: Mapping[str, RelationalGraph] | Sequence[RelationalGraph],
    count: int,
    seed: int = 0,
    *,
    null: str | Sequence[str] = "degree",
    options: NullOptions | None = None,
) -> NullPlan:
    """Draw ``count`` nulls per graph and kind, connected where the graph is, all different and none the graph.

    A graph's nulls depend on ``seed`` and on the graph alone: a larger count begins with the smaller one, and
    other graphs may join the plan. The name tells graph and draw: ``degree null(ws(64,8.19,0.128,4),123)``
    is ``degree_null(graph, 123, connected=True)``.

    Args:
        graphs: by label, or with their names as labels.
        count: nulls of each graph.
        seed: of the draws.
        null: kind or kinds, of :data:`graph2nn.graphs.nulls.NULLS` and :data:`graph2nn.graphs.nulls.KINDS`.
        options: ``groups``, ``inputs``, ``outputs``, ``within``, ``positions`` of :func:`graph2nn.null`, given
            to the kinds that use them: columns of, or expressions on, the table of nodes of each graph. Inputs
            and outputs may be there without such a kind: they describe the network, too.

    Returns:
        The nulls, graph by graph and kind by kind, and whose they are.

    Raises:
        UserError: no graph, one label or kind twice, a count below 1, an unknown kind, options that none of the
            kinds uses, or a graph with too few different nulls (a complete graph has none).
    """
    named = list(graphs.items()) if isinstance(graphs, Mapping) else [(graph.name, graph) for graph in graphs]
    if not named:
        raise UserError("nulls: there is no graph to draw nulls of.")
    twice = next((label for i, (label, _) in enumerate(named) if label in dict(named[:i])), None)
    if twice is not None:
        raise UserError(f"nulls: two graphs are called {twice!r}; give each a name of its own.")
    kinds = [null] if isinstance(null, str) else list(null)
    chosen = _options_by_kind(kinds, options or NullOptions())
    specs, pairs = [], []
    for label, graph in named:
        called = graph.renamed(label)
        for kind in kinds:
            for one in _different(called, count, seed, kind, chosen[kind]):
                specs.append(GraphSpec.of(one).model_copy(update={"null_of": label}))
                pairs.append({"graph": label, "null": one.name, "kind": kind})
    return NullPlan(tuple(specs), pd.DataFrame(pairs))


def _options_by_kind(kinds: Sequence[str], options: NullOptions) -> dict[str, NullOptions]:
    """Give each kind the options that it uses; one that none of them uses is an error."""
    for place, kind in enumerate(kinds):
        if kind not in NULLS and kind not in KINDS:
            raise unknown("null", kind, {*NULLS, *KINDS})
        if kind in kinds[:place]:
            raise UserError(f"nulls: the kind {kind!r} is asked for twice.")
    given = {name: value for name, value in options.items() if value is not None}
    uses = {kind: set(KINDS[kind].uses) if kind in KINDS else set() for kind in kinds}
    for name in given.keys() - {"inputs", "outputs"}:
        if not any(name in names for names in uses.values()):
            users = [kind for kind, described in KINDS.items() if name in described.uses]
            raise UserError(f"nulls: {' and '.join(kinds)} nulls do not use {name}; {' and '.join(users)} do.")
    return {
        kind: cast(NullOptions, {name: value for name, value in given.items() if name in uses[kind]})
        for kind in kinds
    }


def _different(
    graph: RelationalGraph, count: int, seed: int, null: str, options: NullOptions
) -> list[RelationalGraph]:
    kept: list[RelationalGraph] = []
    # A graph with few rewirings repeats itself; one with many does so almost never.
    for draws in (count, 4 * count + 20):
        drawn = dict.fromkeys(ensemble(graph, null, draws, seed, connected=graph.connected, options=options))
        kept = [one for one in drawn if one != graph][:count]
        if len(kept) == count:
            break
    if len(kept) < count:
        raise UserError(
            f"nulls: graph {graph.name!r} has {len(kept)} {null} nulls other than itself, expected {count}. "
            "There are few such graphs; ask for fewer, or leave it out."
        )
    return kept

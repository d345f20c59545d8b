"""Which null graphs to train: degree-preserving rewirings of given graphs, named after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from graph2nn.errors import UserError
from graph2nn.experiments.config import GraphSpec
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls import ensemble


@dataclass(frozen=True)
class NullPlan:
    """Null graphs and whose they are.

    Attributes:
        specs: the nulls, as a sweep takes them; each by its matrix.
        pairs: ``graph, null``: labels, a row a null, as ``analysis.beyond.nulls.compare_nulls`` reads them.
    """

    specs: tuple[GraphSpec, ...]
    pairs: pd.DataFrame


def plan_nulls(
    graphs: Mapping[str, RelationalGraph] | Sequence[RelationalGraph],
    count: int,
    seed: int = 0,
    *,
    null: str = "degree",
) -> NullPlan:
    """Draw ``count`` nulls of each graph, connected where it is, all different and none the graph itself.

    A graph's nulls depend on ``seed`` and on the graph alone: a larger count begins with the smaller one, and
    other graphs may join the plan. The name tells graph and draw: ``degree null(ws(64,8.19,0.128,4),123)``
    is ``degree_null(graph, 123, connected=True)``.

    Args:
        graphs: by label, or with their names as labels.
        count: nulls of each graph.
        seed: of the draws.
        null: kind, of :data:`graph2nn.graphs.nulls.NULLS`.

    Raises:
        UserError: no graph, one label twice, a count below 1, an unknown kind, or a graph with
            too few different nulls (a complete graph has none).
    """
    named = list(graphs.items()) if isinstance(graphs, Mapping) else [(graph.name, graph) for graph in graphs]
    if not named:
        raise UserError("nulls: there is no graph to draw nulls of.")
    twice = next((label for i, (label, _) in enumerate(named) if label in dict(named[:i])), None)
    if twice is not None:
        raise UserError(f"nulls: two graphs are called {twice!r}; give each a name of its own.")
    specs, pairs = [], []
    for label, graph in named:
        called = graph.renamed(label)
        for one in _different(called, count, seed, null):
            specs.append(GraphSpec.of(one).model_copy(update={"null_of": label}))
            pairs.append({"graph": label, "null": one.name})
    return NullPlan(tuple(specs), pd.DataFrame(pairs))


def _different(graph: RelationalGraph, count: int, seed: int, null: str) -> list[RelationalGraph]:
    kept: list[RelationalGraph] = []
    # A graph with few rewirings repeats itself; one with many does so almost never.
    for draws in (count, 4 * count + 20):
        drawn = dict.fromkeys(ensemble(graph, null, draws, seed, connected=graph.connected))
        kept = [one for one in drawn if one != graph][:count]
        if len(kept) == count:
            break
    if len(kept) < count:
        raise UserError(
            f"nulls: graph {graph.name!r} has {len(kept)} {null} nulls other than itself, expected {count}. "
            "There are few such graphs; ask for fewer, or leave it out."
        )
    return kept

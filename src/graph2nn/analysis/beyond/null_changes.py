"""What nulls change besides what they keep, to be read next to every effect against them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from graph2nn.analysis.beyond.null_effects import NullComparison
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.degrees import reciprocity
from graph2nn.graphs.nulls import null_differences
from graph2nn.graphs.quantities import ALONG_EDGES

#: Measures whose change decides whether an effect says anything.
TOLD = ("edges", "clustering", "path_length", "reciprocity")
#: Nulls measured per graph at most; their means hardly move with more.
MOST_NULLS = 20


def null_changes(comparison: NullComparison, graphs: Mapping[str, RelationalGraph]) -> pd.DataFrame:
    """Measure how the nulls of each graph differ from it.

    Args:
        comparison: the comparison.
        graphs: by label; a graph that is not there, or whose nulls are not, gets no row.

    Returns:
        One row per graph: ``graph``; ``edges, null_edges``; ``pairs, null_pairs``, edges of the symmetrised
        graphs, which for directed ones are fewer; ``clustering, path_length, reciprocity`` of the
        graph and ``delta_clustering, delta_path_length, delta_reciprocity``, mean of its nulls minus its own;
        ``symmetrised``, whether edges, C and L are those of the symmetrised graphs, as where a graph is
        directed and its nulls are not, and ``directed``, whether they are those of directed graphs;
        ``informative``, false if edges, C, L and reciprocity of the nulls are
        within one per cent of the graph's, so that the effect compares the graph with copies of itself.

    Example:
        >>> import pandas as pd
        >>> import graph2nn as g
        >>> graph = g.ws_flex(16, 4, 0.1, seed=1)
        >>> nulls = g.ensemble(graph, "degree", 3)
        >>> errors = {"a": [30.0, 30.2], "x": [30.5, 30.6], "y": [30.4, 30.8], "z": [30.3, 30.6]}
        >>> rows = [(name, "relational", s, e) for name, es in errors.items() for s, e in enumerate(es)]
        >>> runs = pd.DataFrame(rows, columns=["graph", "kind", "seed", "test_error"])
        >>> pairs = pd.DataFrame({"graph": "a", "null": ["x", "y", "z"]})
        >>> from graph2nn.analysis import compare_nulls
        >>> changes = null_changes(compare_nulls(runs, pairs), {"a": graph, **dict(zip("xyz", nulls))})
        >>> bool(changes["informative"][0]), bool(changes["delta_clustering"][0] < 0)
        (True, True)
    """
    rows = []
    for label, members in comparison.members.groupby("graph", sort=False):
        nulls = [graphs[name] for name in members.loc[members["null"], "label"] if name in graphs][:MOST_NULLS]
        if label in graphs and nulls:
            rows.append({"graph": label, **_row(graphs[str(label)], nulls)})
    columns = [
        "graph",
        "edges",
        "null_edges",
        "pairs",
        "null_pairs",
        *TOLD[1:],
        *(f"delta_{name}" for name in TOLD[1:]),
    ]
    return pd.DataFrame(rows, columns=[*columns, "symmetrised", "directed", "informative"])


def _row(graph: RelationalGraph, nulls: Sequence[RelationalGraph]) -> dict[str, Any]:
    same = all(bool(null.directed) == bool(graph.directed) for null in nulls)
    # C, L and edges of a directed graph are not those of an undirected one: then both are symmetrised.
    table = null_differences(graph, nulls) if same else null_differences(*_symmetrised(graph, nulls))
    of_graph, mean = table["graph"].astype(float), table["null_mean"].astype(float)
    if not same:
        of_graph["reciprocity"] = reciprocity(graph)
        mean["reciprocity"] = sum(map(reciprocity, nulls)) / len(nulls)
    changes = mean - of_graph
    told = [name for name in TOLD if math.isfinite(float(changes[name]))]
    return {
        "edges": int(of_graph["edges"]),
        "null_edges": float(mean["edges"]),
        "pairs": _pairs(graph),
        "null_pairs": sum(map(_pairs, nulls)) / len(nulls),
        **{name: float(of_graph[name]) for name in TOLD[1:]},
        **{f"delta_{name}": float(changes[name]) for name in TOLD[1:]},
        "symmetrised": not same,
        "directed": same and bool(graph.directed),
        "informative": bool((changes[told].abs() > 0.01 * of_graph[told].abs()).any()),
    }


def _pairs(graph: RelationalGraph) -> int:
    """Edges of the symmetrised graph."""
    return int((graph.symmetrised() if graph.directed else graph).edges)


def _symmetrised(
    graph: RelationalGraph, nulls: Sequence[RelationalGraph]
) -> tuple[RelationalGraph, list[RelationalGraph]]:
    first, *others = (one.symmetrised() if one.directed else one for one in (graph, *nulls))
    return first, others


def counts(changes: pd.Series) -> str:
    """Write the edges of a graph and of its nulls, and of directed ones those of the symmetrised graphs too.

    Example:
        >>> counts(pd.Series({"edges": 9, "null_edges": 9.0, "pairs": 6, "null_pairs": 8.5, "directed": True}))
        '9 (symmetrised 6 → 8.5)'
    """

    def said(one: str) -> str:
        of_graph, of_nulls = float(changes[one]), float(changes[f"null_{one}"])
        if of_graph == of_nulls:
            return f"{of_graph:,.0f}"
        mean = f"{of_nulls:,.0f}" if of_nulls >= 100 else f"{of_nulls:,.3g}"
        return f"{of_graph:,.0f} → {mean}"

    return f"{said('edges')} (symmetrised {said('pairs')})" if changes["directed"] else said("edges")


def sentence(changes: pd.Series) -> str:
    """Write one row of :func:`null_changes` as a sentence without its full stop."""

    def signed(name: str) -> str:
        text = f"{changes[f'delta_{name}']:+.3f}".replace("-", "−")
        return "0" if text.strip("+−") == "0.000" else text

    edges = counts(changes)
    text = (
        f"{changes['graph']}: its nulls differ in C by {signed('clustering')}, in L by "
        f"{signed('path_length')}, in reciprocity by {signed('reciprocity')}; edges {edges}"
    )
    text += " (C, L and edges of the symmetrised graphs)" if changes["symmetrised"] else ""
    text += f" ({ALONG_EDGES})" if changes["directed"] else ""
    if not changes["informative"]:
        text += "; the nulls hardly differ from the graph, so its effect is uninformative"
    return text

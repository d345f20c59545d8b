"""Data of the atlas: measures per graph, and errors per task, epoch, seed and graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from graph2nn.analysis import cells
from graph2nn.analysis.table import on_plane, score_of
from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.registry import MEASURES
from graph2nn.report.atlas.codec import pack, pack_edges, packed_bytes

Graphs: TypeAlias = Mapping[str, RelationalGraph | Callable[[], RelationalGraph]]
Box: TypeAlias = tuple[float, float, float, float]

#: Columns of the evaluations that the atlas cannot do without.
NEEDED = ("task", "kind", "graph", "clustering", "path_length", "seed", "epoch", "test_error")
#: Graphs beyond this many nodes, or beyond this many bytes in all, are listed but not drawn.
MOST_NODES, MOST_BYTES = 512, 4_000_000
#: Properties of a graph that are not measures, and of the network made from it: symbol, meaning.
_ARGUMENTS = {
    "n": ("n", "nodes"),
    "sparsity": ("k/n", "sparsity: average degree over nodes"),
    "p": ("p", "rewiring probability"),
}
_REACHABLE = {"reachable": ("", "share of ordered pairs of nodes that have a path")}
_NETWORK = {
    "width": ("w", "first matched width"),
    "macs": ("MACs", "multiply-adds"),
    "params": ("", "parameters"),
}


def payload(
    evaluations: pd.DataFrame,
    graphs: Graphs,
    *,
    measures: pd.DataFrame | None = None,
    sweet_spots: Mapping[str, Box] | None = None,
    highlighted: Sequence[str] = (),
) -> dict[str, Any]:
    """Pack everything the atlas shows into a value that JSON can hold; nothing in it is rounded.

    Args:
        evaluations: columns :data:`NEEDED`; shown too where present: ``test_error_top5``, ``n, sparsity, p``,
            ``width, macs, params``, ``model``, ``data``. Errors in percent. Graphs whose ``reachable`` is
            below 1 are off the plane; C and L of ``directed`` ones are said to be of the symmetrised graph.
        graphs: graphs by label, or how to build them; labels it misses are not drawn.
        measures: more numeric columns, indexed by label, such as those of the registry.
        sweet_spots: by task, ``(C_min, C_max, L_min, L_max)``.
        highlighted: labels of graphs to mark; those that are not in the table are passed over.

    Returns:
        Nested dictionaries and lists.

    Raises:
        UserError: a column is missing, no relational graph, or the same evaluation twice.

    Example:
        >>> columns = ["task", "kind", "graph", "clustering", "path_length", "seed", "epoch", "test_error"]
        >>> rows = [
        ...     ("mlp", "relational", "a", 0.5, 1.9, 1, 200, 32.3),
        ...     ("mlp", "relational", "b", 0.2, 2.1, 1, 200, 33.0),
        ... ]
        >>> sorted(payload(pd.DataFrame(rows, columns=columns), {}))
        ['columns', 'edges', 'highlighted', 'labels', 'names', 'tasks']
    """
    absent = [name for name in NEEDED if name not in evaluations]
    if absent:
        raise UserError(f"atlas: the table of evaluations has no column {absent[0]!r}.")
    relational = evaluations[evaluations["kind"] == "relational"]
    if relational.empty:
        raise UserError("atlas: no row of the evaluations is of a relational graph: there is nothing to show.")
    first = relational.drop_duplicates("graph").set_index("graph")
    labels = [str(label) for label in first.index]
    spots = sweet_spots or {}
    tasks = [
        _task(str(name), rows, labels, spots.get(str(name)))
        for name, rows in evaluations.groupby("task", sort=False)
        if (rows["kind"] == "relational").any()
    ]
    drawn = list(_drawn(labels, graphs))
    return {
        "labels": labels,
        "edges": pack_edges(drawn),
        "names": {str(i): graph.node_names for i, graph in enumerate(drawn) if graph and graph.node_names},
        "columns": _columns(first, labels, measures),
        "tasks": tasks,
        "highlighted": [labels.index(label) for label in highlighted if label in labels],
    }


def _built(graph: RelationalGraph | Callable[[], RelationalGraph]) -> RelationalGraph:
    return graph if isinstance(graph, RelationalGraph) else graph()


def _drawn(labels: Sequence[str], graphs: Graphs) -> Iterable[RelationalGraph | None]:
    room = MOST_BYTES
    for label in labels:
        graph = _built(graphs[label]) if label in graphs else None
        if graph is None or graph.n > MOST_NODES or packed_bytes(graph) > room:
            yield None
        else:
            room -= packed_bytes(graph)
            yield graph


def _columns(first: pd.DataFrame, labels: Sequence[str], measures: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Columns a graph, in the order of the registry; those without a single number are left out."""
    # Graphs that all are whole need no column of ones.
    parts = _REACHABLE if len(on_plane(first)) < len(first) else {}
    wanted = ("clustering", "path_length", *parts, *_ARGUMENTS)
    directed = "directed" in first and bool(first["directed"].eq(True).any())
    table = first[[name for name in wanted if name in first]]
    if measures is not None:
        if measures.index.duplicated().any():
            twice = measures.index[measures.index.duplicated()][0]
            raise UserError(f"atlas: the table of measures holds graph {str(twice)!r} twice.")
        of_labels = measures.reindex(list(labels))
        table = table.assign(**{str(name): of_labels[name] for name in of_labels if name not in table})
    titles = [*MEASURES, *parts, *_ARGUMENTS]
    names = [name for name in titles if name in table] + [name for name in table if name not in titles]
    return [
        {"key": str(name), "symbol": symbol, "meaning": meaning, "values": pack(values)}
        for name in names
        if (values := _numbers(table[name])) is not None
        for symbol, meaning in [_said(str(name), directed=directed)]
    ]


def _said(name: str, *, directed: bool = False) -> tuple[str, str]:
    """Return symbol and meaning of a column; of directed graphs also what the measure does with them."""
    if name in MEASURES:
        measure = MEASURES[name]
        placed = name in ("clustering", "path_length")
        form = f" ({'symmetrised' if placed else measure.directed})" if directed else ""
        return measure.symbol, f"{measure.meaning}{form}"
    return {**_ARGUMENTS, **_NETWORK, **_REACHABLE}.get(name, ("", name.replace("_", " ")))


def _numbers(column: pd.Series) -> Floats | None:
    """A column as floats, infinities as gaps; None where it is text or holds nothing."""
    if not (pd.api.types.is_numeric_dtype(column) or column.dtype == object):
        return None
    try:
        given = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        return None
    values: Floats = np.where(np.isfinite(given), given, np.nan)
    return None if np.isnan(values).all() else values


def _task(name: str, rows: pd.DataFrame, labels: Sequence[str], spot: Box | None) -> dict[str, Any]:
    relational = rows[rows["kind"] == "relational"]
    first = relational.drop_duplicates("graph")
    again = rows.duplicated(["graph", "seed", "epoch"])
    if again.any():
        row = rows[again].iloc[0]
        raise UserError(
            f"atlas: task {name!r} has graph {row['graph']!r}, seed {row['seed']}, epoch {row['epoch']} twice."
        )
    place = {label: index for index, label in enumerate(labels)}
    graphs = pd.Index(first["graph"])
    axes = (np.sort(rows["epoch"].unique()), np.sort(rows["seed"].unique()), graphs)
    baseline = rows[rows["kind"] == "baseline"]
    base_axes = (axes[0], axes[1], pd.Index(baseline["graph"].unique()[:1]))
    score = score_of(rows)
    errors = {key: column for key, column in _ERRORS.items() if column in rows and rows[column].notna().any()}
    return {
        "name": name,
        "about": " on ".join(str(rows[key].iloc[0]) for key in ("model", "data") if key in rows),
        "score": {
            "name": score.name,
            "unit": score.unit,
            "difference": score.difference,
            "digits": score.digits(float(pd.to_numeric(relational["test_error"]).median())),
        },
        "graphs": pack([place[str(label)] for label in graphs]),
        "epochs": [float(epoch) for epoch in axes[0]],
        "seeds": [float(seed) for seed in axes[1]],
        "errors": {key: pack(_cube(relational, column, *axes)) for key, column in errors.items()},
        "baseline": None
        if baseline.empty
        else {key: pack(_cube(baseline, column, *base_axes)) for key, column in errors.items()},
        "columns": [
            {"key": key, "symbol": _said(key)[0], "meaning": _said(key)[1], "values": pack(values)}
            for key in _NETWORK
            if key in first and (values := _numbers(first[key])) is not None
        ],
        "cells": _cells(rows, first),
        "off": np.flatnonzero(~first["graph"].isin(on_plane(first)["graph"])).tolist(),
        "spot": None if spot is None else [float(edge) for edge in spot],
    }


_ERRORS = {"error": "test_error", "top5": "test_error_top5"}


def _cube(rows: pd.DataFrame, column: str, epochs: Any, seeds: Any, graphs: pd.Index) -> Floats:
    """Errors ``[epochs, seeds, graphs]``; NaN where there is none, or a run diverged."""
    cube: Floats = np.full((len(epochs), len(seeds), len(graphs)), np.nan)
    at = graphs.get_indexer(pd.Index(rows["graph"]))
    there = at >= 0
    index = (np.searchsorted(epochs, rows["epoch"]), np.searchsorted(seeds, rows["seed"]), at)
    values = pd.to_numeric(rows[column]).to_numpy(dtype=np.float64)
    cube[tuple(part[there] for part in index)] = np.where(np.isfinite(values), values, np.nan)[there]
    return cube


def _cells(rows: pd.DataFrame, first: pd.DataFrame) -> dict[str, Any]:
    """Cell of each graph at each level, and the edges of the cells."""
    binning = cells.binning_of(rows)
    columns: dict[str, Any] = {}
    for level in cells.LEVELS:
        at = cells.cell_of(first["clustering"], first["path_length"], binning, level)
        c_edges, l_edges = cells.edges(binning, level)
        columns[level] = {
            "i": pack(at[:, 0]),
            "j": pack(at[:, 1]),
            "cells": len(c_edges) - 1,
            "C": [float(c_edges[0]), float(c_edges[-1])],
            "L": [float(l_edges[0]), float(l_edges[-1])],
        }
    return columns

"""Graphs too large for a config, kept as files that are named by what they contain.

A run's config holds the digest of its graph and the text that named it. The graph itself lies in the cache
(``graphs/DIGEST.npz``, next to it ``.parquet`` with the table of nodes), so that every process of a sweep reads
the same one; where the cache was emptied, it is made again from its text.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from graph2nn.errors import UserError
from graph2nn.files import cache_root, read_parquet
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls import NullOptions, null
from graph2nn.graphs.spec import parse_graph


def graph_digest(graph: RelationalGraph) -> str:
    """Return 16 hexadecimal digits of wiring, weights, signs, self-connections and the table of nodes."""
    table = "" if graph.nodes is None else graph.nodes.to_csv()
    return hashlib.sha256(f"{graph.directed} {graph.digest} {table}".encode()).hexdigest()[:16]


def store(graph: RelationalGraph) -> str:
    """Keep a graph in the cache and return its digest; nothing is written where it lies there already."""
    digest = graph_digest(graph)
    place = _place(digest)
    if not place.with_suffix(".npz").is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        if graph.nodes is not None:
            partial = place.with_name(f".{digest}.{os.getpid()}.parquet")
            graph.nodes.to_parquet(partial)
            partial.replace(place.with_suffix(".parquet"))
        values: dict[str, Any] = {"weights": graph.weights, "signs": graph.signs}
        partial = place.with_name(f".{digest}.{os.getpid()}.npz")
        np.savez(
            partial,
            edge_index=graph.edge_index,
            n=graph.n,
            directed=bool(graph.directed),
            self_loops=graph.self_loops,
            names=np.array(graph.node_names or (), dtype=np.str_),
            **{name: value for name, value in values.items() if value is not None},
        )
        partial.replace(place.with_suffix(".npz"))
    return digest


def stored(digest: str, name: str) -> RelationalGraph | None:
    """Return the graph of a digest under a name; None where the cache has none."""
    place = _place(digest)
    if not place.with_suffix(".npz").is_file():
        return None
    with np.load(place.with_suffix(".npz"), allow_pickle=False) as arrays:
        table = place.with_suffix(".parquet")
        return RelationalGraph.from_edge_index(
            arrays["edge_index"],
            int(arrays["n"]),
            weights=arrays.get("weights"),
            signs=arrays.get("signs"),
            nodes=read_parquet(table) if table.is_file() else None,
            node_names=tuple(arrays["names"].tolist()) or None,
            name=name,
            directed=bool(arrays["directed"]),
            self_loops="given" if str(arrays["self_loops"]) == "given" else "all",
        )


def _place(digest: str) -> Path:
    return cache_root(None) / "graphs" / digest


#: Options of kinds of nulls, each of which a spec and a plan can hold.
NULL_OPTIONS = tuple(NullOptions.__annotations__)


class StoredGraph(Protocol):
    """What a config says of a stored graph; see :class:`graph2nn.results.config.StoredGraphSpec`."""

    @property
    def text(self) -> str:
        """Name of the graph, as ``--graph`` takes it."""

    @property
    def digest(self) -> str:
        """Of the content."""

    @property
    def null(self) -> str | None:
        """Kind of null, if it is one."""

    @property
    def seed(self) -> int:
        """Of the null."""


def build_stored(spec: StoredGraph, name: str) -> RelationalGraph:
    """Return a stored graph, or make it again from its text; its content is what the digest says.

    Raises:
        UserError: it cannot be made again, or the result is another graph.
    """
    graph = stored(spec.digest, name)
    if graph is None:
        graph = parse_graph(spec.text)
        if spec.null is not None:
            options = {option: value for option in NULL_OPTIONS if (value := getattr(spec, option)) is not None}
            graph = null(graph, spec.null, seed=spec.seed, **cast(NullOptions, options))
        graph = graph.renamed(name)
        store(graph)
    if graph_digest(graph) != spec.digest:
        raise UserError(
            f"config: graph {name!r} ({spec.text}) is not the graph of the run; the file has changed since."
        )
    return graph

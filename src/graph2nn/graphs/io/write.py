"""Write a graph so that another program, or :func:`read_graph`, can read it. Never half a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from graph2nn.files import replacing
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io.edges import header_line
from graph2nn.graphs.io.formats import format_of


def write_graph(graph: RelationalGraph, path: str | Path, *, format: str | None = None) -> Path:  # noqa: A002
    """Write ``graph`` in the format that the path's ending names, and return the path.

    Matrices (.npy, .npz sparse, .mtx, .csv, .tsv with separators, .txt rows of 0/1 characters) hold the
    adjacency as it is, row reads column. Edge lists (.edgelist, .edges), GraphML and GML also keep the name
    and the direction. The file appears whole or not at all.

    Raises:
        UserError: an unknown ending, or a folder that is not there.
    """
    target = Path(path)
    kind = format_of(target, format)
    if kind in ("text", "matrix"):
        kind = target.suffix.lower() if target.suffix.lower() in (".csv", ".tsv") else ".txt"
    with replacing(target) as temporary, temporary.open("wb") as file:
        _WRITERS[kind](graph, file)
    return target


def _npy(graph: RelationalGraph, file: BinaryIO) -> None:
    np.save(file, graph.adjacency, allow_pickle=False)


def _npz(graph: RelationalGraph, file: BinaryIO) -> None:
    from scipy import sparse

    sparse.save_npz(file, sparse.csr_matrix(graph.adjacency))


def _mtx(graph: RelationalGraph, file: BinaryIO) -> None:
    from scipy import io, sparse

    matrix = sparse.coo_matrix(graph.adjacency.astype(np.int8))
    io.mmwrite(file, matrix, field="pattern")


def _table(separator: str) -> Callable[[RelationalGraph, BinaryIO], None]:
    def write(graph: RelationalGraph, file: BinaryIO) -> None:
        rows = graph.adjacency.astype(int).astype(str)
        file.write("".join(f"{separator.join(row)}\n" for row in rows.tolist()).encode())

    return write


def _edges(graph: RelationalGraph, file: BinaryIO) -> None:
    matrix = graph.adjacency if graph.directed else np.triu(graph.adjacency)
    lines = [header_line(graph.n, bool(graph.directed), graph.name)]
    lines += [f"{reader} {read}" for reader, read in np.argwhere(matrix)]
    file.write("".join(f"{line}\n" for line in lines).encode())


def _graphml(graph: RelationalGraph, file: BinaryIO) -> None:
    import networkx as nx

    # lxml, where it is installed, would write other bytes; the plain writer is the same everywhere.
    nx.write_graphml_xml(graph.to_networkx(), file)


def _gml(graph: RelationalGraph, file: BinaryIO) -> None:
    import networkx as nx

    nx.write_gml(graph.to_networkx(), file)


_WRITERS: dict[str, Callable[[RelationalGraph, BinaryIO], None]] = {
    "npy": _npy,
    "npz": _npz,
    "mtx": _mtx,
    ".csv": _table(","),
    ".tsv": _table("\t"),
    ".txt": _table(""),
    "edges": _edges,
    "graphml": _graphml,
    "gml": _gml,
}

"""Write a graph so that another program, or :func:`read_graph`, can read it. Never half a file."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from graph2nn.arguments import checked_arguments
from graph2nn.errors import GraphNote, UserError
from graph2nn.files import replacing
from graph2nn.graphs.graph import DENSE_LIMIT, RelationalGraph
from graph2nn.graphs.io.archive import dump_graph
from graph2nn.graphs.io.array_files import DIRECTED_KEY, NAMES_KEY
from graph2nn.graphs.io.formats import COMPRESSED, ending_of, format_of
from graph2nn.graphs.io.native import header_line


@checked_arguments
def write_graph(graph: RelationalGraph, path: str | Path, *, format: str | None = None) -> Path:  # noqa: A002
    """Write ``graph`` in the format that the path's ending names, and return the path.

    Matrices (.npy, .npz sparse, .mtx, .csv, .tsv with separators, .txt rows of 0/1 characters) hold the
    adjacency, row reads column, and the weights where the graph has any; .csv and .tsv have the names of the
    nodes as labels, .npz keeps names and direction. Edge lists (.edgelist, .edges), GraphML and GML keep names,
    direction and weights; .graph keeps all that a graph carries, compactly. Behind each ending .gz, .bz2 or .xz
    compresses the file. The file appears whole or not at all. What a format cannot hold is said in a
    :class:`GraphNote`.

    Args:
        graph: the graph.
        path: where to write.
        format: what to write where the ending does not say.

    Returns:
        The path.

    Raises:
        UserError: an unknown ending, a folder that is not there, or a format that cannot hold the graph.

    Example:
        >>> from graph2nn import read_graph, ws_flex
        >>> graph = ws_flex(16, 4, 0.1, 1)
        >>> read_graph(write_graph(graph, "small.graph")) == graph
        True
    """
    target = Path(path)
    kind = format_of(target, format)
    if kind in ("text", "matrix"):
        kind = ending_of(target) if ending_of(target) in (".csv", ".tsv") else ".txt"
    if kind not in _WRITERS:
        raise UserError(f"{target}: {kind} is only read; expected one of {', '.join(sorted(_WRITERS))}.")
    if kind in _DENSE and graph.n > DENSE_LIMIT:
        raise UserError(
            f"{target}: {kind.lstrip('.')} holds all {graph.n}² pairs; for more than {DENSE_LIMIT} nodes "
            "write .npz, .mtx or .edgelist."
        )
    with replacing(target) as temporary, temporary.open("wb") as file:
        _write(kind, graph, file, target.suffix.lower())
    if lost := _lost(kind, graph):
        what = f"{', '.join(lost[:-1])} and {lost[-1]}" if len(lost) > 1 else lost[0]
        warnings.warn(
            f"{target}: {kind.lstrip('.')} does not hold {what}; a .graph file does.", GraphNote, stacklevel=3
        )
    return target


def _lost(kind: str, graph: RelationalGraph) -> list[str]:
    """Say what of ``graph`` a file of this kind does not hold."""
    lost = {
        "names of nodes": graph.node_names is not None and kind in ("npy", "mtx", ".txt"),
        "weights": graph.weights is not None and kind == ".txt",
        "signs": graph.signs is not None
        and (kind == ".txt" or (graph.weights is None and kind not in ("graph", "graphml", "gml"))),
        "the table of nodes": graph.nodes is not None and kind != "graph",
    }
    return [what for what, is_lost in lost.items() if is_lost]


def _write(kind: str, graph: RelationalGraph, file: BinaryIO, suffix: str) -> None:
    """Write ``graph`` to an open file, compressed if the last ending says so."""
    if suffix not in COMPRESSED:
        _WRITERS[kind](graph, file)
        return
    content = io.BytesIO()  # archives seek backwards, which streams that compress do not
    _WRITERS[kind](graph, content)
    if suffix == ".gz":  # without the file's name and the time, so that the same graph is the same bytes
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as stream:
            stream.write(content.getbuffer())
    else:
        compress = bz2.compress if suffix == ".bz2" else lzma.compress
        file.write(compress(content.getbuffer()))


def _values(graph: RelationalGraph) -> Any:
    """Return the entries of the matrix as scipy CSR: signed weights, or ones."""
    matrix = graph.csr
    if graph.weights is None:
        return matrix
    return type(matrix)((_signed(graph), matrix.indices, matrix.indptr), shape=matrix.shape)


def _signed(graph: RelationalGraph) -> Any:
    """Return the weights with their signs, one per arc."""
    weights: Any = graph.weights
    return weights if graph.signs is None else weights * graph.signs


def _npy(graph: RelationalGraph, file: BinaryIO) -> None:
    np.save(file, _values(graph).toarray(), allow_pickle=False)


def _npz(graph: RelationalGraph, file: BinaryIO) -> None:
    from scipy import sparse

    # The keys of scipy.sparse.save_npz, and two that it passes over.
    matrix = sparse.csr_matrix(_values(graph))
    arrays: dict[str, Any] = {
        **{"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr},
        **{"format": b"csr", "shape": matrix.shape, DIRECTED_KEY: np.array(bool(graph.directed))},
    }
    if graph.node_names is not None:
        arrays[NAMES_KEY] = np.array(graph.node_names)
    np.savez_compressed(file, **arrays)


def _mtx(graph: RelationalGraph, file: BinaryIO) -> None:
    from scipy import sparse
    from scipy.io import mmwrite

    field: Any = "pattern" if graph.weights is None else "real"
    matrix = sparse.coo_matrix(_values(graph).astype(np.int8 if graph.weights is None else np.float64))
    mmwrite(file, matrix, field=field, symmetry="general" if graph.directed else "symmetric", precision=17)


def _table(separator: str) -> Callable[[RelationalGraph, BinaryIO], None]:
    def write(graph: RelationalGraph, file: BinaryIO) -> None:
        values = _values(graph).toarray()
        names = list(graph.node_names) if graph.node_names is not None else None
        frame = pd.DataFrame(
            values if graph.weights is not None else values.astype(int), index=names, columns=names
        )
        # Quoted, as a row whose name begins with # or % would be a comment.
        text = frame.to_csv(
            sep=separator,
            header=names is not None,
            index=names is not None,
            lineterminator="\n",
            quoting=csv.QUOTE_NONNUMERIC,
        )
        file.write(str(text).encode())

    return write


def _characters(graph: RelationalGraph, file: BinaryIO) -> None:
    rows = graph.csr.toarray().astype(int).astype(str)
    file.write("".join(f"{''.join(row)}\n" for row in rows.tolist()).encode())


def _edges(graph: RelationalGraph, file: BinaryIO) -> None:
    read, readers = graph.edge_index
    keep = np.ones(len(read), dtype=np.bool_) if graph.directed else readers <= read
    lines = [header_line(graph)]
    weights = (
        [f" {weight!r}" for weight in _signed(graph)[keep].tolist()] if graph.weights is not None else None
    )
    pairs = zip(readers[keep].tolist(), read[keep].tolist(), weights or [""] * int(keep.sum()), strict=True)
    lines += [f"{reader} {other}{weight}" for reader, other, weight in pairs]
    file.write("".join(f"{line}\n" for line in lines).encode())


def _graphml(graph: RelationalGraph, file: BinaryIO) -> None:
    import networkx as nx

    # lxml, where it is installed, would write other bytes; the plain writer is the same everywhere.
    nx.write_graphml_xml(_signed_networkx(graph), file)


def _gml(graph: RelationalGraph, file: BinaryIO) -> None:
    import networkx as nx

    nx.write_gml(_signed_networkx(graph), file)


def _signed_networkx(graph: RelationalGraph) -> Any:
    """Return the graph for networkx, with signed weights and without the attribute of signs."""
    network = graph.to_networkx()
    if graph.weights is not None and graph.signs is not None:
        for *_, data in network.edges(data=True):
            data["weight"] *= data.pop("sign")
    return network


_WRITERS: dict[str, Callable[[RelationalGraph, BinaryIO], None]] = {
    "graph": dump_graph,
    "npy": _npy,
    "npz": _npz,
    "mtx": _mtx,
    ".csv": _table(","),
    ".tsv": _table("\t"),
    ".txt": _characters,
    "edges": _edges,
    "graphml": _graphml,
    "gml": _gml,
}
_DENSE = ("npy", ".csv", ".tsv", ".txt")

"""Whole graphs in one compact file: wiring, weights, signs, names and the table of nodes, at any size."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError, cut
from graph2nn.files import why_not
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io.formats import COMPRESSED, content_of
from graph2nn.graphs.io.sparse_files import check_csr

#: What the first entry of such files says.
_MARK = "graph2nn graph 1"


def load_graph(path: str | Path) -> RelationalGraph:
    """Read a file that :func:`dump_graph` wrote; its name ends in ``.graph``, or ``.graph.gz``.

    Raises:
        UserError: no such file, or another one.
    """
    source = Path(path)
    if not source.is_file():
        raise UserError(f"{source}: no such file.")
    try:
        if source.suffix.lower() in COMPRESSED:
            return parse_graph_file(io.BytesIO(content_of(source)))
        with source.open("rb") as file:
            return parse_graph_file(file)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    except Exception as error:  # a damaged archive fails in ways of its own; the user needs one line
        raise UserError(f"{source}: not a graph written by graph2nn ({cut(why_not(error), 160)}).") from None


def dump_graph(graph: RelationalGraph, file: BinaryIO) -> None:
    """Write a graph to an open file: an archive of NumPy arrays, the table of nodes as Parquet."""
    csr = graph.csr
    said = {
        "mark": _MARK,
        "name": graph.name,
        "directed": bool(graph.directed),
        "self_loops": graph.self_loops,
        "node_names": graph.node_names,
    }
    arrays: dict[str, Any] = {
        "said": np.frombuffer(json.dumps(said).encode(), dtype=np.uint8),
        "degrees": np.diff(csr.indptr).astype(np.int32),
        "read": csr.indices.astype(np.int32),
    }
    if graph.weights is not None:
        arrays["weights"] = _narrowed(graph.weights)
    if graph.signs is not None:
        arrays["signs"] = graph.signs
    if graph.nodes is not None:
        arrays["nodes"] = np.frombuffer(_parquet(graph.nodes), dtype=np.uint8)
    np.savez_compressed(file, **arrays)


def parse_graph_file(file: BinaryIO) -> RelationalGraph:
    """Read what :func:`dump_graph` wrote."""
    from scipy import sparse

    with np.load(file, allow_pickle=False) as archive:
        said = json.loads(archive["said"].tobytes().decode())
        if said["mark"] != _MARK:
            raise ValueError(f"it says {said['mark']!r}, expected {_MARK!r}")
        degrees, read = archive["degrees"], archive["read"]
        weights = archive["weights"].astype(np.float64) if "weights" in archive else None
        signs = archive.get("signs")
        nodes = _frame(archive["nodes"].tobytes()) if "nodes" in archive else None
    pointers = np.concatenate([[0], np.cumsum(degrees, dtype=np.int64)])
    n = len(degrees)
    check_csr(read, pointers, n)
    csr: Any = sparse.csr_array((np.ones(len(read), dtype=np.bool_), read, pointers), shape=(n, n))
    return RelationalGraph(
        csr,
        name=said["name"],
        directed=said["directed"],
        self_loops=said["self_loops"],
        node_names=None if said["node_names"] is None else tuple(said["node_names"]),
        weights=weights,
        signs=signs,
        nodes=nodes,
    )


def _narrowed(weights: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Return weights in the smallest type that holds them exactly."""
    if len(weights) and (weights == np.floor(weights)).all() and weights.max() < 2**32:
        return weights.astype(np.min_scalar_type(int(weights.max())))
    single = weights.astype(np.float32)
    return single if (single == weights).all() else weights


def _parquet(nodes: Any) -> bytes:
    file = io.BytesIO()
    try:
        nodes.to_parquet(file)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"graph: its table of nodes cannot be written ({error}).") from None
    return file.getvalue()


def _frame(content: bytes) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(content)).to_pandas(integer_object_nulls=True)

"""Objects of other libraries: networkx, igraph, torch, PyTorch Geometric, scipy, pandas, NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.arrays import masked_entries, plain_array
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io.frames import source_of_frame
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.source import EdgeList, Matrix, Source, names_or_none

_EDGE_INDEX = "its rows from and to"


def source_of_object(source: Any, options: ReadOptions) -> Source:
    """Take the edges or the matrix out of an object.

    Raises:
        UserError: something that is not a graph.
    """
    if isinstance(source, RelationalGraph):
        return _relational(source)
    if hasattr(source, "adjacency") and hasattr(source, "is_directed") and hasattr(source, "nodes"):
        return _networkx(source)
    if hasattr(source, "get_edgelist") and hasattr(source, "vs"):
        return _igraph(source)
    if isinstance(source, pd.DataFrame):
        return source_of_frame(source)
    if hasattr(source, "edge_index") and hasattr(source, "num_nodes"):
        return _geometric(source)
    if type(source).__module__.partition(".")[0] == "torch":
        return _torch(source, options)
    if hasattr(source, "toarray") and hasattr(source, "nnz"):
        return Matrix(source)
    array = plain_array(source, "adjacency", "[n, n], row reads column", masked=0)
    if array.ndim == 0:
        raise UserError(
            f"a {type(source).__name__} is not a graph; expected a path, a graph, a table or a matrix."
        )
    read = _array(array, options)
    if masked := masked_entries(source):
        if not isinstance(read, Matrix):
            plain_array(source, "the numbers of nodes", "[2, edges]")
        read.notes.append(f"masked entries are not edges ({masked} of {array.size})")
    return read


def _relational(graph: RelationalGraph) -> EdgeList:
    read, readers = graph.edge_index
    keep = np.ones(len(read), dtype=np.bool_) if graph.directed else readers <= read
    columns = pd.DataFrame(index=range(int(keep.sum())))
    if graph.weights is not None:
        columns["weight"] = (graph.weights if graph.signs is None else graph.weights * graph.signs)[keep]
    return EdgeList(
        readers[keep],
        read[keep],
        graph.n,
        graph.node_names,
        columns,
        directed=bool(graph.directed),
        said="the graph",
        name=graph.name,
        self_loops=graph.self_loops,
    )


def _networkx(graph: Any) -> EdgeList:
    nodes = list(graph.nodes)
    position = {node: i for i, node in enumerate(nodes)}
    ends = np.array([(position[u], position[v]) for u, v in graph.edges()], dtype=np.int64).reshape(-1, 2)
    columns = _columns([data for *_, data in graph.edges(data=True)])
    names = [str(node) for node in nodes]
    labels = [data.get("name", data.get("label")) for _, data in graph.nodes(data=True)]
    if names_or_none(names) is None and all(isinstance(label, str) for label in labels):
        names = [str(label) for label in labels]
    return EdgeList(
        ends[:, 0],
        ends[:, 1],
        len(nodes),
        names_or_none(names) if len(set(names)) == len(names) else None,
        columns,
        directed=bool(graph.is_directed()),
        said=f"a networkx {type(graph).__name__}",
        name=str(graph.name) or None,
    )


def _igraph(graph: Any) -> EdgeList:
    ends = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
    attributes = graph.vs.attributes()
    labels = graph.vs["name"] if "name" in attributes else graph.vs["label"] if "label" in attributes else None
    names = (
        None
        if labels is None or len(set(labels)) < len(labels)
        else names_or_none([str(label) for label in labels])
    )
    columns = pd.DataFrame(
        {name: graph.es[name] for name in graph.es.attributes()}, index=range(len(ends)), dtype=object
    )
    name = graph["name"] if "name" in graph.attributes() else None
    return EdgeList(
        ends[:, 0],
        ends[:, 1],
        graph.vcount(),
        names,
        columns,
        directed=bool(graph.is_directed()),
        said="an igraph Graph",
        name=None if name is None else str(name),
    )


def _columns(rows: list[dict[Any, Any]]) -> pd.DataFrame:
    """Make a column of each attribute; ``None`` where an edge has none."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    frame = pd.DataFrame(index=range(len(rows)))
    for key in keys:
        frame[str(key)] = pd.Series([row.get(key) for row in rows], dtype=object)
    return frame


def _geometric(data: Any) -> EdgeList:
    if data.edge_index is None:
        raise UserError("the data object has no edge_index.")
    edges = _edge_index(_numpy(data.edge_index), int(data.num_nodes))
    weights = getattr(data, "edge_weight", None)
    if weights is None and (attributes := getattr(data, "edge_attr", None)) is not None:
        weights = attributes.reshape(-1) if attributes.numel() == len(edges.first) else None
        if weights is None:
            edges.notes.append(f"edge_attr holds {attributes.shape[-1]} values per edge and was not used")
    if weights is not None:
        edges.columns = pd.DataFrame({"weight": _numpy(weights).astype(np.float64)})
    return edges


def _torch(tensor: Any, options: ReadOptions) -> Source:
    import torch

    tensor = tensor.detach().cpu()
    if tensor.layout != torch.strided:
        from scipy import sparse

        if tensor.layout != torch.sparse_coo:
            tensor = tensor.to_sparse_coo()
        if tensor.dim() != 2 or tensor.dense_dim():
            raise UserError(f"adjacency: shape {tuple(tensor.shape)} is not square; expected [n, n].")
        indices, values = tensor._indices().numpy(), tensor._values()
        return Matrix(sparse.coo_matrix((_numpy(values), (indices[0], indices[1])), shape=tuple(tensor.shape)))
    array = _numpy(tensor)
    if (
        options.format != "matrix"
        and array.shape == (2, 2)
        and array.dtype.kind in "iu"
        and options.format is None
    ):
        square_edge = np.array_equal(array, [[0, 1], [1, 0]])  # the same graph either way
        if not square_edge and set(np.unique(array)) <= {0, 1}:
            raise UserError(
                "a tensor [2, 2] of whole numbers may be a matrix or an edge_index; say which with "
                f"{options.say('format', 'matrix')} or {options.say('format', 'edge_index')}."
            )
        if not square_edge:
            return _edge_index(array)
    return _array(array, options)


def _numpy(tensor: Any) -> npt.NDArray[Any]:
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    if str(getattr(tensor, "dtype", "")) == "torch.bfloat16":
        tensor = tensor.float()
    return np.asarray(tensor)


def _array(array: npt.NDArray[Any], options: ReadOptions) -> Source:
    """Read a matrix ``[n, n]``, an edge index ``[2, edges]``, or a list ``[edges, 2]`` of pairs."""
    shape, whole = array.shape, array.dtype.kind in "iu"
    flat = len(shape) == 2 and shape[0] == 2 and shape[1] > 2
    if options.format == "edge_index" or (options.format is None and whole and flat):
        return _edge_index(array)
    pairs = len(shape) == 2 and shape[1] in (2, 3) and (shape[0] != shape[1] or options.format == "edges")
    if pairs and array.dtype.kind in "iuf" and (options.format == "edges" or shape[0] != 2):
        ends = array[:, :2]
        if not (ends == np.round(ends)).all() or (ends < 0).any():
            raise UserError(
                f"adjacency: shape {shape} is not square; expected [n, n], or [edges, 2] node numbers."
            )
        edges = _numbered(ends[:, 0].astype(np.int64), ends[:, 1].astype(np.int64), None)
        edges.numbered = True
        if shape[1] == 3:
            edges.columns = pd.DataFrame({"3": array[:, 2].astype(np.float64)})
        return edges
    return Matrix(array)


def _edge_index(array: npt.NDArray[Any], n: int | None = None) -> EdgeList:
    """Read rows from and to: the second reads the first. With every edge listed both ways it is undirected."""
    if array.dtype.kind not in "iu" or array.ndim != 2 or array.shape[0] != 2:
        raise UserError(f"edge_index: shape {array.shape} of {array.dtype}; expected whole numbers [2, edges].")
    if array.size and int(array.min()) < 0:
        raise UserError(f"edge_index: node {int(array.min())} is negative.")
    edges = _numbered(array[0].astype(np.int64), array[1].astype(np.int64), n)
    size = edges.n
    forward, backward = edges.first * size + edges.second, edges.second * size + edges.first
    edges.directed = not np.array_equal(np.unique(forward), np.unique(backward))
    edges.said, edges.second_reads = _EDGE_INDEX, True
    return edges


def _numbered(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], n: int | None) -> EdgeList:
    highest = int(max(first.max(initial=-1), second.max(initial=-1)))
    edges = EdgeList(first, second, n if n is not None else highest + 1)
    if n is None:
        edges.notes.append(f"the nodes are 0 to {highest}, the highest number of an edge")
    elif highest >= n:
        raise UserError(f"edge_index names node {highest}, and there are {n} nodes.")
    return edges

"""From nodes to features: which features a node owns, and the mask a graph lays over a weight."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from graph2nn.arguments import at_least, checked_arguments
from graph2nn.arrays import BoolMatrix
from graph2nn.errors import TooNarrowError, UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.storage import refuse_dense

Sizes = npt.NDArray[np.int64]


@lru_cache(maxsize=4096)
def node_sizes(width: int, n: int) -> Sizes:
    """Number of features each of n nodes owns, ``[n]``, read-only (paper, section 3.2).

    A width that n does not divide leaves some nodes one feature larger. Which ones is drawn once, by
    ``RandomState(1)``, so that the larger nodes do not crowd one arc of a ring graph; this is the published
    permutation and every mask depends on it.

    Raises:
        TooNarrowError: fewer features than nodes.
    """
    if width < n:
        raise TooNarrowError(
            f"partition: width {width} is smaller than the graph's {n} nodes; each node needs a feature. "
            f"Use a width of at least {n}, or a smaller graph."
        )
    sizes = np.full(n, width // n, dtype=np.int64)
    sizes[: width % n] += 1
    permuted: Sizes = np.random.RandomState(1).permutation(sizes)
    permuted.setflags(write=False)
    return permuted


def blocks(graph: RelationalGraph) -> BoolMatrix:
    """Which blocks of a weight are on, ``[n, n]``: the adjacency matrix, and the diagonal where it is implied.

    Raises:
        UserError: a graph too large for a dense matrix.
    """
    wiring = graph.dense_adjacency("a masked or block layer (the edge engine stores connections only)")
    if graph.self_loops == "given":
        return wiring
    on: BoolMatrix = wiring | np.eye(graph.n, dtype=np.bool_)
    return on


@checked_arguments
def mask(graph: RelationalGraph, in_features: int, out_features: int) -> BoolMatrix:
    """Mask of a weight ``[out_features, in_features]``: True where the reading node may see the feature.

    Block (i, j) is on if node i reads node j (paper, section 2.2); every node reads itself, except in a graph
    with ``self_loops="given"``, where only those do that its diagonal names.

    Args:
        graph: which node reads which.
        in_features: columns of the weight, dealt out to the nodes.
        out_features: rows of the weight, likewise.

    Returns:
        A boolean array ``[out_features, in_features]``.

    Raises:
        UserError: a width smaller than the number of nodes, or a mask of more than 1 GiB.

    Example:
        >>> from graph2nn.graphs.generators import path
        >>> mask(path(3), 3, 3).astype(int).tolist()
        [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    """
    at_least(1, "mask", in_features=in_features, out_features=out_features)
    refuse_dense(graph.name, math.isqrt(in_features * out_features), "a mask")
    rows = np.repeat(blocks(graph), node_sizes(out_features, graph.n), axis=0)
    full: BoolMatrix = np.repeat(rows, node_sizes(in_features, graph.n), axis=1)
    return full


def refuse_without_weights(graph: RelationalGraph) -> None:
    """Raise a UserError for a graph that has no weights to start from."""
    if graph.weights is None:
        raise UserError(
            f"init = weights: graph {graph.name!r} has no weights to start from; keep those of a file with "
            "read_graph(…, keep_weights=True), or FILE:keep_weights=yes in a command."
        )


def initial_scale(graph: RelationalGraph, readers: Sizes, read: Sizes) -> npt.NDArray[np.float64]:
    """Return what initial weights between pairs of nodes are multiplied by to start from the graph's weights.

    Arc by arc it is the weight divided by the root mean square of all weights, so that a layer keeps the
    scale of its start; 1 where a node reads itself because all do, and off the graph.

    Args:
        graph: with weights.
        readers: numbers of the nodes that read, ``[pairs]``.
        read: numbers of the nodes that they read, ``[pairs]``.

    Returns:
        Factors, ``[pairs]``.

    Raises:
        UserError: the graph has no weights.
    """
    refuse_without_weights(graph)
    assert graph.weights is not None
    factors = np.ones(len(readers))
    if not len(graph.weights):
        return factors
    source, target = graph.edge_index
    arcs, pairs = target * graph.n + source, np.asarray(readers) * graph.n + np.asarray(read)
    at = np.searchsorted(arcs, pairs).clip(max=len(arcs) - 1)
    there = arcs[at] == pairs
    factors[there] = (graph.weights / np.sqrt(np.mean(graph.weights**2)))[at[there]]
    return factors


def feature_scale(graph: RelationalGraph, in_features: int, out_features: int) -> npt.NDArray[np.float64]:
    """Return :func:`initial_scale` of every pair of features, ``[out_features, in_features]``.

    Args:
        graph: with weights.
        in_features: before the layer.
        out_features: after it.

    Returns:
        Factors, 0 where there is no connection or 1, as :func:`initial_scale` has them.

    Raises:
        UserError: the graph has no weights, a width smaller than the number of nodes, or a large matrix.
    """
    refuse_dense(graph.name, math.isqrt(in_features * out_features), "a mask")
    nodes = np.arange(graph.n)
    full = initial_scale(graph, np.repeat(nodes, graph.n), np.tile(nodes, graph.n)).reshape(graph.n, graph.n)
    rows = np.repeat(full, node_sizes(out_features, graph.n), axis=0)
    return np.repeat(rows, node_sizes(in_features, graph.n), axis=1)


def weights_on(graph: RelationalGraph, in_features: int, out_features: int) -> int:
    """Number of True entries of :func:`mask`, counted from the blocks without building it.

    Args:
        graph: which node reads which.
        in_features: columns of the weight.
        out_features: rows of the weight.

    Returns:
        The count.

    Example:
        >>> from graph2nn import ws_flex
        >>> weights_on(ws_flex(64, 8, 0.1, seed=1), 512, 512)
        36864
    """
    rows, columns = node_sizes(out_features, graph.n), node_sizes(in_features, graph.n)
    return int(rows @ _block_counts(graph) @ columns)


def tied_weights_on(graph: RelationalGraph, width: int) -> int:
    """Number of weights a symmetric layer ``[width, width]`` has of its own: the mask's upper triangle."""
    on_diagonal = int(node_sizes(width, graph.n) @ np.diagonal(blocks(graph)))
    return (weights_on(graph, width, width) + on_diagonal) // 2


@lru_cache(maxsize=64)
def _block_counts(graph: RelationalGraph) -> Sizes:
    """:func:`blocks` as integers, ready to be multiplied: a width search asks for them hundreds of times."""
    return blocks(graph).astype(np.int64)


def graph_from_mask(matrix: npt.ArrayLike, n: int, *, name: str = "graph") -> RelationalGraph:
    """Read back the graph of n nodes that :func:`mask` laid over a weight ``[out, in]``.

    Args:
        matrix: 0/1 matrix ``[out, in]``.
        n: nodes.
        name: of the graph.

    Returns:
        The graph.

    Raises:
        UserError: the matrix is not a union of whole blocks, or a node does not read itself.

    Example:
        >>> from graph2nn import ws_flex
        >>> graph = ws_flex(16, 4, 0.1, seed=1)
        >>> graph_from_mask(mask(graph, 50, 70), 16) == graph
        True
    """
    array = np.asarray(matrix, dtype=np.bool_)
    if array.ndim != 2:
        raise UserError(f"mask: shape {array.shape} is not that of a weight [out, in].")
    rows, columns = node_sizes(array.shape[0], n), node_sizes(array.shape[1], n)
    on = array[np.ix_(np.cumsum(rows) - rows, np.cumsum(columns) - columns)]
    if not np.array_equal(np.repeat(np.repeat(on, rows, axis=0), columns, axis=1), array):
        raise UserError(f"mask: the {array.shape} matrix is not made of whole blocks of {n} nodes.")
    if not np.diagonal(on).all():
        raise UserError(f"mask: node {int(np.argmin(np.diagonal(on)))} does not read itself.")
    return RelationalGraph.from_adjacency(on, name=name, drop_self_loops=True)

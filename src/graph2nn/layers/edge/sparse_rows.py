"""Connections of a layer as compressed sparse rows, by the node that reads and by the node that is read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.partition import node_sizes

Integers = npt.NDArray[np.int64]


class Tables(NamedTuple):
    """Where each connection comes from and goes to, in two orders.

    Weights lie by reader, and for one reader by what it reads: the order of the entries of a matrix
    ``[out, in]`` that are on, row by row.

    Args:
        at: int64 ``[out + 1]``: the connections of output i are ``at[i] … at[i + 1]``.
        source: int32 ``[connections]``: the input that each reads.
        at_source: int64 ``[in + 1]``: the same by input.
        target: int32 ``[connections]``: the output that each goes to, by input.
        order: int32 ``[connections]``: where the weight of each of these lies.

    Example:
        >>> tables = tables_of([[2, 0, 1], [0, 0, 2]], 3)
        >>> tables.at.tolist()  # output 0 has two connections, output 1 none
        [0, 2, 2, 3]
    """

    at: Tensor
    source: Tensor
    at_source: Tensor
    target: Tensor
    order: Tensor

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return len(self.at_source) - 1

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return len(self.at) - 1

    def by_reader(self) -> Tensor:
        """Return the output of each connection, int64, in the order of the weights."""
        rows = torch.arange(self.outputs, device=self.at.device)
        return rows.repeat_interleave(self.at.diff(), output_size=len(self.source))


def tables_of(edge_index: npt.ArrayLike, inputs: int, outputs: int | None = None) -> Tables:
    """Sort connections into :class:`Tables`.

    Args:
        edge_index: ``[2, connections]``, from and to, no pair twice; in any order.
        inputs: number of inputs, ``from`` counts them from 0.
        outputs: number of outputs; as many as inputs if left out.

    Returns:
        The connections in both orders.

    Raises:
        UserError: another shape, a number out of range, or a pair that stands there twice.

    Example:
        >>> tables_of([[2, 0, 1], [0, 0, 2]], 3).source
        tensor([0, 2, 1], dtype=torch.int32)
    """
    outputs = inputs if outputs is None else outputs
    edges = np.asarray(edge_index)
    if edges.ndim != 2 or len(edges) != 2 or (edges.size and edges.dtype.kind not in "iu"):
        raise UserError(f"edge engine: edge_index has shape {edges.shape}, expected whole numbers [2, edges].")
    source, target = (row.astype(np.int64, copy=False) for row in edges)
    for row, count, what in ((source, inputs, "from"), (target, outputs, "to")):
        if row.size and not (row.min() >= 0 and row.max() < count):
            odd = row.min() if row.min() < 0 else row.max()
            raise UserError(f"edge engine: a connection {what} node {odd}, outside 0…{count - 1}.")
    key = target * inputs + source
    if (np.diff(key) <= 0).any():
        sorted_by_reader = np.argsort(key, kind="stable")
        source, target, key = source[sorted_by_reader], target[sorted_by_reader], key[sorted_by_reader]
        if twice := np.flatnonzero(np.diff(key) == 0).tolist():
            raise UserError(
                f"edge engine: the connection {source[twice[0]]} → {target[twice[0]]} stands there twice."
            )
    # A stable sort keeps the readers of one input in order.
    order = np.argsort(source.astype(np.int32), kind="stable").astype(np.int32)
    return Tables(
        torch.from_numpy(_starts(target, outputs)),
        torch.from_numpy(source.astype(np.int32)),
        torch.from_numpy(_starts(source, inputs)),
        torch.from_numpy(target[order].astype(np.int32)),
        torch.from_numpy(order),
    )


def _starts(sorted_or_not: Integers, count: int) -> Integers:
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(sorted_or_not, minlength=count), out=starts[1:])
    return starts


def arcs(graph: RelationalGraph) -> Integers:
    """Return which node reads which, ``[2, arcs]``: from and to, sorted by reader, then by what is read.

    A node reads itself where the graph's ``self_loops`` says so: every node, or those given.

    Example:
        >>> from graph2nn.graphs.generators import path
        >>> arcs(path(3)).tolist()
        [[0, 1, 0, 1, 2, 1, 2], [0, 0, 1, 1, 1, 2, 2]]
    """
    listed: Any = getattr(graph, "edge_index", None)
    if listed is None:
        readers, read = np.nonzero(graph.adjacency)
        listed = np.stack([read, readers])
    if getattr(graph, "self_loops", "all") == "all":
        nodes = np.arange(graph.n)
        listed = np.concatenate([listed, np.stack([nodes, nodes])], axis=1)
        listed = listed[:, np.lexsort((listed[0], listed[1]))]
    return np.ascontiguousarray(listed, dtype=np.int64)


def feature_arcs(graph: RelationalGraph, in_features: int, out_features: int) -> Integers:
    """Return which output feature reads which input feature, ``[2, connections]``; as the mask of a layer.

    Args:
        graph: node i of the output reads node j of the input along its arcs.
        in_features: at least ``graph.n``.
        out_features: at least ``graph.n``.

    Returns:
        Numbers of outputs, numbers of inputs.

    Raises:
        TooNarrowError: a width smaller than the number of nodes.
    """
    into, out = node_sizes(in_features, graph.n), node_sizes(out_features, graph.n)
    source, target = arcs(graph)
    if in_features == out_features == graph.n:
        return np.stack([source, target])
    # Each arc stands for a block of connections.
    per_arc = into[source] * out[target]
    block = np.repeat(np.arange(len(source)), per_arc)
    place = np.arange(len(block)) - np.repeat(np.cumsum(per_arc) - per_arc, per_arc)
    first_in, first_out = np.cumsum(into) - into, np.cumsum(out) - out
    width = into[source][block]
    return np.stack([first_in[source][block] + place % width, first_out[target][block] + place // width])

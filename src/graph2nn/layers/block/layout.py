"""Where everything lies: compact weights node by node, and activations in planes a tap can slide over.

Weights: ``[out, pitch]``, one row per output feature. A row begins with the entries of ``[out, in, k, k]`` that
the mask leaves, in their order; the pitch is the longest row, and zeros fill the others.

Activations: images are laid side by side in *groups*, each channel one row of numbers, so that a kernel runs
along pixels of one or many images. A convolution adds its zero padding and keeps every ``stride``-th row and
column together in a plane of its own (a *phase*); then each tap of the kernel is a shift along the row. Outputs
use the same pitch; the few columns between two image rows are computed and thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.partition import blocks, node_sizes

Integers = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.int32]


#: Features of a sample that are laid out as one unit of work: a few cache lines.
BUNDLE = 64


class Products(NamedTuple):
    """One matrix product a node (and phase), as the kernels read it; every array int64 but ``taps`` int32."""

    first: Integers  # first row (feature) of the node
    rows: Integers
    weight_at: Integers  # where its weights begin
    step: Integers  # numbers between two rows of its weights, at least depth
    depth: Integers  # numbers added up for one result
    tap_at: Integers  # where its shifts begin in taps
    taps: Offsets  # for each of these numbers: its distance from the first of the group


class Planes(NamedTuple):
    """How ``[N, C, H, W]`` lies in groups of planes; all ints."""

    images: int
    channels: int
    height: int
    width: int
    stride: int  # pixels between neighbours of one phase
    padding: int
    used: int  # phases an axis has
    rows: int  # of a plane
    pitch: int  # columns of a plane
    group: int  # images side by side
    front: int  # zeros before the first image
    phase_step: int  # numbers between two phases of a channel
    channel_step: int
    group_step: int


class Turn(NamedTuple):
    """How weights grouped by reader are turned into weights grouped by what is read."""

    edge_at: Integers  # of node j, where its readers begin, [n + 1]
    reader: Integers
    column: Integers  # first feature of j among those the reader reads
    row: Integers  # first feature of the reader among those that read j
    readers: Integers  # features that read node j, [n]
    widths: Integers  # features of node j, [n]
    phase: Integers  # of each tap
    place: Integers  # of each tap among those of its phase
    per_phase: Integers  # taps of each phase


class Stretches(NamedTuple):
    """Neighbouring features that a node reads, stretch by stretch."""

    at: Integers  # first stretch of each node, [n + 1]
    first: Integers  # first feature
    length: Integers
    to: Integers  # place of the first one among those the node reads


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of a weight ``[out, in]`` over a graph, without its kernel's taps.

    The weights of several layers of one input may lie one above the other, ``copies`` of them: to the kernels
    each node then is as many nodes, which read the same.
    """

    graph: RelationalGraph
    in_features: int
    out_features: int
    copies: int = 1

    @cached_property
    def inputs(self) -> tuple[Integers, Integers]:
        """First input feature and number of them, by node."""
        sizes = node_sizes(self.in_features, self.graph.n)
        return np.cumsum(sizes) - sizes, sizes.copy()

    @cached_property
    def outputs(self) -> tuple[Integers, Integers]:
        """First output feature and number of them, by node, one copy after another."""
        sizes = np.tile(node_sizes(self.out_features // self.copies, self.graph.n), self.copies)
        return np.cumsum(sizes) - sizes, sizes

    @cached_property
    def on(self) -> npt.NDArray[np.bool_]:
        """Which blocks there are, ``[copies · n, n]``, row reads column."""
        return np.tile(blocks(self.graph), (self.copies, 1))

    @cached_property
    def read(self) -> Integers:
        """Number of input features each node reads."""
        return self.on @ self.inputs[1]

    @cached_property
    def readers(self) -> Integers:
        """Number of output features that read each node."""
        return self.on.T @ self.outputs[1]

    @property
    def weights(self) -> int:
        """Number of weights in use, without the kernel's taps."""
        return int(self.outputs[1] @ self.read)

    @cached_property
    def pitch(self) -> int:
        """Numbers of a row of stored weights, without the kernel's taps: the most that an output reads.

        One more where an output reads everything: the shape of a tensor always tells whether it is the stored
        weight or the masked one, ``[out, in]``.
        """
        most = int(self.read.max())
        return most + (most == self.in_features)

    @cached_property
    def stored(self) -> npt.NDArray[np.bool_] | None:
        """Which stored weights are in use, ``[out, pitch]``; None if all are."""
        read = np.repeat(self.read, self.outputs[1])
        return None if (read == self.pitch).all() else np.arange(self.pitch) < read[:, None]


@lru_cache(maxsize=1024)
def blocks_of(graph: RelationalGraph, in_features: int, out_features: int, copies: int = 1) -> Blocks:
    """Return the blocks of a weight, once for all layers of the same shape on the same graph.

    Args:
        graph: node i reads node j along its arcs.
        in_features: before the layer.
        out_features: after it, of all copies together.
        copies: layers whose weights lie one above the other.

    Returns:
        The blocks.
    """
    return Blocks(graph, in_features, out_features, copies)


def starts(sizes: Integers) -> Integers:
    """Where each of some lists begins when they lie one after another."""
    return np.cumsum(sizes) - sizes


def runs(reads: npt.NDArray[np.bool_], first: Integers, sizes: Integers) -> list[tuple[int, int]]:
    """First feature and length of each stretch of neighbouring features that are read.

    Args:
        reads: which nodes are read, ``[n]``.
        first: first feature of each node.
        sizes: features of each node.

    Returns:
        Stretches in ascending order.
    """
    nodes = np.flatnonzero(reads)
    if not len(nodes):
        return []
    stretches = np.split(nodes, np.flatnonzero(np.diff(nodes) > 1) + 1)
    return [(int(first[nodes[0]]), int(sizes[nodes].sum())) for nodes in stretches]


def joined(
    on: npt.NDArray[np.bool_], features: tuple[Integers, Integers], step: int, taps: list[int]
) -> tuple[Integers, Offsets]:
    """For each node, the places of what it reads: every tap of every feature; and where each list begins.

    Args:
        on: which node reads which, ``[n, n]``.
        features: first feature and number of features of each node.
        step: distance between features.
        taps: shifts of the kernel.

    Returns:
        Where each list begins, ``[n + 1]``, and the places, one list after another.

    Raises:
        UserError: images so large that the places do not fit 32 bits.
    """
    first, sizes = features
    lists = []
    for reads in on:
        stretches = [np.arange(first[j], first[j] + sizes[j]) for j in np.flatnonzero(reads)]
        read = np.concatenate(stretches) if stretches else np.empty(0, dtype=np.int64)
        lists.append((read[:, None] * step + np.array(taps)).reshape(-1))
    if max(int(entries.max(initial=0)) for entries in lists) > np.iinfo(np.int32).max:
        raise UserError("block engine: images of more than 2³¹ numbers are too large; use engine='masked'.")
    lengths = np.array([len(entries) for entries in lists])
    return starts(lengths), np.concatenate(lists).astype(np.int32)

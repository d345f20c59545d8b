"""Where pairs of bfloat16 lie: activations and weights of a linear layer, two numbers per int32.

Pairs of neighbouring features of a node make a row ``[batch]``; a node with an odd number of features has a
last pair whose second half is zero, so that no pair straddles two nodes. The weight gradient sums over the
batch: there the two halves are neighbouring samples of one feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.layout import Integers, Offsets, Planes, Products, joined, starts
from graph2nn.layers.block.threads import cut

#: Samples per output of a node from which dots over them pay: they end with a sum over lanes.
DOT_SAMPLES = 40


class PairRows(NamedTuple):
    """How the features of one side of a layer make pairs, by node."""

    first: Integers  # first feature
    features: Integers  # number of them
    first_pair: Integers
    pairs: Integers


class PairProducts(NamedTuple):
    """One product per node, as the kernels read it; every array int64 but ``taps`` int32."""

    first: Integers  # first feature (row of the result) of the node
    rows: Integers
    weight_at: Integers  # where its packed weights begin
    depth: Integers  # pairs added up for one result
    tap_at: Integers  # where its shifts begin in taps
    taps: Offsets  # for each pair: its distance from the first of the group


class WeightRows(NamedTuple):
    """Where the float32 weights of each node lie in the parameter."""

    at: Integers  # of node i, its first row
    step: Integers  # from row to row
    depth: Integers  # numbers of a row


class Segments(NamedTuple):
    """Runs of weights of a row whose pairs lie one after another, node by node."""

    at: Integers  # first segment of node i, [n + 1]
    column: Integers  # first number of the segment in its row
    length: Integers
    pair: Integers  # its first pair


class Turns(NamedTuple):
    """What each node reads, for the weights of the input's gradient."""

    at: Integers  # of node i, where those it reads begin, [n + 1]
    read: Integers
    column: Integers  # first pair of what is read in the packed rows of node i
    pair: Integers  # first pair of node i among those that read it


@dataclass(frozen=True, eq=False)
class PairedCall:
    """A linear layer's call on one shape of input, computed in pairs.

    Args:
        g: the same call in float32, whose rows of numbers the kernels read and write.
    """

    g: Geometry

    @property
    def vectors(self) -> int:
        """Vectors of one group's samples."""
        return self.g.out_columns // self.g.lanes

    @cached_property
    def source(self) -> PairRows:
        """Pairs of input features."""
        return _rows(*self.g.blocks.inputs)

    @cached_property
    def result(self) -> PairRows:
        """Pairs of output features."""
        return _rows(*self.g.blocks.outputs)

    @cached_property
    def weights(self) -> WeightRows:
        """Where the parameter has the weights of each node."""
        forward = self.g.forward
        return WeightRows(forward.weight_at, forward.step, forward.depth)

    @cached_property
    def forward(self) -> PairProducts:
        """The products that make the output; packed weights row by row."""
        return _products(
            self.g.blocks.on, self.g.blocks.outputs, self.source, self.g.source.channel_step
        )  # fmt: skip

    @cached_property
    def backward(self) -> PairProducts:
        """The products that make the input's gradient; packed weights pair by pair."""
        return _products(
            self.g.blocks.on.T, self.g.blocks.inputs, self.result, self.g.result.channel_step
        )  # fmt: skip

    @cached_property
    def segments(self) -> Segments:
        """How rows of weights make pairs: nodes with an even number of features run on into the next node."""
        at = [0]
        column: list[int] = []
        length: list[int] = []
        pair: list[int] = []
        for reads in self.g.blocks.on:
            done, pairs, open_run = 0, 0, False
            for j in np.flatnonzero(reads):
                size = int(self.source.features[j])
                if open_run:
                    length[-1] += size
                else:
                    column.append(done)
                    length.append(size)
                    pair.append(pairs)
                open_run = size % 2 == 0
                done += size
                pairs += int(self.source.pairs[j])
            at.append(len(column))
        return Segments(*(np.array(numbers, dtype=np.int64) for numbers in (at, column, length, pair)))

    @property
    def dots(self) -> bool:
        """Whether the gradient of the weights is made of dots over pairs of samples."""
        return self.g.images >= DOT_SAMPLES * int(self.forward.rows.max())

    @cached_property
    def dot_products(self) -> Products:
        """The products of :attr:`Geometry.forward`, whose shifts count pairs of samples."""
        return self.g.forward._replace(taps=self.g.forward.taps // 2)

    @staticmethod
    def half(planes: Planes) -> Planes:
        """Where pairs of samples lie: rows of half as many words as of numbers."""
        steps = planes.phase_step, planes.channel_step, planes.group_step
        phase, channel, group = (step // 2 for step in steps)
        return planes._replace(phase_step=phase, channel_step=channel, group_step=group)

    @cached_property
    def turns(self) -> Turns:
        """How the weights of :attr:`forward` become those of :attr:`backward`."""
        on = self.g.blocks.on
        columns = np.cumsum(on * self.source.pairs, axis=1) - on * self.source.pairs
        pairs = self.result.pairs[:, None]
        places = np.cumsum(on * pairs, axis=0) - on * pairs
        reader, read = np.nonzero(on)
        at = np.concatenate([[0], np.cumsum(on.sum(axis=1))])
        return Turns(at, read, columns[reader, read], places[reader, read])

    def shares(self, kind: str, threads: int) -> Integers:
        """Cut one kind of work into ranges of its units, one per thread, by cost."""
        if (kind, threads) not in self._shares:
            self._shares[kind, threads] = cut(self._costs(kind), threads)
        return self._shares[kind, threads]

    @cached_property
    def _shares(self) -> dict[tuple[str, int], Integers]:
        return {}

    def _costs(self, kind: str) -> Integers:
        if kind in ("source", "result"):
            rows = self.source if kind == "source" else self.result
            return np.tile(rows.features, self.g.groups)
        products = self.backward if kind == "backward" else self.forward
        costs: Integers = products.rows * products.depth
        return np.tile(costs, self.g.groups) if kind in ("forward", "backward") else costs


@lru_cache(maxsize=512)
def pairs_of(g: Geometry) -> PairedCall:
    """Return the layout in pairs of a linear layer's call, once for all calls of its kind."""
    return PairedCall(g)


def _rows(first: Integers, features: Integers) -> PairRows:
    pairs = (features + 1) // 2
    return PairRows(first, features, starts(pairs), pairs)


def _products(
    on: npt.NDArray[np.bool_], written: tuple[Integers, Integers], read: PairRows, step: int
) -> PairProducts:
    tap_at, taps = joined(on, (read.first_pair, read.pairs), step, [0])
    first, rows = written
    depth: Integers = on @ read.pairs
    return PairProducts(first, rows, starts(rows * depth), depth, tap_at, taps)

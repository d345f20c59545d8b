"""Index tables of the Triton kernels: tiles, and the position of each node's inputs and weights."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graph2nn.layers.block.layout import Blocks, Integers, Offsets, joined

#: Samples of a tile, and numbers added up at a time; ``tl.dot`` takes no side below 16. Never tuned on a GPU.
SAMPLES, DEPTH = 64, 32


class Lists(NamedTuple):
    """One matrix product a node. Node i gives ``sizes[i]`` features, each a sum over ``depths[i]`` others."""

    #: Of each node: its first feature, how many, the depth, where its list begins, where its weights begin.
    nodes: Tensor  # int64 [n, 5]
    #: Features that each node sums over, one list after another.
    taps: Tensor  # int32 [sum of depths]
    #: Of each of these: where its weights for the node begin, side by side. One zero where ``nodes`` tells all.
    weights: Tensor  # int64
    #: Node and first feature of each tile of ``side`` features.
    tiles: Tensor  # int64 [tiles, 2]
    side: int


class ProductTables(NamedTuple):
    """The products of a linear layer: outputs from inputs, and gradients of inputs from those of outputs."""

    forward: Lists
    backward: Lists
    #: Node, first row and first column of each tile of the weights' gradient, ``forward.side`` × ``DEPTH``.
    gradient: Tensor  # int64 [tiles, 3]


# A CUDA graph keeps the addresses of these tables: the cache holds more than one network has.
@lru_cache(maxsize=512)
def plan(blocks: Blocks, device: torch.device) -> ProductTables:
    """Return the tables of a weight on a device, once for all layers of the same shape on the same graph."""

    def there(array: Integers | Offsets) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    none = np.zeros(1, dtype=np.int64)
    weight_at = blocks.outputs[0] * blocks.pitch
    tap_at, taps = joined(blocks.on, blocks.inputs, 1, [0])
    forward = _lists(blocks.outputs, blocks.read, tap_at, weight_at)
    tap_at, reader_taps = joined(blocks.on.T, blocks.outputs, 1, [0])
    backward = _lists(blocks.inputs, blocks.readers, tap_at, np.zeros_like(weight_at))
    pieces = [
        (node, row, column)
        for node, row in forward[1].tolist()
        for column in range(0, int(blocks.read[node]), DEPTH)
    ]
    return ProductTables(
        Lists(there(forward[0]), there(taps), there(none), there(forward[1]), forward[2]),
        Lists(
            there(backward[0]),
            there(reader_taps),
            there(_columns(blocks, weight_at)),
            there(backward[1]),
            backward[2],
        ),
        there(np.array(pieces)),
    )


def _lists(
    features: tuple[Integers, Integers], depths: Integers, tap_at: Integers, weight_at: Integers
) -> tuple[Integers, Integers, int]:
    first, sizes = features
    side = min(64, max(16, 1 << (int(sizes.max()) - 1).bit_length()))
    tiles = [(node, row) for node, size in enumerate(sizes.tolist()) for row in range(0, size, side)]
    return np.stack([first, sizes, depths, tap_at, weight_at], axis=1), np.array(tiles), side


def _columns(blocks: Blocks, weight_at: Integers) -> Integers:
    """Where the weights of each reader's feature for the features of a node begin, node by node.

    In a row of stored weights, those for the features of node j stand side by side.
    """
    within = np.cumsum(blocks.on * blocks.inputs[1], axis=1) - blocks.on * blocks.inputs[1]
    return np.concatenate(
        [
            weight_at[reader] + within[reader, node] + np.arange(blocks.outputs[1][reader]) * blocks.pitch
            for node in range(blocks.graph.n)
            for reader in np.flatnonzero(blocks.on[:, node])
        ]
    )

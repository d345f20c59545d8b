"""The gradient of the weights of images: dots of rows of the gradient and of rows of the input."""

from __future__ import annotations

from typing import Any

import numpy as np

from graph2nn.graphs.kernels.jit import Int, compiled, inlined
from graph2nn.layers.block.copying import fill_padding
from graph2nn.layers.block.layout import Integers, Planes, Products
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.tiles import ROWS, dot_tiles, pack_panel, vectors_across
from graph2nn.layers.block.vectors import VECTOR_BYTES

#: Weights whose gradients are taken for all rows before the next ones: their inputs stay in the cache.
STRIP = 24
_across = compiled(vectors_across)


@compiled
def differentiate(
    part: Int,
    ranges: Integers,
    gradient: Any,
    y: Planes,
    source: Any,
    x: Planes,
    groups: Int,
    columns: Int,
    block: Int,
    fetch: bool,
    products: Products,
    out: Any,
) -> None:
    """The gradient of the weights of a range of nodes: dots of output and input rows.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last unit of each part, ``[parts, 2]``.
        gradient: of the output, laid out, flat; numbers, or pairs of them (:mod:`bf16_pen`).
        y: planes of the gradient.
        source: input that is laid out likewise, flat.
        x: planes of the input.
        groups, columns: of samples; columns per group.
        block: groups that are done together.
        fetch: whether to fetch ahead.
        products: one per node.
        out: compact gradients, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    gradient, source, products, out = borrowed((gradient, source, products, out))
    # Where each node's sums begin, and after the last of them how many there are.
    sums_at = np.zeros(ranges[part, 1] - ranges[part, 0] + 1, dtype=np.int64)
    for t in range(ranges[part, 0], ranges[part, 1]):
        sums_at[t - ranges[part, 0] + 1] = sums_at[t - ranges[part, 0]] + products.rows[t] * products.depth[t]
    # Every block of groups adds to it; the tiles lie one after another, so that sums are added as vectors.
    sums: Any = np.zeros(sums_at[-1] + VECTOR_BYTES // out.itemsize, dtype=out.dtype)
    lanes = VECTOR_BYTES // out.itemsize
    wide = -(-columns // lanes) * lanes
    room: Any = np.empty(products.rows.max() * min(block, groups) * wide + lanes, dtype=gradient.dtype)
    # Whole cache lines.
    room_at = -(room.ctypes.data // room.itemsize) % lanes
    for base in range(0, groups, block):
        here = min(block, groups - base)
        for t in range(ranges[part, 0], ranges[part, 1]):
            start = base * y.group_step + products.first[t] * y.channel_step + y.front
            parts = -(-products.rows[t] // ROWS)
            r: Int = 0
            for tile in range(parts):
                height = (products.rows[t] - r) // (parts - tile)
                for g in range(here):
                    at = start + g * y.group_step + r * y.channel_step
                    to = room_at + (r * here + g * height) * wide
                    pack_panel((height, gradient, at, y.channel_step, columns, room, to))
                r += height
            _node_dots(
                t, here, columns, fetch, products, gradient, start, y, source, base * x.group_step, x,
                room, room_at, sums, sums_at[t - ranges[part, 0]],
            )  # fmt: skip
    for t in range(ranges[part, 0], ranges[part, 1]):
        at = sums_at[t - ranges[part, 0]]
        _untile(products.rows[t], products.depth[t], sums, at, out, products.weight_at[t], products.step[t])
        fill_padding(t, products, out)


@compiled
def _across_node(rows: Int) -> Int:
    """How many of what a node reads are in a tile of its dots."""
    return _across(-(-rows // -(-rows // ROWS)))


@inlined
def _node_dots(
    t: Int,
    groups: Int,
    columns: Int,
    fetch: bool,
    products: Products,
    gradient: Any,
    start: Int,
    y: Planes,
    source: Any,
    x_at: Int,
    x: Planes,
    room: Any,
    room_at: Int,
    sums: Any,
    at: Int,
) -> None:
    """Dots of one node's rows, in a panel, and all it reads; tile after tile added to ``sums``."""
    rows, depth = products.rows[t], products.depth[t]
    lanes = VECTOR_BYTES // sums.itemsize
    parts = -(-rows // ROWS)
    across = _across_node(rows)
    wide = -(-columns // lanes) * lanes
    # A plain 0 is a type of its own to the compiler.
    done: Int = rows - rows
    # The next node's rows, a share a tile, where they are not near as it is.
    after = start + rows * y.channel_step
    near = -(-rows * y.channel_step // lanes // max(1, depth // across * parts)) if fetch else done
    for d in range(0, depth, STRIP):
        strip = min(STRIP, depth - d)
        whole = strip // across
        r: Int = 0
        for tile in range(parts):
            height = (rows - r) // (parts - tile)
            for count, width, e in ((whole, across, d), (strip % across, 1, d + whole * across)):
                share = near if width > 1 else done
                dot_tiles(
                    height, width, count, room, room_at + r * groups * wide, gradient, after,
                    y.group_step, share, source, x_at, x.group_step, products.taps,
                    products.tap_at[t] + e, groups, columns, sums, at,
                )  # fmt: skip
                at += count * width * height
                after += count * share * lanes
            r += height


@compiled
def _untile(rows: Int, depth: Int, sums: Any, at: Int, out: Any, out_at: Int, out_step: Int) -> None:
    """Write one node's tiles of sums as rows of weights."""
    parts = -(-rows // ROWS)
    across = _across_node(rows)
    for d in range(0, depth, STRIP):
        strip = min(STRIP, depth - d)
        whole = strip // across
        r: Int = 0
        for tile in range(parts):
            height = (rows - r) // (parts - tile)
            for count, width, e in ((whole, across, d), (strip % across, 1, d + whole * across)):
                for k in range(count):
                    for i in range(height):
                        for j in range(width):
                            out[out_at + (r + i) * out_step + e + k * width + j] = sums[at]
                            at += 1
            r += height

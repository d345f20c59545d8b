"""Compiled loops of the block engine: laying out, the products node by node, and their gradients.

Every array is flat; every kernel does a range of units, so that threads can share the work. See ``layout.py`` for
where things lie and ``tiles.py`` for the inner loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.layout import Planes, Products, Turn
from graph2nn.layers.block.tiles import ROWS, dot_tile, dots_across, product_tile

_across = compiled(dots_across)


@compiled
def lay_out_rows(low: Int, high: Int, source: Any, p: Planes, out: Any) -> None:
    """Lay samples ``[N, C]`` out in groups ``[C, group]``, for the groups in range; missing samples are zero."""
    for g in range(low, high):
        start = g * p.group_step
        here = min(p.group, p.images - g * p.group)
        for c in range(p.channels):
            for i in range(here):
                out[start + c * p.group + i] = source[(g * p.group + i) * p.channels + c]
            for i in range(here, p.group):
                out[start + c * p.group + i] = 0


@compiled
def lay_out_planes(low: Int, high: Int, source: Any, p: Planes, out: Any) -> None:
    """Lay images ``[N, C, H, W]`` out in padded planes, for a range of (group, channel)."""
    for unit in range(low, high):
        g, c = unit // p.channels, unit % p.channels
        start = g * p.group_step + c * p.channel_step
        out[start : start + p.channel_step] = 0
        for i in range(min(p.group, p.images - g * p.group)):
            image = ((g * p.group + i) * p.channels + c) * p.height * p.width
            for a in range(p.used):
                for b in range(p.used):
                    plane = start + (a * p.used + b) * p.phase_step + p.front + i * p.rows * p.pitch
                    _gather_plane(source, image, p, a, b, out, plane)


@compiled
def _gather_plane(source: Any, image: Int, p: Planes, a: Int, b: Int, out: Any, plane: Int) -> None:
    """Copy the pixels of one phase of one image."""
    skip = -((b - p.padding) // p.stride) if b < p.padding else 0
    stop = min(p.pitch, (p.width - 1 + p.padding - b) // p.stride + 1)
    for r in range(p.rows):
        y = r * p.stride + a - p.padding
        if y < 0 or y >= p.height:
            continue
        x = image + y * p.width + b - p.padding
        row = plane + r * p.pitch
        if p.stride == 1:
            for q in range(skip, stop):
                out[row + q] = source[x + q]
        else:
            for q in range(skip, stop):
                out[row + q] = source[x + q * p.stride]


@compiled
def _scatter_plane(scratch: Any, at: Int, p: Planes, a: Int, b: Int, out: Any, image: Int) -> None:
    """Copy the computed pixels of one phase of one image to where they belong: the reverse."""
    skip = -((b - p.padding) // p.stride) if b < p.padding else 0
    stop = min(p.pitch, (p.width - 1 + p.padding - b) // p.stride + 1)
    for r in range(p.rows):
        y = r * p.stride + a - p.padding
        if y < 0 or y >= p.height:
            continue
        x = image + y * p.width + b - p.padding
        row = at + r * p.pitch
        if p.stride == 1:
            for q in range(skip, stop):
                out[x + q] = scratch[row + q]
        else:
            for q in range(skip, stop):
                out[x + q * p.stride] = scratch[row + q]


@compiled
def _node_product(
    t: Int,
    columns: Int,
    tile: Int,
    w: Any,
    source: Any,
    start: Int,
    products: Products,
    out: Any,
    out_at: Int,
    out_step: Int,
) -> None:
    """All columns of one node's product; there are at least ``tile`` of them."""
    rows, depth = products.rows[t], products.depth[t]
    parts = -(-rows // ROWS)
    for column in range(0, columns, tile):
        # The last tile overlaps the one before it and writes the same numbers again.
        c = min(column, columns - tile)
        r = 0
        for part in range(parts):
            height = (rows - r) // (parts - part)
            product_tile(
                height, w, products.weight_at[t] + r * depth, depth, source, start + c, products.taps,
                products.tap_at[t], depth, out, out_at + r * out_step + c, out_step,
            )  # fmt: skip
            r += height


@compiled
def multiply(
    low: Int,
    high: Int,
    w: Any,
    source: Any,
    group_step: Int,
    groups: Int,
    block: Int,
    columns: Int,
    tile: Int,
    products: Products,
    p: Planes,
    rowwise: bool,
    direct: bool,
    out: Any,
) -> None:
    """Do a range of (block of groups, product), block-major: ``out`` ``[N, C, H, W]`` from laid out activations.

    ``p`` says where the results belong: product t makes phase ``t mod used²`` of the rows of its node.
    """
    count = len(products.rows)
    phases = p.used * p.used
    pixels = p.height * p.width
    scratch = np.empty(1 if direct else products.rows.max() * columns, dtype=w.dtype)
    for item in range(low, high):
        t = item % count
        first, rows = products.first[t], products.rows[t]
        for g in range(item // count * block, min(groups, (item // count + 1) * block)):
            start = g * group_step
            if direct:
                at = (g * p.channels + first) * pixels
                _node_product(t, columns, tile, w, source, start, products, out, at, pixels)
                continue
            _node_product(t, columns, tile, w, source, start, products, scratch, 0, columns)
            for i in range(min(p.group, p.images - g * p.group)):
                image = (g * p.group + i) * p.channels + first
                if rowwise:
                    for c in range(rows):
                        out[image + c] = scratch[c * columns + i]
                else:
                    a, b = t % phases // p.used, t % p.used
                    for c in range(rows):
                        at = c * columns + i * p.rows * p.pitch
                        _scatter_plane(scratch, at, p, a, b, out, (image + c) * pixels)


@compiled
def differentiate(
    low: Int,
    high: Int,
    gradient: Any,
    y: Planes,
    source: Any,
    x: Planes,
    groups: Int,
    columns: Int,
    block: Int,
    products: Products,
    out: Any,
) -> None:
    """Add the gradient of the weights of a range of nodes to ``out``: dots of output and input rows."""
    for base in range(0, groups, block):
        here = min(block, groups - base)
        for t in range(low, high):
            rows, depth = products.rows[t], products.depth[t]
            parts = -(-rows // ROWS)
            start = base * y.group_step + products.first[t] * y.channel_step + y.front
            across = _across(-(-rows // parts))
            d = 0
            while d < depth:
                width = across if d + across <= depth else 1
                r = 0
                for part in range(parts):
                    height = (rows - r) // (parts - part)
                    dot_tile(
                        height, width, gradient, start + r * y.channel_step, y.channel_step, y.group_step,
                        source, base * x.group_step, x.group_step, products.taps,
                        products.tap_at[t] + d, here, columns, out,
                        products.weight_at[t] + r * depth + d, depth,
                    )  # fmt: skip
                    r += height
                d += width


@compiled
def turn_over(low: Int, high: Int, w: Any, forward: Products, backward: Products, turn: Turn, out: Any) -> None:
    """Write the weights that read a range of nodes as rows of these nodes, phase by phase."""
    taps, phases = len(turn.phase), len(turn.per_phase)
    for j in range(low, high):
        width = backward.rows[j * phases]
        for e in range(turn.edge_at[j], turn.edge_at[j + 1]):
            i = turn.reader[e]
            for o in range(forward.rows[i]):
                at = forward.weight_at[i] + o * forward.depth[i] + turn.column[e] * taps
                for tap in range(taps):
                    k = j * phases + turn.phase[tap]
                    per = turn.per_phase[turn.phase[tap]]
                    to = backward.weight_at[k] + (turn.row[e] + o) * per + turn.place[tap]
                    for c in range(width):
                        out[to + c * backward.depth[k]] = w[at + c * taps + tap]

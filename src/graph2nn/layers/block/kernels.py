"""Compiled loops of the block engine: the products node by node, and their gradients.

Every array is flat; every kernel does a range of units, so that threads can share the work. ``layout.py`` says
where things lie, ``tiles.py`` has the inner loops, ``moves.py`` lays things out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.layout import Planes, Products, Turn, Windows
from graph2nn.layers.block.moves import prefetch, scatter_plane, transpose
from graph2nn.layers.block.tiles import ROWS, VECTORS, dot_tiles, product_tile, vectors_across
from graph2nn.layers.block.vectors import VECTOR_BYTES

#: Weights whose gradients are taken for all rows before the next ones: their inputs stay in the cache.
STRIP = 24
_across = compiled(vectors_across)


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
    ahead: Int,
    share: Int,
) -> None:
    """All columns of one node's product; there are at least ``tile`` of them.

    On the way, ``share`` elements of the source are fetched from ``ahead``, and the next node's results.
    """
    rows, depth = products.rows[t], products.depth[t]
    parts, tiles = -(-rows // ROWS), -(-columns // tile)
    for column in range(0, columns, tile):
        # The last tile overlaps the one before it and writes the same numbers again.
        c = min(column, columns - tile)
        if share:
            prefetch(source, ahead, share, column // tile, tiles)
            prefetch(out, out_at + rows * out_step, rows * out_step, column // tile, tiles)
        r: Int = 0
        for part in range(parts):
            height = (rows - r) // (parts - part)
            product_tile(
                height, VECTORS, w, products.weight_at[t] + r * depth, depth, source, start + c, products.taps,
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
    begin: Int,
    columns: Int,
    tile: Int,
    products: Products,
    p: Planes,
    rowwise: bool,
    direct: bool,
    out: Any,
) -> None:
    """Do a range of (block of groups, product), block-major: ``out`` ``[N, C, H, W]`` from what was laid out.

    ``p`` says where the results belong, of which the first ``begin`` columns are not wanted: product t makes
    phase ``t mod used²`` of the rows of its node.
    """
    count = len(products.rows)
    phases = p.used * p.used
    pixels = p.height * p.width
    scratch: Any = np.empty(1 if direct else products.rows.max() * columns, dtype=w.dtype)
    for item in range(low, high):
        t = item % count
        first, rows = products.first[t], products.rows[t]
        for g in range(item // count * block, min(groups, (item // count + 1) * block)):
            start = g * group_step + begin
            if direct:
                at, share = (g * p.channels + first) * pixels, group_step // count
                ahead = (g + block) * group_step + t * share
                _node_product(t, columns, tile, w, source, start, products, out, at, pixels, ahead, share)
                continue
            _node_product(t, columns, tile, w, source, start, products, scratch, 0, columns, 0, 0)
            here = min(p.group, p.images - g * p.group)
            if rowwise:
                at = g * p.group * p.channels + first
                transpose(rows, here, scratch, 0, columns, out, at, p.channels)
                continue
            a, b = t % phases // p.used, t % p.used
            for i in range(here):
                image = (g * p.group + i) * p.channels + first
                for c in range(rows):
                    at = c * columns + i * p.rows * p.pitch - begin
                    scatter_plane(scratch, at, p, a, b, out, (image + c) * pixels)


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
            for d in range(0, depth, STRIP):
                wide = min(STRIP, depth - d)
                whole = wide // across
                r: Int = 0
                for part in range(parts):
                    height = (rows - r) // (parts - part)
                    for count, width, e in ((whole, across, d), (wide % across, 1, d + whole * across)):
                        dot_tiles(
                            height, width, count, gradient, start + r * y.channel_step, y.channel_step,
                            y.group_step, source, base * x.group_step, x.group_step, products.taps,
                            products.tap_at[t] + e, here, columns, out,
                            products.weight_at[t] + r * depth + e, depth,
                        )  # fmt: skip
                    r += height


@compiled
def differentiate_rows(
    low: Int,
    high: Int,
    gradient: Any,
    y: Planes,
    x: Any,
    step: Int,
    products: Products,
    windows: Windows,
    out: Any,
) -> None:
    """The same for samples ``[N, step]`` as they lie: sums over samples, along the features a node reads."""
    lanes = VECTOR_BYTES // x.itemsize
    scratch = np.empty(ROWS * VECTORS * lanes, dtype=x.dtype)
    for base in range(0, y.images, y.group):
        here = min(y.group, y.images - base)
        start = base // y.group * y.group_step
        for t in range(low, high):
            rows, depth = products.rows[t], products.depth[t]
            for k in range(windows.at[t], windows.at[t + 1]):
                across, valid, skip = windows.across[k], windows.valid[k], windows.skip[k]
                tallest = ROWS if across == VECTORS else 4
                parts = -(-rows // tallest)
                whole = base == 0 and valid == across * lanes
                r: Int = 0
                for part in range(parts):
                    height = (rows - r) // (parts - part)
                    to = products.weight_at[t] + r * depth + windows.to[k]
                    left = start + (products.first[t] + r) * y.channel_step
                    right = base * step + windows.column[k]
                    if whole:
                        product_tile(
                            height, across, gradient, left, y.channel_step, x, right, windows.taps, 0, here,
                            out, to, depth,
                        )  # fmt: skip
                    else:
                        product_tile(
                            height, across, gradient, left, y.channel_step, x, right, windows.taps, 0, here,
                            scratch, 0, across * lanes,
                        )  # fmt: skip
                        again = 0 if base == 0 else windows.again[k]
                        _add_rows(
                            height, valid - again, scratch, skip + again, across * lanes, out, to + again,
                            depth, base == 0,
                        )  # fmt: skip
                    r += height


@compiled
def _add_rows(
    rows: Int,
    columns: Int,
    scratch: Any,
    at: Int,
    step: Int,
    out: Any,
    out_at: Int,
    out_step: Int,
    replace: bool,
) -> None:
    for r in range(rows):
        for c in range(columns):
            value = scratch[at + r * step + c]
            out[out_at + r * out_step + c] = value if replace else out[out_at + r * out_step + c] + value


@compiled
def turn_over(low: Int, high: Int, w: Any, forward: Products, backward: Products, turn: Turn, out: Any) -> None:
    """Write the weights that read a range of nodes as rows of these nodes, phase by phase."""
    taps, phases = len(turn.phase), len(turn.per_phase)
    for j in range(low, high):
        width = backward.rows[j * phases]
        for e in range(turn.edge_at[j], turn.edge_at[j + 1]):
            i = turn.reader[e]
            rows, step = forward.rows[i], forward.depth[i]
            at = forward.weight_at[i] + turn.column[e] * taps
            if taps == 1:
                to = backward.weight_at[j] + turn.row[e]
                transpose(rows, width, w, at, step, out, to, backward.depth[j])
                continue
            for tap in range(taps):
                k = j * phases + turn.phase[tap]
                per, deep = turn.per_phase[turn.phase[tap]], backward.depth[k]
                to = backward.weight_at[k] + turn.row[e] * per + turn.place[tap]
                for c in range(width):
                    for o in range(rows):
                        out[to + c * deep + o * per] = w[at + o * step + c * taps + tap]

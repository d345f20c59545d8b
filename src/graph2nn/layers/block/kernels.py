"""Compiled loops of the block engine: the products node by node, and their gradients.

Every array is flat; every kernel does a range of units, so that threads can share the work: number ``part``
of ``ranges``, or with part −1 all of them, on torch's team. ``layout.py`` says where things lie, ``tiles.py``
has the inner loops, ``copying.py`` lays things out, ``weight_grad.py`` does the weights of images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graph2nn.graphs.kernels.jit import Int, compiled, inlined
from graph2nn.layers.block.copying import (
    copy_panel,
    fill_padding,
    prefetch,
    scatter_plane,
    spans_of,
)
from graph2nn.layers.block.layout import Integers, Planes, Products, Stretches, Turn
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.tiles import (
    ROWS,
    VECTORS,
    half_product_tile,
    product_tile,
    turned_product_tile,
    vectors_beside,
)
from graph2nn.layers.block.transposing import transpose, transpose_wide
from graph2nn.layers.block.vectors import VECTOR_BYTES

_beside = compiled(vectors_beside)


@compiled
def even_parts(length: Int, most: Int) -> tuple[Int, Int, Int]:
    """Cut a length in parts of at most ``most``: their number, the length of the first, how many are so short.

    The others are one longer. Divisions take as long as a tile of small nodes, so there is one per node.
    """
    parts = -(-length // most)
    short = length // parts
    return parts, short, parts * (short + 1) - length


@inlined
def node_product(
    rows: Int,
    depth: Int,
    columns: Int,
    w: Any,
    w_at: Int,
    w_step: Int,
    turned: bool,
    source: Any,
    start: Int,
    taps: Any,
    tap_at: Int,
    out: Any,
    out_at: Int,
    out_step: Int,
    ahead: Int,
    share: Int,
) -> None:
    """All columns of one node's product, of which there are at least as many as a vector has lanes.

    Its weights begin at ``w_at``, row by row, ``w_step`` apart, or, ``turned``, column by column; its shifts at
    ``tap_at``.

    On the way, ``share`` elements of the source are fetched from ``ahead``, and the next node's results.

    Args:
        rows: of the node's result.
        depth: what is summed over.
        columns: of the result.
        w, w_at, w_step: weights, flat; where they begin; distance between rows.
        turned: weights of a column lie next to each other.
        source, start: activations, flat, and where to begin.
        taps, tap_at: shifts, and where the node's begin.
        out, out_at, out_step: flat array that is written, where to begin, distance between rows.
        ahead, share: where to fetch from, and how many elements.
    """
    lanes = VECTOR_BYTES // source.itemsize
    whole, vectors = columns // lanes, -(-columns // lanes)
    parts, low, low_parts = even_parts(rows, ROWS)
    most = min(whole, _beside(low if low_parts == parts else low + 1))
    tiles, narrow, narrow_tiles = even_parts(vectors, most)
    near: Int = 0
    far: Int = 0
    after = out_at + rows * out_step
    if share:
        near, far = -(-share // vectors), -(-rows * out_step // vectors)
    done: Int = 0
    for tile in range(tiles):
        across = narrow if tile < narrow_tiles else narrow + 1
        # The last tile overlaps the one before it and writes the same numbers again.
        c = min(done * lanes, columns - across * lanes)
        if share:
            prefetch(source, ahead + done * near, ahead + (done + across) * near)
            prefetch(out, after + done * far, after + (done + across) * far)
        done += across
        r: Int = 0
        for part in range(parts):
            height = low if part < low_parts else low + 1
            to = out_at + r * out_step + c
            if turned:
                turned_product_tile(
                    height, across, w, w_at + r, w_step, source, start + c, taps,
                    tap_at, depth, out, to, out_step,
                )  # fmt: skip
            else:
                product_tile(
                    height, across, w, w_at + r * w_step, w_step, source, start + c, taps,
                    tap_at, depth, out, to, out_step,
                )  # fmt: skip
            r += height


@compiled
def _gather_panel(j: Int, w: Any, forward: Products, turn: Turn, panel: Any) -> None:
    """Bring the weights that read node j together: by reader and by feature of j, one kernel tap."""
    to: Int = 0
    width = turn.widths[j]
    for e in range(turn.edge_at[j], turn.edge_at[j + 1]):
        i = turn.reader[e]
        at = forward.weight_at[i] + turn.column[e]
        copy_panel(forward.rows[i], width, w, at, forward.step[i], panel, to)
        to += forward.rows[i] * width


@compiled
def multiply(
    part: Int,
    ranges: Integers,
    w: Any,
    source: Any,
    group_step: Int,
    groups: Int,
    block: Int,
    begin: Int,
    columns: Int,
    products: Products,
    of: Products,
    turn: Turn,
    turned: bool,
    p: Planes,
    rowwise: bool,
    pitch: Int,
    out: Any,
) -> None:
    """Do a range of (block of groups, product), block-major: ``out`` ``[N, C, H, W]`` from what was laid out.

    ``p`` says where the results belong, of which the first ``begin`` columns are not wanted: product t makes
    phase ``t mod used²`` of the rows of its node. With a ``pitch``, rows of results are written as they come,
    that far apart. If ``turned``, ``w`` are the weights of the products ``of``, by what they read.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last unit of each part, ``[parts, 2]``.
        w: weights, flat.
        source: activations that are laid out, flat.
        group_step: distance between groups of samples.
        groups: of samples.
        block: groups that are done together.
        begin, columns: first column that is wanted, and how many are computed.
        products, of: what is computed; the products that the weights are stored for.
        turn: places of the weights by what they read.
        turned: multiply with the weights by what they read.
        p: planes of the result.
        rowwise, pitch: write rows as they come, that far apart.
        out: flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    w, source, products, of, turn, out = borrowed((w, source, products, of, turn, out))
    count = len(products.rows)
    pixels = p.height * p.width
    spans = spans_of(p)
    scratch: Any = np.empty(1 if pitch else products.rows.max() * columns, dtype=w.dtype)
    panel: Any = np.empty(_largest(products, w), dtype=w.dtype) if turned else w
    for item in range(ranges[part, 0], ranges[part, 1]):
        t = item % count
        first, rows, depth, tap_at = products.first[t], products.rows[t], products.depth[t], products.tap_at[t]
        w_at = 0 if turned else products.weight_at[t]
        w_step = rows if turned else products.step[t]
        if turned:
            _gather_panel(t, w, of, turn, panel)
        for g in range(item // count * block, min(groups, (item // count + 1) * block)):
            share = group_step // count if pitch and groups > 1 else 0
            # One call for both, since it becomes part of this kernel, tiles and all.
            node_product(
                rows, depth, columns, panel, w_at, w_step, turned, source, g * group_step + begin,
                products.taps, tap_at, out if pitch else scratch, (g * p.channels + first) * pitch,
                pitch if pitch else columns, (g + block) * group_step + t * share, share,
            )  # fmt: skip
            if pitch:
                continue
            here = min(p.group, p.images - g * p.group)
            if rowwise:
                at = g * p.group * p.channels + first
                transpose(rows, here, scratch, 0, columns, out, at, p.channels)
                continue
            for i in range(here):
                image = (g * p.group + i) * p.channels + first
                for c in range(rows):
                    at = c * columns + i * p.rows * p.pitch - begin
                    scatter_plane(scratch, at, p, spans[t % len(spans)], out, (image + c) * pixels)


@compiled
def _largest(products: Products, w: Any) -> Int:
    """Numbers of the largest panel of weights, and a vector more."""
    return (products.rows * products.depth).max() + VECTOR_BYTES // w.itemsize


@compiled
def differentiate_rows(
    part: Int,
    ranges: Integers,
    gradient: Any,
    y: Planes,
    source: Any,
    x: Planes,
    products: Products,
    stretches: Stretches,
    out: Any,
) -> None:
    """The same for samples of one pixel: products with the gradient, turned.

    Args:
        part, ranges: as for :func:`multiply`.
        gradient: of the output, laid out, flat.
        y: planes of the gradient.
        source: input that is laid out, flat.
        x: planes of the input.
        products: one per node.
        stretches: of neighbouring features that a node reads.
        out: compact gradients, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    gradient, source, out = borrowed((gradient, source, out))
    products, stretches = borrowed((products, stretches))
    lanes = VECTOR_BYTES // out.itemsize
    half = lanes // 2
    width = -(-products.rows.max() // half) * half
    panel = np.empty(y.group * width + lanes, dtype=out.dtype)
    summed = np.empty(products.depth.max() * width + lanes, dtype=out.dtype)
    more = np.empty(len(summed), dtype=out.dtype)
    taps = (np.arange(y.group) * width).astype(np.int32)
    for t in range(ranges[part, 0], ranges[part, 1]):
        rows, depth = products.rows[t], products.depth[t]
        for base in range(0, y.images, y.group):
            here = min(y.group, y.images - base)
            g = base // y.group
            # A whole square where there are rows to read: what it writes next to the panel is written over.
            tall = max(width, lanes)
            tall = tall if here >= lanes and products.first[t] + tall <= y.channels else rows
            start = g * y.group_step + products.first[t] * y.channel_step
            transpose(tall, here, gradient, start, y.channel_step, panel, 0, width)
            place = summed if g == 0 else more
            for k in range(stretches.at[t], stretches.at[t + 1]):
                at = g * x.group_step + stretches.first[k] * x.channel_step
                _stretch_product(
                    stretches.length[k], width, source, at, x.channel_step, panel, taps, here,
                    place, stretches.to[k] * width,
                )  # fmt: skip
            if g > 0:
                for i in range(depth * width):
                    summed[i] += more[i]
        transpose_wide(depth, rows, summed, 0, width, out, products.weight_at[t], products.step[t])
        fill_padding(t, products, out)


@inlined
def _stretch_product(
    rows: Int,
    columns: Int,
    source: Any,
    at: Int,
    step: Int,
    panel: Any,
    taps: Any,
    depth: Int,
    out: Any,
    out_at: Int,
) -> None:
    """A stretch of rows of the source times a panel of whole half vectors."""
    half = VECTOR_BYTES // source.itemsize // 2
    whole = columns % (2 * half) == 0
    lanes = 2 * half if whole else half
    parts, low, low_parts = even_parts(rows, ROWS)
    tiles, narrow, narrow_tiles = even_parts(columns // lanes, VECTORS)
    done: Int = 0
    for tile in range(tiles):
        across = narrow if tile < narrow_tiles else narrow + 1
        c = done * lanes
        done += across
        r: Int = 0
        for part in range(parts):
            height = low if part < low_parts else low + 1
            w_at, to = at + r * step, out_at + r * columns + c
            if whole:
                product_tile(height, across, source, w_at, step, panel, c, taps, 0, depth, out, to, columns)
            else:
                half_product_tile(
                    height, across, source, w_at, step, panel, c, taps, 0, depth, out, to, columns
                )
            r += height


@compiled
def turn_over(
    part: Int, ranges: Integers, w: Any, forward: Products, backward: Products, turn: Turn, out: Any
) -> None:
    """Write the weights that read a range of nodes as rows of these nodes, phase by phase.

    Args:
        part, ranges: as for :func:`multiply`.
        w: compact weights, flat.
        forward: products of the layer.
        backward: products of the gradient of the input.
        turn: places of the weights by what they read.
        out: flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    w, out, forward, backward, turn = borrowed((w, out, forward, backward, turn))
    taps, phases = len(turn.phase), len(turn.per_phase)
    for j in range(ranges[part, 0], ranges[part, 1]):
        width = backward.rows[j * phases]
        for e in range(turn.edge_at[j], turn.edge_at[j + 1]):
            i = turn.reader[e]
            rows, step = forward.rows[i], forward.step[i]
            at = forward.weight_at[i] + turn.column[e] * taps
            for tap in range(taps):
                k = j * phases + turn.phase[tap]
                per, deep = turn.per_phase[turn.phase[tap]], backward.depth[k]
                to = backward.weight_at[k] + turn.row[e] * per + turn.place[tap]
                for c in range(width):
                    for o in range(rows):
                        out[to + c * deep + o * per] = w[at + o * step + c * taps + tap]

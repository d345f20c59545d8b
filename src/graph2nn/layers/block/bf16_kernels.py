"""Compiled loops of bfloat16 linear layers: packing numbers in pairs, products node by node, weight gradients.

Arrays are flat; activations are float32 rows of features as :mod:`geometry` lays them out, or int32 rows of
pairs with the same distance between rows. A kernel does a range of units, as those of :mod:`kernels` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.bf16_layout import Edges, PairProducts, PairRows, Segments, WeightRows
from graph2nn.layers.block.bf16_pack import pack_neighbours, pack_rows_of_two, pair
from graph2nn.layers.block.bf16_tiles import LANES, multiply_node
from graph2nn.layers.block.layout import Integers, Planes, Stretches
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.transposing import transpose, transpose_wide


@compiled
def pack_features(part: Int, ranges: Integers, x: Any, p: Planes, rows: PairRows, out: Any) -> None:
    """Make pairs of neighbouring features, for a range of (group, node); zero after the last sample.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last unit of each part, ``[parts, 2]``.
        x: float32 rows, flat.
        p: planes that ``x`` lies in.
        rows: features of each node.
        out: int32 pairs, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    x, rows, out = borrowed((x, rows, out))
    n, step = len(rows.first), p.channel_step
    nothing = np.float32(0)
    pairs = rows.first_pair[n - 1] + rows.pairs[n - 1]
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, i = unit // n, unit % n
        here = min(p.group, p.images - g * p.group)
        for q in range(rows.pairs[i]):
            at = g * p.group_step + (rows.first[i] + 2 * q) * step
            to = (g * pairs + rows.first_pair[i] + q) * step
            if 2 * q + 1 < rows.features[i]:
                pack_rows_of_two(here, x, at, at + step, out, to)
            else:
                for c in range(here):
                    out[to + c] = pair(x[at + c], nothing)
            out[to + here : to + step] = 0


@compiled
def pair_samples(part: Int, ranges: Integers, packed: Any, p: Planes, rows: PairRows, out: Any) -> None:
    """Make pairs of neighbouring samples from pairs of features, for a range of (group, node).

    Args:
        part, ranges: as for :func:`pack_features`.
        packed: what :func:`pack_features` wrote.
        p: planes of the samples.
        rows: features of each node.
        out: int32 pairs, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    packed, rows, out = borrowed((packed, rows, out))
    n, step = len(rows.first), p.channel_step
    half = step // 2
    pairs = rows.first_pair[n - 1] + rows.pairs[n - 1]
    lower, upper = np.int32(0xFFFF), np.int32(-0x10000)
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, i = unit // n, unit % n
        for q in range(rows.pairs[i]):
            at = (g * pairs + rows.first_pair[i] + q) * step
            to = (g * p.channels + rows.first[i] + 2 * q) * half
            for c in range(half):
                one, two = packed[at + 2 * c], packed[at + 2 * c + 1]
                out[to + c] = (one & lower) | (two << 16)
            if 2 * q + 1 < rows.features[i]:
                for c in range(half):
                    one, two = packed[at + 2 * c], packed[at + 2 * c + 1]
                    out[to + half + c] = ((one >> 16) & lower) | (two & upper)


@compiled
def pack_weights(
    part: Int, ranges: Integers, w: Any, at: WeightRows, segments: Segments, products: PairProducts, out: Any
) -> None:
    """Pack the weights of a range of nodes: each row's pairs next to each other.

    Args:
        part, ranges: as for :func:`pack_features`.
        w: compact float32 weights, flat.
        at: where the rows of each node's weights begin.
        segments: stretches of neighbouring features that a node reads.
        products: where each node's pairs belong.
        out: int32 pairs, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    w, at, segments, products, out = borrowed((w, at, segments, products, out))
    nothing = np.float32(0)
    for i in range(ranges[part, 0], ranges[part, 1]):
        for r in range(products.rows[i]):
            row = at.at[i] + r * at.step[i]
            to_row = products.weight_at[i] + r * products.depth[i]
            for s in range(segments.at[i], segments.at[i + 1]):
                begin, length = row + segments.column[s], segments.length[s]
                to = to_row + segments.pair[s]
                pack_neighbours(length // 2, w, begin, out, to)
                if length % 2:
                    out[to + length // 2] = pair(w[begin + length - 1], nothing)


@compiled
def pack_turned(
    part: Int,
    ranges: Integers,
    w: Any,
    at: WeightRows,
    edges: Edges,
    readers: PairRows,
    products: PairProducts,
    out: Any,
) -> None:
    """Pack the weights that read a range of nodes: pairs of a reader's rows, a pair's features together.

    Args:
        part, ranges: as for :func:`pack_features`.
        w: compact float32 weights, flat.
        at: where the rows of each node's weights begin.
        edges: who reads each node.
        readers: features of each node that reads.
        products: where each node's pairs belong.
        out: int32 pairs, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    w, at, edges, readers, products, out = borrowed((w, at, edges, readers, products, out))
    nothing = np.float32(0)
    for j in range(ranges[part, 0], ranges[part, 1]):
        width = products.rows[j]
        for e in range(edges.at[j], edges.at[j + 1]):
            i = edges.reader[e]
            for q in range(readers.pairs[i]):
                row = at.at[i] + 2 * q * at.step[i] + edges.column[e]
                to = products.weight_at[j] + (edges.pair[e] + q) * width
                if 2 * q + 1 < readers.features[i]:
                    below = row + at.step[i]
                    pack_rows_of_two(width, w, row, below, out, to)
                else:
                    for f in range(width):
                        out[to + f] = pair(w[row + f], nothing)


@compiled
def multiply_pairs(
    part: Int,
    ranges: Integers,
    lowering: Any,
    turned: bool,
    w: Any,
    source: Any,
    group_step: Int,
    vectors: Int,
    products: PairProducts,
    p: Planes,
    out: Any,
) -> None:
    """Do a range of (group, node), group by group: float32 rows ``out`` from rows of pairs.

    Args:
        part, ranges: as for :func:`pack_features`.
        lowering: how two products are added to an accumulator.
        turned: multiply with the weights by what they read, for the gradient of the input.
        w: pairs of weights, flat.
        source: pairs of activations, flat.
        group_step: distance between groups of samples in ``source``.
        vectors: vectors of samples in a group.
        products: one per node.
        p: planes of the result.
        out: float32 rows, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    w, source, products, out = borrowed((w, source, products, out))
    n = len(products.rows)
    for item in range(ranges[part, 0], ranges[part, 1]):
        g, t = item // n, item % n
        rows, depth = products.rows[t], products.depth[t]
        multiply_node(
            lowering, turned, rows, depth, vectors, w, products.weight_at[t], rows if turned else depth,
            source, g * group_step, products.taps, products.tap_at[t],
            out, g * p.group_step + products.first[t] * p.channel_step, p.channel_step,
        )  # fmt: skip


@compiled
def differentiate_weights(
    part: Int,
    ranges: Integers,
    lowering: Any,
    dz: Any,
    y: Planes,
    samples: Any,
    x: Planes,
    groups: Int,
    products: PairProducts,
    stretches: Stretches,
    at: WeightRows,
    out: Any,
) -> None:
    """The weight gradients of a range of nodes, from ``dz`` in float32 rows and pairs of samples of x.

    Args:
        part, ranges: as for :func:`pack_features`.
        lowering: how two products are added to an accumulator.
        dz: gradient of the output in float32 rows, flat.
        y: planes of ``dz``.
        samples: pairs of samples of the input, flat.
        x: planes of ``samples``.
        groups: of samples.
        products: one per node.
        stretches: of neighbouring features that a node reads.
        at: where the rows of each node's weights begin.
        out: compact gradients, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    dz, samples, out = borrowed((dz, samples, out))
    products, stretches, at = borrowed((products, stretches, at))
    half, depth = x.channel_step // 2, -(-x.group // 2)
    widest = -(-products.rows.max() // LANES) * LANES
    flat = np.empty(products.rows.max() * depth, dtype=np.int32)
    panel = np.empty(depth * widest, dtype=np.int32)
    sums = np.zeros(at.depth.max() * widest + LANES, dtype=np.float32)
    more = np.zeros(len(sums), dtype=np.float32)
    taps = np.empty(depth, dtype=np.int32)
    # A plain constant is a type of its own to the compiler, which would compile the product twice.
    zero, turned = part - part, part < 0
    for t in range(ranges[part, 0], ranges[part, 1]):
        rows = products.rows[t]
        width = -(-rows // LANES) * LANES
        for k in range(depth):
            taps[k] = k * width
        for g in range(groups):
            here = min(y.group, y.images - g * y.group)
            deep = -(-here // 2)
            _panel(rows, here, dz, g * y.group_step + products.first[t] * y.channel_step, y, flat, panel, width)
            place = sums if g == 0 else more
            for k in range(stretches.at[t], stretches.at[t + 1]):
                multiply_node(
                    lowering, turned, stretches.length[k], deep, width // LANES, samples,
                    (g * x.channels + stretches.first[k]) * half, half, panel, zero, taps, zero,
                    place, stretches.to[k] * width, width,
                )  # fmt: skip
            if g > 0:
                for i in range(at.depth[t] * width):
                    sums[i] += more[i]
        transpose_wide(at.depth[t], rows, sums, zero, width, out, at.at[t], at.step[t])


@compiled
def _panel(rows: Int, here: Int, dz: Any, start: Int, y: Planes, flat: Any, panel: Any, width: Int) -> None:
    """Pairs of samples of one node's rows, rounded, a pair's rows next to each other and zeros after them."""
    deep = -(-here // 2)
    nothing = np.float32(0)
    for r in range(rows):
        at = start + r * y.channel_step
        pack_neighbours(here // 2, dz, at, flat, r * deep)
        if here % 2:
            flat[r * deep + deep - 1] = pair(dz[at + here - 1], nothing)
    transpose(rows, deep, flat, 0, deep, panel, 0, width)
    for c in range(deep):
        for r in range(rows, width):
            panel[c * width + r] = 0

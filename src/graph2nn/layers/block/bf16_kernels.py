"""Compiled loops of bfloat16 linear layers: packing numbers in pairs, products node by node, weight gradients.

Arrays are flat; activations are float32 rows of features as :mod:`geometry` lays them out, or int32 rows of
pairs with the same distance between rows. A kernel does a range of units, as those of :mod:`kernels` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.bf16_layout import PairProducts, PairRows, Segments, Turns, WeightRows
from graph2nn.layers.block.bf16_pack import pack_neighbours, pack_row_alone, pack_rows_of_two, pair
from graph2nn.layers.block.bf16_tiles import LANES, multiply_node
from graph2nn.layers.block.bf16_turn import stack_rows, unzip_row
from graph2nn.layers.block.copying import copy_rows, fill_padding
from graph2nn.layers.block.layout import Integers, Planes, Products, Stretches
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.transposing import transpose


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
                pack_row_alone(here, x, at, out, to)
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
    spare = np.empty(half, dtype=np.int32)
    pairs = rows.first_pair[n - 1] + rows.pairs[n - 1]
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, i = unit // n, unit % n
        for q in range(rows.pairs[i]):
            at = (g * pairs + rows.first_pair[i] + q) * step
            to = (g * p.channels + rows.first[i] + 2 * q) * half
            if 2 * q + 1 < rows.features[i]:
                unzip_row(half, packed, at, out, to, out, to + half)
            else:
                unzip_row(half, packed, at, out, to, spare, 0)


@compiled
def pack_samples(part: Int, ranges: Integers, x: Any, p: Planes, rows: PairRows, out: Any) -> None:
    """Make pairs of neighbouring samples of a range of (group, node); zero after the last sample.

    Args:
        part, ranges: as for :func:`pack_features`.
        x: float32 rows, flat.
        p: planes that ``x`` lies in.
        rows: features of each node.
        out: int32 pairs, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    x, rows, out = borrowed((x, rows, out))
    n, half = len(rows.first), p.channel_step // 2
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, i = unit // n, unit % n
        here = min(p.group, p.images - g * p.group)
        for r in range(rows.features[i]):
            row = g * p.channels + rows.first[i] + r
            at, to = row * p.channel_step, row * half
            pack_neighbours(here // 2, x, at, out, to)
            if here % 2:
                out[to + here // 2] = pair(x[at + here - 1], np.float32(0))
            out[to + (here + 1) // 2 : to + half] = 0


@compiled
def pack_weights(
    part: Int,
    ranges: Integers,
    w: Any,
    at: WeightRows,
    segments: Segments,
    products: PairProducts,
    out: Any,
    turns: Turns,
    turned_products: PairProducts,
    turned: Any,
) -> None:
    """Pack the weights of a range of nodes: each row's pairs next to each other; and by what they read.

    Args:
        part, ranges: as for :func:`pack_features`.
        w: compact float32 weights, flat.
        at: where the rows of each node's weights begin.
        segments: stretches of neighbouring features that a node reads.
        products: where each node's pairs belong.
        out: int32 pairs, flat, written.
        turns: which nodes each node reads.
        turned_products: where the pairs that read each node belong.
        turned: int32 pairs of neighbouring rows, a pair's features together, flat, written; empty: not wanted.
    """
    if part < 0:
        on_team(len(ranges))
        return
    w, at, segments, products, out = borrowed((w, at, segments, products, out))
    turns, turned_products, turned = borrowed((turns, turned_products, turned))
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
        if len(turned):
            _turn_node(i, products, out, turns, turned_products, turned)


@compiled
def _turn_node(
    i: Int, products: PairProducts, packed: Any, turns: Turns, turned_products: PairProducts, turned: Any
) -> None:
    """Write the packed weights of one node by what they read, while they are in the cache."""
    rows, depth = products.rows[i], products.depth[i]
    for e in range(turns.at[i], turns.at[i + 1]):
        j = turns.read[e]
        width = turned_products.rows[j]
        first = products.weight_at[i] + turns.column[e]
        to = turned_products.weight_at[j] + turns.pair[e] * width
        for r in range(0, rows, 2):
            one = first + r * depth
            stack_rows(width, packed, one, one + depth if r + 1 < rows else -1, turned, to)
            to += width


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
    of_samples: bool,
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
        of_samples: write a row of features per sample, one after another, rather than a row per feature.
        out: float32 rows, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    w, source, products, out = borrowed((w, source, products, out))
    n, columns = len(products.rows), vectors * LANES
    scratch = np.empty(products.rows.max() * columns if of_samples else 1, dtype=np.float32)
    for item in range(ranges[part, 0], ranges[part, 1]):
        g, t = item // n, item % n
        rows, depth, first = products.rows[t], products.depth[t], products.first[t]
        # One call for both, since it becomes part of this kernel, tiles and all.
        multiply_node(
            lowering, turned, rows, depth, vectors, w, products.weight_at[t], rows if turned else depth,
            source, g * group_step, products.taps, products.tap_at[t],
            scratch if of_samples else out, 0 if of_samples else g * p.group_step + first * p.channel_step,
            columns if of_samples else p.channel_step,
        )  # fmt: skip
        if of_samples:
            here = min(p.group, p.images - g * p.group)
            transpose(rows, here, scratch, 0, columns, out, g * p.group * p.channels + first, p.channels)


@compiled
def samples_by_feature(part: Int, ranges: Integers, packed: Any, p: Planes, rows: PairRows, out: Any) -> None:
    """Write, pair by pair of samples, all features side by side, for a range of (group, node).

    Args:
        part, ranges: as for :func:`pack_features`.
        packed: what :func:`pack_features` wrote.
        p: planes of the samples.
        rows: features of each node.
        out: int32 pairs ``[groups, pairs of samples, features]``, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    packed, rows, out = borrowed((packed, rows, out))
    n, step, half = len(rows.first), p.channel_step, p.channel_step // 2
    pairs = rows.first_pair[n - 1] + rows.pairs[n - 1]
    scratch = np.empty((rows.features.max() + 1) * half, dtype=np.int32)
    for unit in range(ranges[part, 0], ranges[part, 1]):
        g, i = unit // n, unit % n
        for q in range(rows.pairs[i]):
            at = (g * pairs + rows.first_pair[i] + q) * step
            unzip_row(half, packed, at, scratch, 2 * q * half, scratch, (2 * q + 1) * half)
        to = g * half * p.channels + rows.first[i]
        transpose(rows.features[i], half, scratch, 0, half, out, to, p.channels)


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
    products: Products,
    stretches: Stretches,
    out: Any,
) -> None:
    """The weight gradients of a range of nodes, from ``dz`` in float32 rows and pairs of samples of x.

    Args:
        part, ranges: as for :func:`pack_features`.
        lowering: how two products are added to an accumulator.
        dz: gradient of the output in float32 rows, flat.
        y: planes of ``dz``.
        samples: what :func:`samples_by_feature` wrote, and a vector more that can be read.
        x: planes of the input.
        groups: of samples.
        products: one per node.
        stretches: of neighbouring features that a node reads.
        out: compact gradients, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    dz, samples, out = borrowed((dz, samples, out))
    products, stretches = borrowed((products, stretches))
    half, deepest = x.channel_step // 2, -(-y.group // 2)
    # Vectors reach past the end of a stretch; what they leave there is written over, or belongs to nobody.
    pitch = products.depth.max() + LANES
    rounded = np.empty(products.rows.max() * deepest, dtype=np.int32)
    sums = np.empty(products.rows.max() * pitch, dtype=np.float32)
    taps = (np.arange(deepest) * x.channels).astype(np.int32)
    # A plain constant is a type of its own to the compiler, which would compile the product twice.
    zero, turned = part - part, part < 0
    for t in range(ranges[part, 0], ranges[part, 1]):
        rows, depth = products.rows[t], products.depth[t]
        for g in range(groups):
            here = min(y.group, y.images - g * y.group)
            deep = -(-here // 2)
            for r in range(rows):
                row = g * y.group_step + (products.first[t] + r) * y.channel_step
                pack_neighbours(here // 2, dz, row, rounded, r * deep)
                if here % 2:
                    rounded[r * deep + deep - 1] = pair(dz[row + here - 1], np.float32(0))
            for k in range(stretches.at[t], stretches.at[t + 1]):
                multiply_node(
                    lowering, turned, rows, deep, -(-stretches.length[k] // LANES), rounded, zero, deep,
                    samples, g * half * x.channels + stretches.first[k], taps, zero,
                    sums, stretches.to[k], pitch,
                )  # fmt: skip
            if g == 0:
                copy_rows(rows, depth, sums, zero, pitch, 1, out, products.weight_at[t], products.step[t], 1)
            else:
                for r in range(rows):
                    to = products.weight_at[t] + r * products.step[t]
                    for c in range(depth):
                        out[to + c] += sums[r * pitch + c]
        fill_padding(t, products, out)

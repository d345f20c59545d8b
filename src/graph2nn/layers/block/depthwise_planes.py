"""Convolutions of each channel by itself, plane by plane: what a plane needs stays in the L1 cache.

A plane is laid out with its padding, convolved and written, or in backward read with its gradient, by the tiles
of the block engine: a channel is a node that reads itself. Laying out whole batches first, as wide layers do,
would move each number through memory three times, for nine multiply-adds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.copying import gather_plane, scatter_plane, spans_of
from graph2nn.layers.block.geometry import Geometry, geometry
from graph2nn.layers.block.kernels import even_parts
from graph2nn.layers.block.layout import Integers, Planes, Products, blocks_of
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.product import flat
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.threads import cut, share
from graph2nn.layers.block.tiles import (
    SINGLE_DOTS,
    SINGLE_VECTORS,
    pack_panel,
    single_row_dots,
    single_row_product,
)
from graph2nn.layers.block.vectors import VECTOR_BYTES


def convolve(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Return the convolution of each channel by itself, ``[N, C, H′, W′]``.

    Args:
        x: contiguous ``[N, C, H, W]``, float32 or float64, on the CPU.
        weight: contiguous ``[C, 1, k, k]`` of the same type, k at least 2.
        stride: step of the kernel.
        padding: zeros on each side.

    Returns:
        The output; its gradients are made by kernels, and by torch where they are differentiated again.
    """
    return cast(Tensor, _Convolve.apply(x, weight, stride, padding))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=512)
def plane_geometry(kernel: int, stride: int, padding: int, height: int, width: int, itemsize: int) -> Geometry:
    """The geometry of a channel of one image: of the first of two, as graphs have two nodes at least."""
    apart = RelationalGraph(np.zeros((2, 2), dtype=np.bool_), name="two channels")
    return geometry(blocks_of(apart, 2, 2), kernel, stride, padding, 1, height, width, itemsize)


@lru_cache(maxsize=512)
def even_ranges(units: int, threads: int) -> Integers:
    """Ranges of as many units for each thread."""
    return cut(np.ones(units, dtype=np.int64), threads)


class _Convolve(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        images, channels, height, width = x.shape
        g = plane_geometry(weight.shape[-1], stride, padding, height, width, x.element_size())
        out = x.new_empty(images, channels, g.out_height, g.out_width)
        share(
            _convolve_planes, even_ranges(images * channels, torch.get_num_threads()),
            flat(x), channels, flat(weight), g.source, g.result, g.forward, g.out_columns, flat(out),
        )  # fmt: skip
        ctx.save_for_backward(x, weight)
        ctx.geometry = g
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (dy,), (x, weight), g = upstream, ctx.saved_tensors, ctx.geometry
        wanted = ctx.needs_input_grad[:2]
        if torch.is_grad_enabled():  # create_graph: these can be differentiated again
            step, zeros, one = [g.stride] * 2, [g.padding] * 2, [1, 1]
            mask = [*wanted, False]
            arguments = dy, x, weight, None, step, zeros, one, False, [0, 0], x.shape[1], mask
            return *torch.ops.aten.convolution_backward(*arguments)[:2], None, None
        images, channels = x.shape[:2]
        dx = torch.empty_like(x) if g.covered else torch.zeros_like(x)
        dw = torch.empty_like(weight)
        # The weights by the phase of the input that they read, which is how backward takes them.
        order = np.argsort(g.turn.phase, kind="stable")
        share(
            _differentiate_planes, even_ranges(channels, torch.get_num_threads()),
            flat(dy.contiguous()), flat(x), images, channels, flat(weight), order, g.source, g.result,
            g.forward, g.backward, g.out_columns, g.in_begin, g.in_columns, *wanted, flat(dx), flat(dw),
        )  # fmt: skip
        return dx if wanted[0] else None, dw if wanted[1] else None, None, None


@compiled
def _product(
    w: Any, w_at: Int, depth: Int, source: Any, start: Int, taps: Any, tap_at: Int, columns: Int, out: Any
) -> None:
    """``out[c] = Σ_d w[d] · source[taps[d] + c]`` for whole vectors of columns."""
    lanes = VECTOR_BYTES // source.itemsize
    tiles, narrow, narrow_tiles = even_parts(columns // lanes, SINGLE_VECTORS)
    c: Int = 0
    for tile in range(tiles):
        across = narrow if tile < narrow_tiles else narrow + 1
        single_row_product(1, across, (w, w_at, depth, source, start + c, taps, tap_at, depth, out, c, columns))
        c += across * lanes


@compiled
def _convolve_planes(
    part: Int,
    ranges: Integers,
    x: Any,
    channels: Int,
    w: Any,
    p: Planes,
    q: Planes,
    forward: Products,
    columns: Int,
    out: Any,
) -> None:
    """Convolve a range of planes.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last plane of each part, ``[parts, 2]``.
        x: images, flat.
        channels: of an image.
        w: weights, flat.
        p, q: where a plane of the input lies, and one of the output.
        forward: the product of a plane.
        columns: that are computed.
        out: flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    x, w, forward, out = borrowed((x, w, forward, out))
    depth = forward.depth[0]
    spans, results = spans_of(p), spans_of(q)
    # What lies around the pixels stays zero from plane to plane.
    plane = np.zeros(p.channel_step, dtype=x.dtype)
    row = np.empty(columns, dtype=x.dtype)
    for unit in range(ranges[part, 0], ranges[part, 1]):
        for phase, span in enumerate(spans):
            gather_plane(x, unit * p.height * p.width, p, span, plane, phase * p.phase_step)
        _product(w, unit % channels * depth, depth, plane, 0, forward.taps, 0, columns, row)
        scatter_plane(row, 0, q, results[0], out, unit * q.height * q.width)


@compiled
def _differentiate_planes(
    part: Int,
    ranges: Integers,
    gradient: Any,
    x: Any,
    images: Int,
    channels: Int,
    w: Any,
    order: Integers,
    p: Planes,
    q: Planes,
    forward: Products,
    backward: Products,
    columns: Int,
    in_begin: Int,
    in_columns: Int,
    of_input: bool,
    of_weight: bool,
    dx: Any,
    dw: Any,
) -> None:
    """The gradients of a range of channels.

    Args:
        part, ranges: as for :func:`_convolve_planes`, of channels.
        gradient: of the output, flat.
        x: images, flat.
        images, channels: how many.
        w: weights, flat.
        order: weights of a channel by phase.
        p, q: where a plane of the input lies, and one of the output.
        forward, backward: the product of a plane, and those of its gradient, one per phase.
        columns: of the output's plane.
        in_begin, in_columns: first column of the input's plane, and how many.
        of_input, of_weight: which gradients are wanted.
        dx, dw: flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    gradient, x, w, order = borrowed((gradient, x, w, order))
    forward, backward, dx, dw = borrowed((forward, backward, dx, dw))
    depth = forward.depth[0]
    spans, results = spans_of(p), spans_of(q)
    plane = np.zeros(p.channel_step, dtype=x.dtype)
    upstream = np.zeros(q.channel_step, dtype=x.dtype)
    row = np.empty(in_columns, dtype=x.dtype)
    turned = np.empty(depth, dtype=x.dtype)
    lanes = VECTOR_BYTES // x.itemsize
    panel = np.empty((columns // lanes + 1) * lanes, dtype=x.dtype)
    sums = np.empty(depth + lanes, dtype=x.dtype)
    for c in range(ranges[part, 0], ranges[part, 1]):
        for k in range(depth):
            turned[k] = w[c * depth + order[k]]
        sums[:] = 0
        for i in range(images):
            unit = i * channels + c
            gather_plane(gradient, unit * q.height * q.width, q, results[0], upstream, q.front)
            if of_input:
                for phase, span in enumerate(spans):
                    _product(
                        turned, backward.weight_at[phase], backward.depth[phase], upstream, in_begin,
                        backward.taps, backward.tap_at[phase], in_columns, row,
                    )  # fmt: skip
                    scatter_plane(row, -in_begin, p, span, dx, unit * p.height * p.width)
            if of_weight:
                for phase, span in enumerate(spans):
                    gather_plane(x, unit * p.height * p.width, p, span, plane, phase * p.phase_step)
                pack_panel((1, upstream, q.front, columns, columns, panel, 0))
                _dots(panel, plane, forward.taps, depth, columns, sums)
        for k in range(depth):
            dw[c * depth + k] = sums[k]


@compiled
def _dots(panel: Any, plane: Any, taps: Any, depth: Int, columns: Int, sums: Any) -> None:
    """Add ``Σ_c panel[c] · plane[taps[d] + c]`` to ``sums[d]``."""
    across: Int = 1
    for wide in SINGLE_DOTS:
        if depth % wide == 0:
            across = wide
    count = depth // across
    # One group of rows; nothing is fetched ahead.
    single_row_dots(1, across, (count, panel, 0, panel, 0, 0, 0, plane, 0, 0, taps, 0, 1, columns, sums, 0))

"""Max-pooling of contiguous images, plane by plane, and its gradient; torch's takes one number at a time."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.copying import gather_plane, scatter_plane, spans_of
from graph2nn.layers.block.depthwise_planes import even_ranges, plane_geometry
from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.largest import largest, put_bytes
from graph2nn.layers.block.layout import Integers, Planes
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.product import flat
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.threads import share

#: Largest kernel: the place of a number in its window is kept in a byte.
LARGEST_KERNEL = 15


def pool(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Return the largest number of each window, ``[N, C, H′, W′]``, as ``torch.nn.functional.max_pool2d`` does.

    Args:
        x: contiguous ``[N, C, H, W]``, float32 or float64, on the CPU.
        kernel: side of the window, 2 to ``LARGEST_KERNEL``, at most that of the padded image.
        stride: step of the window.
        padding: on each side, at most half of the kernel.

    Returns:
        The output. The gradient of a window goes to the first of its largest numbers, as torch's does; it can
        be differentiated again.
    """
    return cast(Tensor, _Pool.apply(x, kernel, stride, padding))  # type: ignore[no-untyped-call]


class _Pool(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
        images, channels, height, width = x.shape
        g = plane_geometry(kernel, stride, padding, height, width, x.element_size())
        out = x.new_empty(images, channels, g.out_height, g.out_width)
        taps = torch.empty(out.shape, dtype=torch.uint8)
        share(
            _pool_planes, even_ranges(images * channels, torch.get_num_threads()),
            flat(x), g.kernel, g.source, g.result, g.forward.taps, g.out_columns, flat(out), flat(taps),
        )  # fmt: skip
        ctx.save_for_backward(taps)
        ctx.geometry = g
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (dy,), (taps,), g = upstream, ctx.saved_tensors, ctx.geometry
        images, channels = dy.shape[:2]
        if torch.is_grad_enabled():  # create_graph: torch can differentiate this again
            zeros = dy.new_zeros(images, channels, g.height * g.width)
            dx = zeros.scatter_add(2, _pixels(taps, g).flatten(2), dy.flatten(2))
        else:
            dx = dy.new_empty(images, channels, g.height * g.width)
            share(
                _spread_planes, even_ranges(images * channels, torch.get_num_threads()),
                flat(dy.contiguous()), flat(taps), g.kernel, g.source, g.result, flat(dx),
            )  # fmt: skip
        return dx.view(images, channels, g.height, g.width), None, None, None


def _pixels(taps: Tensor, g: Geometry) -> Tensor:
    """Number of the pixel of its plane that each output is."""
    row, column = taps.long() // g.kernel, taps.long() % g.kernel
    row += torch.arange(g.out_height)[:, None] * g.stride - g.padding
    column += torch.arange(g.out_width) * g.stride - g.padding
    return row * g.width + column


@compiled
def _pool_planes(
    part: Int,
    ranges: Integers,
    x: Any,
    kernel: Int,
    p: Planes,
    q: Planes,
    steps: Any,
    columns: Int,
    out: Any,
    taps: Any,
) -> None:
    """Find the largest number of each window of a range of planes, and where in the window it is.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last plane of each part, ``[parts, 2]``.
        x: planes, flat.
        kernel: side of the window.
        p, q: where a plane of the input lies, and one of the output.
        steps: from a column to each number of its window.
        columns: that are computed.
        out, taps: flat, written; a tap counts row by row from the window's top left.
    """
    if part < 0:
        on_team(len(ranges))
        return
    x, steps, out, taps = borrowed((x, steps, out, taps))
    spans, results = spans_of(p), spans_of(q)
    # What lies around the pixels stays −∞ from plane to plane.
    plane = np.full(p.channel_step, -np.inf, dtype=x.dtype)
    row, place = np.empty(columns, dtype=x.dtype), np.empty(columns, dtype=x.dtype)
    placed = np.empty(q.height * q.width, dtype=x.dtype)
    first = _first_taps(kernel, p, q, columns, x)
    for unit in range(ranges[part, 0], ranges[part, 1]):
        for phase, span in enumerate(spans):
            gather_plane(x, unit * p.height * p.width, p, span, plane, phase * p.phase_step)
        largest((columns, plane, steps, kernel * kernel, first, row, place))
        scatter_plane(row, 0, q, results[0], out, unit * q.height * q.width)
        scatter_plane(place, 0, q, results[0], placed, 0)
        put_bytes((len(placed), placed, taps, unit * len(placed)))


@compiled
def _first_taps(kernel: Int, p: Planes, q: Planes, columns: Int, x: Any) -> Any:
    """The first tap of each window that is no padding."""
    first = np.zeros(columns, dtype=x.dtype)
    for r in range(q.height):
        for c in range(q.width):
            above, left = max(0, p.padding - r * p.stride), max(0, p.padding - c * p.stride)
            first[r * q.pitch + c] = above * kernel + left
    return first


@compiled
def _spread_planes(
    part: Int, ranges: Integers, gradient: Any, taps: Any, kernel: Int, p: Planes, q: Planes, out: Any
) -> None:
    """Add the gradient of each window to the number that was its largest, in a range of planes.

    Args:
        part, ranges: as for :func:`_pool_planes`.
        gradient: of the output, flat.
        taps: what :func:`_pool_planes` wrote.
        kernel: side of the window.
        p, q: planes of the input and of the output.
        out: gradient of the input, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    gradient, taps, out = borrowed((gradient, taps, out))
    pixels = p.height * p.width
    steps = np.empty(kernel * kernel, dtype=np.int64)
    for tap in range(len(steps)):
        steps[tap] = (tap // kernel - p.padding) * p.width + tap % kernel - p.padding
    for unit in range(ranges[part, 0], ranges[part, 1]):
        out[unit * pixels : (unit + 1) * pixels] = 0
        for r in range(q.height):
            first = (unit * q.height + r) * q.width
            corner = unit * pixels + r * p.stride * p.width
            for c in range(q.width):
                out[corner + c * p.stride + steps[taps[first + c]]] += gradient[first + c]

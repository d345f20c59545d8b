"""The bfloat16 product of a linear layer as torch sees it: float32 in, float32 out, rounded on the way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from graph2nn.layers.block import bf16_kernels as kernels
from graph2nn.layers.block import weight_grad
from graph2nn.layers.block.bf16_arithmetic import Lowering
from graph2nn.layers.block.bf16_layout import PairedCall, PairRows, pairs_of
from graph2nn.layers.block.bf16_pen import pairs_type
from graph2nn.layers.block.bf16_tiles import LANES
from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.layout import Planes
from graph2nn.layers.block.product import Gradients, as_rows, checked_weight, flat, is_rows, lay_out, once
from graph2nn.layers.block.threads import share


def multiply_bf16(x: Tensor, weight: Tensor, g: Geometry, lowering: Lowering) -> Tensor:
    """Return ``x · weightᵀ`` of bfloat16 numbers with float32 sums, differentiable once in both arguments.

    Inputs, weights and, in the backward pass, the gradient of the output are rounded to bfloat16, nearest and
    ties to even. Results and gradients are not rounded.

    Args:
        x: ``[N, in, 1, 1]`` or ``[N, in]``, float32.
        weight: compact weights, float32.
        g: geometry of the linear layer on these samples.
        lowering: which instructions compute the products.

    Returns:
        ``[N, out]``, float32.
    """
    samples = x.reshape(g.images, g.blocks.in_features)
    return cast(Tensor, _Multiply.apply(samples, checked_weight(weight, g), g, lowering))  # type: ignore[no-untyped-call]


class _Multiply(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, g: Geometry, lowering: Lowering) -> Tensor:
        pairs = pairs_of(g)
        source = pack_rows(lay_out(x, "source", g), "source", pairs)
        packed, turned = pack_weights(weight, pairs, turned=ctx.needs_input_grad[0])
        out = _product(packed, source, pairs, lowering, turned=False, of_samples=g.groups > 1)
        ctx.save_for_backward(source, weight, turned)
        ctx.call = g, lowering, is_rows(x, g.source)
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        g, lowering, rows = ctx.call
        wanted = ctx.needs_input_grad[:2]

        def differentiate(upstream: Tensor, source: Tensor, weight: Tensor, turned: Tensor) -> Gradients:
            dz = lay_out(upstream, "result", g)
            return gradients_bf16(dz, source, weight, turned, g, wanted, lowering, of_rows=rows)

        return *once(differentiate, upstream[0], *ctx.saved_tensors), None, None


def gradients_bf16(
    dz: Tensor,
    source: Tensor,
    weight: Tensor,
    turned: Tensor,
    g: Geometry,
    wanted: tuple[bool, bool],
    lowering: Lowering,
    *,
    of_rows: bool,
) -> Gradients:
    """Return the gradients of the input and of the weight, those that are wanted.

    Args:
        dz: gradient of the output, float32, laid out; rounded here.
        source: input in pairs of features, as :func:`pack_rows` returns it.
        weight: compact weights, float32.
        turned: these in pairs by what they read, as :func:`pack_weights` returns them.
        g: geometry of the layer.
        wanted: whether the input's is, whether the weight's is.
        lowering: which instructions compute the products.
        of_rows: return the input's as rows of features, see :func:`as_rows`; else contiguous.

    Returns:
        ``[N, in]`` or None, and the weight's gradient or None; both float32.
    """
    pairs = pairs_of(g)
    dx = None
    if wanted[0]:
        packed = pack_rows(dz, "result", pairs)
        dx = _product(turned, packed, pairs, lowering, turned=True, of_samples=not of_rows)
    return dx, _weight_gradient(dz, source, weight, pairs, lowering) if wanted[1] else None


def _product(
    weights: Tensor, packed: Tensor, pairs: PairedCall, lowering: Lowering, *, turned: bool, of_samples: bool
) -> Tensor:
    """Return the output, or ``turned`` the gradient of the input, ``[N, C]``: contiguous, or rows of features.

    Args:
        weights: in pairs, by who reads them; ``turned``, by what they read.
        packed: what is multiplied, rows of pairs.
        pairs: layout of the call.
        lowering: which instructions compute the product.
        turned: which of the two.
        of_samples: contiguous; samples of several groups always are.
    """
    g = pairs.g
    kind, read, planes = ("backward", "result", g.source) if turned else ("forward", "source", g.result)
    size = g.images * planes.channels if of_samples else planes.group_step
    out = packed.new_empty(size, dtype=torch.float32)
    run_kernel(
        kernels.multiply_pairs, kind, pairs, lowering, turned, weights, packed,
        _pair_count(pairs, read) * getattr(g, read).channel_step, pairs.vectors, getattr(pairs, kind), planes,
        of_samples, out,
    )  # fmt: skip
    return out.view(g.images, planes.channels) if of_samples else as_rows(out, planes)


def _weight_gradient(
    dz: Tensor, source: Tensor, weight: Tensor, pairs: PairedCall, lowering: Lowering
) -> Tensor:
    g = pairs.g
    if not g.images:
        return torch.zeros_like(weight)
    dw = torch.empty_like(weight)
    # A vector more: reading past the last feature is allowed.
    samples = _words(dz, g.groups * g.source.group_step // 2 + LANES)
    if pairs.dots:
        run_kernel(kernels.pair_samples, "source", pairs, source, g.source, pairs.source, samples)
        _dots(dz, samples, dw, pairs, lowering)
    else:
        run_kernel(kernels.samples_by_feature, "source", pairs, source, g.source, pairs.source, samples)
        run_kernel(
            kernels.differentiate_weights, "weights", pairs, lowering, dz, g.result, samples, g.source,
            g.groups, g.forward, g.stretches, dw,
        )  # fmt: skip
    return dw


def _dots(dz: Tensor, samples: Tensor, dw: Tensor, pairs: PairedCall, lowering: Lowering) -> None:
    """Write the gradient of the weights as dots of rows of pairs of samples."""
    g, kind = pairs.g, pairs_type(lowering)
    gradient = _words(dz, g.groups * g.result.group_step // 2)
    run_kernel(kernels.pack_samples, "result", pairs, dz, g.result, pairs.result, gradient)
    run_kernel(
        weight_grad.differentiate, "weights", pairs, flat(gradient).view(kind), pairs.half(g.result),
        flat(samples).view(kind), pairs.half(g.source), g.groups, g.out_columns // 2, 2 * g.gradient_block,
        True, pairs.dot_products, dw,
    )  # fmt: skip


def pack_rows(rows: Tensor, kind: str, pairs: PairedCall) -> Tensor:
    """Return float32 rows of features, laid out, as int32 rows of pairs of features.

    Args:
        rows: as :func:`lay_out` returns them.
        kind: ``"source"`` for inputs, ``"result"`` for outputs.
        pairs: layout of the call.

    Returns:
        int32 rows of pairs, flat.
    """
    planes: Planes = getattr(pairs.g, kind)
    out = _words(rows, pairs.g.groups * _pair_count(pairs, kind) * planes.channel_step)
    run_kernel(kernels.pack_features, kind, pairs, rows, planes, getattr(pairs, kind), out)
    return out


def pack_weights(weight: Tensor, pairs: PairedCall, *, turned: bool) -> tuple[Tensor, Tensor]:
    """Return float32 compact weights as int32 pairs: row by row, and by what they read.

    Args:
        weight: compact, float32.
        pairs: layout of the call.
        turned: whether the second are wanted, for the gradient of the input; else they are empty.

    Returns:
        Both, flat, node by node.
    """
    packed = _words(weight, int(pairs.forward.rows @ pairs.forward.depth))
    by_read = _words(weight, int(pairs.backward.rows @ pairs.backward.depth) if turned else 0)
    run_kernel(
        kernels.pack_weights, "weights", pairs, weight, pairs.weights, pairs.segments, pairs.forward, packed,
        pairs.turns, pairs.backward, by_read,
    )  # fmt: skip
    return packed, by_read


def run_kernel(kernel: Callable[..., None], kind: str, pairs: PairedCall, *arguments: object) -> None:
    """Run a kernel on as many threads as torch would use; tensors are passed as flat arrays.

    Args:
        kernel: compiled; its first arguments are the part and the ranges.
        kind: name of the ranges that the work is divided by.
        pairs: layout of the call.
    """
    arrays = [flat(a) if isinstance(a, Tensor) else a for a in arguments]
    share(kernel, pairs.shares(kind, torch.get_num_threads()), *arrays)


def _words(like: Tensor, count: int) -> Tensor:
    return torch.empty(count, dtype=torch.int32, device=like.device)


def _pair_count(pairs: PairedCall, kind: str) -> int:
    rows: PairRows = getattr(pairs, kind)
    return int(rows.first_pair[-1] + rows.pairs[-1])

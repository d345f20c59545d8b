"""The bfloat16 product of a linear layer as torch sees it: float32 in, float32 out, rounded on the way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from graph2nn.layers.block import bf16_kernels as kernels
from graph2nn.layers.block.bf16_layout import PairedCall, pairs_of
from graph2nn.layers.block.bf16_tiles import Lowering
from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.layout import Planes
from graph2nn.layers.block.product import Gradients, as_rows, checked_weight, is_rows, lay_out, once
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
        packed = pack_weights(weight, pairs)
        out = x.new_empty(g.groups * g.result.group_step)
        run_kernel(
            kernels.multiply_pairs, "forward", pairs, lowering, False, packed, source,
            _pair_count(pairs, "source") * g.source.channel_step, pairs.vectors, pairs.forward, g.result, out,
        )  # fmt: skip
        ctx.save_for_backward(source, weight)
        ctx.call = g, lowering, is_rows(x, g.source)
        return _samples(out, g.result)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        g, lowering, rows = ctx.call
        wanted = ctx.needs_input_grad[:2]

        def differentiate(upstream: Tensor, source: Tensor, weight: Tensor) -> Gradients:
            dz = lay_out(upstream, "result", g)
            return gradients_bf16(dz, source, weight, g, wanted, lowering, of_rows=rows)

        return *once(differentiate, upstream[0], *ctx.saved_tensors), None, None


def gradients_bf16(
    dz: Tensor,
    source: Tensor,
    weight: Tensor,
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
        g: geometry of the layer.
        wanted: whether the input's is, whether the weight's is.
        lowering: which instructions compute the products.
        of_rows: return the input's as rows of features, see :func:`as_rows`; else contiguous.

    Returns:
        ``[N, in]`` or None, and the weight's gradient or None; both float32.
    """
    pairs = pairs_of(g)
    dx = _input_gradient(dz, weight, pairs, lowering) if wanted[0] else None
    dx = dx.contiguous() if dx is not None and not of_rows else dx
    return dx, _weight_gradient(dz, source, weight, pairs, lowering) if wanted[1] else None


def _input_gradient(dz: Tensor, weight: Tensor, pairs: PairedCall, lowering: Lowering) -> Tensor:
    g = pairs.g
    packed = pack_rows(dz, "result", pairs)
    turned = _words(weight, int(pairs.backward.rows @ pairs.backward.depth))
    run_kernel(
        kernels.pack_turned, "turn", pairs, weight, pairs.weights, pairs.edges, pairs.result, pairs.backward,
        turned,
    )  # fmt: skip
    dx = dz.new_empty(g.groups * g.source.group_step)
    run_kernel(
        kernels.multiply_pairs, "backward", pairs, lowering, True, turned, packed,
        _pair_count(pairs, "result") * g.result.channel_step, pairs.vectors, pairs.backward, g.source, dx,
    )  # fmt: skip
    return _samples(dx, g.source)


def _weight_gradient(
    dz: Tensor, source: Tensor, weight: Tensor, pairs: PairedCall, lowering: Lowering
) -> Tensor:
    g = pairs.g
    # Weights that no product reads, such as padding, have no gradient.
    dw = torch.zeros_like(weight, memory_format=torch.contiguous_format)
    if not g.images:
        return dw
    samples = _words(dz, g.groups * g.source.group_step // 2)
    run_kernel(kernels.pair_samples, "source", pairs, source, g.source, pairs.source, samples)
    run_kernel(
        kernels.differentiate_weights, "weights", pairs, lowering, dz, g.result, samples, g.source, g.groups,
        pairs.forward, g.stretches, pairs.weights, dw,
    )  # fmt: skip
    return dw


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


def pack_weights(weight: Tensor, pairs: PairedCall) -> Tensor:
    """Return float32 compact weights as int32 pairs, node by node and row by row."""
    packed = _words(weight, int(pairs.forward.rows @ pairs.forward.depth))
    run_kernel(
        kernels.pack_weights, "weights", pairs, weight, pairs.weights, pairs.segments, pairs.forward, packed
    )
    return packed


def run_kernel(kernel: Callable[..., None], kind: str, pairs: PairedCall, *arguments: object) -> None:
    """Run a kernel on as many threads as torch would use; tensors are passed as flat arrays.

    Args:
        kernel: compiled; its first arguments are the part and the ranges.
        kind: name of the ranges that the work is divided by.
        pairs: layout of the call.
    """
    flat = [a.detach().view(-1).numpy() if isinstance(a, Tensor) else a for a in arguments]
    share(kernel, pairs.shares(kind, torch.get_num_threads()), *flat)


def _words(like: Tensor, count: int) -> Tensor:
    return torch.empty(count, dtype=torch.int32, device=like.device)


def _pair_count(pairs: PairedCall, kind: str) -> int:
    return int(getattr(pairs, kind).pairs.sum())


def _samples(rows: Tensor, planes: Planes) -> Tensor:
    """Return rows of features as ``[N, C]``: the same memory if all samples are in one group."""
    if planes.images <= planes.group:
        return as_rows(rows, planes)
    grouped = rows.view(-1, planes.channels, planes.channel_step)[:, :, : planes.group]
    return grouped.transpose(1, 2).reshape(-1, planes.channels)[: planes.images]

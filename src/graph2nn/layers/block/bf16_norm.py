"""A bfloat16 linear layer, its batch norm and ReLU in one; all but the product in float32.

What comes out is float32: the next product rounds each number once, to the same bits as if it had been rounded
here, and sums of branches and running averages lose nothing.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from torch import Tensor, nn
from torch.autograd import Function

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.bf16_arithmetic import Lowering
from graph2nn.layers.block.bf16_layout import PairProducts, pairs_of
from graph2nn.layers.block.bf16_product import gradients_bf16, pack_rows, pack_weights, run_kernel
from graph2nn.layers.block.bf16_tiles import multiply_node
from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.layout import Integers
from graph2nn.layers.block.norm import RunningStatistics, differentiate_through_norm, norm_node, running
from graph2nn.layers.block.norm_rows import N
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.product import Gradients, as_rows, checked_weight, is_rows, lay_out, once
from graph2nn.layers.block.refcount import borrowed


def multiply_normed_bf16(
    x: Tensor, weight: Tensor, norm: nn.BatchNorm1d, g: Geometry, lowering: Lowering
) -> Tensor:
    """Return ``max(0, norm(x · weightᵀ))`` with a bfloat16 product; see :func:`norm.multiply_normed`.

    Args:
        x: ``[N, in]``, float32, at least two samples; those of one group of ``g``.
        weight: compact weights, float32.
        norm: in training, with learnt scale and shift, and running averages, which move; float32.
        g: geometry of the layer on these samples.
        lowering: which instructions compute the products.

    Returns:
        ``[N, out]``, float32, each feature's samples side by side; differentiable once.
    """
    arguments = x, checked_weight(weight, g), norm.weight, norm.bias, running(norm), g, lowering
    return cast(Tensor, _Normed.apply(*arguments))  # type: ignore[no-untyped-call]


class _Normed(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        moving: RunningStatistics,
        g: Geometry,
        lowering: Lowering,
    ) -> Tensor:
        pairs = pairs_of(g)
        source = pack_rows(lay_out(x, "source", g), "source", pairs)
        packed, turned = pack_weights(weight, pairs, turned=ctx.needs_input_grad[0])
        z, out = (x.new_empty(g.result.group_step) for _ in range(2))
        mean, scale = (x.new_empty(g.blocks.out_features) for _ in range(2))
        run_kernel(
            _multiply_normed, "weights", pairs, lowering, packed, source, pairs.vectors, pairs.forward,
            g.result.channel_step, g.images, gamma, beta, moving.mean, moving.variance,
            moving.momentum, moving.eps, mean, scale, z, out,
        )  # fmt: skip
        ctx.save_for_backward(source, weight, turned, gamma, beta, z, mean, scale)
        ctx.call = g, lowering, is_rows(x, g.source)
        return as_rows(out, g.result)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        g, lowering, rows = ctx.call
        wanted = ctx.needs_input_grad[:2]

        def differentiate(upstream: Tensor, *saved: Tensor) -> Gradients:
            source, weight, turned, *normed = saved
            dz, dgamma, dbeta = differentiate_through_norm(upstream, *normed, g=g)
            return *gradients_bf16(dz, source, weight, turned, g, wanted, lowering, of_rows=rows), dgamma, dbeta

        return *once(differentiate, upstream[0], *ctx.saved_tensors), None, None, None


@compiled
def _multiply_normed(
    part: Int,
    ranges: Integers,
    lowering: Any,
    w: Any,
    source: Any,
    vectors: Int,
    products: PairProducts,
    pitch: Int,
    images: Int,
    gamma: Any,
    beta: Any,
    running_mean: Any,
    running_variance: Any,
    momentum: float,
    eps: float,
    mean: Any,
    scale: Any,
    z: Any,
    out: Any,
) -> None:
    """Do a range of nodes: the product ``z`` and, while it is in the cache, its norm and ReLU."""
    if part < 0:
        on_team(len(ranges))
        return
    w, source, products, z, out = borrowed((w, source, products, z, out))
    gamma, beta, mean, scale = borrowed((gamma, beta, mean, scale))
    running_mean, running_variance = borrowed((running_mean, running_variance))
    numbers = np.zeros(N.many, dtype=np.float32)
    # Plain constants are types of their own to the compiler, which would compile the product twice.
    zero, turned = part - part, part < 0
    for t in range(ranges[part, 0], ranges[part, 1]):
        first, rows, depth = products.first[t], products.rows[t], products.depth[t]
        multiply_node(
            lowering, turned, rows, depth, vectors, w, products.weight_at[t], depth, source, zero,
            products.taps, products.tap_at[t], z, first * pitch, pitch,
        )  # fmt: skip
        norm_node(
            first, rows, pitch, images, gamma, beta, running_mean, running_variance, momentum, eps, mean, scale,
            numbers, z, out,
        )  # fmt: skip

"""A linear layer, its batch norm and ReLU in one: features stay rows from layer to layer.

A wide layer costs no more multiply-adds than a dense one, but its norm and ReLU read and write every feature,
and torch's want the samples as rows where the products want the features. Here a node's features are normed
while its product is still in the cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.kernels import node_product
from graph2nn.layers.block.layout import Integers, Products
from graph2nn.layers.block.norm_rows import N, gradient, gradient_sums, norm_relu, squares, total
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.product import (
    Gradients,
    as_rows,
    checked_weight,
    gradients,
    is_rows,
    lay_out,
    once,
    run_share,
)
from graph2nn.layers.block.refcount import borrowed


class RunningStatistics(NamedTuple):
    """Running averages of a batch norm, which move, and how far."""

    mean: Tensor
    variance: Tensor
    momentum: float
    eps: float


def multiply_normed(x: Tensor, weight: Tensor, norm: nn.BatchNorm1d, g: Geometry) -> Tensor:
    """Return ``max(0, norm(x · weightᵀ))`` as ``norm`` in training has it, and move its running averages.

    Args:
        x: ``[N, in]``, at least two samples; those of one group of ``g``.
        weight: compact weights ``[out, pitch]``.
        norm: with learnt scale and shift, and running averages.
        g: geometry of the layer on these samples.

    Returns:
        ``[N, out]``, each feature's samples side by side; differentiable once.
    """
    weight, moving = checked_weight(weight, g), running(norm)
    return cast(Tensor, _Normed.apply(x, weight, norm.weight, norm.bias, moving, g))  # type: ignore[no-untyped-call]


def running(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> RunningStatistics:
    """Count one more batch of a norm in training, and return how its averages move by it."""
    assert norm.num_batches_tracked is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.num_batches_tracked.add_(1)
    momentum = 1 / int(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    return RunningStatistics(norm.running_mean, norm.running_var, momentum, norm.eps)


class _Normed(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, gamma: Tensor, beta: Tensor, moving: RunningStatistics, g: Geometry
    ) -> Tensor:
        source = lay_out(x, "source", g)
        z, out = (x.new_empty(g.result.group_step) for _ in range(2))
        mean, scale = (x.new_empty(g.blocks.out_features) for _ in range(2))
        run_share(
            _multiply_normed, "forward", g, weight, source, g.out_columns, g.forward, g.result.channel_step,
            g.images, gamma, beta, moving.mean, moving.variance, moving.momentum, moving.eps,
            mean, scale, z, out,
        )  # fmt: skip
        ctx.save_for_backward(source, weight, gamma, beta, z, mean, scale)
        ctx.geometry, ctx.rows = g, is_rows(x, g.source)
        return as_rows(out, g.result)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        g, rows, wanted = ctx.geometry, ctx.rows, ctx.needs_input_grad[:2]

        def differentiate(upstream: Tensor, *saved: Tensor) -> Gradients:
            return _gradients(upstream, saved, g, rows, wanted)

        return *once(differentiate, upstream[0], *ctx.saved_tensors), None, None


def _gradients(
    upstream: Tensor, saved: tuple[Tensor, ...], g: Geometry, rows: bool, wanted: tuple[bool, bool]
) -> Gradients:
    source, weight, gamma, beta, z, mean, scale = saved
    dz, dgamma, dbeta = differentiate_through_norm(upstream, gamma, beta, z, mean, scale, g=g)
    dx, dw = gradients(dz, source, weight, g, wanted, of_rows=rows)
    dx = dx.reshape(g.images, -1) if dx is not None and not rows else dx
    return dx, dw, dgamma, dbeta


def differentiate_through_norm(
    upstream: Tensor, gamma: Tensor, beta: Tensor, z: Tensor, mean: Tensor, scale: Tensor, *, g: Geometry
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the product ``z``, laid out, and of the norm's scale and shift.

    Args:
        upstream: gradient of the result.
        gamma, beta: scale and shift of the norm, ``[out]``.
        z: product before the norm.
        mean, scale: of each feature, 1/deviation, ``[out]``.
        g: geometry of the layer.

    Returns:
        Gradients of ``z``, ``gamma`` and ``beta``.
    """
    laid_out = lay_out(upstream, "result", g)
    dz = torch.empty_like(laid_out) if is_rows(upstream, g.result) else laid_out
    dgamma, dbeta = torch.empty_like(gamma), torch.empty_like(beta)
    run_share(
        _differentiate_norm, "norm", g, laid_out, z, g.forward, g.result.channel_step, g.images,
        gamma, beta, mean, scale, dgamma, dbeta, dz,
    )  # fmt: skip
    return dz, dgamma, dbeta


@compiled
def _multiply_normed(
    part: Int,
    ranges: Integers,
    w: Any,
    source: Any,
    columns: Int,
    products: Products,
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
    """Do a range of nodes: the product ``z``, its ``mean`` and 1/deviation ``scale``, and what ReLU leaves."""
    if part < 0:
        on_team(len(ranges))
        return
    w, source, products, z, out = borrowed((w, source, products, z, out))
    gamma, beta, mean, scale = borrowed((gamma, beta, mean, scale))
    running_mean, running_variance = borrowed((running_mean, running_variance))
    numbers = np.zeros(N.many, dtype=w.dtype)
    for t in range(ranges[part, 0], ranges[part, 1]):
        first, rows = products.first[t], products.rows[t]
        at = first * pitch
        node_product(
            rows, products.depth[t], columns, w, products.weight_at[t], products.step[t], False, source, 0,
            products.taps, products.tap_at[t], z, at, pitch, 0, 0,
        )  # fmt: skip
        norm_node(
            first, rows, pitch, images, gamma, beta, running_mean, running_variance, momentum, eps, mean, scale,
            numbers, z, out,
        )  # fmt: skip


@compiled
def norm_node(
    first: Int,
    rows: Int,
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
    numbers: Any,
    z: Any,
    out: Any,
) -> None:
    """Norm and ReLU of one node's rows ``z``: ``mean`` and 1/deviation ``scale``, running averages, result.

    Args:
        first: first feature of the node.
        rows: features of the node.
        pitch: distance between rows.
        images: samples in the batch.
        gamma, beta: scale and shift of the norm.
        running_mean, running_variance, momentum: running averages, written, and by how much they move.
        eps: added to the variance.
        mean, scale: written.
        numbers: scratch of one row.
        z, out: rows of the product, rows of the result.
    """
    unbiased = images / (images - 1)
    for c in range(first, first + rows):
        at = c * pitch
        total((images, z, z, at, out, numbers))
        numbers[N.mean] = mean[c] = numbers[N.first] / images
        squares((images, z, z, at, out, numbers))
        variance = numbers[N.second] / images
        scale[c] = 1 / np.sqrt(variance + eps)
        numbers[N.scale] = gamma[c] * scale[c]
        numbers[N.shift] = beta[c] - mean[c] * numbers[N.scale]
        norm_relu((images, z, z, at, out, numbers))
        running_mean[c] += momentum * (mean[c] - running_mean[c])
        running_variance[c] += momentum * (variance * unbiased - running_variance[c])


@compiled
def _differentiate_norm(
    part: Int,
    ranges: Integers,
    upstream: Any,
    z: Any,
    products: Products,
    pitch: Int,
    images: Int,
    gamma: Any,
    beta: Any,
    mean: Any,
    scale: Any,
    dgamma: Any,
    dbeta: Any,
    out: Any,
) -> None:
    """The gradient of a range of nodes through ReLU and norm; ``out`` may be ``upstream``."""
    if part < 0:
        on_team(len(ranges))
        return
    upstream, z, products, out = borrowed((upstream, z, products, out))
    gamma, beta, mean, scale, dgamma, dbeta = borrowed((gamma, beta, mean, scale, dgamma, dbeta))
    numbers = np.zeros(N.many, dtype=z.dtype)
    low, last = ranges[part, 0], ranges[part, 1] - 1
    for c in range(products.first[low], products.first[last] + products.rows[last]):
        numbers[N.mean] = mean[c]
        numbers[N.scale] = gamma[c] * scale[c]
        numbers[N.shift] = beta[c] - mean[c] * numbers[N.scale]
        gradient_sums((images, z, upstream, c * pitch, out, numbers))
        dbeta[c] = numbers[N.first]
        dgamma[c] = numbers[N.second] * scale[c]
        numbers[N.first] /= images
        numbers[N.second] *= scale[c] * scale[c] / images
        gradient((images, z, upstream, c * pitch, out, numbers))

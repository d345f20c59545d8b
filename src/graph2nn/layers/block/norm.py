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
from graph2nn.layers.block.layout import Products
from graph2nn.layers.block.product import as_rows, gradients, is_rows, lay_out, no_second_derivative, run_share
from graph2nn.layers.block.rows import N, gradient, gradient_sums, norm_relu, squares, total


class Running(NamedTuple):
    """Running averages of a batch norm, which move, and how far."""

    mean: Tensor
    variance: Tensor
    momentum: float
    eps: float


def multiply_normed(x: Tensor, weight: Tensor, norm: nn.BatchNorm1d, g: Geometry) -> Tensor:
    """Return ``max(0, norm(x · weightᵀ))`` as ``norm`` in training has it, and move its running averages.

    Args:
        x: ``[N, in]``, at least two samples; those of one group of ``g``.
        weight: flat compact weights.
        norm: with learnt scale and shift, and running averages.
        g: geometry of the layer on these samples.

    Returns:
        ``[N, out]``, each feature's samples side by side; differentiable once.
    """
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    momentum = 1 / int(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    assert norm.running_mean is not None
    assert norm.running_var is not None
    running = Running(norm.running_mean, norm.running_var, momentum, norm.eps)
    return cast(Tensor, _Normed.apply(x, weight, norm.weight, norm.bias, running, g))  # type: ignore[no-untyped-call]


class _Normed(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, gamma: Tensor, beta: Tensor, running: Running, g: Geometry
    ) -> Tensor:
        source = lay_out(x, "source", g)
        z, out = (x.new_empty(g.result.group_step) for _ in range(2))
        mean, scale = (x.new_empty(g.blocks.out_features) for _ in range(2))
        run_share(
            _multiply_normed, "forward", g, weight, source, g.out_columns, g.forward, g.result.channel_step,
            g.images, gamma, beta, running.mean, running.variance, running.momentum, running.eps,
            mean, scale, z, out,
        )  # fmt: skip
        ctx.save_for_backward(source, weight, gamma, beta, z, mean, scale)
        ctx.geometry, ctx.rows = g, is_rows(x, g.source)
        return as_rows(out, g.result)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        found = _Differentiate.apply(  # type: ignore[no-untyped-call]
            upstream[0], ctx.geometry, ctx.rows, ctx.needs_input_grad[:2], *ctx.saved_tensors
        )
        return *found, None, None


class _Differentiate(Function):
    """The gradient, as a function of its own so that differentiating it once more can say what is wrong."""

    @staticmethod
    def forward(
        ctx: Any, upstream: Tensor, g: Geometry, rows: bool, wanted: tuple[bool, bool], *saved: Tensor
    ) -> tuple[Tensor | None, ...]:
        source, weight, gamma, beta, z, mean, scale = saved
        laid_out = lay_out(upstream, "result", g)
        dz = torch.empty_like(laid_out) if is_rows(upstream, g.result) else laid_out
        dgamma, dbeta = torch.empty_like(gamma), torch.empty_like(beta)
        run_share(
            _differentiate_norm, "norm", g, laid_out, z, g.forward, g.result.channel_step, g.images,
            gamma, beta, mean, scale, dgamma, dbeta, dz,
        )  # fmt: skip
        dx, dw = gradients(dz, source, weight, g, wanted, of_rows=rows)
        dx = dx.reshape(g.images, -1) if dx is not None and not rows else dx
        return dx, dw, dgamma, dbeta

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        no_second_derivative()


@compiled
def _multiply_normed(
    low: Int,
    high: Int,
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
    numbers = np.zeros(N.many, dtype=w.dtype)
    unbiased = images / (images - 1)
    for t in range(low, high):
        first, rows = products.first[t], products.rows[t]
        at = first * pitch
        node_product(t, columns, w, products.weight_at[t], False, source, 0, products, z, at, pitch, 0, 0)
        for c in range(first, first + rows):
            at = c * pitch
            total((images, z, z, at, out, numbers))
            numbers[N.mean] = mean[c] = numbers[N.first] / images
            squares((images, z, z, at, out, numbers))
            spread = numbers[N.second] / images
            scale[c] = 1 / np.sqrt(spread + eps)
            numbers[N.scale] = gamma[c] * scale[c]
            numbers[N.shift] = beta[c] - mean[c] * numbers[N.scale]
            norm_relu((images, z, z, at, out, numbers))
            running_mean[c] += momentum * (mean[c] - running_mean[c])
            running_variance[c] += momentum * (spread * unbiased - running_variance[c])


@compiled
def _differentiate_norm(
    low: Int,
    high: Int,
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
    numbers = np.zeros(N.many, dtype=z.dtype)
    for c in range(products.first[low], products.first[high - 1] + products.rows[high - 1]):
        numbers[N.mean] = mean[c]
        numbers[N.scale] = gamma[c] * scale[c]
        numbers[N.shift] = beta[c] - mean[c] * numbers[N.scale]
        gradient_sums((images, z, upstream, c * pitch, out, numbers))
        dbeta[c] = numbers[N.first]
        dgamma[c] = numbers[N.second] * scale[c]
        numbers[N.first] /= images
        numbers[N.second] *= scale[c] * scale[c] / images
        gradient((images, z, upstream, c * pitch, out, numbers))

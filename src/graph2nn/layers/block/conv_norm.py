"""A convolution and its batch norm, with or without ReLU, in one: what backward needs is kept once.

Of the three in a row, torch keeps the convolution's output for the norm and the norm's for ReLU; in one, the
convolution's output is enough. A convolution that reads the result need not keep it either, see
``recomputed.py``.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function

from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.norm import RunningStatistics, running
from graph2nn.layers.block.plane_norm import differentiate_planes, norm_planes
from graph2nn.layers.block.product import (
    Gradients,
    checked_weight,
    gradients,
    lay_out,
    once,
    product,
    run_share,
)
from graph2nn.layers.block.recomputed import Origin, kept_image, remember, to_keep


def convolve_normed(x: Tensor, weight: Tensor, norm: nn.BatchNorm2d, g: Geometry, *, relu: bool) -> Tensor:
    """Return what ``norm`` in training, and ReLU behind it, make of a convolution; move its running averages.

    Args:
        x: ``[N, in, H, W]``, contiguous or not.
        weight: compact weights ``[out, pitch]``.
        norm: with learnt scale and shift, and running averages.
        g: geometry of the layer on these images; at least two output pixels in all.
        relu: whether ReLU follows.

    Returns:
        ``[N, out, H′, W′]``, differentiable once.
    """
    weight, moving = checked_weight(weight, g), running(norm)
    origin: list[Origin] = []
    out = cast(Tensor, _Normed.apply(x, weight, norm.weight, norm.bias, moving, g, relu, origin))  # type: ignore[no-untyped-call]
    if relu and out.requires_grad:
        remember(out, *origin)
    return out


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
        relu: bool,
        origin: list[Origin],
    ) -> Tensor:
        z = product(lay_out(x, "source", g), weight, g)
        out = torch.empty_like(z)
        mean, scale = (torch.empty_like(gamma) for _ in range(2))
        ctx.floor = 0.0 if relu else -math.inf
        run_share(
            norm_planes, "norm", g, z, g.forward, g.images, g.blocks.out_features, g.out_height * g.out_width,
            ctx.floor, gamma, beta, moving.mean, moving.variance, moving.momentum, moving.eps, mean, scale, out,
        )  # fmt: skip
        slope = gamma * scale
        origin.append(Origin(z, slope, beta - mean * slope))
        # Not the input laid out, which whoever made the input may keep as well: backward lays it out again.
        ctx.save_for_backward(weight, gamma, beta, z, mean, scale, *to_keep(x))
        ctx.geometry = g
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        g, floor, wanted = ctx.geometry, ctx.floor, ctx.needs_input_grad[:2]

        def differentiate(upstream: Tensor, *saved: Tensor) -> Gradients:
            return _gradients(upstream, saved, g, floor, wanted)

        return *once(differentiate, upstream[0], *ctx.saved_tensors), None, None, None, None


def _gradients(
    upstream: Tensor, saved: tuple[Tensor, ...], g: Geometry, floor: float, wanted: tuple[bool, bool]
) -> Gradients:
    weight, gamma, beta, z, mean, scale, *kept = saved
    dz = z.new_empty(g.groups * g.result.group_step)
    dgamma, dbeta = torch.empty_like(gamma), torch.empty_like(beta)
    run_share(
        differentiate_planes, "norm", g, upstream.contiguous(), z, g.forward, g.result, floor,
        gamma, beta, mean, scale, dgamma, dbeta, dz,
    )  # fmt: skip
    return *gradients(dz, kept_image(tuple(kept)), weight, g, wanted), dgamma, dbeta

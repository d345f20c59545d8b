"""Batch norm, with or without ReLU, of images ``[N, C, H, W]``, and its gradient, channel by channel.

A channel's planes are read once for its statistics and again, still in the cache, for its result. The gradient
is written where the convolution before the norm reads it, in the planes of ``layout.py``, without a pass of its
own for laying it out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.copying import copy_rows
from graph2nn.layers.block.layout import Integers, Planes, Products
from graph2nn.layers.block.norm_rows import N, gradient, gradient_sums, norm_relu, squares, total
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.refcount import borrowed


@compiled
def norm_planes(
    part: Int,
    ranges: Integers,
    z: Any,
    products: Products,
    images: Int,
    channels: Int,
    pixels: Int,
    floor: float,
    gamma: Any,
    beta: Any,
    running_mean: Any,
    running_variance: Any,
    momentum: float,
    eps: float,
    mean: Any,
    scale: Any,
    out: Any,
) -> None:
    """Norm the channels of a range of nodes: their ``mean`` and 1/deviation ``scale``, and what they become.

    Results that are not above ``floor`` become zero; running averages move by ``momentum``.

    Args:
        part: which row of ``ranges`` to do; below 0 starts the threads and does nothing else.
        ranges: first and last unit of each part, ``[parts, 2]``.
        z: products ``[N, C, H, W]``, flat.
        products: one per node.
        images, channels, pixels: sizes of ``z``.
        floor: 0 for ReLU, −∞ without.
        gamma, beta: scale and shift of the norm.
        running_mean, running_variance, momentum: running averages, written, and by how much they move.
        eps: added to the variance.
        mean, scale: written, ``[C]``.
        out: flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    z, products, out = borrowed((z, products, out))
    gamma, beta, mean, scale = borrowed((gamma, beta, mean, scale))
    running_mean, running_variance = borrowed((running_mean, running_variance))
    numbers = np.zeros(N.many, dtype=z.dtype)
    numbers[N.floor] = floor
    count = images * pixels
    low, last = ranges[part, 0], ranges[part, 1] - 1
    for c in range(products.first[low], products.first[last] + products.rows[last]):
        average = 0.0
        for i in range(images):
            total((pixels, z, z, (i * channels + c) * pixels, out, numbers))
            average += numbers[N.first]
        average /= count
        numbers[N.mean] = mean[c] = average
        variance = 0.0
        for i in range(images):
            squares((pixels, z, z, (i * channels + c) * pixels, out, numbers))
            variance += numbers[N.second]
        scale[c] = 1 / np.sqrt(variance / count + eps)
        numbers[N.scale] = gamma[c] * scale[c]
        numbers[N.shift] = beta[c] - mean[c] * numbers[N.scale]
        for i in range(images):
            at = (i * channels + c) * pixels
            norm_relu((pixels, z, z, at, out, numbers, at))
        running_mean[c] += momentum * (mean[c] - running_mean[c])
        running_variance[c] += momentum * (variance / (count - 1) - running_variance[c])


@compiled
def differentiate_planes(
    part: Int,
    ranges: Integers,
    upstream: Any,
    z: Any,
    products: Products,
    p: Planes,
    floor: float,
    gamma: Any,
    beta: Any,
    mean: Any,
    scale: Any,
    dgamma: Any,
    dbeta: Any,
    out: Any,
) -> None:
    """The gradient of the channels of a range of nodes through norm and ReLU, laid out in the planes ``p``.

    Args:
        part, ranges: as for :func:`norm_planes`.
        upstream: gradient of the result, flat.
        z: products, flat.
        products: one per node.
        p: planes of ``out``.
        floor: as for :func:`norm_planes`.
        gamma, beta: scale and shift of the norm.
        mean, scale: what :func:`norm_planes` wrote.
        dgamma, dbeta: gradients of scale and shift, written.
        out: gradient of ``z``, flat, written.
    """
    if part < 0:
        on_team(len(ranges))
        return
    upstream, z, products, out = borrowed((upstream, z, products, out))
    gamma, beta, mean, scale, dgamma, dbeta = borrowed((gamma, beta, mean, scale, dgamma, dbeta))
    numbers = np.zeros(N.many, dtype=z.dtype)
    numbers[N.floor] = floor
    pixels = p.height * p.width
    count = p.images * pixels
    plane = np.empty(pixels, dtype=z.dtype)
    low, last = ranges[part, 0], ranges[part, 1] - 1
    for c in range(products.first[low], products.first[last] + products.rows[last]):
        numbers[N.mean] = mean[c]
        numbers[N.scale] = gamma[c] * scale[c]
        numbers[N.shift] = beta[c] - mean[c] * numbers[N.scale]
        passed, along = 0.0, 0.0
        for i in range(p.images):
            gradient_sums((pixels, z, upstream, (i * p.channels + c) * pixels, out, numbers))
            passed += numbers[N.first]
            along += numbers[N.second]
        dbeta[c] = passed
        dgamma[c] = along * scale[c]
        numbers[N.first] = passed / count
        numbers[N.second] = along * scale[c] * scale[c] / count
        for base in range(0, p.images, p.group):
            start = base // p.group * p.group_step + c * p.channel_step
            if p.channel_step > pixels:
                out[start : start + p.channel_step] = 0
            for i in range(base, min(p.images, base + p.group)):
                gradient((pixels, z, upstream, (i * p.channels + c) * pixels, plane, numbers, i - i))
                to = start + p.front + (i - base) * p.rows * p.pitch
                copy_rows(p.height, p.width, plane, 0, p.width, 1, out, to, p.pitch, 1)

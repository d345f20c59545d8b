"""Batch norm and ReLU of a dense product whose features are rows, with gradients, in one pass per feature."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.layout import Integers, Planes
from graph2nn.layers.block.norm import RunningStatistics
from graph2nn.layers.block.norm_rows import N, gradient, gradient_sums, norm_relu, squares, total
from graph2nn.layers.block.openmp import on_team
from graph2nn.layers.block.product import flat
from graph2nn.layers.block.refcount import borrowed
from graph2nn.layers.block.threads import cut, share


def normalise(
    z: Tensor, planes: Planes, gamma: Tensor, beta: Tensor, running: RunningStatistics
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``max(0, norm(z))`` over the samples, and move the running averages.

    Args:
        z: the product, flat, one row of samples per feature, as ``planes`` lays them out.
        planes: at least two samples.
        gamma: learnt scale ``[features]``.
        beta: learnt shift ``[features]``.
        running: averages of the batch norm.

    Returns:
        The result, laid out like ``z``, zero behind the samples of each row up to whole vectors; the means
        ``[features]``; 1 / the standard deviations ``[features]``.
    """
    out, mean, scale = torch.empty_like(z), torch.empty_like(gamma), torch.empty_like(gamma)
    _on_features(
        _normalise, planes, z, gamma, beta, running.mean, running.variance, running.momentum, running.eps,
        mean, scale, out,
    )  # fmt: skip
    return out, mean, scale


def differentiate(
    upstream: Tensor, z: Tensor, planes: Planes, gamma: Tensor, beta: Tensor, mean: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of ``z``, ``gamma`` and ``beta`` in :func:`normalise`.

    Args:
        upstream: gradient of the result, laid out like ``z``.
        z: as given to :func:`normalise`, likewise ``planes``, ``gamma`` and ``beta``.
        planes: see there.
        gamma: see there.
        beta: see there.
        mean: as returned by :func:`normalise`.
        scale: likewise.

    Returns:
        Gradients of ``z``, ``gamma`` and ``beta``.
    """
    dz, dgamma, dbeta = torch.empty_like(z), torch.empty_like(gamma), torch.empty_like(beta)
    _on_features(_differentiate, planes, upstream, z, gamma, beta, mean, scale, dgamma, dbeta, dz)
    return dz, dgamma, dbeta


def _on_features(kernel: Any, planes: Planes, *arguments: Tensor | float) -> None:
    arrays = [flat(a) if isinstance(a, Tensor) else a for a in arguments]
    ranges = _ranges(planes.channels, torch.get_num_threads())
    share(kernel, ranges, planes.channel_step, planes.images, *arrays)


@lru_cache(maxsize=256)
def _ranges(features: int, threads: int) -> Integers:
    return cut(np.ones(features, dtype=np.int64), threads)


@compiled
def _normalise(
    part: Int,
    ranges: Integers,
    pitch: Int,
    images: Int,
    z: Any,
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
    if part < 0:
        on_team(len(ranges))
        return
    z, out, gamma, beta, mean, scale = borrowed((z, out, gamma, beta, mean, scale))
    running_mean, running_variance = borrowed((running_mean, running_variance))
    numbers = np.zeros(N.many, dtype=z.dtype)
    unbiased = images / (images - 1)
    for c in range(ranges[part, 0], ranges[part, 1]):
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
def _differentiate(
    part: Int,
    ranges: Integers,
    pitch: Int,
    images: Int,
    upstream: Any,
    z: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    scale: Any,
    dgamma: Any,
    dbeta: Any,
    out: Any,
) -> None:
    if part < 0:
        on_team(len(ranges))
        return
    upstream, z, out, gamma, beta = borrowed((upstream, z, out, gamma, beta))
    mean, scale, dgamma, dbeta = borrowed((mean, scale, dgamma, dbeta))
    numbers = np.zeros(N.many, dtype=z.dtype)
    for c in range(ranges[part, 0], ranges[part, 1]):
        at = c * pitch
        numbers[N.mean] = mean[c]
        numbers[N.scale] = gamma[c] * scale[c]
        numbers[N.shift] = beta[c] - mean[c] * numbers[N.scale]
        gradient_sums((images, z, upstream, at, out, numbers))
        dbeta[c] = numbers[N.first]
        dgamma[c] = numbers[N.second] * scale[c]
        numbers[N.first] /= images
        numbers[N.second] *= scale[c] * scale[c] / images
        gradient((images, z, upstream, at, out, numbers))

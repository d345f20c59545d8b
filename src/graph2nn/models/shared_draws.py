"""Shared initial draws: networks on different graphs start from the same dense weights, then masked.

As published, the weights of a network are one stream of random numbers: another width shifts them all. Here
the weight between two features of a layer depends on the seed, the layer's name and the two features alone,
so that networks differ by their masks, and where one is wider it adds weights without changing the others.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from graph2nn.layers.grouped_linear import GroupedLinear
from graph2nn.layers.masked import RelationalConv2d, RelationalLinear
from graph2nn.models.squeeze_excite import SqueezeExcite


@torch.no_grad()
def share_draws(model: nn.Module, seed: int) -> None:
    """Replace the initial weights of every linear layer and convolution of ``model`` by shared ones.

    The deviations are the published ones of a dense layer: 0.01, and √(2/(k²·out)) for convolutions; density
    does not enter, as it would tell graphs apart by more than their masks. Biases, norms and embeddings stay.

    Args:
        model: with weights to be replaced in place; masked ones stay zero off the mask.
        seed: the same seed, the same draws in every network that has layers of these names.
    """
    for name, module in model.named_modules():
        if isinstance(module, SqueezeExcite):
            module.draw_biases(torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode())))
        elif isinstance(module, GroupedLinear):
            groups, out, inputs = module.weight.shape
            dense = dense_draw(name, (groups * out, groups * inputs), seed).view(groups, out, groups, inputs)
            _fill(module.weight, torch.stack([dense[g, :, g] for g in range(groups)]), 0.01)
        elif isinstance(module, RelationalLinear):
            module.set_weight(module.scaled_start(0.01 * dense_draw(name, tuple(module.shape), seed)))
        elif isinstance(module, RelationalConv2d):
            drawn = _fan_out(module.shape) * dense_draw(name, tuple(module.shape), seed)
            module.set_weight(module.scaled_start(drawn))
        elif isinstance(module, nn.Linear):
            _fill(module.weight, dense_draw(name, tuple(module.weight.shape), seed), 0.01)
        elif isinstance(module, nn.Conv2d):
            _fill(module.weight, _conv_draw(name, module, seed), _fan_out(module.weight.shape))


def dense_draw(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    """Return standard normal numbers ``[out, in, *kernel]``; a larger ``out`` or ``in`` only adds to them.

    Args:
        name: of the weight; part of the seed.
        shape: ``(out, in, *kernel)``.
        seed: of the run.

    Returns:
        The numbers, float64.
    """
    key = zlib.crc32(name.encode())
    size = math.prod(shape[1:])
    rows = [np.random.default_rng([seed, key, row]).standard_normal(size) for row in range(shape[0])]
    return torch.from_numpy(np.stack(rows).reshape(shape))


def _fan_out(shape: Sequence[int]) -> float:
    return math.sqrt(2.0 / (math.prod(shape[2:]) * shape[0]))


def _conv_draw(name: str, module: nn.Conv2d, seed: int) -> Tensor:
    groups = module.groups
    out, inputs, *kernel = module.weight.shape
    if groups in (1, out):  # dense, or depthwise: one kernel a channel, whatever else there is
        return dense_draw(name, (out, inputs, *kernel), seed)
    dense = dense_draw(name, (out, inputs * groups, *kernel), seed)
    parts = dense.chunk(groups)
    return torch.cat([part[:, g * inputs : (g + 1) * inputs] for g, part in enumerate(parts)])


def _fill(weight: Tensor, draw: Tensor, deviation: float) -> None:
    weight.copy_(draw * deviation)

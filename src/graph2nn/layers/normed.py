"""A sequence in which a convolution and the batch norm behind it are computed in one where the engine can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.layers.norm_relu import unwatched


class NormedSequential(nn.Sequential):
    """A sequence like any other, its children and ``state_dict`` too, for paths that end with a norm.

    Where a convolution of the block engine is followed by batch norm in training, on the CPU, both are computed
    in one: same numbers to rounding, and running averages as torch's. See ``BlockConv2d.normed``.

    Example:
        >>> path = NormedSequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
        >>> path(torch.zeros(2, 3, 5, 5)).shape
        torch.Size([2, 8, 3, 3])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map what the first child takes to what the last one returns."""
        layers = iter(self)
        for layer in layers:
            x = self._next(x, layer, layers)
        return x

    def _next(self, x: Tensor, layer: nn.Module, behind: Iterator[nn.Module]) -> Tensor:
        if torch.compiler.is_compiling() or not hasattr(layer, "normed"):
            return layer(x)  # type: ignore[no-any-return]
        norm = next(behind, None)
        found: Tensor | None = None
        if isinstance(norm, nn.BatchNorm2d) and type(norm).forward is nn.BatchNorm2d.forward:
            engine: Any = layer
            found = engine.normed(x, norm) if unwatched(layer, norm) else None
        if found is None:
            found = layer(x)
            return found if norm is None else self._next(found, norm, behind)
        return found

"""Stochastic depth, also called drop connect: skip residual branches at random while training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graph2nn.errors import UserError


class StochasticDepth(nn.Module):
    """Zero whole samples with probability ``rate`` while training, and scale the others by 1/(1 − rate).

    Shapes: ``[batch, …]`` to the same. Random numbers are torch's own.

    Raises:
        UserError: a rate outside [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise UserError(
                f"stochastic depth: rate {rate:g} lies outside [0, 1); it is the share of samples left out."
            )
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Drop samples of ``x`` while training."""
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device) >= self.rate
        return x * keep / (1 - self.rate)

    def extra_repr(self) -> str:
        """Rate, for ``print(model)``."""
        return f"rate={self.rate:g}"

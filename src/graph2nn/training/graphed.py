"""A whole training step as one CUDA graph: recorded once a rate, then replayed. Untested on GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.training.captured import Captured
from graph2nn.training.steps import eager_step


class GraphedStep:
    """A :data:`~graph2nn.training.steps.Step` that records itself: forward, backward and fused SGD.

    Nothing is computed twice or left out: the first steps of each rate are ordinary ones, and recording
    computes nothing. The rate is a number inside the recorded kernels, so another one (once an epoch) means
    recording anew. All batches have one shape, and loss and scores are overwritten by the next step. Elsewhere
    than on CUDA every step is an ordinary one.

    Args:
        model: without control flow that depends on data.
        optimiser: of its parameters, one whose step does not wait for the device, such as fused SGD.
        device: of both.
        how: ``loss`` and ``parts`` of :func:`~graph2nn.training.steps.eager_step`.
    """

    def __init__(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device | str, **how: Any
    ) -> None:
        self._optimiser = optimiser
        self._device = torch.device(device)
        self._step = eager_step(model, optimiser, **how)
        self._rates: tuple[float, ...] = ()
        self._captured: Captured | None = None
        self._outputs: tuple[Tensor, Tensor] | None = None

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step; ``x`` and ``y`` are on the device of the model."""
        rates = tuple(float(group["lr"]) for group in self._optimiser.param_groups)
        if self._captured is None or rates != self._rates:
            # Gradients lie in the memory of the graph that wrote them: they go with it.
            self._optimiser.zero_grad(set_to_none=True)
            self._captured, self._rates = Captured(self._advance, self._device), rates
        self._captured(x, y)
        assert self._outputs is not None
        return self._outputs

    def _advance(self, *batch: Tensor) -> None:
        found = self._step(*batch)
        if self._outputs is None:  # in the first step, which is an ordinary one
            self._outputs = found[0].clone(), found[1].clone()
        for own, value in zip(self._outputs, found, strict=True):
            own.copy_(value)

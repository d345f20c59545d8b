"""One step of training: forward, backward, optimiser."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: A batch and its labels to the mean loss before the step and the scores; the weights move. What is returned
#: may be overwritten by the next step.
Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def eager_step(model: nn.Module, optimiser: torch.optim.Optimizer, *, scaled: bool = False) -> Step:
    """Return the step that computes operation by operation.

    Args:
        model: in training mode when the step is taken.
        optimiser: of its parameters.
        scaled: scale the loss so that gradients in fp16 do not vanish; steps that overflow are left out. On
            CUDA. Untested on GPU.
    """
    scaler = torch.amp.GradScaler("cuda", enabled=scaled)

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        scores = model(x)
        loss = F.cross_entropy(scores, y)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(scaler.scale(loss))
        scaler.step(optimiser)
        scaler.update()
        return loss.detach(), scores.detach()

    return step

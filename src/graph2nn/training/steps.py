"""One step of training: forward, backward, optimiser."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: A batch and its labels to the mean loss before the step and the scores; the weights move. What is returned
#: may be overwritten by the next step.
Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
#: Scores and labels to the mean loss.
Loss = Callable[[Tensor, Tensor], Tensor]


def eager_step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    *,
    scaler: torch.amp.GradScaler | None = None,
    loss: Loss = F.cross_entropy,
    parts: int = 1,
    clip: float | None = None,
) -> Step:
    """Return the step that computes operation by operation.

    Args:
        model: in training mode when the step is taken.
        optimiser: of its parameters.
        scaler: scales the loss so that gradients in fp16 do not vanish; steps that overflow are left out. On
            CUDA. Untested on GPU.
        loss: what is learnt.
        parts: into how many equal parts each batch is cut; the weights move by the mean of their gradients.
        clip: the largest norm of all gradients together; None does not clip.

    Returns:
        The step.
    """
    scaler = scaler or torch.amp.GradScaler("cuda", enabled=False)

    def descend(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        scores = model(x)
        value = loss(scores, y) / parts if parts > 1 else loss(scores, y)
        torch.autograd.backward(scaler.scale(value))
        return value.detach(), scores.detach()

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        optimiser.zero_grad(set_to_none=True)
        if parts == 1:
            result = descend(x, y)
        else:
            *others, last = zip(x.chunk(parts), y.chunk(parts), strict=True)
            # Several processes exchange their gradients once, in the last part.
            with getattr(model, "no_sync", nullcontext)():
                each = [descend(*part) for part in others]
            each.append(descend(*last))
            result = torch.stack([value for value, _ in each]).sum(), torch.cat([scores for _, scores in each])
        if clip is not None:
            scaler.unscale_(optimiser)
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        scaler.step(optimiser)
        scaler.update()
        return result

    return step

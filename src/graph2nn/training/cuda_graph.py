"""CUDA graphs: a training step or any function of tensors, captured once and replayed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.training.steps import Loss, eager_step

#: Calls before the capture, so that libraries have chosen their kernels and taken their memory.
WARM_UP = 3


class Captured:
    """A function of tensors, called again and again with equal shapes; on CUDA it is captured and replayed.

    The function must do all its work on the device, change tensors in place and return nothing. Elsewhere
    than on CUDA it is just called. Untested on GPU.
    """

    def __init__(self, function: Callable[..., None], device: torch.device) -> None:
        self._function = function
        self._device = device
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor | None] = []

    def __call__(self, *inputs: Tensor | None) -> None:
        """Call the function, or replay what it did."""
        if self._device.type != "cuda":
            self._function(*inputs)
            return
        self._calls += 1
        if self._calls <= WARM_UP:
            self._aside(*inputs)
            return
        if self._graph is None:
            self._capture(*inputs)
        for kept, given in zip(self._inputs, inputs, strict=True):
            if kept is not None and given is not None:
                kept.copy_(given)
        assert self._graph is not None
        self._graph.replay()

    def _aside(self, *inputs: Tensor | None) -> None:
        """Warm up on another stream, as a capture runs on one: these calls count, they are real ones."""
        here, aside = torch.cuda.current_stream(self._device), torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            self._function(*inputs)
        here.wait_stream(aside)

    def _capture(self, *inputs: Tensor | None) -> None:
        self._inputs = [None if given is None else given.clone() for given in inputs]
        self._graph = torch.cuda.CUDAGraph()
        # What is captured does not run: the first replay does it.
        with torch.cuda.graph(self._graph):
            self._function(*self._inputs)


class GraphedStep:
    """A :data:`~graph2nn.training.steps.Step` that records itself: forward, backward and fused SGD.

    Nothing is computed twice or left out: the first steps of each rate are ordinary ones, and recording
    computes nothing. The rate is a number inside the recorded kernels, so another one (once an epoch) means
    recording again. All batches have one shape, and loss and scores are overwritten by the next step. Elsewhere
    than on CUDA every step is an ordinary one.

    Args:
        model: without control flow that depends on data.
        optimiser: of its parameters, one whose step does not wait for the device, such as fused SGD.
        device: of both.
        loss: scores and labels to the mean loss.
        parts: number of equal parts each batch is cut into.
        clip: largest norm of all gradients together; None does not clip.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        device: torch.device | str,
        *,
        loss: Loss = F.cross_entropy,
        parts: int = 1,
        clip: float | None = None,
    ) -> None:
        self._optimiser = optimiser
        self._device = torch.device(device)
        self._step = eager_step(model, optimiser, loss=loss, parts=parts, clip=clip)
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
        results = self._step(*batch)
        if self._outputs is None:  # in the first step, which is an ordinary one
            self._outputs = results[0].clone(), results[1].clone()
        for kept, value in zip(self._outputs, results, strict=True):
            kept.copy_(value)

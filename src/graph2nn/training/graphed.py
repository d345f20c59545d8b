"""A whole training step as one CUDA graph: recorded once, replayed with a single launch. Untested on GPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graph2nn.training.steps import eager_step

#: Steps taken one operation at a time first, on a stream of their own, as torch asks: they make the optimiser's
#: momentum and compile what is compiled.
WARM_UP = 3


class GraphedStep:
    """A :data:`~graph2nn.training.steps.Step` that records itself: forward, backward and fused SGD.

    Nothing is computed twice or left out: the first steps are ordinary ones, recording computes nothing, and
    the batch is then trained on by replaying. The rate is a number inside the recorded kernels, so another rate
    (once an epoch) means recording anew. Batches are copied into fixed buffers; one of another shape is stepped
    ordinarily. Loss and scores are overwritten by the next step.

    Args:
        model: on a CUDA device, without control flow that depends on data.
        optimiser: of its parameters, one whose step does not wait for the device, such as fused SGD.
    """

    def __init__(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        self._optimiser = optimiser
        self._step = eager_step(model, optimiser)
        self._taken = 0
        self._rates: tuple[float, ...] = ()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, Tensor] | None = None
        self._outputs: tuple[Tensor, Tensor] | None = None

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step; ``x`` and ``y`` are on the device of the model."""
        self._taken += 1
        if self._taken <= WARM_UP or (self._inputs and self._inputs[0].shape != x.shape):
            return self._ordinarily(x, y)
        rates = tuple(float(group["lr"]) for group in self._optimiser.param_groups)
        if self._inputs is None:
            self._inputs = x.clone(), y.clone()
        for buffer, value in zip(self._inputs, (x, y), strict=True):
            buffer.copy_(value)
        if self._graph is None or rates != self._rates:
            self._record(*self._inputs)
            self._rates = rates
        assert self._graph is not None
        assert self._outputs is not None
        self._graph.replay()
        return self._outputs

    def _record(self, x: Tensor, y: Tensor) -> None:
        # What the old graph wrote to goes first: gradients and outputs live in its memory.
        self._graph = self._outputs = None
        self._optimiser.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._outputs = self._step(x, y)
        self._graph = graph

    def _ordinarily(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        here, aside = torch.cuda.current_stream(x.device), torch.cuda.Stream(x.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            outputs = self._step(x, y)
        here.wait_stream(aside)
        for output in outputs:
            output.record_stream(here)
        return outputs

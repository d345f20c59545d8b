"""A function as one CUDA graph: where launches cost more than the work, they are paid once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

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
        for own, given in zip(self._inputs, inputs, strict=True):
            if own is not None and given is not None:
                own.copy_(given)
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

"""A moving average of the weights, which is evaluated and kept in their place (Polyak and Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of everything that a network's state holds as floats.

    The decay is bounded by (1 + steps) / (10 + steps), so that the random start is forgotten in time.

    Args:
        model: the network; the average begins with its present weights.
        decay: share of the average that a step keeps, in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay, self.steps = decay, 0
        self.values = {name: value.detach().clone() for name, value in _floats(model).items()}
        self._evaluated: dict[str, Tensor] | None = None

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take one more step of the network into the average."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        for name, value in _floats(model).items():
            self.values[name].lerp_(value, 1 - decay)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Lend the network the averaged weights; what happens to them meanwhile, it forgets."""
        kept = {name: value.detach().clone() for name, value in model.state_dict().items()}
        _write(model, self.values)
        try:
            yield
        finally:
            _write(model, kept)

    def note_evaluated(self, model: nn.Module) -> None:
        """Remember the averaged network as it was evaluated, with the statistics of its batch norms."""
        self._evaluated = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def write(self, model: nn.Module) -> None:
        """Give the network the averaged weights for good, as they were evaluated last."""
        _write(model, self._evaluated or self.values)

    def state_dict(self) -> dict[str, object]:
        """Return the average and the number of steps in it."""
        return {"steps": self.steps, "values": self.values}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take over what :meth:`state_dict` returned."""
        values = state["values"]
        assert isinstance(values, Mapping)
        self.steps = int(str(state["steps"]))
        for name, value in values.items():
            self.values[name].copy_(value)


def _floats(model: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in model.state_dict().items() if value.is_floating_point()}


@torch.no_grad()
def _write(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    model.load_state_dict(values, strict=False)

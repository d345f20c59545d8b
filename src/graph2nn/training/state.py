"""State of a training run: everything its next step depends on, apart from the data and the recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from graph2nn.errors import UserError
from graph2nn.tasks.task import Reduction
from graph2nn.training.averaging import WeightAverage
from graph2nn.training.epoch import Epoch, EpochProgress, final, stalled
from graph2nn.training.recipe import Recipe
from graph2nn.training.rng import global_states, set_global_states


@dataclass
class TrainingState:
    """A network being trained, what moves it, and where in the data it is.

    Args:
        model: the network itself, its parameters on ``device``.
        optimiser: of its parameters.
        schedule: of the optimiser's rate.
        scaler: of the loss, for fp16.
        order: generator of the batches.
        probe: generator of the samples of precise batch norm.
        device: of the network.
        reduction: how the task's training score follows from what batches missed.
        average: of the weights, where the recipe asks for one.
        best: the network's state after its best evaluation, where the recipe asks for early stopping.
        history: the epochs that are done.
        running: the one that is not.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    order: torch.Generator
    probe: torch.Generator
    device: torch.device
    reduction: Reduction = "percent"
    average: WeightAverage | None = None
    best: dict[str, torch.Tensor] | None = None
    history: list[Epoch] = field(default_factory=list)
    running: EpochProgress = field(init=False)

    def __post_init__(self) -> None:
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget the sums of the last epoch, and note where the batches of the next one begin."""
        self.running = EpochProgress(len(self.history) + 1, self.order.get_state(), reduction=self.reduction)

    def over(self, recipe: Recipe) -> bool:
        """Whether all epochs are done, the last one diverged, or no evaluation has improved for too long."""
        last = self.history[-1] if self.history else None
        if last is None:
            return False
        ended = last.epoch >= recipe.epochs or not math.isfinite(last.train_loss)
        return ended or stalled(self.history, recipe.patience)

    def keep_best(self, recipe: Recipe) -> None:
        """Remember the network as it is, if the epoch that just ended is the best so far."""
        if recipe.patience and final(self.history, recipe.patience) is self.history[-1]:
            self.best = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}

    def conclude(self, recipe: Recipe) -> None:
        """Leave the network with the weights that its numbers are those of."""
        if self.best is not None and math.isfinite(self.history[-1].train_loss):
            self.model.load_state_dict(self.best)
        elif self.average is not None:
            self.average.write(self.model)

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as tensors and plain values, with the states of torch's own generators."""
        optional: dict[str, Any] = {}
        if self.average is not None:
            optional["average"] = self.average.state_dict()
        if self.best is not None:
            optional["best"] = self.best
        return {
            **optional,
            "state_dict": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "probe": self.probe.get_state(),
            "global": global_states(self.device),
            "history": [asdict(epoch) for epoch in self.history],
            "running": self.running.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned, the states of torch's own generators included.

        Raises:
            UserError: it is not the state of such a network.
        """
        try:
            self.model.load_state_dict(state["state_dict"])
            self.optimiser.load_state_dict(state["optimiser"])
            self._check_optimiser()
            self.schedule.load_state_dict(state["schedule"])
            self.scaler.load_state_dict(state["scaler"])
            self.probe.set_state(state["probe"])
            set_global_states(state["global"], self.device)
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            self.best = state.get("best")
            self.history[:] = [Epoch(**epoch) for epoch in state["history"]]
            self.running = EpochProgress.of(state["running"], self.device)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            line = " ".join(str(error).split())
            raise UserError(f"checkpoint: it does not fit this network: {line[:200]}") from None
        assert self.running.order is not None
        self.order.set_state(self.running.order)

    def _check_optimiser(self) -> None:
        # torch would complain at the first step, and say less.
        for parameter, state in self.optimiser.state.items():
            for name, value in state.items():
                if isinstance(value, torch.Tensor) and value.dim() and value.shape != parameter.shape:
                    raise ValueError(
                        f"{name} is {tuple(value.shape)} for a parameter {tuple(parameter.shape)}, "
                        "as of layers computed by another engine"
                    )

"""Muon for weight matrices and AdamW for everything else, as one optimiser (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from graph2nn.errors import UserError
from graph2nn.training.recipe import Recipe


class MuonAdamW(torch.optim.Optimizer):
    """Muon moves matrices ``[out, in]`` by orthogonalised momentum; vectors and kernels follow AdamW.

    Rates of Muon are scaled to match those of AdamW (torch's ``adjust_lr_fn="match_rms_adamw"``), so that one
    ``lr`` serves both. Matrices must be whole: with the block engine, which stores the blocks of a graph
    alone, there is nothing to orthogonalise.

    Args:
        parameters: to optimise.
        recipe: its ``lr``, ``momentum``, ``nesterov``, ``beta1``, ``beta2`` and ``weight_decay``.
        spared: parameters that do not decay, which follow AdamW.

    Raises:
        UserError: no parameter is a matrix.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], recipe: Recipe, spared: Sequence[nn.Parameter] = ()
    ) -> None:
        weights = list(parameters)
        matrices = [weight for weight in weights if weight.ndim == 2]
        rest = [weight for weight in weights if weight.ndim != 2]
        if not matrices:
            raise UserError(
                "recipe: optimiser = 'muon' orthogonalises weight matrices and this network stores none; "
                "use --engine masked (Relational(graph, engine='masked') in Python), or optimiser adamw."
            )
        muon = torch.optim.Muon(
            matrices,
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov and recipe.momentum > 0,
            weight_decay=recipe.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self._parts: list[torch.optim.Optimizer] = [muon]
        groups = [(rest, recipe.weight_decay), (list(spared), 0.0)]
        if adam := [{"params": group, "weight_decay": decay} for group, decay in groups if group]:
            self._parts.append(torch.optim.AdamW(adam, lr=recipe.lr, betas=(recipe.beta1, recipe.beta2)))
        super().__init__([*weights, *spared], {"lr": recipe.lr})
        # The groups of both, shared: what a schedule writes into them is what the two read.
        self.param_groups = [group for part in self._parts for group in part.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move the parameters; a closure is not taken."""
        if closure is not None:
            raise TypeError("MuonAdamW.step takes no closure")
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both parts."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the states of both parts."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self._parts for group in part.param_groups]

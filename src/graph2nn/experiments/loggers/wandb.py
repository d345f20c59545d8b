"""Weights & Biases: one run per run, files under ``out/wandb``; ``WANDB_MODE=offline`` needs no account."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from graph2nn.results.config import RunConfig


class WeightsAndBiases:
    """Logs metrics by epoch and the config. A run that goes on has the same id, so it is taken up again."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._run: Any = None

    def begin(self, config: RunConfig, epochs: int) -> None:
        """Create the run in the project of the environment (``WANDB_PROJECT``), or take it up again."""
        name = hashlib.sha256(f"{self._out.resolve()}/{config.folder}".encode()).hexdigest()[:16]
        self._out.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            id=name,
            name=config.folder,
            group=config.experiment,
            dir=self._out,
            resume="allow" if epochs else None,
            config=config.model_dump(mode="json", exclude={"graph"}) | {"graph": config.graph_name},
            settings=wandb.Settings(silent=True),
        )

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log the numbers of an epoch."""
        self._run.log(dict(values), step=epoch)

    def end(self, status: str) -> None:
        """Say how the run ended: anything but finished is an exit code other than 0."""
        self._run.summary["status"] = status
        self._run.finish(exit_code=int(status != "finished"))

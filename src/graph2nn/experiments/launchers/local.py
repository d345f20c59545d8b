"""The local launcher: one run after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graph2nn.data.dataset import Dataset
from graph2nn.experiments.config import RunConfig
from graph2nn.experiments.results import is_finished, sweep_up, write_table
from graph2nn.experiments.run import execute
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.loop import Epoch


@dataclass(frozen=True)
class Outcome:
    """What a launch did: rows of the runs it finished, and how many were there already."""

    rows: list[dict[str, Any]]
    skipped: int


def launch(
    configs: Sequence[RunConfig],
    data: Dataset,
    out: Path,
    *,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    on_epoch: Callable[[RunConfig, Epoch], None] | None = None,
    on_run: Callable[[dict[str, Any]], None] | None = None,
) -> Outcome:
    """Carry out the runs that are not finished yet, in order, and write ``out/runs.parquet``.

    Interrupted, it leaves the finished runs and the table of them; called again it goes on with the rest.

    Args:
        configs: the runs.
        data: the data set of all of them, loaded once.
        out: folder of results.
        device: where to train.
        acceleration: how to compute.
        on_epoch: called after each epoch of each run.
        on_run: called after each run with its row of the table.

    Raises:
        UserError: a config that cannot be built.
    """
    sweep_up(out)
    missing = [config for config in configs if not is_finished(out, config.folder)]
    rows: list[dict[str, Any]] = []
    try:
        for config in missing:

            def note(epoch: Epoch, config: RunConfig = config) -> None:
                if on_epoch:
                    on_epoch(config, epoch)

            rows.append(execute(config, data, out, device=device, acceleration=acceleration, on_epoch=note))
            if on_run:
                on_run(rows[-1])
    finally:
        if (out / "runs").is_dir() and any((out / "runs").iterdir()):
            write_table(out)
    return Outcome(rows, len(configs) - len(missing))

"""TensorBoard: scalars of each run; view them with ``tensorboard --logdir out/tensorboard``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from graph2nn.results.config import RunConfig


class TensorBoard:
    """Writes event files; a run that goes on hides what an earlier attempt wrote after its checkpoint."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._writer: SummaryWriter | None = None

    def begin(self, config: RunConfig, epochs: int) -> None:
        """Open the event file of a run."""
        folder = self._out / "tensorboard" / config.folder
        self._writer = SummaryWriter(str(folder), purge_step=epochs + 1)
        if not epochs:
            text = "".join(f"    {line}\n" for line in config.to_yaml().splitlines())
            self._writer.add_text("config", text, 0)

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write scalars, at once."""
        assert self._writer is not None
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def end(self, status: str) -> None:
        """Close the event file."""
        assert self._writer is not None
        self._writer.close()

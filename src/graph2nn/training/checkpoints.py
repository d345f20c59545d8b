"""Checkpoints: files from which a killed run resumes bit for bit.

A checkpoint is an ordinary torch file that loads with ``weights_only=True``; ``state_dict`` in it are the
weights. It appears whole or not at all, and the CRC-32 that torch stores of each part tells whether it still
is.
"""

from __future__ import annotations

import io
import os
import re
import time
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graph2nn.errors import Graph2nnWarning, UserError, WriteError
from graph2nn.files import replacing

FORMAT = 1
_NAME = re.compile(r"epoch(\d+)-batch(\d+)\.pt")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Saving:
    """When checkpoints are written, and how many are kept.

    Args:
        seconds: of training between two of them; 0 for none by time.
        epochs: between two of them; 0 for none by epochs.
        keep: number of the newest checkpoints to keep; None keeps all, also when the run has finished.
    """

    seconds: float = 300.0
    epochs: int = 0
    keep: int | None = 2

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep < 1:
            raise UserError(f"checkpoints: keep = {self.keep}, expected at least 1.")

    @property
    def off(self) -> bool:
        """Whether none is ever written."""
        return not (self.seconds or self.epochs)

    @classmethod
    def parse(cls, text: str, *, keep: int | None = 2) -> Saving:
        """Read ``0``, ``90``, ``5m``, ``1h``, ``10epochs``, or a time and epochs with a comma between.

        Raises:
            UserError: anything else.
        """
        seconds, epochs = 0.0, 0
        for part in text.split(","):
            match = re.fullmatch(r"(\d+(?:\.\d+)?) *([a-z]*)", part.strip())
            number, unit = match.groups() if match else ("", "?")
            if unit in _UNITS:
                seconds = float(number) * _UNITS[unit]
            elif unit in ("e", "epoch", "epochs") and number.isdecimal():
                epochs = int(number)
            else:
                raise UserError(
                    f"--checkpoint-every: {text!r} is not an interval; write 5m, 90s, 10epochs or both, or 0."
                )
        return cls(seconds, epochs, keep)


class Checkpoints:
    """The checkpoints of one training in a folder of their own, which only one process writes to at a time.

    Args:
        folder: made when the first one is written.
        identity: names and values in which a training run must agree with a checkpoint to go on from it.
        saving: when and how many.

    Example:
        >>> from pathlib import Path
        >>> Checkpoints(Path("checkpoints"), {"seed": 1}).folder.name
        'checkpoints'
    """

    def __init__(
        self, folder: Path, identity: Mapping[str, str] | None = None, saving: Saving = Saving()
    ) -> None:
        self.folder, self.saving = folder, saving
        self._identity = dict(identity or {})
        self._last = time.monotonic()

    def agree_on(self, identity: Mapping[str, str]) -> None:
        """Add values in which a training run and a checkpoint must agree."""
        self._identity |= identity

    def files(self) -> list[Path]:
        """List the checkpoints, oldest first."""
        matches = [(match, path) for path in self.folder.glob("*.pt") if (match := _NAME.fullmatch(path.name))]
        return [path for *_, path in sorted((int(m[1]), int(m[2]), path) for m, path in matches)]

    def due(self, *, epochs: int, batches: int) -> bool:
        """True if a checkpoint is due after this many whole epochs and batches of the next."""
        saving = self.saving
        if saving.epochs and not batches and epochs % saving.epochs == 0:
            return True
        return bool(saving.seconds) and time.monotonic() - self._last >= saving.seconds

    def save(self, state: Mapping[str, Any], *, epochs: int, batches: int) -> Path:
        """Write a checkpoint, delete those that are too old, and return its path.

        Args:
            state: tensors and plain values, nested; with the weights as ``state_dict``.
            epochs: whole epochs that have been trained.
            batches: of the next epoch.

        Returns:
            The path of the checkpoint.

        Raises:
            UserError: no room, no permission; the checkpoints before it are as they were.
        """
        buffer = io.BytesIO()
        head = {"format": FORMAT, "identity": self._identity, "epoch": epochs, "batch": batches}
        head["threads"] = torch.get_num_threads()
        torch.save({**head, **state}, buffer)
        path = self.folder / f"epoch{epochs}-batch{batches}.pt"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, temporary.open("wb") as stream:
                stream.write(buffer.getbuffer())
                stream.flush()
                os.fsync(stream.fileno())
            _settle(self.folder)
        except (UserError, OSError) as error:
            raise self._unwritable(error) from None
        self._last = time.monotonic()
        if self.saving.keep is not None:
            for old in self.files()[: -self.saving.keep]:
                old.unlink(missing_ok=True)
        return path

    def latest(self) -> dict[str, Any] | None:
        """Load the last whole checkpoint, tensors on the CPU; None where there is none.

        One that is damaged is deleted with a warning, and the one before it is loaded. A warning says so where
        it was written with another number of threads.

        Raises:
            UserError: it belongs to another training, or to a newer graph2nn; it cannot be read.
        """
        for remains in self.folder.glob(".*.pt"):  # of a process that was killed while it wrote
            remains.unlink(missing_ok=True)
        files = self.files()
        while files:
            path = files.pop()
            state = _whole(path)
            if state is not None:
                self._check(path, state)
                _compare_threads(path, state)
                return state
            instead = f"going on from {files[-1].name}" if files else "none is left, so training begins again"
            warnings.warn(
                f"checkpoint: {path} is damaged and left out; {instead}.", Graph2nnWarning, stacklevel=2
            )
            path.unlink(missing_ok=True)
        return None

    def _check(self, path: Path, state: Mapping[str, Any]) -> None:
        if state.get("format") != FORMAT:
            raise UserError(
                f"checkpoint: {path} has format {state.get('format')!r}, this graph2nn reads {FORMAT}; "
                f"use the version that wrote it, or delete {self.folder} to begin again."
            )
        theirs = state["identity"]
        for name, value in self._identity.items():
            if theirs.get(name) != value:
                raise UserError(
                    f"checkpoint: {path} belongs to another training: its {name} is {theirs.get(name)!r}, "
                    f"here it is {value!r}. Train with the recipe it was started with, or delete {self.folder} "
                    "to start over."
                )

    def _unwritable(self, error: Exception) -> WriteError:
        files = self.files()
        before = f"{files[-1].name} is whole" if files else "There is none before it"
        return WriteError(
            f"checkpoint: {error} {before}. Make room or fix the permissions, then run the same command again."
        )


def _compare_threads(path: Path, state: Mapping[str, Any]) -> None:
    """Warn if training goes on with another number of threads, which add in another order."""
    before, now = state.get("threads"), torch.get_num_threads()
    if before not in (None, now):
        warnings.warn(
            f"checkpoint: {path} was written with --threads {before}, training goes on with {now}: the bits of "
            f"the result will differ. Use --threads {before} to end with the bits of an undisturbed run.",
            Graph2nnWarning,
            stacklevel=3,
        )


def _whole(path: Path) -> dict[str, Any] | None:
    """Load a checkpoint; None if it is not what was written."""
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise UserError(f"checkpoint: {path} cannot be read ({error.strerror or error}).") from None
    try:
        with zipfile.ZipFile(content) as archive:
            if archive.testzip() is not None:
                return None
        content.seek(0)
        state = torch.load(content, map_location="cpu", weights_only=True)
    except Exception:  # whatever a damaged archive makes zipfile and torch stumble over
        return None
    return state if isinstance(state, dict) and "identity" in state else None


def _settle(folder: Path) -> None:
    """Have the name of a new file written to disk too, where a folder can be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

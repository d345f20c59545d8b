"""Run folders: one folder per run, renamed into place as the last step of the run.

A run is written in ``out/.unfinished/<run>`` and renamed to ``out/runs/<run>``, ``<run>`` being
:attr:`RunConfig.folder`, which ends in the digest of the config. What lies in ``runs`` is therefore whole,
however the process ended, and is never done again. Who writes a run holds a lease on it
(:mod:`graph2nn.results.leases`).

**What a run and a launcher owe each other**, so that a run may be interrupted anywhere and go on elsewhere:

- :func:`writing` gives a run the same folder every time, under a lease. If an earlier attempt left a checkpoint
  in it (any file or folder that is not in :data:`OWN` and has no leading dot), the whole folder is handed on;
  otherwise it begins empty.
- The run looks for a checkpoint in its folder, goes on from there, and reports epochs from the next one on:
  lines of ``metrics.csv`` from that epoch on, which an earlier attempt may have written, are dropped at the
  first :meth:`RunFolder.append`. Checkpoints are files that appear whole; the run deletes those that a
  finished run is not to keep.
- Told to make room (SIGTERM, SIGUSR1 or SIGUSR2), the run saves a checkpoint in its folder and raises
  ``SystemExit(REQUEUE_EXIT_CODE)``. Launchers count that as no failure: the folder stays, the lease is
  released, and the process ends with that code, upon which schedulers restart it.
- Any other error leaves the folder too if it holds a checkpoint, else deletes it.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from graph2nn.errors import UserError
from graph2nn.files import json_value, replacing, subfolders, unwritable_refused, writing_to
from graph2nn.results.config import RunConfig
from graph2nn.results.leases import Lease, LostError, hold
from graph2nn.results.runs_table import CONFIG, packed_names, packed_runs
from graph2nn.training.loop import Epoch

#: Folder of what lay in the place of a run and held no result.
DAMAGED = "damaged"
#: The files of a finished run, all of them: anything else in an unfinished folder is a checkpoint.
OWN = frozenset({"config.yaml", "metrics.csv", "result.json", "weights.safetensors", "attempts.jsonl"})


def refuse_own_file(command: str, out: Path | None) -> None:
    """Raise a UserError where a file to write, if one is named, would replace one of a finished run."""
    if out is not None and out.name in OWN and (out.parent / "result.json").is_file():
        raise UserError(f"{command}: {out} is a file of a finished run; name another --out.")


@dataclass
class RunFolder:
    """The folder of one run while it is being written: ``config.yaml``, ``metrics.csv``, weights, result."""

    path: Path
    lease: Lease
    _appended: bool = field(default=False, init=False)

    def write_config(self, config: RunConfig) -> None:
        """Write the config, from which the run can be repeated."""
        self.lease.check()
        with self.writing("config.yaml") as file:
            file.write_text(config.to_yaml(), encoding="utf-8")

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Lend the path of one of the run's files; a failed write of the block is one line that names it."""
        with writing_to(self.path / name):
            yield self.path / name

    def append(self, epoch: Epoch) -> None:
        """Add one epoch to the metrics; a reader sees whole lines only."""
        self.lease.check()
        file = self.path / "metrics.csv"
        if not self._appended:
            self._appended = True
            _keep_before(file, epoch.epoch)
        new = not file.exists()
        with self.writing(file.name), file.open("a", newline="", encoding="utf-8") as stream:
            # None is what data or task do not have, in any epoch: it gets no column.
            values = {key: value for key, value in asdict(epoch).items() if value is not None}
            writer = csv.DictWriter(stream, list(values))
            if new:
                writer.writeheader()
            writer.writerow(values)

    def first_evaluation(self) -> Epoch | None:
        """Return epoch 0 of the metrics, the evaluation before training, if an earlier attempt noted it."""
        file = self.path / "metrics.csv"
        if not file.is_file():
            return None
        with file.open(newline="", encoding="utf-8") as stream:
            row = next(csv.DictReader(stream), None)
        if row is None or row.pop("epoch", None) != "0":
            return None
        return Epoch(epoch=0, **{name: float(value) for name, value in row.items()})

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the row of this run in the table of all runs."""
        self.lease.check()
        row = {key: json_value(value) for key, value in result.items()}
        with self.writing("result.json") as file:
            file.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")


@contextmanager
def writing(out: Path, name: str) -> Iterator[RunFolder]:
    """Give a folder to write a run in; it becomes ``out/runs/name`` only if the block ends well.

    Should ``out/runs/name`` be there already, it stays and this one is dropped.

    Raises:
        UserError: ``out`` cannot be written to, or another process carries the run out.
    """
    with hold(out, name) as lease:
        path = out / ".unfinished" / name
        with unwritable_refused(out, "results"):
            (out / "runs").mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(exist_ok=True)
            _adopt(path, lease)
            path.mkdir(exist_ok=True)
            _note_attempt(path, lease)
        try:
            yield RunFolder(path, lease)
            _finish(path, out / "runs" / name, lease)
        except BaseException as error:
            if not isinstance(error, LostError) and not resumable(out, name):
                shutil.rmtree(path, ignore_errors=True)
            raise


def results_home(path: Path) -> Path:
    """Return the folder of results that a path means: itself, or the ``runs`` in it that train and sweep make.

    Results have a folder ``runs`` (or ``packed``) of their own, so that in the folder where
    ``graph2nn sweep`` was called, ``.`` means ``runs``.
    """
    below = path / "runs"
    nested = (below / "runs").is_dir() or (below / "packed").is_dir()
    itself = (path / "packed").is_dir() or any(below.glob("*/result.json"))
    return below if nested and not itself else path


def is_finished(out: Path, name: str) -> bool:
    """Whether the run of this folder name has ended, in this process or any other."""
    # Opening a folder is what makes NFS ask the server for names that were not there a moment ago.
    with contextlib.suppress(OSError):
        os.close(os.open(out / "runs", os.O_RDONLY))
    return (out / "runs" / name / "result.json").is_file() or name in packed_names(out)


def finished_runs(out: Path) -> set[str]:
    """Names of all finished runs: the folders among the results that hold a result, and the packed ones."""
    runs = out / "runs"
    return {name for name in subfolders(runs) if (runs / name / "result.json").is_file()} | packed_names(out)


def damaged_runs(out: Path) -> list[str]:
    """Names of folders among the finished runs that hold no result: damaged ones, and what is not a run."""
    return sorted(subfolders(out / "runs") - finished_runs(out))


def runs_without_result(out: Path) -> list[str]:
    """Names of the folders among the finished runs that hold a config and no result."""
    return [name for name in damaged_runs(out) if (out / "runs" / name / "config.yaml").is_file()]


def result_of(out: Path, name: str) -> dict[str, Any]:
    """Return the row of a finished run, alone.

    Raises:
        ValueError: its ``result.json`` is damaged.
    """
    file = out / "runs" / name / "result.json"
    if file.is_file() or name not in packed_names(out):
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {"run": name, **result}
    table = packed_runs(out)
    row = table[table["run"] == name].iloc[0].drop(CONFIG)
    return {str(key): json_value(value) for key, value in row.items()}


def resumable(out: Path, name: str) -> bool:
    """Whether an unfinished run left a checkpoint to go on from."""
    path = out / ".unfinished" / name
    return path.is_dir() and any(_is_checkpoint(entry.name) for entry in os.scandir(path))


def _is_checkpoint(name: str) -> bool:
    return name not in OWN and not name.startswith(".")  # with a dot: half-written, to be renamed


def _adopt(path: Path, lease: Lease) -> None:
    """Take over what earlier attempts left: with a checkpoint all of it, otherwise only who they were."""
    for attempt in range(1, lease.attempt):
        finishing = _finishing(path, attempt)
        if finishing.is_dir() and not path.exists():
            finishing.rename(path)
    if path.is_dir() and not resumable(path.parents[1], path.name):
        for entry in path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "attempts.jsonl":
                entry.unlink()


def _finish(path: Path, target: Path, lease: Lease) -> None:
    """Give the folder its place among the results, unless the run was taken over.

    The folder gets a name that no other attempt uses, and only then is it asked whose the run is. Had this
    process slept through its lease, the folder would be another's by now, and is given back.
    """
    for file in path.iterdir():
        if file.is_file():
            _flush(file)
    finishing = _finishing(path, lease.attempt)
    path.rename(finishing)
    try:
        lease.check()
    except LostError:
        finishing.rename(path)
        raise
    if target.is_dir() and not is_finished(target.parents[1], target.name):
        _set_aside(target)
    try:
        finishing.rename(target)
    except OSError:
        if not is_finished(target.parents[1], target.name):
            raise
        shutil.rmtree(finishing, ignore_errors=True)
    lease.done = True


def _set_aside(target: Path) -> None:
    """Move a folder without a result out of the way of the run that was trained again; nothing is deleted."""
    folder = target.parents[1] / DAMAGED
    folder.mkdir(exist_ok=True)
    for number in itertools.count(1):
        place = folder / f"{target.name}.{number}"
        if not place.exists():
            target.rename(place)
            return


def _finishing(path: Path, attempt: int) -> Path:
    return path.with_name(f"{path.name}@{attempt}")


def _flush(file: Path) -> None:
    """Have a file on the disk before its folder is renamed: a power failure must not part the two."""
    handle = os.open(file, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _note_attempt(path: Path, lease: Lease) -> None:
    """Add a line on who began, to the one small file that tells how often and where a run was started."""
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    line = {"attempt": lease.attempt, "host": socket.gethostname(), "pid": os.getpid(), "begun": started}
    with (path / "attempts.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def _keep_before(file: Path, epoch: int) -> None:
    """Drop what an earlier attempt wrote of this epoch and later ones, and half a line at the end."""
    if not file.exists():
        return
    with file.open(newline="", encoding="utf-8") as stream:
        head, *lines = stream.readlines() or [""]
    columns = next(csv.reader([head]), [])
    if "epoch" not in columns or not head.endswith("\n"):
        file.unlink()
        return
    column = columns.index("epoch")
    kept = [line for line in lines if line.endswith("\n") and int(line.split(",")[column]) < epoch]
    with replacing(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        stream.write(head + "".join(kept))

"""Results on disk: one folder a run, and one table made from the folders whenever it is wanted.

A run is written in a folder of its own under ``.unfinished`` and renamed into ``runs`` as its very last
act. What lies in ``runs`` is therefore whole, however the process ended.
"""

from __future__ import annotations

import csv
import json
import math
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd

from graph2nn.errors import UserError
from graph2nn.experiments.config import RunConfig
from graph2nn.files import replacing
from graph2nn.training.loop import Epoch

#: Columns of the table of runs, in order.
COLUMNS = (
    "run", "experiment", "preset", "model", "data",
    "kind", "graph", "n", "sparsity", "p", "graph_seed", "clustering", "path_length",
    "widths", "macs", "params", "target_macs", "match", "seed", "epochs", "status",
    "test_error", "test_error_top5", "test_loss", "train_error", "train_loss", "seconds",
    "threads", "device", "acceleration", "torch", "finished",
)  # fmt: skip
_NUMBERS = (
    "n", "sparsity", "p", "graph_seed", "clustering", "path_length",
    "test_error", "test_error_top5", "test_loss", "train_error", "train_loss", "seconds",
)  # fmt: skip


class RunFolder:
    """The folder of one run while it is being written: ``config.yaml``, ``metrics.csv``, weights, result."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write_config(self, config: RunConfig) -> None:
        """Write the config, from which the run can be repeated."""
        (self.path / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")

    def append(self, epoch: Epoch) -> None:
        """Add one epoch to the metrics; a reader sees whole lines only."""
        file = self.path / "metrics.csv"
        new = not file.exists()
        with file.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, [field.name for field in fields(Epoch)])
            if new:
                writer.writeheader()
            writer.writerow(asdict(epoch))

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the row of this run in the table of all runs."""
        row = {key: _plain(value) for key, value in result.items()}
        (self.path / "result.json").write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")


@contextmanager
def writing(out: Path, name: str) -> Iterator[RunFolder]:
    """Give a folder to write a run in; it becomes ``out/runs/name`` only if the block ends well.

    Should another process have finished the same run meanwhile, its folder stays and this one is dropped.

    Raises:
        UserError: ``out`` cannot be written to.
    """
    path = out / ".unfinished" / f"{name}@{socket.gethostname()}@{os.getpid()}@{secrets.token_hex(4)}"
    try:
        (out / "runs").mkdir(parents=True, exist_ok=True)
        path.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            f"results: {out} cannot be written to ({error.strerror}); name another --out."
        ) from None
    try:
        yield RunFolder(path)
        try:
            path.rename(out / "runs" / name)
        except OSError:
            if not is_finished(out, name):
                raise
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep_up(out: Path) -> int:
    """Delete what killed processes of this machine left unfinished; return how many folders that were."""
    swept = 0
    for path in (out / ".unfinished").glob("*@*@*@*"):
        _, host, pid, _ = path.name.rsplit("@", 3)
        if host == socket.gethostname() and not _alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)
            swept += 1
    return swept


def is_finished(out: Path, name: str) -> bool:
    """Whether the run of this folder name has ended, in this process or any other."""
    return (out / "runs" / name / "result.json").is_file()


def read_runs(out: Path) -> pd.DataFrame:
    """Make the table of all finished runs from their folders, one row a run; see ``COLUMNS``.

    Raises:
        UserError: no finished run, or a run folder that someone has damaged.
    """
    rows = []
    for file in sorted((out / "runs").glob("*/result.json")):
        try:
            rows.append({"run": file.parent.name, **json.loads(file.read_text(encoding="utf-8"))})
        except ValueError:
            raise UserError(
                f"results: {file} is not valid JSON; delete its folder and repeat the run."
            ) from None
    if not rows:
        raise UserError(
            f"results: no finished run in {out / 'runs'}. Train some first, or name another folder."
        )
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    # A column of nulls only, such as p when all runs are baselines, would otherwise hold objects.
    table[list(_NUMBERS)] = table[list(_NUMBERS)].apply(pd.to_numeric)
    return table


def write_table(out: Path) -> Path:
    """Write the table of all finished runs to ``out/runs.parquet`` and return its path."""
    table = read_runs(out)
    path = out / "runs.parquet"
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
    return path


def read_curves(out: Path) -> pd.DataFrame:
    """Read the metrics of all finished runs: a row per run and epoch, with the columns of ``Epoch``."""
    frames = [
        pd.read_csv(file).assign(run=file.parent.name) for file in sorted((out / "runs").glob("*/metrics.csv"))
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def read_config(out: Path, run: str) -> RunConfig:
    """Read the config of a finished run by the name of its folder."""
    return RunConfig.from_yaml((out / "runs" / run / "config.yaml").read_text(encoding="utf-8"))


def _plain(value: Any) -> Any:
    """JSON has no NaN: a run that diverged has null where its numbers would be."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A killed child whose parent never asked for its end is still listed, as in a container without an init.
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")

"""Sweep file: the runs of a sweep and how to train them, in one file on disk.

Its name is the digest of its runs, so sweeping the same again writes the same file, and two launchers that plan
different sweeps into one folder do not write over each other's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from graph2nn.arguments import first_complaint
from graph2nn.errors import UserError, cut
from graph2nn.files import replacing, unwritable_refused, why_not
from graph2nn.results.config import RunConfig

FOLDER = "sweeps"
_KEY = b"graph2nn.work"


@dataclass(frozen=True)
class PlanFile:
    """A plan that was written: the names of its runs, and the work they are part of as plain values."""

    path: Path
    runs: tuple[str, ...]
    work: Mapping[str, Any]

    def texts(self) -> dict[str, str]:
        """Configs of the runs as JSON, by name, in the order of the plan."""
        try:
            with self.path.open("rb") as stream:
                table = pq.read_table(stream, columns=["run", "config"]).to_pydict()
        except (pa.ArrowException, OSError) as error:
            raise UserError(
                f"results: {self.path} is damaged ({cut(why_not(error), 160)}); sweep again."
            ) from None
        return dict(zip(table["run"], table["config"], strict=True))

    def configs(self) -> list[RunConfig]:
        """Configs of all runs, in the order of the plan."""
        try:
            return [RunConfig.model_validate_json(text) for text in self.texts().values()]
        except ValidationError as error:
            raise UserError(
                f"results: {self.path} is damaged ({first_complaint(error, RunConfig)}); sweep again."
            ) from None


def write_sweep_file(out: Path, configs: Mapping[str, RunConfig], work: Mapping[str, Any]) -> Path:
    """Write a plan to ``out/sweeps`` and return its path.

    Args:
        out: folder of results.
        configs: the runs by name, in order.
        work: what else is needed to carry them out, as JSON can hold it.

    Returns:
        The path.

    Raises:
        UserError: ``out`` cannot be written to.
    """
    digest = hashlib.sha256("\n".join(configs).encode()).hexdigest()[:12]
    path = out / FOLDER / f"{digest}.parquet"
    table = pa.table({"run": list(configs), "config": [c.model_dump_json() for c in configs.values()]})
    table = table.replace_schema_metadata({_KEY: json.dumps(dict(work)).encode()})
    with unwritable_refused(out, "results"):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        pq.write_table(table, stream, compression="zstd")
    return path


def read_sweep_file(path: Path) -> PlanFile:
    """Read a plan, without its configs.

    Raises:
        UserError: not such a file.
    """
    try:
        with path.open("rb") as stream:
            table = pq.read_table(stream, columns=["run"])
        runs, work = table["run"].to_pylist(), json.loads((table.schema.metadata or {})[_KEY])
        if not (isinstance(work, dict) and all(type(run) is str for run in runs)):
            raise ValueError("its values are of another type")
    except Exception:  # a damaged file fails in ways of its own
        raise UserError(
            f"status: {path} is not a plan of a sweep; delete it, and sweep again to rewrite it."
        ) from None
    return PlanFile(path, tuple(runs), work)


def read_plans(out: Path) -> Sequence[PlanFile]:
    """Read all plans of a folder of results, oldest first.

    Raises:
        UserError: a file among them that is not a plan.
    """
    paths = [path for path in (out / FOLDER).glob("*.parquet") if path.name[0] != "."]
    return [read_sweep_file(path) for path in sorted(paths, key=lambda path: path.stat().st_mtime)]

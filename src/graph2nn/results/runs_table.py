"""Tables of all finished runs and of their epochs, from run folders and from packed results alike.

The rows of runs seen before are kept in a file next to the folders, so that collecting reads only what is new.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from graph2nn.errors import UserError
from graph2nn.files import replacing
from graph2nn.results.arms import with_arms
from graph2nn.results.config import RunConfig
from graph2nn.training.loop import Epoch

#: Columns of the table of runs, in order.
COLUMNS = (
    "run", "experiment", "preset", "model", "data",
    "kind", "graph", "null_of", "n", "sparsity", "p", "graph_seed", "clustering", "path_length",
    "reachable", "directed", "widths", "macs", "params", "target_macs", "match", "seed", "epochs", "status",
    "test_error", "test_error_top5", "test_loss", "train_error", "train_loss", "seconds",
    "score", "score_name", "score_unit", "validation_error", "balanced_error", "r2",
    "threads", "device", "acceleration", "torch", "finished", "recipe", "plan", "arm",
)  # fmt: skip
_NUMBERS = (
    "n", "sparsity", "p", "graph_seed", "clustering", "path_length", "reachable",
    "test_error", "test_error_top5", "test_loss", "train_error", "train_loss", "seconds",
    "score", "validation_error", "balanced_error", "r2",
)  # fmt: skip

#: What was read before, so that it need not be read again.
_SEEN = ".seen.parquet"
#: This many runs are parsed at once: their lines together stay far below memory.
_TOGETHER = 1000


def read_runs(out: Path) -> pd.DataFrame:
    """Make the table of all finished runs, one row per run; see ``COLUMNS``.

    Raises:
        UserError: no finished run, or a run folder or packed file that someone has damaged.

    Example:
        >>> from graph2nn.data import load_dataset
        >>> from graph2nn.experiments import plan, preset, select
        >>> from graph2nn.experiments.launchers import launch
        >>> data, digits = load_dataset("digits"), preset("mlp-digits")
        >>> settings = ["recipe.epochs=1"]
        >>> configs = plan(digits, select(digits, ["baseline"]), [1, 2], data=data.label, settings=settings)
        >>> outcome = launch(configs, data, Path("two-runs"))
        >>> read_runs(Path("two-runs"))[["graph", "seed"]].values.tolist()
        [['baseline', 1], ['baseline', 2]]
    """
    return _table(out, _results(out))


def write_table(out: Path) -> Path:
    """Write the table of all finished runs to ``out/runs.parquet`` and return its path.

    Raises:
        UserError: as :func:`read_runs`; ``out`` cannot be written to.

    Example:
        >>> from graph2nn.data import load_dataset
        >>> from graph2nn.experiments import plan, preset, select
        >>> from graph2nn.experiments.launchers import launch
        >>> data, digits = load_dataset("digits"), preset("mlp-digits")
        >>> settings = ["recipe.epochs=1"]
        >>> configs = plan(digits, select(digits, ["baseline"]), [1, 2], data=data.label, settings=settings)
        >>> outcome = launch(configs, data, Path("two-runs"))
        >>> write_table(Path("two-runs")).name
        'runs.parquet'
    """
    results = _results(out)
    table = _table(out, results)
    path = out / "runs.parquet"
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
    with replacing(out / _SEEN) as temporary:
        pd.DataFrame(results, columns=list(_Result._fields)).to_parquet(temporary, index=False)
    return path


def read_curves(out: Path) -> pd.DataFrame:
    """Read the metrics of all finished runs: a row per run and epoch, with the columns of ``Epoch``.

    Example:
        >>> from graph2nn.data import load_dataset
        >>> from graph2nn.experiments import plan, preset, select
        >>> from graph2nn.experiments.launchers import launch
        >>> data, digits = load_dataset("digits"), preset("mlp-digits")
        >>> settings = ["recipe.epochs=1"]
        >>> configs = plan(digits, select(digits, ["baseline"]), [1, 2], data=data.label, settings=settings)
        >>> outcome = launch(configs, data, Path("two-runs"))
        >>> len(read_curves(Path("two-runs")))
        2
    """
    names = _names(out / "runs")
    packed = packed_curves(out)
    frames = [packed[~packed["run"].isin(names)]] if len(packed) else []
    frames += [
        frame
        for first in range(0, len(names), _TOGETHER)
        for frame in _curves(out / "runs", names[first : first + _TOGETHER])
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def read_config(out: Path, run: str) -> RunConfig:
    """Read the config of a finished run by its name."""
    packed = packed_runs(out)
    if len(packed) and not (out / "runs" / run).exists():
        texts = packed.loc[packed["run"] == run, CONFIG]
        if len(texts):
            return RunConfig.model_validate_json(texts.iloc[0])
    return RunConfig.from_yaml((out / "runs" / run / "config.yaml").read_text(encoding="utf-8"))


class _Result(NamedTuple):
    """The text of a ``result.json``, and what tells whether the file is still the one it was read from."""

    run: str
    modified: int
    size: int
    text: str


def _results(out: Path) -> list[_Result]:
    """Results of all finished runs, by name; only files not read before are opened."""
    before = _before(out / _SEEN)
    found = []
    for run in _names(out / "runs"):
        file = out / "runs" / run / "result.json"
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        seen = before.get(run)
        if seen is None or (seen.modified, seen.size) != (stat.st_mtime_ns, stat.st_size):
            seen = _Result(run, stat.st_mtime_ns, stat.st_size, file.read_text(encoding="utf-8"))
        found.append(seen)
    return found


def _before(file: Path) -> dict[str, _Result]:
    if not file.exists():
        return {}
    try:
        rows = pq.read_table(file, columns=list(_Result._fields)).to_pylist()
    except (pa.ArrowException, OSError):
        return {}  # damaged, or of another version: the folders have it all
    return {row["run"]: _Result(**row) for row in rows}


def _table(out: Path, results: Sequence[_Result]) -> pd.DataFrame:
    packed = packed_runs(out)
    if not results and packed.empty:
        raise UserError(
            f"results: no finished run in {out / 'runs'}. Train some first, or name another folder."
        )
    rows = []
    for result in results:
        try:
            rows.append({"run": result.run, **json.loads(result.text)})
        except (ValueError, TypeError):
            file = out / "runs" / result.run / "result.json"
            raise UserError(
                f"results: {file} is not valid JSON; delete its folder and repeat the run."
            ) from None
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    if len(packed):
        others = packed[~packed["run"].isin([result.run for result in results])]
        table = pd.concat([table, others], ignore_index=True) if len(table) else others.reset_index(drop=True)
        table = table.reindex(columns=list(COLUMNS)).sort_values("run", kind="stable", ignore_index=True)
    table = with_arms(table, out)
    # A column of nulls only, such as p when all runs are baselines, would otherwise hold objects.
    table[list(_NUMBERS)] = table[list(_NUMBERS)].apply(pd.to_numeric)
    return table


def _curves(runs: Path, names: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Parse the metrics of some runs at once; those of another version, with other columns, apart."""
    kinds: dict[bytes, dict[str, list[bytes]]] = {}
    for name in names:
        try:
            head, *lines = (runs / name / "metrics.csv").read_bytes().splitlines()
        except (FileNotFoundError, ValueError):
            continue
        kinds.setdefault(head, {})[name] = lines
    # Numbers are floats even where all those of some runs are missing.
    floats = {column.name: pa.float64() for column in fields(Epoch) if str(column.type).startswith("float")}
    for head, files in kinds.items():
        text = b"\n".join([head, *(line for lines in files.values() for line in lines), b""])
        options = csv.ConvertOptions(column_types=floats)
        frame = csv.read_csv(io.BytesIO(text), convert_options=options).to_pandas()
        run = [name for name, lines in files.items() for _ in lines]
        yield frame.assign(run=run)


def _names(folder: Path) -> list[str]:
    """Names of the finished runs. What begins with a dot is not ours: some systems leave such files about."""
    return sorted(entry.name for entry in os.scandir(folder) if entry.name[0] != ".") if folder.is_dir() else []


FOLDER = "packed"
RUNS, CURVES, CONFIG = "runs.parquet", "curves.parquet", "config"
#: What a packed table cannot do without.
_NEEDED = {RUNS: ("run", "test_error", CONFIG), CURVES: ("run", "epoch", "test_error")}


def packed_runs(out: Path) -> pd.DataFrame:
    """Return the packed runs of a folder of results, a row each, with their ``config``; empty if none.

    Raises:
        UserError: a damaged file.
    """
    return _read(out / FOLDER / RUNS)


def packed_curves(out: Path) -> pd.DataFrame:
    """Return the packed learning curves of a folder of results, one row per run and epoch.

    Raises:
        UserError: a damaged file, or none next to packed runs.
    """
    if packed_runs(out).empty:
        return pd.DataFrame()
    if not (file := out / FOLDER / CURVES).is_file():
        raise UserError(f"results: {file} is missing, which lies next to {RUNS}; restore both, or neither.")
    return _read(file)


def packed_names(out: Path) -> frozenset[str]:
    """Names of the packed runs of a folder of results."""
    table = packed_runs(out)
    return frozenset(() if table.empty else table["run"])


def _read(file: Path) -> pd.DataFrame:
    try:
        stat = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return pd.DataFrame()
    return _read_as(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read_as(file: Path, _modified: int, _size: int) -> pd.DataFrame:
    try:
        table = pd.read_parquet(file)
    except (pa.ArrowException, OSError, ValueError):
        raise UserError(f"results: {file} is damaged; restore it, or pack the runs again.") from None
    missing = [name for name in _NEEDED[file.name] if name not in table]
    if missing:
        raise UserError(f"results: {file} has no column {missing[0]!r}; graph2nn pack writes such files.")
    return table


def write_curves(out: Path) -> Path:
    """Bring ``out/curves.parquet`` up to date and return its path: a row per run and epoch.

    Only the metrics of runs that are not in it yet are read. The columns are those of ``Epoch``, and ``run``.
    """
    path = out / "curves.parquet"
    known = pd.read_parquet(path) if path.is_file() else pd.DataFrame({"run": []})
    there = {file.parent.name: file for file in sorted((out / "runs").glob("*/metrics.csv"))}
    old = known[known["run"].isin(list(there))]
    missing = sorted(there.keys() - set(old["run"]))
    new = [pd.read_csv(there[run]).assign(run=run) for run in missing]
    table = pd.concat([*([old] if len(old) else []), *new], ignore_index=True) if len(old) or new else known
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
    return path

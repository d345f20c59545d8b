"""Tables of all finished runs and of their epochs, from run folders and from packed results alike.

The rows of runs seen before are kept in a file next to the folders, so that collecting reads only what is new.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from graph2nn.errors import Graph2nnWarning, UserError, cut, shown
from graph2nn.files import read_parquet, replacing, subfolders, why_not, write_parquet
from graph2nn.results.arm_table import with_arms
from graph2nn.results.config import RunConfig
from graph2nn.training.loop import Epoch

#: Columns of the table of runs, in order.
COLUMNS = (
    "run", "experiment", "preset", "model", "data",
    "kind", "graph", "null_of", "n", "sparsity", "p", "graph_seed", "clustering", "path_length",
    "reachable", "directed", "widths", "macs", "params", "target_macs", "match", "seed", "epochs", "status",
    "test_error", "test_error_top5", "test_loss", "train_error", "train_loss", "seconds",
    "score", "score_name", "score_unit", "chance", "validation_error", "balanced_error", "r2",
    "perplexity", "bleu", "chrf",
    "threads", "device", "acceleration", "torch", "finished", "recipe", "plan", "arm",
)  # fmt: skip
_NUMBERS = (
    "n", "sparsity", "p", "graph_seed", "clustering", "path_length", "reachable",
    "test_error", "test_error_top5", "test_loss", "train_error", "train_loss", "seconds",
    "score", "chance", "validation_error", "balanced_error", "r2", "perplexity", "bleu", "chrf",
)  # fmt: skip
_WORDS = (
    "experiment", "preset", "model", "data", "kind", "graph", "null_of", "widths", "match", "status",
    "score_name", "score_unit", "device", "acceleration", "torch", "finished", "recipe", "plan", "arm",
)  # fmt: skip

#: What was read before, so that it need not be read again.
_SEEN = ".seen.parquet"
#: This many runs are parsed at once: their lines together stay far below memory.
_TOGETHER = 1000


def read_runs(out: Path) -> pd.DataFrame:
    """Make the table of all finished runs, one row per run; see ``COLUMNS``.

    Raises:
        UserError: no finished run, or a run folder or packed file that is damaged; the line names the file.

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
        write_parquet(table, temporary)
    with replacing(out / _SEEN) as temporary:
        write_parquet(pd.DataFrame(results, columns=list(_Result._fields)), temporary)
    return path


def read_curves(out: Path, *, leave_out: Collection[str] = ()) -> pd.DataFrame:
    """Read the metrics of all finished runs: a row per run and epoch, with the columns of ``Epoch``.

    Args:
        out: folder of results.
        leave_out: names of runs that are not read.

    Returns:
        The table; empty if no run has metrics.

    Raises:
        UserError: damaged metrics; the line names the file.

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
    names = [name for name in sorted(subfolders(out / "runs")) if name not in leave_out]
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
    results = []
    for run in sorted(subfolders(out / "runs")):
        file = out / "runs" / run / "result.json"
        try:
            stat = file.stat()
            seen = before.get(run)
            if seen is None or (seen.modified, seen.size) != (stat.st_mtime_ns, stat.st_size):
                text = file.read_text(encoding="utf-8")
                seen = _Result(run, stat.st_mtime_ns, stat.st_size, text)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise damaged(file, error) from None
        results.append(seen)
    return results


def _before(file: Path) -> dict[str, _Result]:
    if not file.exists():
        return {}
    try:
        with file.open("rb") as stream:
            rows = pq.read_table(stream, columns=list(_Result._fields)).to_pylist()
    except Exception:  # damaged, or of another version: the folders have it all
        return {}
    return {row["run"]: _Result(**row) for row in rows if isinstance(row["text"], str)}


def _table(out: Path, results: Sequence[_Result]) -> pd.DataFrame:
    packed = packed_runs(out)
    if not results and packed.empty:
        raise UserError(
            f"results: no finished run in {out / 'runs'}. Train some first, or name another folder."
        )
    rows = _without_copies([_row(out, result) for result in results])
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    if len(packed):
        others = packed[~packed["run"].isin([result.run for result in results])]
        table = pd.concat([table, others], ignore_index=True) if len(table) else others.reset_index(drop=True)
        table = table.reindex(columns=list(COLUMNS)).sort_values("run", kind="stable", ignore_index=True)
    table = with_arms(table, out)
    # A column of nulls only, such as p when all runs are baselines, would otherwise hold objects.
    table[list(_NUMBERS)] = table[list(_NUMBERS)].apply(pd.to_numeric)
    return table


def damaged(file: Path, why: object) -> UserError:
    """Build the error for a file of a run that cannot be used."""
    reason = why_not(why) if isinstance(why, BaseException) else str(why)
    return UserError(
        f"results: {file} is missing or damaged ({cut(reason, 200)}); delete its folder and repeat the run."
    )


def _row(out: Path, result: _Result) -> dict[str, Any]:
    """Return the row that a ``result.json`` holds.

    Raises:
        UserError: not a JSON object, or something other than a number or text where the table has such.
    """
    file = out / "runs" / result.run / "result.json"
    try:
        row = json.loads(result.text)
    except (ValueError, RecursionError):
        raise UserError(f"results: {file} is not valid JSON; delete its folder and repeat the run.") from None
    if not isinstance(row, dict):
        raise damaged(file, "not a JSON object")
    for name in _MEASURED:
        if not isinstance(row.get(name), int | float | None) or isinstance(row.get(name), bool):
            raise damaged(file, f"{name} = {shown(row[name])} is not a number")
    for name in _WORDS:
        if not isinstance(row.get(name), str | None):
            raise damaged(file, f"{name} = {shown(row[name])} is not text")
    for name, value in row.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise damaged(file, f"{cut(str(name), 60)} = {shown(value)} is out of range")
        if isinstance(value, list | dict):
            raise damaged(file, f"{cut(str(name), 60)} = {shown(value)} is not a word or a number")
    return {**row, "run": result.run}


def _without_copies(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out copies of run folders that lie next to the original under another name, with a warning."""
    by_name = {row["run"]: row for row in rows}
    copies = {
        name
        for name, row in by_name.items()
        for original in originals(name, by_name)
        if all(row.get(key) == by_name[original].get(key) for key in ("experiment", "graph", "seed"))
    }
    if copies:
        names = cut(", ".join(sorted(copies)), 200)
        warnings.warn(
            f"results: {len(copies)} folders in runs are copies of other runs and were left out: {names}.",
            Graph2nnWarning,
            stacklevel=2,
        )
    return [row for row in rows if row["run"] not in copies]


def originals(name: str, names: Container[str]) -> list[str]:
    """Names of runs that a folder's name contains, such as ``x_s1_0123abcd`` in ``x_s1_0123abcd copy``."""
    if (end := _RUN_NAME.search(name)) is None:
        return []
    stem = name[: end.end()]
    return [stem[i:] for i in range(len(stem)) if stem[i:] != name and stem[i:] in names]


_RUN_NAME = re.compile(r"_s\d+_[0-9a-f]{8}")
#: What is a number or missing in every result.
_MEASURED = ("clustering", "path_length", "macs", "params", "seed", "epochs", *_NUMBERS)


def _curves(runs: Path, names: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Parse the metrics of some runs at once; those of another version, with other columns, apart."""
    kinds: dict[bytes, dict[str, list[bytes]]] = {}
    for name in names:
        try:
            head, *lines = (runs / name / "metrics.csv").read_bytes().splitlines()
        except (FileNotFoundError, ValueError):
            continue
        except OSError as error:
            raise damaged(runs / name / "metrics.csv", error) from None
        kinds.setdefault(head, {})[name] = lines
    # Numbers are floats even where all those of some runs are missing.
    floats = {column.name: pa.float64() for column in fields(Epoch) if str(column.type).startswith("float")}
    for head, files in kinds.items():
        text = b"\n".join([head, *(line for lines in files.values() for line in lines), b""])
        options = csv.ConvertOptions(column_types=floats)
        run = [name for name, lines in files.items() for _ in lines]
        try:
            frame = csv.read_csv(io.BytesIO(text), convert_options=options).to_pandas().assign(run=run)
            why = complaint_of_metrics(frame)
        except (pa.ArrowException, ValueError) as error:
            why = str(error)
        if why is not None:
            # One bad file among thousands spoils the reading of all, which does not say which it was.
            for name in files:
                check_metrics(runs / name / "metrics.csv")
            raise damaged(runs / next(iter(files)) / "metrics.csv", why)
        yield frame


def check_metrics(file: Path) -> None:
    """Check the metrics of one finished run: at least one epoch, and numbers in the columns that all have.

    Raises:
        UserError: they are missing or damaged.
    """
    try:
        frame = pd.read_csv(file)
        why = complaint_of_metrics(frame) if len(frame) else "it has no epoch"
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise damaged(file, error) from None
    if why is not None:
        raise damaged(file, why)


def complaint_of_metrics(frame: pd.DataFrame) -> str | None:
    """Return what is wrong with a table of epochs, or None."""
    for name in ("epoch", "test_error", "train_error", "train_loss"):
        if name not in frame or not _is_numeric(frame[name]):
            return f"no numbers in a column {name}"
    return None if not frame["epoch"].isna().any() else "an epoch without a number"


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
    curves = _read(file)
    # Packing writes curves first: one that was killed in between leaves those of runs that it did not add.
    there = curves["run"].isin(packed_names(out))
    return curves if there.all() else curves[there].reset_index(drop=True)


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
        table = read_parquet(file)
    except Exception:  # a damaged file fails in ways of its own, some of them far inside a library
        raise UserError(f"results: {file} is damaged; restore it, or pack the runs again.") from None
    missing = [name for name in _NEEDED[file.name] if name not in table]
    if missing:
        raise UserError(f"results: {file} has no column {missing[0]!r}; graph2nn pack writes such files.")
    texts = ["run", CONFIG] if CONFIG in table else ["run"]
    numbers = [name for name in (*_MEASURED, "epoch") if name in table]
    plain = all(type(value) is str for name in texts for value in table[name])
    if not plain or not all(_is_numeric(table[name]) for name in numbers):
        raise UserError(f"results: {file} is damaged (values of another type); restore it, or pack again.")
    return table


def _is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, or nothing at all."""
    return pd.api.types.is_numeric_dtype(column) or bool(column.isna().all())


def write_curves(out: Path) -> Path:
    """Bring ``out/curves.parquet`` up to date and return its path: a row per run and epoch.

    Only the metrics of runs that are not in it yet are read. The columns are those of ``Epoch``, and ``run``.
    """
    path = out / "curves.parquet"
    curves = read_parquet(path) if path.is_file() else pd.DataFrame({"run": []})
    there = {file.parent.name: file for file in sorted((out / "runs").glob("*/metrics.csv"))}
    old = curves[curves["run"].isin(list(there))]
    missing = sorted(there.keys() - set(old["run"]))
    new = [pd.read_csv(there[run]).assign(run=run) for run in missing]
    table = pd.concat([*([old] if len(old) else []), *new], ignore_index=True) if len(old) or new else curves
    with replacing(path) as temporary:
        write_parquet(table, temporary)
    return path

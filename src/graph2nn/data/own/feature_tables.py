"""Tables of features: numbers as they are, text as one column per value, and what is refused by name."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import pandas as pd
import torch

from graph2nn.data.dataset import Dataset, TaskName
from graph2nn.data.own.from_arrays import assemble, dataset_of_arrays
from graph2nn.data.own.precision import as_floats, refuse_masked
from graph2nn.data.own.splits import check_share, refuse_shares
from graph2nn.data.own.targets import read_targets
from graph2nn.errors import UserError, shown, unknown
from graph2nn.files import read_parquet

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
#: What stands for a missing value in a text file. "None" does not: it may be the name of a class.
_MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "<NA>"]
#: Words of a column that names splits.
_SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_SPLITS |= dict.fromkeys(("val", "valid", "validation", "dev"), "validation")


def read_frame(file: Path) -> pd.DataFrame:
    """Read a table from CSV, TSV or Parquet.

    Raises:
        UserError: the file cannot be read, has no rows, or two columns of one name.
    """
    import pyarrow as pa

    try:
        names = None
        if file.suffix in (".parquet", ".pq"):
            table = read_parquet(file)
        else:
            separator, names = _head(file)
            table = pd.read_csv(
                file, sep=separator, encoding="utf-8-sig", na_values=_MISSING, keep_default_na=False,
                low_memory=False, skipinitialspace=True,
            )  # fmt: skip
    except (csv.Error, pa.ArrowException, ValueError, OSError) as error:  # pandas' errors are ValueErrors
        line = " ".join(str(error).split())
        raise UserError(f"data: {file} is not a readable table ({line[:120]}).") from None
    if table.empty:
        raise UserError(f"data: {file} has no rows.")
    table.columns = [str(column).strip() for column in table.columns]
    # pandas gives columns of one name, and those without one, names of its own.
    counts = Counter(list(table.columns) if names is None else names)
    if doubled := [name for name, count in counts.items() if name and count > 1]:
        raise UserError(f"data: {file} has two columns named {doubled[0]!r}; rename one.")
    if counts[""]:
        raise UserError(
            f"data: {file} has a column without a name, as row numbers have; name it in the first line, or "
            "delete it."
        )
    return table


def _head(file: Path) -> tuple[str, list[str]]:
    """The separator of a text file, and the names of its columns, by its first line."""
    # Lines may end in \n, \r\n or, of old Macs, \r, as pandas reads them, too.
    with (
        file.open("rb") as raw,
        gzip.open(raw) if file.suffix == ".gz" else raw as stream,
        TextIOWrapper(cast(BinaryIO, stream), encoding="utf-8-sig") as text,
    ):
        head = text.readline()
    if not head.strip():
        raise pd.errors.EmptyDataError("the first line is empty")
    try:
        separator = csv.Sniffer().sniff(head, delimiters=",;\t|").delimiter
    except csv.Error:  # a single column
        separator = ","
    if head.count('"') % 2:  # a name goes on in the next line
        return separator, []
    names = next(csv.reader([head.strip("\r\n")], delimiter=separator, skipinitialspace=True))
    return separator, [name.strip() for name in names]


def dataset_of_table(
    tables: Mapping[str, pd.DataFrame],
    target: str | Sequence[str],
    *,
    test: float,
    validation: float,
    task: TaskName | None,
    name: str,
    seed: int,
    split: str | None,
    missing: Literal["refuse", "impute"],
    drop: Sequence[str],
    most_values: int,
    notes: Sequence[str] = (),
) -> Dataset:
    """Make a data set of one table, or of one per split; see :meth:`graph2nn.Dataset.from_table`.

    Args:
        tables: by split; ``"train"`` alone where the splits are to be drawn.
        target, test, validation, task, name, seed, split, missing, drop, most_values: as there.
        notes: what was left out already.

    Returns:
        The data set.

    Raises:
        UserError: as there.
    """
    targets = [target] if isinstance(target, str) else list(target)
    first = tables["train"]
    if not targets:
        raise UserError("data: name the column with the target, --target COLUMN (target= in Python).")
    for option, columns in (("target", targets), ("split", [split] if split else []), ("drop", drop)):
        for column in columns:
            if column not in first.columns:
                raise unknown(f"data: {option} column", column, first.columns)
    if split:
        if len(tables) > 1:
            raise UserError(
                "data: --split-column is for one table, and these are several files; leave it out "
                "(split= in Python)."
            )
        tables = _by_column(first, split)
    refuse_shares(tables, test=test, validation=validation, seed=seed)
    left_out = [*targets, *drop, *([split] if split else [])]
    for part, table in tables.items():
        if set(table.columns) != set(first.columns):
            odd = sorted(set(table.columns) ^ set(first.columns))
            raise UserError(f"data: the columns of {part} and train differ ({', '.join(odd[:3])}).")
    frames = {
        part: (table[first.columns].drop(columns=left_out), table[targets[0] if len(targets) == 1 else targets])
        for part, table in tables.items()
    }
    said = [*notes, *([f"left out on request: {', '.join(drop)}."] if drop else [])]
    return dataset_of_frame(
        frames, (test, validation), task=task, name=name, seed=seed, targets=targets, missing=missing,
        most_values=most_values, notes=said,
    )  # fmt: skip


def _by_column(table: pd.DataFrame, split: str) -> dict[str, pd.DataFrame]:
    words = table[split].astype(str).str.strip().str.lower()
    odd = sorted(set(words) - set(_SPLITS))
    if odd:
        raise UserError(f"data: the split column {split!r} has {odd[0]!r}; expected train, test or validation.")
    parts = words.map(_SPLITS)
    parts_of = {part: table[parts == part].reset_index(drop=True) for part in ("train", "validation", "test")}
    if parts_of["train"].empty or parts_of["test"].empty:
        raise UserError(f"data: the split column {split!r} names no rows of train, or none of test.")
    return {part: rows for part, rows in parts_of.items() if len(rows)}


def dataset_of_frame(
    frames: Mapping[str, tuple[pd.DataFrame, Any]],
    shares: Sequence[float],
    *,
    task: TaskName | None = None,
    name: str | None = None,
    seed: int = 0,
    targets: Sequence[str] = (),
    missing: Literal["refuse", "impute"] = "refuse",
    most_values: int = 20,
    notes: Sequence[str] = (),
) -> Dataset:
    """Make a data set of the features and the targets of each split.

    Args:
        frames: features and targets by split, ``"train"`` at least.
        shares: of the test and of the validation part, where they are to be drawn.
        task, name, seed, targets, missing, most_values: see :meth:`graph2nn.Dataset.from_table`.
        notes: what was left out already.

    Returns:
        The data set.

    Raises:
        UserError: as there.
    """
    if missing not in ("refuse", "impute"):
        raise unknown("data: missing", missing, ("refuse", "impute"))
    lengths = [len(frame) for frame, _ in frames.values()]
    whole = pd.concat([frame for frame, _ in frames.values()], ignore_index=True)
    if not len(whole.columns):
        raise UserError("data: no column is left next to the target; there is nothing to learn from.")
    for part, (_, y) in frames.items():
        refuse_masked(y, f"the target of {part}")
    read = read_targets({part: np.asarray(y) for part, (_, y) in frames.items()}, task=task, names=targets)
    said = list(notes)
    encoded = [_encode(whole[column], missing, most_values, said) for column in whole.columns]
    table = pd.concat(encoded, axis=1)
    values = torch.from_numpy(np.ascontiguousarray(table.to_numpy(np.float64)))
    rows = dict(zip(frames, torch.split(values, lengths), strict=True))
    drawn = dict(zip(("test", "validation"), shares, strict=True))
    return assemble(
        {part: (x, read.values[part]) for part, x in rows.items()},
        read,
        {part: check_share(part, share) for part, share in drawn.items()},
        name=name or "table",
        seed=seed,
        features=list(table.columns),
        notes=said,
    )


def _encode(column: pd.Series, missing: str, most_values: int, notes: list[str]) -> pd.DataFrame:
    """Return the columns of numbers that one column of a table becomes."""
    name = str(column.name)
    kind = column.dtype
    if pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        raise UserError(f"data: the column {name!r} holds dates; turn it into numbers, or --drop {name}.")
    if pd.api.types.is_object_dtype(kind):  # Parquet may hold lists, structures and maps
        odd = next((cell for cell in column if isinstance(cell, np.ndarray | list | tuple | dict | set)), None)
        if odd is not None:
            raise UserError(
                f"data: the column {name!r} holds several values per row ({shown(odd)}); give each a column of "
                f"its own, or --drop {name}."
            )
    count = int(column.isna().sum())
    if count and missing == "refuse":
        raise UserError(
            f"data: the column {name!r} lacks a value in {count} of {len(column)} rows (the first is row "
            f"{int(column.isna().to_numpy().argmax())}); fill them in, --impute them, or --drop {name}."
        )
    if column.dropna().nunique() < 2:
        raise UserError(
            f"data: the column {name!r} has one value in all rows; leave it out with --drop {name}."
        )
    if pd.api.types.is_numeric_dtype(kind):
        _check_numbers(column)
        return _numbers(column.astype(np.float64), count, notes).to_frame()
    return _one_hot(column, most_values, notes)


def _check_numbers(column: pd.Series) -> None:
    """Refuse a column with an infinite value, or with values that networks cannot take or tell apart."""
    present, name = column.dropna(), str(column.name)
    values = present.to_numpy()
    if values.dtype == object:
        values = present.to_numpy(np.float64)
    if values.dtype.kind == "f" and (infinite := np.isinf(column.to_numpy(np.float64, na_value=np.nan))).any():
        raise UserError(
            f"data: the column {name!r} is infinite in row {int(infinite.argmax())}; correct the value, or "
            f"--drop {name}."
        )
    as_floats(values, f"the column {name!r}", f", or --drop {name}")


def _numbers(column: pd.Series, missing: int, notes: list[str]) -> pd.Series:
    if not missing:
        return column
    notes.append(f"{missing} missing values of {str(column.name)!r} became its mean.")
    return column.fillna(column.mean())


def _one_hot(column: pd.Series, most_values: int, notes: list[str]) -> pd.DataFrame:
    name = str(column.name)
    text = column.astype(object).where(column.notna(), "missing").map(str)
    numeric = pd.to_numeric(column, errors="coerce").notna().sum()
    if numeric > column.notna().sum() / 2 and not isinstance(column.dtype, pd.CategoricalDtype):
        odd = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        if len(odd):
            raise UserError(
                f"data: the column {name!r} mixes numbers with text (row {odd.index[0]}: {odd.iloc[0]!r}); "
                f"leave such cells empty and --impute them, or --drop {name}."
            )
    values = sorted(set(text))
    if len(values) > most_values:
        raise UserError(
            f"data: the column {name!r} is text with {len(values)} different values, more than {most_values}; "
            f"leave it out with --drop {name}, or raise --most-values."
        )
    notes.append(f"text column {name!r} became {len(values)} columns, one per value.")
    columns = {f"{name}={value}": (text == value).to_numpy(np.float64) for value in values}
    return pd.DataFrame(columns, index=column.index)


def dataset_of_samples(
    x: Any,
    y: Any,
    *,
    test: float | tuple[Any, Any],
    validation: float | tuple[Any, Any],
    task: TaskName | None = None,
    name: str | None = None,
    seed: int = 0,
    features: Sequence[str] = (),
    targets: Sequence[str] = (),
) -> Dataset:
    """Make a data set of arrays or of data frames, whose columns may be text.

    Args:
        x, y, test, validation, task, name, seed, features, targets: see
            :meth:`graph2nn.Dataset.from_arrays`.

    Returns:
        The data set.

    Raises:
        UserError: as there.
    """
    if not isinstance(x, pd.DataFrame):
        return dataset_of_arrays(
            x, y, test=test, validation=validation, task=task, name=name, seed=seed, features=features,
            targets=targets,
        )  # fmt: skip
    given = {"test": test, "validation": validation}
    frames = {"train": (x, y), **{part: held for part, held in given.items() if isinstance(held, tuple)}}
    shares = [0.0 if isinstance(share, tuple) else share for share in given.values()]
    return dataset_of_frame(frames, shares, task=task, name=name, seed=seed, targets=targets)

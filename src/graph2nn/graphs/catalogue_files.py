"""Files of catalogues and sweeps: read whole, checked row by row, and written whole or not at all."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING

import numpy as np

from graph2nn.errors import UserError, cut, shown
from graph2nn.files import read_parquet, refuse_special, replacing, why_not, write_parquet

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["n", "sparsity", "p", "seed", "clustering", "path_length"]
#: Edges of the largest graph of a row; drawing one of more takes longer than a user waits for a row.
_MOST_EDGES = 2_000_000
_ENDINGS = (".parquet", ".csv", ".npy")


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows of a catalogue or sweep, ``COLUMNS`` in their order, every value checked.

    Args:
        path: ``.parquet`` or ``.csv`` as the commands write them, ``.npy`` as the published code does.

    Raises:
        UserError: a file that cannot be read, lacks a column, or has a row that describes no WS-flex graph.
    """
    if path.suffix not in _ENDINGS:
        raise UserError(f"catalogue: {path} ends in {path.suffix!r}; expected {', '.join(_ENDINGS)}.")
    refuse_special(path, "catalogue")
    if path.suffix == ".npy" and not holds_catalogue(path):
        raise UserError(f"catalogue: {path} is not an array of six columns; expected {', '.join(COLUMNS)}.")
    try:
        frame = _parsed(path)
    except UserError:
        raise
    except Exception as error:  # parsers meet garbage in ways of their own; the user needs one line
        raise UserError(f"catalogue: {path} cannot be read ({cut(why_not(error), 160)}).") from None
    absent = [column for column in COLUMNS if column not in frame]
    if absent:
        raise UserError(f"catalogue: {path} has no column {absent[0]!r}; expected {', '.join(COLUMNS)}.")
    _refuse_twice(path, list(frame.columns))
    if frame.empty:
        raise UserError(f"catalogue: {path} has no rows.")
    return _checked(frame[COLUMNS], path)


def _refuse_twice(path: Path, names: list[str]) -> None:
    if twice := [column for column in COLUMNS if names.count(column) > 1]:
        raise UserError(f"catalogue: {path} has two columns {twice[0]!r}; keep one of them.")


def _parsed(path: Path) -> pd.DataFrame:
    import pandas as pd

    if path.suffix == ".npy":
        return pd.DataFrame(np.load(path, allow_pickle=False), columns=COLUMNS)
    if path.suffix != ".csv":
        return read_parquet(path)
    # Newer pandas renames the second of two columns.
    with path.open(encoding="utf-8", newline="") as stream:
        names = next(csv.reader(stream), [])
    _refuse_twice(path, names)
    # pyarrow reads every number to the last bit; pandas 2 by default does not.
    return pd.read_csv(path, engine="pyarrow")


#: Characters of the longest first line that is looked at.
_HEADER = 4096


def holds_catalogue(path: str | Path) -> bool:
    """Whether a ``.npy`` or ``.csv`` file holds a catalogue rather than a graph.

    One of the published code, ``.npy``, has six columns, of which the first is a number of nodes; a matrix of
    six columns has six rows of zeros and ones. A ``.csv`` has the names of the columns in its first line.
    """
    path = Path(path)
    if path.suffix == ".csv" and path.is_file():
        with suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8") as stream:
            return set(COLUMNS) <= {word.strip().strip('"') for word in stream.readline(_HEADER).split(",")}
    if path.suffix != ".npy" or not path.is_file():
        return False
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, TokenError):  # its reader says what is wrong
        return False
    shaped = rows.ndim == 2 and rows.shape[1] == len(COLUMNS) and rows.shape[0] > 0 and rows.dtype.kind in "iuf"
    return bool(shaped and (rows.shape[0] != len(COLUMNS) or (rows[:, 0] >= 2).all()))


def _checked(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the rows with their numbers as numbers.

    Raises:
        UserError: the first row that is not a graph, or whose C and L are impossible.
    """
    import pandas as pd

    rows = frame.reset_index(drop=True)
    for column in COLUMNS:
        if rows[column].dtype.kind not in "iuf":
            plain = pd.to_numeric(rows[column], errors="coerce").astype(np.float64)
            odd = plain.isna() & ~rows[column].isna()
            if odd.any():
                row = int(odd.to_numpy().argmax())
                raise UserError(
                    f"catalogue: {path}: row {row}: {column} = {shown(rows[column].iloc[row])} is not a number."
                )
            rows[column] = plain
    n, seed = rows["n"], rows["seed"]
    fits = {
        "whole n from 2 on": (n % 1 == 0) & (n >= 2) & (n < 2**31),
        "a whole seed from 0 on": (seed % 1 == 0) & (seed >= 0) & (seed < 2**63),
        "sparsity in [0, 1]": rows["sparsity"].between(0, 1),
        "p in [0, 1]": rows["p"].between(0, 1),
        "C in [0, 1], or missing": rows["clustering"].between(0, 1) | rows["clustering"].isna(),
        "L from 1 on, or missing": (rows["path_length"].between(1, 1e9)) | rows["path_length"].isna(),
        f"at most {_MOST_EDGES:,} edges": n * n * rows["sparsity"] / 2 <= _MOST_EDGES,
    }
    for expected, fit in fits.items():
        if not fit.all():
            row = int((~fit).to_numpy().argmax())
            values = ", ".join(f"{value:g}" for value in rows.iloc[row].astype(np.float64))
            raise UserError(
                f"catalogue: {path}: row {row} ({values}) is not a graph; expected {', '.join(COLUMNS)}, "
                f"with {expected}."
            )
    return rows.astype({"n": np.int64, "seed": np.int64})


def write_catalogue(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a catalogue as .csv, .json or .parquet, floats to their last bit; whole or not at all.

    Raises:
        UserError: another ending, or a place that cannot be written to.
    """
    target = Path(path)
    if target.suffix not in (".parquet", ".csv", ".json"):
        raise UserError(f"catalogue: {target} ends in {target.suffix!r}; expected .csv, .json or .parquet.")
    make_folder(target.parent)
    with replacing(target) as temporary:
        if target.suffix == ".parquet":
            write_parquet(frame, temporary)
        elif target.suffix == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            temporary.write_text(to_json(frame), encoding="utf-8")
    return target


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"catalogue: the folder {folder} cannot be made ({why_not(error)}).") from None


def to_json(frame: pd.DataFrame) -> str:
    """Return a JSON list with one object per graph; pandas' own writer would round the floats.

    Missing numbers become null, as JSON has no other word for them.
    """
    plain = frame.astype(object).where(frame.notna(), None)
    return json.dumps(plain.to_dict(orient="records"), indent=1, allow_nan=False)

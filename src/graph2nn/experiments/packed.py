"""Packed results: the runs of a folder without their folders, in two files small enough for a repository.

``out/packed/runs.parquet`` holds a row a run, as the table of runs has it, and its config as JSON;
``out/packed/curves.parquet`` a row a run and epoch. Whoever reads a folder of results reads both kinds of runs,
and a sweep does neither again. :mod:`graph2nn.results.packing` writes them; weights are not kept.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd
import pyarrow as pa

from graph2nn.errors import UserError

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
    """Return the packed learning curves of a folder of results, a row a run and epoch.

    Raises:
        UserError: a damaged file, or none beside packed runs.
    """
    if packed_runs(out).empty:
        return pd.DataFrame()
    if not (file := out / FOLDER / CURVES).is_file():
        raise UserError(f"results: {file} is missing, which lies beside {RUNS}; restore both, or neither.")
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

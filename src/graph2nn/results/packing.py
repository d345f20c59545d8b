"""Pack finished runs without their folders and weights; :mod:`graph2nn.results.runs_table` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from graph2nn.errors import UserError
from graph2nn.files import replacing
from graph2nn.results.runs_table import (
    COLUMNS,
    CONFIG,
    CURVES,
    FOLDER,
    RUNS,
    packed_curves,
    packed_runs,
    read_config,
    read_curves,
    read_runs,
)


class Packed(NamedTuple):
    """What :func:`pack` wrote: the folder, how many runs it holds, how many are new, and its size in bytes."""

    folder: Path
    runs: int
    new: int
    size: int


def pack(out: Path, into: Path) -> Packed:
    """Pack the finished runs of ``out`` into ``into/packed``, next to those that are packed there already.

    Packing again adds what has finished since; a run that is there stays as it is. ``into`` may be ``out``.

    Raises:
        UserError: no finished run, a damaged one, or ``into`` cannot be written to.
    """
    runs = read_runs(out)
    before, curves_before = packed_runs(into), packed_curves(into)
    known = set() if before.empty else set(before["run"])
    new = runs[~runs["run"].isin(known)]
    configs = [read_config(out, run).model_dump_json(exclude_defaults=True) for run in new["run"]]
    curves = read_curves(out)
    curves = curves[curves["run"].isin(new["run"])] if len(curves) else curves
    folder = into / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"pack: {into} cannot be written to ({error.strerror or error}); name another --out."
        ) from None
    # Runs last: what they name is there then, however this ends.
    _write([curves_before, curves], ["run", "epoch"], folder / CURVES)
    table = _write([before, new.assign(**{CONFIG: configs})], ["seed", "run"], folder / RUNS)
    size = sum((folder / name).stat().st_size for name in (RUNS, CURVES))
    return Packed(folder, len(table), len(new), size)


def _write(tables: list[pd.DataFrame], order: list[str], file: Path) -> pd.DataFrame:
    """Write tables as one; the order does not depend on who finished first, so equal runs give equal files."""
    filled = [table for table in tables if len(table)]
    whole = pd.concat(filled, ignore_index=True) if filled else tables[0]
    whole = whole.sort_values(order, kind="stable", ignore_index=True) if len(whole) else whole
    if file.name == RUNS:
        whole = whole.reindex(columns=[*COLUMNS, CONFIG])
    with replacing(file) as temporary:
        whole.to_parquet(temporary, index=False, compression="zstd")
    return whole

"""Pack finished runs without their folders and weights; :mod:`graph2nn.results.runs_table` reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from graph2nn.errors import UserError
from graph2nn.files import replacing, unwritable_refused, write_parquet
from graph2nn.results.leases import TakenError, hold
from graph2nn.results.run_folder import DAMAGED, runs_without_result
from graph2nn.results.runs_table import (
    COLUMNS,
    CONFIG,
    CURVES,
    FOLDER,
    RUNS,
    check_metrics,
    packed_curves,
    packed_names,
    packed_runs,
    read_config,
    read_curves,
    read_runs,
)

#: Seconds between two looks at a folder that another process is packing into.
POLL = 0.1


class Packed(NamedTuple):
    """What :func:`pack` wrote: the folder, how many runs it holds, how many are new, and its size in bytes.

    ``left_out`` are damaged runs that were left out, as asked.
    """

    folder: Path
    runs: int
    new: int
    size: int
    left_out: tuple[str, ...] = ()


def pack(out: Path, into: Path, *, leave_out_damaged: bool = False) -> Packed:
    """Pack the finished runs of ``out`` into ``into/packed``, next to those that are packed there already.

    Packing again adds what has finished since, and curves that were missing; a run that is there stays as it
    is. Of several that pack into one folder, each waits for the others. Killed anywhere, it can be repeated.

    Args:
        out: folder of results.
        into: folder of packed results; may be ``out``.
        leave_out_damaged: leave damaged runs out and name them, instead of packing nothing.

    Returns:
        What was written.

    Raises:
        UserError: no finished run, a damaged one, or ``into`` cannot be written to.
    """
    runs = read_runs(out)
    folder = into / FOLDER
    with unwritable_refused(into, "pack"):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        before, curves_before = packed_runs(into), packed_curves(into)
        there = packed_names(into)
        bare = there - set(curves_before["run"]) if len(curves_before) else there
        bad = _damaged(out, [run for run in runs["run"] if run not in there], leave_out_damaged)
        new = runs[~runs["run"].isin([*there, *bad])]
        configs = [read_config(out, run).model_dump_json(exclude_defaults=True) for run in new["run"]]
        curves = read_curves(out, leave_out=bad)
        curves = curves[curves["run"].isin([*new["run"], *bare])] if len(curves) else curves
        table = _joined([before, new.assign(**{CONFIG: configs})], ["seed", "run"])
        table = table.reindex(columns=[*COLUMNS, CONFIG])
        # Both are on the disk before one takes its place. Runs last: what they name is there then, however this
        # ends; curves of no run are not read.
        with replacing(folder / RUNS) as runs_file:
            write_parquet(table, runs_file, compression="zstd")
            with replacing(folder / CURVES) as curves_file:
                write_parquet(
                    _joined([curves_before, curves], ["run", "epoch"]), curves_file, compression="zstd"
                )
    size = sum((folder / name).stat().st_size for name in (RUNS, CURVES))
    return Packed(folder, len(table), len(new), size, tuple(bad))


def _damaged(out: Path, names: list[str], leave_out: bool) -> list[str]:
    """Names of the runs to be packed whose config or metrics are missing or damaged.

    Raises:
        UserError: there is one, unless they are to be left out.
    """
    bad = []
    folders = [name for name in names if (out / "runs" / name).is_dir()]
    for name in folders:
        try:
            check_metrics(out / "runs" / name / "metrics.csv")
            _check_config(out, name)
        except UserError as error:
            if not leave_out:
                raise UserError(
                    f"pack: nothing was packed. {error} Or leave damaged runs out: --leave-out-damaged."
                ) from None
            bad.append(name)
    if no_result := runs_without_result(out):
        if not leave_out:
            raise UserError(
                f"pack: nothing was packed. {out / 'runs' / no_result[0]} has no result.json; train it again, "
                f"which keeps the folder in {out / DAMAGED}, or leave damaged runs out: --leave-out-damaged."
            )
        bad += no_result
    return bad


def _check_config(out: Path, name: str) -> None:
    try:
        read_config(out, name)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{out / 'runs' / name / 'config.yaml'} is missing or damaged ({error}); delete its folder and "
            "repeat the run."
        ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else packs into a folder, and keep others out meanwhile."""
    with ExitStack() as stack:
        while True:
            try:
                lease = stack.enter_context(hold(folder, "pack"))
                break
            except TakenError:
                time.sleep(POLL)
        lease.done = True  # nothing is kept of it afterwards
        yield


def _joined(tables: list[pd.DataFrame], order: list[str]) -> pd.DataFrame:
    """Join tables; the order does not depend on who finished first, so equal runs give equal files."""
    filled = [table for table in tables if len(table)]
    whole = pd.concat(filled, ignore_index=True) if filled else tables[0]
    return whole.sort_values(order, kind="stable", ignore_index=True) if len(whole) else whole

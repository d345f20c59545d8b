"""Load a results folder for analysis; report missing or corrupt files by name."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.results.config import RunConfig
from graph2nn.results.run_folder import finished_runs, runs_without_result
from graph2nn.results.runs_table import packed_names, read_config, read_curves, read_runs

#: What every result says; a graph and its place may be missing from nothing but the baseline.
_NAMED = ("experiment", "preset", "model", "data", "kind", "graph", "seed", "epochs")


def runs_of(out: Path) -> pd.DataFrame:
    """Read the table of the finished runs below ``out``; see :func:`graph2nn.results.run_folder.read_runs`.

    Warns of folders without a result, which are left out.

    Raises:
        UserError: not a folder of runs, no finished run, a damaged result.
    """
    _is_folder_of_runs(out)
    table = read_runs(out)
    if lost := runs_without_result(out):
        warnings.warn(
            f"results: {len(lost)} of the folders in {out / 'runs'} hold no result.json and are left out: "
            f"{lost[0]} …; train them again.",
            Graph2nnWarning,
            stacklevel=2,
        )
    lacking = table[list(_NAMED)].isna()
    if lacking.any(axis=None):
        row = int(lacking.any(axis=1).to_numpy().argmax())
        keys = ", ".join(name for name in _NAMED if lacking[name].iloc[row])
        raise _damaged(out / "runs" / str(table["run"].iloc[row]) / "result.json", f"no {keys}")
    return table


def curves_of(out: Path) -> pd.DataFrame:
    """Read every epoch of every finished run; see :func:`graph2nn.results.run_folder.read_curves`.

    Raises:
        UserError: damaged metrics.
    """
    return read_curves(out)


def config_of(out: Path, run: str) -> RunConfig:
    """Read the config of a finished run.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return read_config(out, run)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _damaged(out / "runs" / run / "config.yaml", why) from None


def unfinished(out: Path) -> list[str]:
    """Names of the runs below ``out`` that have started and not ended, or were killed."""
    started = {path.name.partition("@")[0] for path in (out / ".unfinished").glob("[!.]*/")}
    return sorted(started - finished_runs(out))


def _is_folder_of_runs(out: Path) -> None:
    if not out.exists():
        raise UserError(f"analyze: {out} does not exist; name a folder of runs or the published results.")
    if not out.is_dir():
        raise UserError(
            f"analyze: {out} is neither a folder of runs nor an archive (.tar.xz, .tar.gz, .tar) of the "
            "published results."
        )
    if (out / "runs").is_dir() or not any(out.glob("*/result.json")):
        started = unfinished(out)
        if started and not any((out / "runs").glob("*/result.json")) and not packed_names(out):
            raise UserError(
                f"analyze: no finished run in {out / 'runs'}, {len(started)} unfinished; run the command that "
                "trains them again, and it goes on."
            )
        return
    raise UserError(
        f"analyze: {out} holds the runs themselves; name the folder above, {out.absolute().parent}."
    )


def _damaged(file: Path, why: object) -> UserError:
    return UserError(
        f"analyze: {file} is missing or damaged ({' '.join(str(why).split())}); delete its folder and repeat "
        "the run."
    )

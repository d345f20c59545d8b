"""Arms of runs: a small table of which run belongs to which arm of which plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from graph2nn.errors import UserError
from graph2nn.files import read_parquet, replacing, write_parquet

ARMS = "arms.parquet"


def run_arms(out: Path) -> pd.DataFrame:
    """Return the plan and the arm of the runs of a folder: columns run, plan, arm; empty without a plan.

    Raises:
        UserError: a damaged file.
    """
    file = out / ARMS
    if not file.is_file():
        return pd.DataFrame({"run": [], "plan": [], "arm": []}, dtype=object)
    try:
        return read_parquet(file, columns=["run", "plan", "arm"])
    except (pa.ArrowException, OSError, ValueError):
        raise UserError(f"results: {file} is damaged; delete it, and sweep --plan again to write it.") from None


def write_arms(out: Path, plan: str, arms: Mapping[str, str]) -> None:
    """Note in a folder of results which runs belong to which arm of a frozen plan.

    Args:
        out: folder of results.
        plan: hash of the plan.
        arms: names of the arms by run.

    Raises:
        UserError: the folder has another plan, or cannot be written to.
    """
    value = plan[:12]
    others = set(run_arms(out)["plan"]) - {value}
    if others:
        raise UserError(
            f"sweep: {out} has the runs of another plan ({min(others)}, not {value}); name another --out."
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"results: {out} cannot be written to ({error.strerror}); name another --out."
        ) from None
    table = pd.DataFrame({"run": list(arms), "plan": value, "arm": list(arms.values())})
    with replacing(out / ARMS) as temporary:
        write_parquet(table, temporary)


def with_arms(table: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Return a table of runs with its columns plan and arm filled in; what a packed run says of itself stays.

    Raises:
        UserError: as :func:`run_arms`.
    """
    arms = run_arms(out).set_index("run")
    filled = {
        column: table[column].astype(object).where(table[column].notna(), table["run"].map(arms[column]))
        for column in ("plan", "arm")
    }
    # None, not NaN: what a parquet file gives back for text that is missing.
    return table.assign(**{name: values.where(values.notna(), None) for name, values in filled.items()})

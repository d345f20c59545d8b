"""The learning curves of all runs as one parquet file, to which finished runs are added."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graph2nn.files import replacing


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

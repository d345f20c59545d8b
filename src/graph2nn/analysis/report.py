"""A report folder: index.html, the figures, and the numbers for programs."""

from __future__ import annotations

import json
import platform
import shutil
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

import pandas as pd

from graph2nn.analysis import record, words
from graph2nn.analysis.findings import Findings, find
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph

#: Every file a report may hold, so that a later, smaller report leaves none of an earlier one behind.
FIGURES = (
    "map",
    "error_clustering",
    "error_path_length",
    "graphs_best",
    "graphs_worst",
    "ranking",
    "learning_curves",
)
_LIBRARIES = ("graph2nn", "numpy", "pandas", "scipy", "matplotlib", "plotly")


def write_report(
    table: pd.DataFrame,
    out: Path,
    *,
    graphs: Mapping[str, RelationalGraph] | None = None,
    curves: pd.DataFrame | None = None,
    title: str,
    notes: Sequence[str] = (),
    command: str | None = None,
) -> Path:
    """Analyse a results table and write ``index.html``, ``summary.json``, ``graphs.csv`` and the PNGs.

    The page holds everything it shows and never asks the network for anything. Files appear in ``out`` only
    once all are written, ``index.html`` last; other files there are left alone.

    Args:
        table: one row a finished run; columns as in :data:`graph2nn.analysis.table.COLUMNS`.
        out: the folder; made if need be.
        graphs: graphs by label, to be drawn. Labels it misses are not drawn.
        curves: ``run, epoch, train_loss, train_error, test_error``, one row an epoch.
        title: of the page.
        notes: what the reader must know first; shown on top.
        command: the command that made the report, for its footer.

    Returns:
        The path of ``index.html``.

    Raises:
        UserError: a malformed table or curves, no relational graph, or ``out`` is a file.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise UserError(f"report: {out} is a file. Name a folder.")
    found = find(table)
    files = _files(found, graphs or {}, curves, title=title, notes=notes, command=command)
    # A sibling of the folder, so that moving files in never crosses a file system.
    draft = out.parent / f".{out.name}.{uuid.uuid4().hex[:8]}.tmp"
    draft.mkdir(parents=True)
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        _publish(draft, out, list(files))
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out / "index.html"


def _publish(draft: Path, out: Path, names: Sequence[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        (draft / name).replace(out / name)
    for name in FIGURES:
        if f"{name}.png" not in names:
            (out / f"{name}.png").unlink(missing_ok=True)


def _files(
    found: Findings,
    graphs: Mapping[str, RelationalGraph],
    curves: pd.DataFrame | None,
    *,
    title: str,
    notes: Sequence[str],
    command: str | None,
) -> dict[str, bytes]:
    """Contents of every file by name, ``index.html`` last."""
    # Matplotlib and plotly take a second to import; reading a summary should not wait for them.
    from graph2nn.analysis.atlas import atlas, of_results, quick_measures
    from graph2nn.analysis.figures import gallery
    from graph2nn.analysis.figures.theme import DARK, LIGHT, render
    from graph2nn.analysis.page import Chapter, Picture, page

    headline = words.headline(found)
    origin = provenance(command)
    pictures = [
        Picture(plate.name, plate.title, plate.caption, render(plate.draw, LIGHT), render(plate.draw, DARK))
        for plate in gallery.plates(found, graphs, curves)
    ]
    summary = record.summary(found, headline, title=title, notes=notes, provenance=origin)
    spot = found.spot
    box = (spot.C_min, spot.C_max, spot.L_min, spot.L_max)
    index = page(
        [Chapter(title, found, headline, pictures)],
        atlas(
            of_results(found.results.runs, curves, task=title),
            graphs,
            measures=quick_measures(graphs),
            sweet_spots={title: box} if spot.tested and len(spot.graphs) > 1 else {},
        ),
        title=title,
        notes=notes,
        provenance=origin,
    )
    files = {f"{picture.name}.png": picture.light for picture in pictures}
    files["graphs.csv"] = record.csv(found).encode()
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    files["summary.json"] = (text + "\n").encode()
    files["index.html"] = index.encode()
    return files


def provenance(command: str | None) -> dict[str, str]:
    """Where a report comes from: command, date, versions, system."""
    versions = []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:  # run from a source tree
            continue
    origin = {} if command is None else {"command": command}
    return {
        **origin,
        "written": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "versions": ", ".join(versions),
    }

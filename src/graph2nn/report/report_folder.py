"""Write a report folder: index.html, figures, and numbers for programs."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from graph2nn.analysis.task_findings import Study, study
from graph2nn.errors import UserError, unknown
from graph2nn.files import remove_leftovers, temporary_of, unwritable_refused, writing_to
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.report.bundle import FORMATS, STYLES, report_files

_LIBRARIES = ("graph2nn", "numpy", "pandas", "scipy", "matplotlib")


def write_report(
    results: Study | pd.DataFrame,
    out: Path,
    *,
    graphs: Mapping[str, RelationalGraph] | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    formats: Sequence[str] = ("png",),
    command: str | None = None,
    step: Callable[[int, int], object] | None = None,
    first: Sequence[Markup] = (),
    planned: bool = False,
    more: Mapping[str, object] | None = None,
    style: str = "page",
    paper: Mapping[str, pd.DataFrame] | None = None,
    also: Mapping[str, bytes] | None = None,
) -> Path:
    """Write ``index.html``, ``summary.json``, tables as CSV and the folder ``figures`` of a study.

    The tables: ``graphs.csv``, one row per graph; ``runs.csv``, one per run; ``nulls.csv``, one per network of
    a comparison with nulls, where there is one.

    The page holds everything it shows and never asks the network for anything. Files appear in ``out`` only
    once all are written, ``index.html`` last; figures of an earlier report that this one lacks go, other files
    there are left alone.

    Args:
        results: what :func:`graph2nn.analysis.task_findings.study` returned; or a results table (one row per
            finished run, columns as in :data:`graph2nn.analysis.table.COLUMNS`), to be studied as one task.
        out: the folder; made if need be.
        graphs: graphs by label, to be drawn. Labels it misses are not drawn.
        title: of the page; models and data if left out.
        notes: what the reader must know first; shown on top.
        formats: of the figure files: ``png``, ``pdf``, ``svg``.
        command: the command that made the report, for its footer.
        step: called after each figure with how many are drawn and how many there are.
        first: sections that stand before all others, such as planned tests.
        planned: whether these are planned tests, so that all else is labelled as not planned.
        more: further keys of summary.json.
        style: ``page``, or ``paper`` for a folder ``paper`` with vector figures, LaTeX tables and BibTeX too.
        paper: further tables of that folder, by name: cells are texts.
        also: further files, by name, such as figures of the first sections.

    Returns:
        The path of ``index.html``.

    Raises:
        UserError: a malformed table, no relational graph, an unknown format or style, or ``out`` cannot be
            written to.

    Example:
        >>> from graph2nn.results.runs_table import read_runs
        >>> write_report(read_runs(Path("runs")), Path("report"))  # doctest: +SKIP
    """
    out = Path(out)
    refuse_early(out, formats, style)
    said = results if isinstance(results, Study) else study({"runs": results})
    files = report_files(
        said,
        graphs or {},
        title=title or _title(said),
        notes=notes,
        formats=formats,
        origin=provenance(command),
        step=step or (lambda _done, _all: None),
        first=first,
        planned=planned,
        more=more or {},
        style=style,
        paper=paper or {},
        also=also or {},
    )
    publish(files, out)
    return out / "index.html"


def publish(files: Mapping[str, bytes], out: Path) -> None:
    """Write the files of a report into its folder, in their order, once all of them are on the disk.

    Figures and tables that an earlier report wrote and this one lacks go; other files there are left alone.

    Args:
        files: contents by name; ``summary.json`` lists figures, tables and what belongs to a paper.
        out: the folder, made if need be.

    Raises:
        UserError: ``out`` cannot be written to, or the disk is full.
    """
    # A sibling of the folder, so that moving files in never crosses a file system.
    draft = temporary_of(out.absolute())
    try:
        for name, content in files.items():
            with writing_to(out / name):
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                (draft / name).write_bytes(content)
        with writing_to(out):
            _publish(draft, out, list(files))
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    remove_leftovers(out.absolute())


def refuse_early(out: Path, formats: Sequence[str], style: str = "page") -> None:
    """Raise UserError for a report that could not be written, before the work that takes a minute.

    Args:
        out: folder of the report.
        formats: of the figure files.
        style: of the report.

    Raises:
        UserError: an unknown format or style; ``out`` is a file, or a place that cannot be written to.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("report: format", kind, FORMATS)
    if style not in STYLES:
        raise unknown("report: style", style, STYLES)
    for folder in (out, out / "figures", out / "paper"):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"report: {folder} is a file. Name a folder.")
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    with unwritable_refused(out, "report"), tempfile.TemporaryDirectory(prefix=".", dir=there):
        pass


def _publish(draft: Path, out: Path, names: Sequence[str]) -> None:
    earlier = _written_in(out)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for name in names:
        (out / name).parent.mkdir(exist_ok=True)
        (draft / name).replace(out / name)
    for name in earlier - set(names):
        (out / name).unlink(missing_ok=True)


def _written_in(out: Path) -> set[str]:
    """Figures, tables and files of a paper that an earlier report says it wrote."""
    try:
        earlier = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        listed = [*earlier["figures"], *earlier.get("paper", [])]
        tables = {
            name for name in earlier.get("tables", []) if Path(name).name == name and name.endswith(".csv")
        }
        return tables | {name for name in listed if Path(name).parent in (Path("figures"), Path("paper"))}
    except (OSError, ValueError, KeyError, TypeError):  # no report, or a much older one
        return set()


def _title(said: Study) -> str:
    pairs = {(task.runs["model"].iloc[0], task.runs["data"].iloc[0]) for task in said.tasks.values()}
    models, data = (list(dict.fromkeys(column)) for column in zip(*sorted(pairs), strict=True))
    return f"{', '.join(models)} on {' and '.join(data)}"


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

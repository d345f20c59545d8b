"""Contents of a report folder: the page, the figures, and the numbers for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from graph2nn.analysis.task_findings import Study, TaskFindings
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.report import phrasing, summary_json

if TYPE_CHECKING:
    from graph2nn.report.atlas import Atlas
    from graph2nn.report.figures.gallery import Plate
    from graph2nn.report.page import Picture

FORMATS = ("png", "pdf", "svg")
#: ``paper`` adds a folder of that name: vector figures, LaTeX tables, BibTeX.
STYLES = ("page", "paper")


def report_files(
    said: Study,
    graphs: Mapping[str, RelationalGraph],
    *,
    title: str,
    notes: Sequence[str],
    formats: Sequence[str],
    origin: Mapping[str, str],
    step: Callable[[int, int], object],
    first: Sequence[Markup] = (),
    planned: bool = False,
    more: Mapping[str, object] | None = None,
    style: str = "page",
    paper: Mapping[str, pd.DataFrame] | None = None,
    also: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Contents of every file by name, ``index.html`` last; arguments as of ``write_report``.

    Args:
        said: what was found.
        graphs, title, notes, formats, step, first, planned, more, style, paper, also: as for ``write_report``.
        origin: what the page says of its making, by heading.

    Returns:
        Bytes by file name.
    """
    # Matplotlib takes a second to import; reading a summary should not wait for them.
    from graph2nn.report.figures import collection
    from graph2nn.report.page import Chapter, page

    together, by_task = _plates(said, graphs)
    plates = [*together, *(plate for task_plates in by_task.values() for plate in task_plates)]
    drawn, files = _drawn(plates, formats, step)
    files |= also or {}
    if style == "paper":
        from graph2nn.report.paper import paper_files

        files |= paper_files(said, plates, paper or {})
    chapters = [
        Chapter(
            name,
            task.found,
            phrasing.headline(task.found),
            [drawn[p.name] for p in by_task[name]],
            task.notes,
            task,
        )
        for name, task in said.tasks.items()
    ]
    gaps = [*(f"{name}: {reason}" for name, reason in said.left_out.items()), *collection.missing(said, graphs)]
    index = page(
        chapters,
        _atlas(said, graphs),
        pictures=[drawn[plate.name] for plate in together],
        title=title,
        notes=notes,
        gaps=gaps,
        provenance=origin,
        first=first,
        planned=planned,
    )
    summary = summary_json.summary(said, title=title, notes=notes, provenance=origin)
    figures = sorted(name for name in files if name.startswith("figures/"))
    files |= _tables(said)
    listed = sorted(name for name in files if name.endswith(".csv"))
    summary |= {"not_shown": gaps, "figures": figures, "tables": listed, **(more or {})}
    if style == "paper":
        summary["paper"] = sorted(name for name in files if name.startswith("paper/"))
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    return {
        **files,
        "summary.json": (text + "\n").encode(errors="backslashreplace"),
        "index.html": index.encode(errors="backslashreplace"),
    }


def _tables(said: Study) -> dict[str, bytes]:
    """Every graph, every run's last evaluation, each network of a comparison with nulls, for other programs."""
    files = {
        "graphs.csv": _csv(
            [summary_json.rows(task.found).assign(task=name) for name, task in said.tasks.items()]
        ),
        "runs.csv": _csv([task.runs.assign(task=name) for name, task in said.tasks.items()]),
    }
    nulls = [
        compared.members.assign(kind=kind, task=name)
        for name, task in said.tasks.items()
        for kind, compared in task.nulls.items()
    ]
    if nulls:
        files["nulls.csv"] = _csv(nulls)
    return files


def _csv(tables: Sequence[pd.DataFrame]) -> bytes:
    return pd.concat(list(tables), ignore_index=True).to_csv(index=False).encode(errors="backslashreplace")


def _plates(said: Study, graphs: Mapping[str, RelationalGraph]) -> tuple[list[Plate], dict[str, list[Plate]]]:
    """Figures of all tasks, and of each. A task alone has some more, which among others would be too many."""
    from graph2nn.report.figures import collection, further, gallery

    alone = len(said.tasks) == 1
    by_task = {}
    for (name, task), tag in zip(said.tasks.items(), collection.file_names(list(said.tasks)), strict=True):
        task_plates = gallery.plates(task.found, graphs, _curves(task)) if alone else []
        task_plates += collection.of_task(task, tag, graphs)
        by_task[name] = task_plates + further.plates(task, tag)
    together = collection.across(said)
    if any(plate.name == gallery.CURVES for plates in by_task.values() for plate in plates):
        # Its own curves show more, the error on the training data.
        together = [plate for plate in together if plate.name != "tasks_learning"]
    return together, by_task


def _curves(task: TaskFindings) -> pd.DataFrame | None:
    """Learning curves, where the runs have kept what they did on the training data."""
    return task.evaluations if {"run", "train_error", "train_loss"} <= set(task.evaluations) else None


def _drawn(
    plates: Sequence[Plate], formats: Sequence[str], step: Callable[[int, int], object]
) -> tuple[dict[str, Picture], dict[str, bytes]]:
    from graph2nn.report.figures.theme import DARK, LIGHT, render, rendered
    from graph2nn.report.page import Picture

    pictures: dict[str, Picture] = {}
    files: dict[str, bytes] = {}
    for done, plate in enumerate(plates, start=1):
        light, *others = rendered(plate.draw, LIGHT, ["png", *(kind for kind in formats if kind != "png")])
        dark = render(plate.draw, DARK)
        pictures[plate.name] = Picture(plate.name, plate.title, plate.caption, light, dark)
        made = dict(zip([kind for kind in formats if kind != "png"], others, strict=True))
        if "png" in formats:
            made["png"] = light
        files |= {f"figures/{plate.name}.{kind}": content for kind, content in made.items()}
        step(done, len(plates))
    return pictures, files


def _atlas(said: Study, graphs: Mapping[str, RelationalGraph]) -> Atlas:
    from graph2nn.report.atlas import atlas

    tables = [task.evaluations.assign(task=name) for name, task in said.tasks.items()]
    spots = {
        name: (task.found.spot.C_min, task.found.spot.C_max, task.found.spot.L_min, task.found.spot.L_max)
        for name, task in said.tasks.items()
        if task.found.spot.bounded
    }
    marked = list(dict.fromkeys(label for task in said.tasks.values() for label in task.found.highlighted))
    return atlas(
        pd.concat(tables, ignore_index=True),
        graphs,
        measures=said.measures,
        sweet_spots=spots,
        highlighted=marked,
    )

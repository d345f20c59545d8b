"""The figures of a study of one or more tasks, in reading order, and how they are written to files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl

from graph2nn.analysis.task_findings import Study, TaskFindings
from graph2nn.errors import unknown
from graph2nn.files import replacing, unwritable_refused
from graph2nn.graphs import draw as drawing
from graph2nn.report.figures import (
    across_tasks,
    agreement,
    corners,
    gains,
    learning,
    levels,
    plane,
    shortcuts,
    slices,
)
from graph2nn.report.figures.gallery import Plate
from graph2nn.report.figures.measure import minimum
from graph2nn.report.figures.theme import LIGHT, Theme, render
from graph2nn.report.phrasing import number, percent, plural

FORMATS = ("png", "pdf", "svg")
#: Dots per inch of PNGs for a paper.
PRINT_DPI = 300


def plates(study: Study, graphs: corners.Graphs) -> list[Plate]:
    """Return the figures a study has material for: those of all tasks first, then those of each.

    What is missing, and why, :func:`missing` says.

    Args:
        study: the tasks; their order is that of their colours.
        graphs: graphs by label, or how to build them; only the few that are drawn are built. Labels it misses
            are not drawn.
    """
    made = across(study)
    for task, tag in zip(study.tasks.values(), file_names(list(study.tasks)), strict=True):
        made += of_task(task, tag, graphs)
    return made


def missing(study: Study, graphs: corners.Graphs) -> list[str]:
    """Say which figures cannot be drawn, and why: one sentence each."""
    said = []
    if len(study.tasks) == 1:
        said.append("Agreement between tasks is not drawn: it takes two tasks.")
    if not _by_epoch(study):
        said.append("Nothing is drawn by epoch: only the last epoch was evaluated.")
    for name, task in study.tasks.items():
        if task.found.baseline is None:
            said.append(f"{name}: no baseline, so no gain is drawn.")
        if across_tasks.alone(task):
            said.append(f"{name}: no published rectangle is drawn: {across_tasks.alone(task)}.")
        if task.found.placed.empty:
            said.append(f"{name}: no map is drawn: every graph falls into parts, off the (C, L) plane.")
        elif not corners.chosen(task, graphs):
            said.append(f"{name}: no graph is drawn next to the map, as nothing says how to build one.")
        if not shortcuts.few(task):
            said.append(
                f"{name}: few graphs are not compared with all; it takes a catalogue with smaller ones."
            )
    return said


def save(
    made: Iterable[Plate],
    folder: str | Path,
    formats: Sequence[str] = ("png", "pdf"),
    *,
    theme: Theme = LIGHT,
    dpi: int = PRINT_DPI,
) -> list[Path]:
    """Write figures as ``<name>.<format>``, each whole or not at all; the same figure gives the same bytes.

    Args:
        made: the figures.
        folder: made if need be.
        formats: of ``png``, ``pdf``, ``svg``.
        theme: colours.
        dpi: dots per inch of PNGs.

    Returns:
        The paths, figure by figure.

    Raises:
        UserError: another format, or the folder cannot be written to.
    """
    folder = Path(folder)
    for name in formats:
        if name not in FORMATS:
            raise unknown("figures: format", name, FORMATS)
    with unwritable_refused(folder, "figures", "name a folder"):
        folder.mkdir(parents=True, exist_ok=True)
    written = []
    for plate in made:
        for name in formats:
            target = folder / f"{plate.name}.{name}"
            if name == "png":
                with replacing(target) as temporary:
                    temporary.write_bytes(render(plate.draw, theme, dpi=dpi))
            else:
                with mpl.rc_context(theme.style()):
                    drawing.save(plate.draw(theme), target)
            written.append(target)
    return written


def file_names(names: Sequence[str]) -> list[str]:
    """Turn names of tasks into parts of file names, each its own."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._")[:60] or "task"
        tag, again = plain, 2
        while tag.lower() in {other.lower() for other in made}:
            tag, again = f"{plain}-{again}", again + 1
        made.append(tag)
    return made


def _by_epoch(study: Study) -> bool:
    return any(len(task.epochs) > 1 for task in study.tasks.values())


def across(study: Study) -> list[Plate]:
    """Return the figures of all tasks together."""
    each = list(study.tasks.values())
    runs = plural(sum(len(task.runs) for task in each), "run")
    several = f"{plural(len(each), 'task')}, {runs}"
    said = _gains_caption(each, several)
    made = [Plate("gains", "Baseline against best graph", said, partial(gains.draw, each))]
    if len(each) > 1:
        made += [
            Plate(
                "tasks_spots",
                "Published rectangles of all tasks",
                "The published rectangles bound the graphs that a one-sided t-test does not call worse than "
                f"the task's best graph, which the mark shows: {_in_rectangles(each)}. They are no regions of "
                f"confidence; grey dots are all graphs ({several}).",
                partial(across_tasks.draw_spots, each),
            ),
            Plate(
                "tasks_maps",
                "The map of every task",
                "Mean error of the graphs in each coarse cell, on a scale of its own for each task, with the "
                f"published rectangle of its graphs dashed ({several}).",
                partial(across_tasks.draw_maps, each),
            ),
            Plate(
                "tasks_correlation",
                "Agreement between tasks",
                "Below the diagonal, a dot is a coarse cell both tasks have, at the mean errors of its graphs, "
                "the star the baseline; above it, Pearson's correlation of those points "
                f"({several}{_left_out(each)}).",
                partial(agreement.draw, study),
            ),
        ]
    if _by_epoch(study):
        made += [
            Plate(
                "epochs_correlation",
                "How early the order of graphs is known",
                "Pearson's correlation, over the graphs and the baseline, of mean error after an epoch with "
                f"mean error after the last one ({several}).",
                partial(shortcuts.draw_epochs, each),
            ),
            Plate(
                "tasks_learning",
                "Learning curves of all tasks" if len(each) > 1 else "Learning curve",
                "Test error of the best graph, the baseline and the worst graph, mean and range over seeds, "
                f"the last tenth of the training larger; the first may lie above the frame ({several}).",
                partial(learning.draw_tasks, each),
            ),
        ]
    return made


def _left_out(each: Sequence[TaskFindings]) -> str:
    rest = len(each) - agreement.MOST_TASKS
    return f"; {plural(rest, 'task')} more left out for room" if rest > 0 else ""


def _gains_caption(each: Sequence[TaskFindings], several: str) -> str:
    ranks = {
        task.name: task.found.rank + 1 for task in each if task.found.rank and task.found.chosen_on == "test"
    }
    rule = "".join(f"; best of {name} is number {place} by mean, as published" for name, place in ranks.items())
    if all(task.found.chosen_on == "validation" for task in each):
        return (
            f"Bars are {percent(each[0].found.confidence)} intervals of the mean over seeds, "
            "and ± the standard deviation; the best graph was chosen on the validation part and is "
            f"judged on the test part ({several})."
        )
    return (
        f"Bars are {percent(each[0].found.confidence)} intervals of the mean over seeds, "
        "and ± the standard deviation; as the best of many graphs is best partly by luck, the diamond is the "
        f"gain of a graph picked by all seeds but one and scored on that one{rule} ({several})."
    )


def of_task(task: TaskFindings, tag: str, graphs: corners.Graphs) -> list[Plate]:
    """Return the figures of one task; ``tag`` ends their file names.

    Args:
        task: what was found.
        tag: end of file names.
        graphs: by label.

    Returns:
        The figures, not drawn.
    """
    name = task.name
    if task.found.placed.empty:
        return []
    made = [
        Plate(f"levels_{tag}", f"{name}: the map in cells", _levels_caption(task), partial(levels.draw, task)),
        Plate(f"slices_{tag}", f"{name}: slices of the map", _slices_caption(task), partial(slices.draw, task)),
    ]
    picked = corners.chosen(task, graphs)
    if picked:
        caption = (
            "Each dot is a graph; drawn are the best one, those farthest into the corners of the plane and the "
            f"baseline's complete graph, a line leading to each point ({counted(task)})."
            f"{plane.caption(task.found)}"
        )
        draw = partial(corners.draw, task, picked)
        made.append(Plate(f"corners_{tag}", f"{name}: graphs of the plane", caption, draw))
    if shortcuts.few(task):
        caption = (
            "Mean error of the coarse cells from the graphs of a smaller catalogue against that from all "
            f"graphs, which include them, with Pearson's r ({counted(task)})."
        )
        draw = partial(shortcuts.draw_few, task)
        made.append(Plate(f"few_{tag}", f"{name}: few graphs for many", caption, draw))
        caption = (
            "Pearson correlation of the means of coarse cells with those from all graphs, after each further "
            f"graph: the smallest catalogue first, then the others in random order ({counted(task)})."
        )
        draw = partial(shortcuts.draw_curve, task)
        made.append(Plate(f"count_{tag}", f"{name}: correlation by number of graphs", caption, draw))
    return made


def counted(task: TaskFindings) -> str:
    """Say how many graphs and runs stand behind a figure; runs that were filled in are named."""
    baseline = int((task.runs["kind"] == "baseline").sum())
    text = f"{plural(len(task.found.graphs), 'graph')}, {plural(len(task.runs) - baseline, 'run')}"
    if baseline:
        text += f" and {baseline:,} of the baseline"
    if "remark" in task.runs:
        filled = int(task.runs["remark"].astype(str).str.startswith("filled").sum())
        text += f"; {filled:,} filled from another seed" if filled else ""
    return text


def _levels_caption(task: TaskFindings) -> str:
    findings, shown = task.found, levels.shown(task)
    text = "Cells show the mean error of their graphs"
    if findings.baseline is not None:
        text += ", star and line on the scale the baseline's"
    if not across_tasks.alone(task):
        text += f"; the published rule keeps {len(findings.spot.graphs):,} of {len(findings.graphs):,} graphs"
        text += f", and their rectangle holds {findings.spot.holds(findings.graphs):,}"
        if len(shown) > 1:
            text += f"; for coarse cells it keeps {len(task.cells.cells):,} of {task.cells.occupied:,}"
    else:
        text += f"; no published rectangle: {across_tasks.alone(task)}"
    if len(shown) < 3:
        text += "; finer levels would show the same graphs in smaller cells"
    if plane.colour_range(findings)[2]:
        text += "; the worst share the last colour"
    return f"{text} ({counted(task)}).{plane.caption(findings)}"


def _in_rectangles(tasks: Sequence[TaskFindings]) -> str:
    """Say how many graphs each rectangle bounds, and how many it holds."""
    said = []
    for task in tasks:
        spot, graphs = task.found.spot, task.found.graphs
        if spot.bounded:
            said.append(
                f"{task.name}, {len(spot.graphs):,} graphs, holds {spot.holds(graphs):,} of {len(graphs):,}"
            )
    return "; ".join(said) or "none here"


def _slices_caption(task: TaskFindings) -> str:
    inside = set().union(*(set(fitted.points["graph"]) for fitted in task.slices.values()))
    runs = int(task.runs["graph"].isin(inside).sum())
    lowest = []
    for fitted in task.slices.values():
        letter = slices.LETTERS[fitted.slice.x]
        at = None if fitted.fit is None else minimum(fitted.fit)
        lowest.append(f"none along {letter}" if at is None else f"at {letter} = {number(at[0])}")
    counted_in = f"{plural(len(inside), 'graph')}, {plural(runs, 'run')}"
    return (
        f"Parabolas through the graphs of a slice; minima: {', '.join(lowest)} ({counted_in}). The "
        f"{percent(task.found.confidence)} bands are of the parabola alone, if the error is one: they leave "
        "out how graphs scatter about it and where the error bends otherwise."
        f"{plane.forms(task.found)}"
    )

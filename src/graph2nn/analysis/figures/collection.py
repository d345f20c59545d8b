"""The figures of a study of one or more tasks, in reading order, and how they are written to files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl

from graph2nn.analysis.cells import cell_sweet_spot
from graph2nn.analysis.figures import (
    agreement,
    corners,
    gains,
    learning,
    levels,
    plane,
    shortcuts,
    slices,
    tasks,
)
from graph2nn.analysis.figures.gallery import Plate
from graph2nn.analysis.figures.measure import minimum
from graph2nn.analysis.figures.study import Study
from graph2nn.analysis.figures.theme import LIGHT, Theme, render
from graph2nn.analysis.slices import fit_slices
from graph2nn.analysis.words import number, percent, plural
from graph2nn.errors import UserError, unknown
from graph2nn.files import replacing
from graph2nn.graphs import draw as drawing

FORMATS = ("png", "pdf", "svg")
#: Dots per inch of PNGs for a paper.
PRINT_DPI = 300


def plates(studies: Sequence[Study]) -> list[Plate]:
    """Return the figures these tasks have material for: those of all tasks first, then those of each.

    What is missing, and why, :func:`missing` says.

    Args:
        studies: one a task; a task's order is its colour. Names must differ.

    Raises:
        UserError: no task, or two of one name.
    """
    names = [study.task for study in studies]
    if not studies:
        raise UserError("figures: there is no task to draw. Give at least one.")
    if len(set(names)) < len(names):
        raise UserError(f"figures: task {max(names, key=names.count)!r} is given twice; names must differ.")
    made = _across(studies)
    for study, tag in zip(studies, file_names(names), strict=True):
        made += _of(study, tag)
    return made


def missing(studies: Sequence[Study]) -> list[str]:
    """Say which figures cannot be drawn, and why: one sentence each."""
    said = []
    if len(studies) == 1:
        said.append("Agreement between tasks is not drawn: it takes two tasks.")
    if not _trained(studies):
        said.append("Nothing is drawn by epoch: only the last epoch was evaluated.")
    for study in studies:
        if study.found.baseline is None:
            said.append(f"{study.task}: no baseline, so no gain.")
        if not study.found.spot.tested:
            said.append(f"{study.task}: one seed a graph, so no sweet spot.")
        if not corners.chosen(study):
            said.append(f"{study.task}: no graph is drawn, as none can be built.")
        if not shortcuts.few(study.runs):
            said.append(f"{study.task}: graphs of no larger catalogue, so none to leave out.")
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror or error}). Name a folder.") from error
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
    """Turn names of tasks into different parts of file names."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._")[:60] or "task"
        tag, again = plain, 2
        while tag.lower() in {other.lower() for other in made}:
            tag, again = f"{plain}-{again}", again + 1
        made.append(tag)
    return made


def _trained(studies: Sequence[Study]) -> list[Study]:
    return [study for study in studies if study.curves is not None]


def _across(studies: Sequence[Study]) -> list[Plate]:
    runs = plural(sum(len(study.runs) for study in studies), "run")
    several = f"{plural(len(studies), 'task')}, {runs}"
    made = [
        Plate(
            "gains",
            "Baseline against best graph",
            _gains_caption(studies, several),
            partial(gains.draw, studies),
        )
    ]
    if len(studies) > 1:
        made += [
            Plate(
                "tasks_spots",
                "Sweet spots of all tasks",
                "Rectangles bound the graphs that a one-sided t-test does not call worse than the task's best graph, "
                f"which the mark shows; grey dots are all graphs ({several}).",
                partial(tasks.draw_spots, studies),
            ),
            Plate(
                "tasks_maps",
                "The map of every task",
                "Mean error of the graphs in each coarse cell, on a scale of its own for each task, its dashed and "
                f"dotted rectangles the sweet spots of graphs and of cells ({several}).",
                partial(tasks.draw_maps, studies),
            ),
            Plate(
                "tasks_correlation",
                "Agreement between tasks",
                "Below the diagonal, a dot is a coarse cell both tasks have, at the mean errors of its graphs, the "
                "star the baseline; above it, Pearson's correlation of those points "
                f"({several}{_left_out(studies)}).",
                partial(agreement.draw, studies),
            ),
        ]
    if _trained(studies):
        made += [
            Plate(
                "epochs_correlation",
                "How early the order of graphs is known",
                "Pearson's correlation, over the graphs and the baseline, of mean error after an epoch with mean "
                f"error after the last one ({several}).",
                partial(shortcuts.draw_epochs, studies),
            ),
            Plate(
                "tasks_learning",
                "Learning curves of all tasks",
                "Test error of the best graph, the baseline and the worst graph, mean and range over seeds; the "
                f"first tenth of the training may lie above the frame ({several}).",
                partial(learning.draw_tasks, studies),
            ),
        ]
    return made


def _left_out(studies: Sequence[Study]) -> str:
    rest = len(studies) - agreement.MOST_TASKS
    return f"; {plural(rest, 'task')} more left out for room" if rest > 0 else ""


def _gains_caption(studies: Sequence[Study], several: str) -> str:
    confidence = percent(studies[0].found.confidence)
    return (
        f"Bars are {confidence} bootstrap intervals over seeds and too narrow for so few; the best of many graphs "
        "is best partly by luck, so the diamond gives its gain when it is picked by all seeds but one and scored "
        f"on that one ({several})."
    )


def _of(study: Study, tag: str) -> list[Plate]:
    made = [
        Plate(
            f"levels_{tag}",
            f"{study.task}: the map in cells",
            _levels_caption(study),
            partial(levels.draw, study),
        ),
        Plate(
            f"slices_{tag}",
            f"{study.task}: slices of the map",
            _slices_caption(study),
            partial(slices.draw, study),
        ),
    ]
    picked = corners.chosen(study)
    if picked:
        caption = (
            "Each dot is a graph; drawn are the graphs farthest into each corner of the plane, the best one and "
            f"the baseline's complete graph, with a line to their points ({study.counted()})."
        )
        title = f"{study.task}: graphs of the plane"
        made.append(Plate(f"corners_{tag}", title, caption, partial(corners.draw, study, picked)))
    if shortcuts.few(study.runs):
        caption = (
            "Mean error of the coarse cells from the graphs of a smaller catalogue against that from all graphs, "
            f"which include them, with Pearson's r ({study.counted()})."
        )
        title = f"{study.task}: few graphs for many"
        made.append(Plate(f"few_{tag}", title, caption, partial(shortcuts.draw_few, study)))
    return made


def _levels_caption(study: Study) -> str:
    found, shown = study.found, levels.shown(study)
    text = "Cells show the mean error of their graphs"
    if found.baseline is not None:
        text += ", star and line on the scale the baseline"
    if found.spot.tested:
        inside = len(found.spot.graphs)
        text += f"; the sweet spot of graphs holds {inside:,} of {len(found.graphs):,}"
        cells = cell_sweet_spot(study.runs)
        text += f", that of coarse cells {len(cells.cells):,} of {cells.occupied:,}"
    else:
        text += "; one seed a graph, so no sweet spot"
    if len(shown) < 3:
        text += "; finer levels would show the same graphs in smaller cells"
    if plane.colour_range(found)[2]:
        text += "; the worst share the last colour"
    return f"{text} ({study.counted()})."


def _slices_caption(study: Study) -> str:
    fits = fit_slices(study.runs)
    inside = set().union(*(set(fitted.points["graph"]) for fitted in fits.values()))
    runs = int(study.runs["graph"].isin(inside).sum())
    found = []
    for fitted in fits.values():
        letter = slices.LETTERS[fitted.slice.x]
        at = None if fitted.fit is None else minimum(fitted.fit)
        found.append(f"{letter} = {number(at[0])}" if at is not None else f"none inside the range of {letter}")
    return (
        f"Parabolas through the graphs of a slice with their {percent(study.found.confidence)} bands; minima: "
        f"{', '.join(found)} ({plural(len(inside), 'graph')}, {plural(runs, 'run')})."
    )

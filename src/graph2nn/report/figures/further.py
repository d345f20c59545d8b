"""Figures of the analyses beyond the paper, for one task."""

from __future__ import annotations

from functools import partial

from graph2nn.analysis.table import Gap
from graph2nn.analysis.task_findings import TaskFindings
from graph2nn.report.figures import (
    against,
    connectome_placement,
    null_effects,
    plane,
    predictors,
    selection,
    surface,
)
from graph2nn.report.figures.gallery import Plate


def plates(task: TaskFindings, tag: str) -> list[Plate]:
    """Return the figures a task has material for.

    Args:
        task: its findings; without ``beyond``, only graphs against their nulls and elsewhere are drawn.
        tag: end of the figures' file names.
    """
    score = task.found.score
    made = [
        Plate(
            f"nulls_{kind}_{tag}",
            f"{task.name}: graphs against their {kind.replace('_', '-')} nulls",
            null_effects.caption(compared, kind, score, task.null_changes.get(kind)),
            partial(null_effects.draw, compared, score=score),
        )
        for kind, compared in task.nulls.items()
    ]
    if task.against:
        caption = against.caption(task.against)
        draw = partial(against.draw, task.against)
        made.append(Plate(f"against_{tag}", f"{task.name}: the same graphs elsewhere", caption, draw))
    beyond = task.beyond
    if beyond is None:
        return made
    if not isinstance(beyond.selection, Gap):
        draw = partial(selection.draw, beyond.selection, score=score)
        caption = selection.caption(beyond.selection, score)
        made.append(Plate(f"selection_{tag}", f"{task.name}: the gain without luck", caption, draw))
    if not isinstance(beyond.surface, Gap):
        draw = partial(surface.draw, beyond.surface, score=score)
        caption = surface.caption(beyond.surface, score) + plane.forms(task.found)
        made.append(Plate(f"surface_{tag}", f"{task.name}: error as a smooth surface", caption, draw))
    if not isinstance(beyond.predictors, Gap):
        draw = partial(predictors.draw, beyond.predictors)
        caption = predictors.caption(beyond.predictors)
        made.append(Plate(f"predictors_{tag}", f"{task.name}: what predicts the error", caption, draw))
    if not isinstance(beyond.connectomes, Gap) and not isinstance(beyond.surface, Gap):
        draw = partial(connectome_placement.draw, beyond.connectomes, beyond.surface, task.found)
        caption = connectome_placement.caption(beyond.connectomes)
        made.append(Plate(f"connectomes_{tag}", f"{task.name}: connectomes on the same plane", caption, draw))
    return made

"""Analyses of one task beyond the paper: selection, surface, predictors and connectomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.analysis.beyond import predictors, selection, surface
from graph2nn.analysis.beyond.connectome_placement import Placed, place, placement_record
from graph2nn.analysis.beyond.noise import paired, seed_noise
from graph2nn.analysis.beyond.predictors import Predictors
from graph2nn.analysis.beyond.selection import Selection
from graph2nn.analysis.beyond.surface import Surface
from graph2nn.analysis.findings import Findings
from graph2nn.analysis.table import Gap
from graph2nn.errors import UserError
from graph2nn.files import json_value
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.registry import MEASURES, measure_all

#: Up to this many graphs are measured here if nobody has; about 10 ms each.
MEASURED_HERE = 500


@dataclass(frozen=True)
class Beyond:
    """What a task says beyond the paper. A gap stands for what its runs cannot say."""

    selection: Selection | Gap
    surface: Surface | Gap
    predictors: Predictors | Gap
    connectomes: Placed | Gap

    @property
    def gaps(self) -> dict[str, str]:
        """Reason of each part that is missing, by its name."""
        return {name: part.reason for name, part in vars(self).items() if isinstance(part, Gap)}


def study(
    findings: Findings,
    *,
    graphs: Mapping[str, RelationalGraph] | None = None,
    measures: pd.DataFrame | None = None,
    connectomes: Mapping[str, RelationalGraph] | None = None,
    scores: pd.DataFrame | None = None,
    seed: int = 0,
) -> Beyond:
    """Study one task. Some ten seconds for 3,942 graphs with five seeds, about four for 52 with three.

    Args:
        findings: its findings.
        graphs: its graphs by label; used to measure them where ``measures`` is not given (the fast measures,
            up to 500 graphs).
        measures: one column per measure of :data:`graph2nn.graphs.measures.registry.MEASURES` (others are
            ignored), indexed by label; graphs without a row are not predicted.
        connectomes: to place on the plane; see :func:`connectomes.load`.
        scores: of :func:`connectomes.compare`, to work them out once for several tasks.
        seed: of everything drawn.

    Returns:
        What the analyses say; None where one cannot be made.

    Raises:
        UserError: ``measures`` has no row for any graph, or one label twice.
    """
    runs = findings.evidence
    noise = seed_noise(runs)
    judged = paired(runs).groupby("graph")["test_error"].agg(["mean", "size"])
    rows = findings.placed[findings.placed["graph"].isin(judged.index)]
    rows = rows.assign(mean=rows["graph"].map(judged["mean"]), seeds=rows["graph"].map(judged["size"]))
    # A tenth of a point is the paper's scale; other scores have one of their own.
    typical = float(rows["mean"].median())
    near = surface.NEAR if findings.score.unit == "%" else float(f"{0.003 * typical:.1g}")
    plane = surface.fit_surface(rows, noise, seed=seed, near=near)
    measured = _measured(rows, graphs, measures)
    if isinstance(measured, Gap):
        predicted: Predictors | Gap = measured
    else:
        names = [name for name in MEASURES if name in measured]
        predicted = predictors.predict(_with_width(measured), names, noise, surface=plane, seed=seed)
    if isinstance(plane, Gap):
        placed: Placed | Gap = plane
    elif not connectomes:
        placed = Gap("no connectome was given")
    else:
        placed = place(connectomes, rows, findings.spot, plane, scores)
    return Beyond(findings.judged.best, plane, predicted, placed)


def beyond_record(done: Beyond) -> dict[str, Any]:
    """What summary.json holds of a study: plain JSON values, None and a reason for what is missing."""
    answer = {
        "selection": selection.selection_record(done.selection),
        "surface": surface.surface_record(done.surface),
        "predictors": predictors.predictors_record(done.predictors),
        "connectomes": None if isinstance(done.connectomes, Gap) else placement_record(done.connectomes),
        "gaps": done.gaps,
    }
    return {key: json_value(value) for key, value in answer.items()}


def _measured(
    rows: pd.DataFrame, graphs: Mapping[str, RelationalGraph] | None, measures: pd.DataFrame | None
) -> pd.DataFrame | Gap:
    """The graphs with one column per measure; C and L stay those of the results."""
    if measures is None:
        if graphs is None or len(rows) > MEASURED_HERE:
            return Gap("nobody measured these graphs")
        measurable = [label for label in rows["graph"] if label in graphs]
        measures = pd.DataFrame(
            [measure_all(graphs[label], slow=False) for label in measurable], index=measurable
        )
    if not measures.index.is_unique:
        raise UserError(f"measures: {measures.index[measures.index.duplicated()][0]!r} has two rows.")
    measured_rows = rows[rows["graph"].isin(measures.index)].reset_index(drop=True)
    if measured_rows.empty and len(rows):
        raise UserError("measures: no row is about a graph of these results; its index must hold their labels.")
    columns = [name for name in MEASURES if name in measures and name not in ("clustering", "path_length")]
    return measured_rows.join(measures[columns].astype(np.float64), on="graph")


def _with_width(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the first matched width, which a graph gets for its density, where the widths are given."""
    first = rows["widths"].str.extract(r"(\d+)", expand=False)
    return rows.assign(width=pd.to_numeric(first))

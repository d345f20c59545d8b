"""summary.json and graphs.csv: the findings for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from graph2nn.analysis.arms import ArmComparison
from graph2nn.analysis.beyond.agreement import agreement_record
from graph2nn.analysis.beyond.null_effects import null_effects_record
from graph2nn.analysis.beyond.selection import Selection
from graph2nn.analysis.findings import ALPHA, Findings
from graph2nn.analysis.quadratic import Quadratic
from graph2nn.analysis.sweetspot import SweetSpot
from graph2nn.analysis.table import Gap
from graph2nn.analysis.task_findings import Study, TaskFindings
from graph2nn.files import json_value
from graph2nn.report import phrasing, published_names

_ROW: tuple[str, ...] = (
    "graph",
    "n",
    "sparsity",
    "p",
    "graph_seed",
    "clustering",
    "path_length",
    "widths",
    "macs",
    "params",
)
_ROW += ("seeds", "mean", "sd", "sd_population", "low", "high", "gain")
_ROW += ("p_value", "p_holm")


def summary(study: Study, *, title: str, notes: Sequence[str], provenance: Mapping[str, str]) -> dict[str, Any]:
    """Return what summary.json holds: plain JSON values, None for a number that does not exist.

    ``tasks`` holds one record per task; with a single task its keys also stand at the top. Errors are top-1
    percentages, gains are points, both from the final epoch. Names of the published analysis are kept:
    see :mod:`graph2nn.report.published_names`.

    Args:
        study: what was found.
        title: of the report.
        notes: of the report.
        provenance: what the page says of its making, by heading.

    Returns:
        What to write.
    """
    tasks = {name: task_summary(task) for name, task in study.tasks.items()}
    alone = next(iter(tasks.values())) if len(tasks) == 1 else {}
    whole = {
        **alone,
        "title": title,
        "notes": list(notes),
        "tasks": tasks,
        "left_out": dict(study.left_out),
        **published_names.study_record(study),
        "provenance": dict(provenance),
    }
    return {key: json_value(value) for key, value in whole.items()}


def task_summary(task: TaskFindings) -> dict[str, Any]:
    """Return the record of one task."""
    findings = task.found
    headline = phrasing.headline(findings)
    runs, graphs = findings.results.runs, findings.graphs
    record = {
        "headline": {"verdict": findings.verdict, "title": headline.title, "lead": headline.lead},
        "remarks": list(headline.remarks),
        "notes": list(task.notes),
        "model": runs["model"].iloc[0],
        "data": runs["data"].iloc[0],
        "epochs": _whole(runs["epochs"].iloc[0]),
        "baseline": None if findings.baseline is None else _row(findings.baseline),
        "best": _row(findings.best),
        "highlighted": [
            _row(row) for _, row in findings.graphs.iterrows() if row["graph"] in findings.highlighted
        ],
        "off_plane": sorted(set(findings.graphs["graph"]) - set(findings.placed["graph"])),
        "C_and_L": "of the symmetrised graphs" if findings.symmetrised else "of the graphs, all undirected",
        "worst": _row(graphs.iloc[-1]),
        "sweet_spot": _spot(findings.spot),
        "fits": {name: _fit(fit) for name, fit in findings.fits.items()},
        "correlations": {
            name: None if c is None else {"spearman": c.rho, "p_value": c.p_value}
            for name, c in findings.correlations.items()
        },
        "comparison": _comparison(findings),
        "intervals": {
            "method": "Student's t, scatter of runs pooled over networks",
            "confidence": findings.confidence,
        },
        "counts": {
            "runs": len(runs),
            "graphs": len(graphs),
            "seeds_min": int(graphs["seeds"].min()),
            "seeds_max": int(graphs["seeds"].max()),
            "diverged": sum(findings.results.diverged.values()),
            "diverged_by_graph": findings.results.diverged,
        },
        "macs": {"min": int(runs["macs"].min()), "max": int(runs["macs"].max())},
        "params": {"min": int(runs["params"].min()), "max": int(runs["params"].max())},
    }
    if task.nulls:
        record["nulls"] = {kind: null_effects_record(compared) for kind, compared in task.nulls.items()}
    if task.null_changes:
        record["null_changes"] = {kind: rows.to_dict("records") for kind, rows in task.null_changes.items()}
    if task.against:
        record["against"] = agreement_record(task.against)
    if task.beyond is not None:
        from graph2nn.analysis.beyond.study import beyond_record

        record["beyond"] = beyond_record(task.beyond)
    return _joined(record, published_names.task_record(task))


def _joined(record: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add the keys of ``more``; where both have a mapping, the keys inside."""
    both = {
        key: {**record[key], **more[key]}
        for key in record.keys() & more.keys()
        if isinstance(record[key], Mapping) and isinstance(more[key], Mapping)
    }
    return {**record, **more, **both}


def rows(findings: Findings) -> pd.DataFrame:
    """Return one row per graph, best first, the baseline on top: the columns of ``Findings.graphs``."""
    every = (
        findings.graphs
        if findings.baseline is None
        else pd.concat([findings.baseline.to_frame().T, findings.graphs])
    )
    more = [name for name in ("reachable", "directed") if name in every]
    table = every[["kind", *_ROW, *more]]
    return (
        table.assign(highlighted=table["graph"].isin(findings.highlighted)) if findings.highlighted else table
    )


def _row(row: pd.Series) -> dict[str, Any]:
    values = {name: row[name] for name in _ROW}
    return {**values, **{name: _whole(values[name]) for name in ("n", "graph_seed", "macs", "params", "seeds")}}


def _whole(value: Any) -> Any:
    """Write 4.0 as 4: graph seeds and epochs are whole numbers."""
    number = float(value)
    return int(number) if math.isfinite(number) and number.is_integer() else number


def _spot(spot: SweetSpot) -> dict[str, Any]:
    return {
        "best": spot.best,
        "tested": spot.tested,
        "compared": spot.compared,
        "graphs": list(spot.graphs),
        "C_min": spot.C_min,
        "C_max": spot.C_max,
        "L_min": spot.L_min,
        "L_max": spot.L_max,
    }


def _comparison(findings: Findings) -> dict[str, Any]:
    return {
        "test": "Welch's t-test against the baseline, two-sided",
        "level": ALPHA,
        "tested": findings.tested,
        "better_holm": findings.beating_welch,
        "better_benjamini_hochberg": findings.beating_bh,
        "worse_holm": findings.losing_welch,
        "held_out_gain": findings.held_out_gain,
        "pooled_noise": {
            "test": "t-test with the noise of a run pooled over all networks, paired by seed",
            "better_holm": findings.beating,
            "better_benjamini_hochberg": findings.judged.count(ALPHA, column="p_bh"),
            "worse_holm": findings.losing,
        },
        "all_graphs": _gain(findings.judged.all_graphs),
        "best_graph": _gain(findings.judged.best),
        "filled_runs_left_out": findings.judged.filled,
    }


def _gain(selection: ArmComparison | Selection | Gap | None) -> dict[str, float] | None:
    """Gain over the baseline with its interval and p-value."""
    if selection is None or isinstance(selection, Gap):
        return None
    gain = selection.honest if isinstance(selection, Selection) else selection.estimate
    return {"gain": gain, "low": selection.low, "high": selection.high, "p_value": selection.p_value}


def _fit(fit: Quadratic | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {
        "coefficients": fit.coefficients,
        "r2": fit.r2,
        "vertex": fit.vertex,
        "residual_sd": fit.residual,
        "points": fit.points,
        "x_min": fit.x_min,
        "x_max": fit.x_max,
    }

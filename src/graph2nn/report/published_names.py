"""Numbers of summary.json under the names of the published analysis."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.analysis import significance
from graph2nn.analysis.cells import cell_of
from graph2nn.analysis.slices import SliceFit
from graph2nn.analysis.table import on_plane
from graph2nn.analysis.task_findings import Study, TaskFindings

#: Longer lists of graphs stay out of the summary.
_LISTED = 100


def task_record(task: TaskFindings) -> dict[str, Any]:
    """Return the findings of one task: runs, baseline, best, sweet spot of graphs and of coarse cells.

    Errors are top-1 percentages; ``std`` divides by n, as the published ± does.
    """
    runs, findings = task.runs, task.found
    graphs = runs[runs["kind"] == "relational"]
    return {
        "n_configs": int(runs["graph"].nunique()),
        "n_seeds": int(findings.graphs["seeds"].max()),
        "epoch": int(runs["epochs"].iloc[0]),
        "baseline": None if findings.baseline is None else _errors(_runs(runs, "baseline", "kind")),
        "best_rule": f"stable sort by mean error, number {findings.rank + 1}",
        "best": _best(task),
        "sweet_spot": _sweet_spot(task, int(graphs["graph"].nunique())),
        "sweet_spot_align_results_bin": _cells(task, on_plane(graphs)),
        "slice_fits": {name: slice_record(fit) for name, fit in task.slices.items()},
        "epoch_correlation": _epochs(task),
        "graph_count_correlation": task.counts.to_dict(orient="records"),
    }


def study_record(study: Study) -> dict[str, Any]:
    """Return what concerns several tasks, and the numbers the published analysis keeps outside of its tasks."""
    agreement = study.correlations.to_dict()
    record: dict[str, Any] = {
        "slice_fits": {
            name: {key: slice_record(fit) for key, fit in task.slices.items()}
            for name, task in study.tasks.items()
        },
        "correlations_resolution52": {
            f"{short(one)}_vs_{short(other)}": float(agreement[one][other])
            for one in study.tasks
            for other in study.tasks
            if one != other
        },
    }
    for name, task in study.tasks.items():
        if len(task.epochs) > 1:
            record[f"epoch_correlation_{short(name)}"] = _epochs(task)
        if len(task.counts):
            record[f"graph_count_correlation_{short(name)}_first"] = float(task.counts["correlation"].iloc[0])
    return record


def short(task: str) -> str:
    """Name of a task in keys.

    >>> short("resnet34_sep_imagenet"), short("mlp-cifar10")
    ('resnet34sep', 'mlp')
    """
    return re.sub(r"[-_]", "", re.sub(r"[-_](cifar10|imagenet)$", "", task))


def slice_record(fitted: SliceFit) -> dict[str, Any]:
    """Return the parabola of one slice; None for what a slice of too few points does not have."""
    fit = fitted.fit
    if fit is None:
        return {"n_points": len(fitted.points), "coef": None, "vertex_x": None, "vertex_y": None}
    return {
        "n_points": fit.points,
        "coef_order": "[a,b,c]: a*x^2+b*x+c",
        "coef": list(fit.coefficients),
        "vertex_x": fit.vertex[0] if fit.vertex else None,
        "vertex_y": fit.vertex[1] if fit.vertex else None,
        "x_min": fit.x_min,
        "x_max": fit.x_max,
    }


def _runs(runs: pd.DataFrame, value: str, column: str = "graph") -> pd.DataFrame:
    return runs[runs[column] == value]


def _errors(rows: pd.DataFrame) -> dict[str, Any]:
    values = rows["test_error"].to_numpy(dtype=np.float64)
    return {"mean": float(values.mean()), "std": float(values.std()), "top1_per_seed": values.tolist()}


def _best(task: TaskFindings) -> dict[str, Any]:
    row = task.found.best
    runs = _runs(task.runs, str(row["graph"]))
    errors = _errors(runs)
    return {
        "graph_index_in_file": task.index_of(str(row["graph"])),
        "C": float(row["clustering"]),
        "L": float(row["path_length"]),
        "top1_mean": errors["mean"],
        "top1_std": errors["std"],
        "top1_per_seed": errors["top1_per_seed"],
        "dim0": float(runs["width"].iloc[0]) if "width" in runs else None,
        "params_M": float(row["params"]) / 1e6,
    }


def _sweet_spot(task: TaskFindings, graphs: int) -> dict[str, Any]:
    spot = task.found.spot
    inside = [task.index_of(graph) for graph in spot.graphs] if len(spot.graphs) <= _LISTED else None
    return {
        **_rectangle(spot.C_min, spot.C_max, spot.L_min, spot.L_max),
        "n_rows_significant_graphs": len(spot.graphs),
        "n_graphs": graphs,
        "graph_indices_inside": inside,
        "baseline_significant_kept": _baseline_kept(task),
        "rule": "a graph is inside unless a one-sided equal-variance t-test against the best says worse at "
        "0.05; the rectangle bounds C and L of the graphs inside; the baseline is never part of it",
    }


def _baseline_kept(task: TaskFindings) -> bool | None:
    """Whether the rule of the sweet spot would keep the baseline, too; None without one."""
    errors = task.found.results.errors()
    baselines = task.runs.loc[task.runs["kind"] == "baseline", "graph"]
    if baselines.empty:
        return None
    return not significance.worse([errors[baselines.iloc[0]]], errors[task.found.spot.best], alpha=0.05)[0]


def _cells(task: TaskFindings, graphs: pd.DataFrame) -> dict[str, Any] | None:
    spot = task.cells
    if not spot.occupied:  # every graph is off the plane
        return None
    i, j = spot.best
    best = spot.cells[(spot.cells["i"] == i) & (spot.cells["j"] == j)].iloc[0]
    at = cell_of(graphs["clustering"], graphs["path_length"], task.binning)
    kept = set(zip(spot.cells["i"], spot.cells["j"], strict=True))
    # As published, cells stand in the order in which the table comes upon them.
    seen = dict.fromkeys(cell for cell in map(tuple, at.tolist()) if cell in kept)
    return {
        "n_occupied_bins": spot.occupied,
        "best_bin_path_clust_digit": [j, i],
        "best_bin_mean": float(best["mean"]),
        "best_bin_values": graphs["test_error"][(at == (i, j)).all(axis=1)].tolist(),
        "best_bin_center_C_L": [float(best["C"]), float(best["L"])],
        "n_bins_kept": len(spot.cells),
        "bins_kept": [[along_l, along_c] for along_c, along_l in seen],
        **_rectangle(spot.C_min, spot.C_max, spot.L_min, spot.L_max),
        "n_sample_rows": len(graphs),
    }


def _rectangle(c_min: float, c_max: float, l_min: float, l_max: float) -> dict[str, Any]:
    return {
        "C_min": c_min,
        "C_max": c_max,
        "L_min": l_min,
        "L_max": l_max,
        "rect_x_y_w_h": [c_min, l_min, c_max - c_min, l_max - l_min],
    }


def _epochs(task: TaskFindings) -> dict[str, float]:
    return {str(int(row["epoch"])): float(row["correlation"]) for _, row in task.epochs.iterrows()}

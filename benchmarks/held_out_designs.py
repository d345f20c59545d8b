"""Simulated errors over the plane of C and L: held-out R² of measures, its spread over cells, false leads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.planned_designs import held
from benchmarks.simulated_surfaces import SURFACES
from graph2nn import catalogue
from graph2nn.analysis.beyond import cell_groups
from graph2nn.analysis.beyond.folds import HeldOut, held_out
from graph2nn.analysis.beyond.learners import curve
from graph2nn.analysis.cells import binning_of

Interval = tuple[float, float]
Floats = npt.NDArray[np.float64]
NOTHING = (float("nan"), float("nan"))
#: Graphs of an experiment, drawn anew from ``n64-3942`` each time; experiments behind an expected score.
GRAPHS, EXPERIMENTS = 52, 300
MODELS = ("C", "L", "density", "C and L")
#: Surface, and the model whose R² is meant.
SCORES: Mapping[str, Mapping[str, Any]] = {
    f"R² of {model}, {surface}": {"model": model, "surface": surface}
    for surface in (
        "bowl of 0.2 points in the middle",
        "bowl of 1 points near the dense end",
        "smooth random surface of 0.15 points",
        "rough random surface of 0.5 points",
    )
    for model in ("L", "C and L")
}
#: Errors that no measure predicts better than density does.
LEADS: Mapping[str, Mapping[str, Any]] = {
    f"lead of {model} over density, {what}": {"model": model, "surface": surface}
    for what, surface in (("no graph differs", None), ("errors follow density", "density"))
    for model in ("C", "L")
}


def one_score(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """Expected R² of such experiments, 95 % of its resamples over cells, and no interval that is claimed."""
    at = MODELS.index(design["model"])
    low, high = np.quantile(_experiment(rng, design["surface"]).resampled(1000, 0)[at], [0.025, 0.975])
    return float(_expected(design["surface"])[at]), (float(low), float(high)), NOTHING


def one_lead(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """Whether 97.5 % of resamples over cells have a measure that leads nowhere ahead of density."""
    drawn = _experiment(rng, design["surface"]).resampled(1000, 0)
    lead = drawn[MODELS.index(design["model"])] - drawn[MODELS.index("density")]
    return float("nan"), NOTHING, held(bool(np.quantile(lead, 0.025) <= 0))


@cache
def _expected(surface: str) -> Floats:
    scores = [_experiment(np.random.default_rng([31, i]), surface).r2() for i in range(EXPERIMENTS)]
    expected: Floats = np.mean(scores, axis=0)
    return expected


def _experiment(rng: np.random.Generator, surface: str | None) -> HeldOut:
    """Held-out errors of each model, each graph with five runs."""
    every = catalogue("n64-3942")
    rows = every.iloc[rng.choice(len(every), GRAPHS, replace=False)].reset_index(drop=True)
    error = _truth(rows, surface) + rng.normal(0, 0.05, GRAPHS) + rng.normal(0, 0.3 / np.sqrt(5), GRAPHS)
    plane = rows[["clustering", "path_length"]].to_numpy(dtype=np.float64)
    density = rows[["sparsity"]].to_numpy(dtype=np.float64)
    columns = dict(zip(MODELS, (plane[:, :1], plane[:, 1:], density, plane), strict=True))
    groups = cell_groups.cell_numbers(plane, binning_of(rows), cell_groups.COARSE)
    models = {name: curve(values, error) for name, values in columns.items()}
    return held_out(models, error, groups, repeats=3)


def _truth(rows: pd.DataFrame, surface: str | None) -> Floats:
    if surface is None:
        return np.full(len(rows), 32.0)
    if surface == "density":
        follows: Floats = 32 + 1.5 * (rows["sparsity"].to_numpy(dtype=np.float64) - 0.5) ** 2
        return follows
    return SURFACES[surface].at(rows, 7)

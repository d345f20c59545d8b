"""The sweet spot as a posterior surface of error over (C, L), with the position of its minimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.analysis.beyond import cell_groups
from graph2nn.analysis.beyond.bowl import Bowl, fit_bowl
from graph2nn.analysis.beyond.folds import HeldOut, held_out
from graph2nn.analysis.beyond.hyperparameters import dependence, draw_scales
from graph2nn.analysis.beyond.noise import Noise
from graph2nn.analysis.beyond.process import Process, fit_process
from graph2nn.analysis.cells import binning_of
from graph2nn.analysis.table import Gap
from graph2nn.arrays import Floats
from graph2nn.graphs.catalogues import PUBLISHED, catalogue
from graph2nn.graphs.cover import Binning

#: More graphs than this are averaged over medium cells first: an exact process costs the cube of its points.
MOST_POINTS = 400
#: Fewer graphs than this carry no surface.
FEWEST_POINTS = 12
#: A graph is near the optimum within this many points of error.
NEAR = 0.1
#: Level of the test for any dependence of error on C and L, without which there is no surface.
SIGNAL = 0.05
#: A cell may hold the lowest point if it lies below the expected lowest cell with at least this probability.
#: Set by simulation, so that the region of no kind of surface holds it much too rarely (docs/statistics.md).
MAY_BE_LOWEST = 0.09
#: With more than this share of the reachable cells in that set there is no optimum to speak of.
UNLOCATED = 0.5


@dataclass(frozen=True)
class Optimum:
    """Where a surface is lowest among the points that graphs can reach.

    C, L: medians of the lowest point over draws of the surface; C_low … L_high: its interval, axis by axis,
    which leaves out twice as many draws as its confidence says (set by simulation, docs/statistics.md);
    error, low, high: height there. All in one draw of the surface belong together; the six ends do not.
    """

    C: float
    C_low: float
    C_high: float
    L: float
    L_low: float
    L_high: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Surface:
    """A surface of error over the plane and what it says about the optimum.

    Attributes:
        points: what was fitted: ``clustering, path_length, mean, runs, variance, graphs``, one row per graph,
            or one row per medium cell where graphs are many (``pooled``).
        map: the medium cells that graphs reach: ``clustering, path_length`` of the middle; ``mean, sd`` of the
            surface; ``p_best``, probability that the lowest point is here; ``p_near``, that the error here is
            within ``near`` of the lowest; ``credible``, whether the cell cannot be told from the expected
            lowest one, so that the set of them holds the lowest point with probability ``confidence``.
        process: the Gaussian process. bowl: the quadratic, or None.
        optimum: by the process. bowl_optimum: by the quadratic, or None.
        scores: held-out ``r2, low, high, rmse``, by name of the model.
        near: points. confidence: of all intervals. binning: of the plane. pooled: see ``points``.
        p_value: of errors that do not depend on C and L, by permutation.
    """

    points: pd.DataFrame
    map: pd.DataFrame
    process: Process
    bowl: Bowl | None
    optimum: Optimum
    bowl_optimum: Optimum | None
    scores: pd.DataFrame
    near: float
    confidence: float
    binning: Binning
    pooled: bool
    p_value: float

    @property
    def located(self) -> bool:
        """False if the lowest point may be in most of the plane: then there is no optimum to speak of."""
        return float(self.map["credible"].mean()) <= UNLOCATED


def fit_surface(
    graphs: pd.DataFrame,
    noise: Noise | None,
    *,
    near: float = NEAR,
    draws: int = 4000,
    seed: int = 0,
    confidence: float = 0.95,
    most_points: int = MOST_POINTS,
) -> Surface | Gap:
    """Fit a Gaussian process to mean error over (C, L), each mean with the variance that its runs give it.

    Up to ``most_points`` graphs are fitted one by one. More are averaged within medium cells (503 for the
    published 3,942 graphs; the cell is far narrower than the length scales found), as an exact process on all
    would take minutes for the same surface.

    Args:
        graphs: relational graphs, a row each, with ``n, clustering, path_length, mean, seeds``.
        noise: scatter of runs; None if unknown (one seed): then it is part of each graph's own deviation.
        near: a cell is near the optimum within this many points.
        draws: surfaces drawn from the posterior.
        seed: of the draws and of cross-validation.
        confidence: of the intervals.
        most_points: see above.

    Returns:
        A gap if there are too few graphs, or their errors do not show that they depend on C and L.
    """
    if len(graphs) < FEWEST_POINTS:
        return Gap(f"{len(graphs)} graphs carry no surface over C and L; it takes {FEWEST_POINTS}")
    binning = binning_of(graphs)
    pooled = len(graphs) > most_points
    points = _points(graphs, 0.0 if noise is None else noise.variance, binning, pooled)
    at, error, variance = _arrays(points)
    if np.ptp(error) == 0:
        return Gap("all graphs have the same error")
    rng = np.random.default_rng(seed)
    p_value = dependence(at, error, rng)
    if p_value > SIGNAL:
        return Gap(
            f"the errors of {len(graphs)} graphs do not show that they depend on C and L (permutation test, "
            f"p = {p_value:.2g}), so a surface would be drawn through noise"
        )
    process, bowl = fit_process(at, error, variance), fit_bowl(at, error)
    reached = _reached(
        at, cell_groups.nodes_of(graphs), binning, cell_groups.MEDIUM if pooled else cell_groups.COARSE
    )
    drawn = draw_scales(at, error, variance, rng).surfaces(reached, draws, rng)
    groups = cell_groups.cell_numbers(at, binning, cell_groups.COARSE)
    return Surface(
        points=points,
        map=_map(reached, drawn, near),
        process=process,
        bowl=bowl,
        optimum=_optimum(reached, drawn, confidence),
        bowl_optimum=None if bowl is None else _optimum(reached, bowl.samples(reached, draws, rng), confidence),
        scores=_scores(_cross_validated(at, error, variance, groups, process, seed), seed, confidence),
        near=near,
        confidence=confidence,
        binning=binning,
        pooled=pooled,
        p_value=p_value,
    )


def surface_record(surface: Surface | Gap) -> dict[str, Any] | None:
    """What summary.json holds of it."""
    if isinstance(surface, Gap):
        return None
    inside = surface.map[surface.map["credible"]]
    near = surface.map[surface.map["p_near"] >= 0.5]
    return {
        "model": "Gaussian process, Matérn 5/2",
        "points": len(surface.points),
        "pooled_over_medium_cells": surface.pooled,
        "length_scale_C": surface.process.lengths[0],
        "length_scale_L": surface.process.lengths[1],
        "surface_sd": surface.process.height,
        "own_sd": surface.process.own,
        "p_value": surface.p_value,
        "optimum": vars(surface.optimum),
        "optimum_located": surface.located,
        "quadratic_optimum": None if surface.bowl_optimum is None else vars(surface.bowl_optimum),
        "confidence": surface.confidence,
        "credible_region": {"cells": len(inside), "of": len(surface.map), **_box(inside)},
        "near": {"within": surface.near, "cells": len(near), **(_box(near) if len(near) else {})},
        "held_out": surface.scores.to_dict("index"),
    }


def _box(rows: pd.DataFrame) -> dict[str, float]:
    c, length = rows["clustering"], rows["path_length"]
    return {"C_min": c.min(), "C_max": c.max(), "L_min": length.min(), "L_max": length.max()}


def _points(graphs: pd.DataFrame, variance: float, binning: Binning, pooled: bool) -> pd.DataFrame:
    at: Floats = graphs[["clustering", "path_length"]].to_numpy(dtype=np.float64)
    error: Floats = graphs["mean"].to_numpy(dtype=np.float64)
    runs: Floats = graphs["seeds"].to_numpy(dtype=np.float64)
    count: npt.NDArray[np.int64] = np.ones(len(error), dtype=np.int64)
    if pooled:
        at, error, runs, count = cell_groups.pooled(
            at, error, runs, cell_groups.cell_numbers(at, binning, cell_groups.MEDIUM)
        )
    return pd.DataFrame(
        {
            "clustering": at[:, 0],
            "path_length": at[:, 1],
            "mean": error,
            "runs": runs,
            "variance": variance / runs,
            "graphs": count,
        }
    )


def _arrays(points: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    return (
        points[["clustering", "path_length"]].to_numpy(dtype=np.float64),
        points["mean"].to_numpy(dtype=np.float64),
        points["variance"].to_numpy(dtype=np.float64),
    )


def _reached(at: Floats, n: int, binning: Binning, side: int) -> Floats:
    """Middles of the medium cells that graphs reach, inside the cells, ``side`` fine bins wide, with a point.

    For the published sizes the fine catalogue tells what can be reached; for others the whole cell counts.
    """
    middles = cell_groups.centres(binning, cell_groups.MEDIUM)
    held = np.isin(
        cell_groups.cell_numbers(middles, binning, side), cell_groups.cell_numbers(at, binning, side)
    )
    name = next(
        (name for name, level in PUBLISHED.items() if level == "fine" and name.startswith(f"n{n}-")), None
    )
    if name is not None:
        points = catalogue(name)[["clustering", "path_length"]].to_numpy(dtype=np.float64)
        held &= np.isin(
            np.arange(len(middles)),
            cell_groups.cell_numbers(np.vstack([points, at]), binning, cell_groups.MEDIUM),
        )
    return middles[held]


def _map(reached: Floats, drawn: Floats, near: float) -> pd.DataFrame:
    mean = drawn.mean(axis=0)
    below = (drawn <= drawn[:, [int(mean.argmin())]]).mean(axis=0)
    return pd.DataFrame(
        {
            "clustering": reached[:, 0],
            "path_length": reached[:, 1],
            "mean": mean,
            "sd": drawn.std(axis=0),
            "p_best": np.bincount(np.argmin(drawn, axis=1), minlength=len(reached)) / len(drawn),
            "p_near": (drawn <= drawn.min(axis=1, keepdims=True) + near).mean(axis=0),
            "credible": below >= MAY_BE_LOWEST,
        }
    )


def _optimum(reached: Floats, drawn: Floats, confidence: float) -> Optimum:
    lowest = reached[np.argmin(drawn, axis=1)]
    # With half of it left out at each end, intervals of 95 % covered 95 to 100 % in simulations.
    c, length = np.quantile(lowest, [0.5, 1 - confidence, confidence], axis=0).T
    height = np.quantile(drawn.min(axis=1), [0.5, (1 - confidence) / 2, (1 + confidence) / 2])
    return Optimum(*(float(value) for value in (*c, *length, *height)))


def _cross_validated(
    at: Floats, error: Floats, variance: Floats, groups: npt.NDArray[np.int64], process: Process, seed: int
) -> HeldOut | None:
    def smooth(train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> Floats:
        # Its four scales stay those of all points: finding them again would take most of the time.
        return fit_process(at[train], error[train], variance[train], process).predict(at[test])[0]

    def quadratic(train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> Floats:
        bowl = fit_bowl(at[train], error[train])
        return np.full(len(test), error[train].mean()) if bowl is None else bowl.predict(at[test])[0]

    if len(np.unique(groups)) < 3:
        return None
    return held_out({"gaussian process": smooth, "quadratic": quadratic}, error, groups, seed=seed)


def _scores(scored: HeldOut | None, seed: int, confidence: float) -> pd.DataFrame:
    if scored is None:
        return pd.DataFrame(columns=["r2", "low", "high", "rmse"])
    ends = np.quantile(scored.resampled(2000, seed), [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    columns = {"r2": scored.r2(), "low": ends[0], "high": ends[1], "rmse": scored.rmse()}
    return pd.DataFrame(columns, index=list(scored.names))
